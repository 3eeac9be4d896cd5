//! The ways to show the progress of a run.

use std::fmt;
use std::str::FromStr;

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
