//! What happens at the border of a task's volume.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// What happens where a block reaches over the end of the total write ROI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fit {
    /// Only blocks whose write ROI fits entirely; the rest of the volume stays untouched. Daisy's default.
    #[default]
    Valid,
    /// Every block whose write ROI begins inside; ROIs keep their full shape and reach over the end.
    Overhang,
    /// Every block whose write ROI begins inside; its ROIs are cut off at the total ROIs.
    Shrink,
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Valid => "valid",
            Self::Overhang => "overhang",
            Self::Shrink => "shrink",
        })
    }
}

/// Text that names no fit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("fit {0:?} is unknown: use valid, overhang or shrink")]
pub struct ParseFitError(String);

impl FromStr for Fit {
    type Err = ParseFitError;

    fn from_str(text: &str) -> Result<Self, ParseFitError> {
        [Self::Valid, Self::Overhang, Self::Shrink]
            .into_iter()
            .find(|fit| fit.to_string() == text)
            .ok_or_else(|| ParseFitError(text.to_owned()))
    }
}
