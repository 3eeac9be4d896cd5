//! SHOWS how a run is going and how it went. Reads snapshots, changes nothing.
//!
//! All of it goes to standard error, so that standard output stays the program's own: bars where a person looks on, a
//! plain line every few seconds where a batch job's log does, and the execution summary at the end.

mod bars;
mod lines;
mod observer;
mod progress;
mod report;
mod snapshot;

use std::io::IsTerminal;

pub use observer::Observer;
pub use progress::Progress;
pub use report::{BlockFailure, ChunkReads, OutputGone, Report, TaskReport};
pub use snapshot::{Longest, Snapshot, TaskSnapshot};

/// The observer that shows progress in this way.
pub fn observer(progress: Progress) -> Box<dyn Observer> {
    match progress {
        Progress::Auto if std::io::stderr().is_terminal() => Box::new(bars::Bars::default()),
        Progress::Bars => Box::new(bars::Bars::default()),
        Progress::Auto | Progress::Lines => Box::new(lines::Lines::new(std::io::stderr())),
        Progress::Off => Box::new(observer::Nobody),
    }
}
