//! REMEMBERS what is done: the run directory.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `run.json` | what the directory is about ([`Layout`]), and each run that worked on it ([`RunRecord`]) |
//! | `events.jsonl` | a line for each thing that is worth one ([`Event`]) |
//! | `tasks/NAME.zarr` | the done map of a task: a Zarr v3 array, one byte for each block, in one chunk ([`BlockState`]) |
//! | `tasks/NAME.sums` | the checksums of its pages of 4096 blocks: CRC32C, 4 bytes each |
//! | `commits.log` | commits that the done maps may not have on the disk yet |
//! | `scratch/NAME` | what a task keeps for itself to go on with |
//! | `lock` | who has the directory: see [`Owner`] |
//!
//! [`Journal`] writes it and needs the lock, [`status`] reads it at any time, [`reset`] forgets what is done.
//!
//! # Commits
//!
//! [`Journal::commit`] turns changes into runs of bytes within pages, and
//!
//! 1. compares each page with its checksum, which is in memory;
//! 2. appends to `commits.log` a record of the runs and of the checksum that each page is to have, itself with a
//!    checksum, and syncs the log: this is the only `fdatasync`, and once it returns the commit is done;
//! 3. writes the runs into the done maps, without syncing them.
//!
//! When the log is long, and at the end, a *checkpoint* syncs the done maps, then writes and syncs their checksums, and
//! then empties the log.
//!
//! # Opening
//!
//! Whatever the disk holds of the maps, each byte of them is one of a state that was committed since the last checkpoint, or
//! the one from before. So:
//!
//! 1. what is no whole record at the end of the log is cut off, and the log is synced;
//! 2. its records are written into the maps again, in order: each byte that changed since the checkpoint is in one;
//! 3. each page is compared with its checksum: the last one in the log, or else the one in the file;
//! 4. blocks of a page that disagrees go back to *not done*, and [`Journal::repairs`] says so;
//! 5. a checkpoint.
//!
//! A crash at any byte of 2 and 3 above or of a checkpoint therefore costs nothing that was committed, as the log has all
//! that the maps may lack, and a crash in the middle of a record costs that commit alone, which had not returned. A byte
//! that flips in a map, or in a checksum, costs its page, whichever state the byte turned into; one that flips in the log
//! costs the records from there on, and the pages that had them in the map already. Never does a block become done by any
//! of it: a state is believed only under a checksum that was made when it was committed. A checksum is wrong by accident
//! once in four billion.
//!
//! Files other than these are small and replaced as a whole (`run.json`, with a checksum over all of it, and `zarr.json`), or
//! appended to, a torn last line being cut off (`events.jsonl`).
//!
//! # Places without room
//!
//! When [`JournalError::is_place`], nothing is broken: a record that was not written whole is cut off again, the maps are not
//! touched before their record is on the disk, and what a map lacks is written from the log at the next call. The same
//! changes can be given again, in this run or the next.
//!
//! # Figures
//!
//! Memory: 4 bytes for 4096 blocks, and at most 32 MiB while a commit is made. Opening reads the maps once, in pieces of a
//! megabyte; `tests/figures.rs` beside this file measures it.
//!
//! # How a run uses it
//!
//! Rank 0 alone opens the journal, after the handshake and before the first assignment, and feeds the scheduler:
//!
//! ```ignore
//! let mut journal = Journal::open(dir, &Layout::of(&plan), info)?;
//! for (id, _) in tasks {
//!     for range in journal.ranges(id)? {
//!         let (state, blocks) = range?;
//!         // Failed and orphaned blocks are not restored, and so run again.
//!         if matches!(state, BlockState::Done | BlockState::Excluded) {
//!             scheduler.handle(now, Event::Restored { task: id, blocks }, &mut actions);
//!         }
//!     }
//! }
//! ```
//!
//! A block that a worker reports as completed is *finished*, and not *done* before its data is durable and that is
//! recorded. Time is cut into epochs of some seconds. At the end of one,
//!
//! 1. rank 0 asks each worker that finished blocks since the last epoch to sync (`ToWorker::Sync { epoch }`);
//! 2. a worker syncs the files and directories that it wrote before that message came, and answers
//!    (`FromWorker::Synced { epoch }`): messages between two ranks keep their order, so all blocks that rank 0 had heard of
//!    from this worker when it asked are covered;
//! 3. as answers come, rank 0 moves the blocks that they cover to one batch, and commits it: one `fdatasync` for all workers;
//! 4. only then are they told to the scheduler, or, where dependents may run on data that is not durable yet, only then
//!    counted as done: with `Actions::ended`, dependents may be assigned when what ended is recorded.
//!
//! ```ignore
//! // In the loop; `finished[worker]` are runs of blocks that it reported since it last synced.
//! let batch: Vec<Change> = synced.drain(..).map(|block| Change::block(block, BlockState::Done)).collect();
//! match journal.commit(&batch) {
//!     Ok(()) => outbox.release_dependents_of(&batch),
//!     // Nothing is handed out any more; the batch is kept and given again, at last when the run ends with 75.
//!     Err(error) if error.is_place() => desk.drain(error),
//!     Err(error) => return Err(error.into()),
//! }
//! ```
//!
//! A worker that is lost takes with it what it had not synced: rank 0 drops `finished[worker]`, and the scheduler takes these
//! blocks back to ready, with those that were in flight; it must be told of it even when they had completed
//! (`Event::BlocksLost { task, blocks }`), which is why dependents wait for the commit. Blocks that fail for good, and what is
//! orphaned by them, are committed at once, as no data stands behind them. With `durability = block` a worker syncs before
//! each report, and each batch of reports is a commit; with `none` nobody syncs, and epochs only commit.
//!
//! At the end, and when a run is drained: a last epoch, then [`Journal::close`]. `Journal` is dropped last, when all ranks
//! have stopped writing, as that frees the directory.

mod clock;
mod commit_log;
mod directory;
mod done_map;
mod durable;
mod error;
mod event_log;
mod layout;
mod ledger;
mod ledger_file;
mod lock;
mod owner;
mod page;
mod paths;
mod record;
mod repair;
mod reset;
mod run_file;
mod run_info;
mod scan;
mod state;
mod status;
mod zarr_metadata;

#[cfg(test)]
mod tests;

pub use directory::Journal;
pub use error::JournalError;
pub use event_log::Event;
pub use layout::{Layout, TaskLayout};
pub use ledger::Change;
pub use lock::{BEAT_INTERVAL, STALE_AFTER};
pub use owner::Owner;
pub use repair::Repair;
pub use reset::reset;
pub use run_file::RunRecord;
pub use run_info::RunInfo;
pub use scan::Ranges;
pub use state::{BlockState, StateCounts};
pub use status::{Holder, Status, TaskStatus, status};
