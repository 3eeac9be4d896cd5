//! The bins of a histogram: those of `numpy.histogram` between minimum and maximum.

use super::error::StatsError;
use crate::tools::error::Result;

/// The edges of bins of equal width. All but the last leave out their upper edge.
#[derive(Debug, Clone, PartialEq)]
pub struct Edges {
    edges: Vec<f64>,
}

impl Edges {
    /// `n_bins` bins from minimum to maximum, one wide around a single value; `None` without a range.
    pub fn between(range: Option<(f64, f64)>, n_bins: usize) -> Result<Option<Self>> {
        let Some((min, max)) = range else { return Ok(None) };
        let (min, max) = if min == max { (min - 0.5, max + 0.5) } else { (min, max) };
        if !(max - min).is_finite() {
            return Err(StatsError::TooFarApart { min, max }.into());
        }
        let width = (max - min) / n_bins as f64;
        let edge = |index: usize| if index == n_bins { max } else { min + index as f64 * width };
        Ok(Some(Self { edges: (0..=n_bins).map(edge).collect() }))
    }

    /// The bin of a value from minimum to maximum.
    #[inline]
    pub fn bin(&self, value: f64) -> usize {
        let (min, n_bins) = (self.edges[0], self.edges.len() - 1);
        let width = self.edges[n_bins] - min;
        // Rounding may miss by one.
        let guess = (((value - min) / width * n_bins as f64) as usize).min(n_bins - 1);
        if value < self.edges[guess] && guess > 0 {
            guess - 1
        } else if value >= self.edges[guess + 1] && guess + 1 < n_bins {
            guess + 1
        } else {
            guess
        }
    }

    /// The edges, one more than there are bins.
    pub fn into_vec(self) -> Vec<f64> {
        self.edges
    }
}

/// Adds counts to counts.
#[allow(clippy::ptr_arg)] // as every merge
pub fn add(all: &mut Vec<u64>, more: &[u64]) -> Result {
    if all.len() != more.len() {
        return Err(StatsError::DifferentCounts { all: all.len(), more: more.len() }.into());
    }
    all.iter_mut().zip(more).for_each(|(all, more)| *all += more);
    Ok(())
}
