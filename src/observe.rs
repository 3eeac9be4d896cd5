//! SHOWS how a run is going and how it went. Reads snapshots, changes nothing.
//!
//! All of it goes to standard error, so that standard output stays the program's own: bars where a person looks on, a
//! plain line every few seconds where a batch job's log does, and the execution summary at the end.

mod bars;
mod lines;
mod report;
mod snapshot;

use std::fmt;
use std::io::IsTerminal;
use std::str::FromStr;

pub use report::{BlockFailure, ChunkReads, Report, TaskReport};
pub use snapshot::{Longest, Snapshot, TaskSnapshot};

/// How rank 0 shows the progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Progress {
    /// Bars on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A bar for each task.
    Bars,
    /// A plain line every few seconds.
    Lines,
    /// Nothing, not even the summary.
    Off,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Bars => "bars",
            Self::Lines => "lines",
            Self::Off => "off",
        })
    }
}

impl FromStr for Progress {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let all = [Self::Auto, Self::Bars, Self::Lines, Self::Off];
        all.into_iter().find(|progress| progress.to_string() == text).ok_or(())
    }
}

/// Someone who looks on.
pub trait Observer {
    /// The run stands like this now. Called a few times a second at most.
    fn update(&mut self, snapshot: &Snapshot);

    /// The run has ended like this.
    fn end(&mut self, report: &Report);
}

/// The observer that shows progress in this way.
pub fn observer(progress: Progress) -> Box<dyn Observer> {
    match progress {
        Progress::Auto if std::io::stderr().is_terminal() => Box::new(bars::Bars::default()),
        Progress::Bars => Box::new(bars::Bars::default()),
        Progress::Auto | Progress::Lines => Box::new(lines::Lines::new(std::io::stderr())),
        Progress::Off => Box::new(Nobody),
    }
}

struct Nobody;

impl Observer for Nobody {
    fn update(&mut self, _: &Snapshot) {}

    fn end(&mut self, _: &Report) {}
}
