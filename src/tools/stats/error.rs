//! Why a volume has no figures.

use thiserror::Error;

/// Why a volume has no figures: a histogram that is not possible, or figures that do not fit together, which are not shown.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StatsError {
    /// The width of the bins is beyond 64 bits.
    #[error("{min:e} and {max:e} are too far apart for a histogram: leave out --bins")]
    TooFarApart {
        /// Minimum.
        min: f64,
        /// Maximum.
        max: f64,
    },
    /// Another number of voxels was counted than there are.
    #[error("{found} {what} were counted, and there are {expected}")]
    Miscounted {
        /// What was counted.
        what: &'static str,
        /// How many were.
        found: u64,
        /// How many there are.
        expected: u64,
    },
    /// The mean lies outside of the values.
    #[error("a mean of {mean:e} does not lie from {min:e} to {max:e}")]
    MeanOutside {
        /// Mean.
        mean: f64,
        /// Minimum.
        min: f64,
        /// Maximum.
        max: f64,
    },
    /// Two blocks left different numbers of counts.
    #[error("{more} counts cannot be added to {all}")]
    DifferentCounts {
        /// Counts of the one.
        all: usize,
        /// Counts of the other.
        more: usize,
    },
    /// What a block left is not what it leaves.
    #[error("{n_words} words are no figures")]
    NoFigures {
        /// How much it left.
        n_words: usize,
    },
}
