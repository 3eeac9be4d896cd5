//! From a level to the next: shapes, and where they lie.

use super::error::DownsampleError;
use crate::geometry::Coordinate;
use crate::storage::ArrayInfo;
use crate::storage::ArraySpec;
use crate::tools::common::output::require_axes;
use crate::tools::error::Result;

/// What becomes of the voxels left over where an extent is no multiple of the factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// One more voxel is made of them.
    Keep,
    /// They are left out.
    Crop,
}

/// Voxels along an axis of the last level of a volume without chunks.
const SMALL: u64 = 64;

/// The way from one level to the next.
#[derive(Debug, Clone)]
pub struct Step {
    /// Along the spatial axes.
    factors: Coordinate,
    odd: Odd,
}

impl Step {
    /// By the same factor along all axes, or one for each axis of the array that `info` is of.
    pub fn new(factors: &[u64], odd: Odd, info: &ArrayInfo) -> Result<Self> {
        let n_axes = info.offset.n_axes();
        let along = |axis: usize| if factors.len() == 1 { factors[0] } else { factors[axis] };
        if factors.len() != 1 {
            require_axes("--factor", factors, info)?;
        }
        let factors = Coordinate::from_fn(n_axes, |axis| along(axis).cast_signed());
        if factors.all(|factor| factor == 1) {
            return Err(DownsampleError::NotSmaller.into());
        }
        Ok(Self { factors, odd })
    }

    /// The factor along each axis: 1 along channel axes.
    pub fn all_factors(&self, info: &ArrayInfo) -> Vec<usize> {
        let spatial = self.factors.iter().map(|factor| factor as usize);
        std::iter::repeat_n(1, info.n_channel_axes()).chain(spatial).collect()
    }

    /// The shape of the level after one of this shape; `None` where there would be no voxel.
    fn shape(&self, info: &ArrayInfo, shape: &[u64]) -> Option<Vec<u64>> {
        let along = |(extent, factor): (&u64, usize)| match self.odd {
            Odd::Keep => extent.div_ceil(factor as u64),
            Odd::Crop => extent / factor as u64,
        };
        let shape: Vec<u64> = shape.iter().zip(self.all_factors(info)).map(along).collect();
        shape.iter().all(|extent| *extent > 0).then_some(shape)
    }

    /// The level after the one that `info` is of: voxel 0 begins at the same place.
    pub fn spec(&self, info: &ArrayInfo) -> Result<ArraySpec> {
        let shape = self.shape(info, &info.shape).ok_or_else(|| too_small(info, &info.shape))?;
        let mut spec = ArraySpec::new(shape);
        // In one piece, as it is where nothing is said: all of this level's voxels are no chunk of the next.
        if !info.is_contiguous {
            spec = spec.chunks(info.chunks.clone());
        }
        Ok(spec
            .channel_axes(info.n_channel_axes())
            .offset(info.offset)
            .voxel_size(info.voxel_size.checked_mul(&self.factors)?)
            .axis_names(info.axis_names.clone())
            .units_per_axis(info.units.clone()))
    }

    /// Refuses so many levels after the one that `info` is of, if one of them had no voxel.
    pub fn require_levels(&self, info: &ArrayInfo, n_levels: u32) -> Result {
        let mut shape = info.shape.clone();
        for _ in 0..n_levels {
            shape = self.shape(info, &shape).ok_or_else(|| too_small(info, &shape))?;
        }
        Ok(())
    }

    /// How many levels it takes until no spatial axis is longer than a chunk, or than [`SMALL`] where all is in one piece.
    pub fn n_levels(&self, info: &ArrayInfo) -> u32 {
        let first = info.n_channel_axes();
        let mut shape = info.shape.clone();
        let mut n_levels = 0;
        // Axes that never change do not count.
        let is_large = |shape: &[u64]| {
            let small = |axis: usize| if info.is_contiguous { SMALL } else { info.chunks[axis] };
            (first..shape.len()).any(|axis| shape[axis] > small(axis) && self.factors[axis - first] > 1)
        };
        while is_large(&shape) {
            let Some(next) = self.shape(info, &shape) else { break };
            shape = next;
            n_levels += 1;
        }
        n_levels
    }
}

fn too_small(info: &ArrayInfo, shape: &[u64]) -> DownsampleError {
    DownsampleError::TooSmall { path: info.path.clone(), shape: shape.to_vec() }
}
