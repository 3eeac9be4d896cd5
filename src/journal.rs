//! REMEMBERS what is done: the run directory.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `run.json` | what the directory is about ([`Layout`]), and each run that worked on it ([`RunRecord`]) |
//! | `events.jsonl` | a line for each thing that is worth one ([`Event`]) |
//! | `tasks/NAME.zarr` | the done map of a task: a Zarr v3 array, one byte for each block, in one chunk ([`BlockState`]) |
//! | `tasks/NAME.sums` | the checksums of its pages of 4096 blocks: CRC32C, 4 bytes each |
//! | `commits.log` | commits that the done maps may not have on the disk yet |
//! | `outputs.json` | what is known of the arrays that tasks write: which directory or file each is, and blocks that it holds |
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
//! Whatever the disk holds of the maps, each byte of them is one of a state that was committed since the last
//! checkpoint, or the one from before. So:
//!
//! 1. what is no whole record at the end of the log is cut off, and the log is synced;
//! 2. its records are written into the maps again, in order: each byte that changed since the checkpoint is in one;
//! 3. each page is compared with its checksum: the last one in the log, or else the one in the file;
//! 4. blocks of a page that disagrees go back to *not done*, and [`Journal::repairs`] says so;
//! 5. a checkpoint.
//!
//! A crash at any byte of 2 and 3 above or of a checkpoint therefore costs nothing that was committed, as the log has
//! all that the maps may lack, and a crash in the middle of a record costs that commit alone, which had not returned.
//! A byte that flips in a map, or in a checksum, costs its page, whichever state the byte turned into; one that flips
//! in the log costs the records from there on, and the pages that had them in the map already. Never does a block
//! become done by any of it: a state is believed only under a checksum that was made when it was committed. A
//! checksum is wrong by accident once in four billion.
//!
//! Files other than these are small and replaced as a whole (`run.json`, with a checksum over all of it, and
//! `zarr.json`), or appended to, a torn last line being cut off (`events.jsonl`).
//!
//! # Places without room
//!
//! When [`JournalError::is_place`], nothing is broken: a record that was not written whole is cut off again, the maps
//! are not touched before their record is on the disk, and what a map lacks is written from the log at the next call.
//! The same changes can be given again, in this run or the next.
//!
//! # Figures
//!
//! Memory: 4 bytes for 4096 blocks, and at most 32 MiB while a commit is made. Opening reads the maps once, in pieces
//! of a megabyte, at about a gigabyte a second; `journal/tests/figures.rs` measures it.
//!
//! # How a run uses it
//!
//! Rank 0 alone opens it, after the handshake and before the first worker joins the scheduler, and restores what is done,
//! the most downstream task first. Blocks that failed or were orphaned are not restored, and so run again.
//!
//! A block that a worker reports is *unsynced*; it is *done*, and its dependents may leave, when its data is durable and
//! that is committed. Otherwise the loss of a node could take data away under blocks that were computed from it, and where
//! tasks write in place a block that runs again would read what its dependents wrote. Time is cut into epochs of some
//! seconds:
//!
//! 1. rank 0 asks each worker that finished blocks since it last synced to do so (a message `Sync { epoch }`);
//! 2. a worker syncs the files and directories that it wrote before the message came, and answers `Synced { epoch }`.
//!    Messages between two ranks keep their order, so that covers all blocks that rank 0 had heard of when it asked;
//! 3. the scheduler takes the blocks that the answers cover for completed, and says so (`Actions::ended`) together with the
//!    blocks that may leave now;
//! 4. rank 0 commits those that ended, then sends those that may leave: one `fdatasync` for all answers that came together.
//!
//! An epoch ends early when slots are idle while blocks wait for unsynced ones: a chain of tasks then costs a sync per step,
//! not a wait per step. The unsynced blocks of a lost worker go back to ready with those in flight; none of their dependents
//! has left.
//!
//! A commit that fails breaks the run off: nothing is sent that depends on it. When [`JournalError::is_place`], the exit code
//! is the one that says "run again".
//!
//! At the end, and when a run is drained, a last epoch and [`Journal::close`]. The journal is dropped last, when no
//! rank writes any more, as that frees the directory. A run that is refused by [`JournalError::Locked`] waits for
//! `stale_in` and tries once more: after a job was killed on another machine that is at most [`STALE_AFTER`].

mod clock;
mod commit_log;
mod directory;
mod done_map;
mod durable;
mod error;
mod event_log;
mod file_system;
mod layout;
mod ledger;
mod ledger_file;
mod lock;
mod output_lock;
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
pub use file_system::{FileSystem, file_system, try_lock};
pub use layout::{Layout, TaskLayout};
pub use ledger::Change;
pub use lock::{BEAT_INTERVAL, STALE_AFTER};
pub(crate) use output_lock::{OutputLocks, Target};
pub use owner::Owner;
pub use repair::Repair;
pub use reset::reset;
pub use run_file::RunRecord;
pub use run_info::RunInfo;
pub use scan::Ranges;
pub use state::{BlockState, StateCounts};
pub use status::{Holder, Status, TaskStatus, status};
