//! REMEMBERS what is done.

mod clock;
mod commit_log;
mod directory;
mod done_map;
mod durable;
mod error;
mod event_log;
mod layout;
mod ledger;
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
