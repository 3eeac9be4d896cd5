//! Whether what the blocks of a task read is there, and whether they read and write whole voxels.

use super::error::{Broken, TaskProblem};
use super::grid::Grid;
use super::grid_box::GridBox;
use crate::geometry::{Coordinate, ReadSource, Source};

/// An input that a task declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub source: Source,
}

impl Input {
    pub fn new(input: &impl ReadSource) -> Self {
        Self { source: input.source() }
    }

    /// The positions of the blocks that read something of it.
    ///
    /// # Errors
    /// Another number of axes, blocks that cut voxels with what they read and with what they write, or none that reads
    /// anything.
    fn readers(&self, grid: &Grid) -> Result<GridBox, TaskProblem> {
        let Source { label, extent, voxel_size, .. } = &self.source;
        if extent.n_axes() != grid.n_axes() {
            let (input_axes, task_axes) = (extent.n_axes(), grid.n_axes());
            return Err(TaskProblem::InputAxes { input: label.clone(), input_axes, task_axes });
        }
        let voxels = Voxels { label, begin: extent.begin(), size: voxel_size };
        voxels.require_whole(grid, true).or_else(|problem| {
            // It may be read where the block writes.
            voxels.require_whole(grid, false).map_err(|_| problem)
        })?;
        let readers = grid.reading(extent)?;
        match readers.is_empty() {
            true => Err(self.outside(grid, grid.n_blocks())),
            false => Ok(readers),
        }
    }

    fn outside(&self, grid: &Grid, n_outside: u64) -> TaskProblem {
        TaskProblem::ReadsOutsideInput {
            n_outside,
            n_blocks: grid.n_blocks(),
            read: grid.read(),
            input: self.source.label.clone(),
            extent: self.source.extent,
        }
    }
}

/// Refuses inputs that the blocks of `grid` cannot read, and blocks that read nothing of any of them.
pub(super) fn require_readable(inputs: &[Input], grid: &Grid) -> Result<(), TaskProblem> {
    let readers: Vec<GridBox> = inputs.iter().map(|input| input.readers(grid)).collect::<Result<_, _>>()?;
    let outside = if inputs.is_empty() { Vec::new() } else { grid.bounds().subtract_all(&readers) };
    match inputs {
        [input, ..] if !outside.is_empty() => {
            Err(input.outside(grid, outside.iter().map(GridBox::size).sum()))
        }
        _ => Ok(()),
    }
}

/// The voxels of an input or output.
pub(super) struct Voxels<'a> {
    pub label: &'a str,
    /// Where the first one begins.
    pub begin: &'a Coordinate,
    pub size: &'a Coordinate,
}

impl Voxels<'_> {
    /// Refuses blocks that cut voxels with what they read, or with what they write.
    pub fn require_whole(&self, grid: &Grid, is_reading: bool) -> Result<(), TaskProblem> {
        let (write_shape, lo, hi) = (grid.write_shape(), grid.context_lo(), grid.context_hi());
        let is_whole = |axis: usize, at: i64| {
            (i128::from(at) - i128::from(self.begin[axis])) % i128::from(self.size[axis]) == 0
        };
        let broken = |what: Broken, given: Coordinate| {
            let label = self.label.to_owned();
            Err(TaskProblem::BrokenVoxels {
                what,
                given,
                array: label,
                voxel_size: *self.size,
                begin: *self.begin,
                in_voxels: Coordinate::from_fn(grid.n_axes(), |axis| {
                    given[axis].saturating_mul(self.size[axis])
                }),
            })
        };
        for axis in 0..grid.n_axes() {
            let last = grid.shape()[axis] - 1;
            let is_multiple = |extent: i64| extent % self.size[axis] == 0;
            if !is_whole(axis, grid.total_write().begin()[axis]) {
                return broken(Broken::Begin, *grid.total_write().begin());
            }
            // The last block may be cut off.
            if (last > 0 && !is_multiple(write_shape[axis]))
                || !is_whole(axis, grid.write_bounds(axis, last).1)
            {
                return broken(Broken::BlockShape, *write_shape);
            }
            if is_reading && !(is_multiple(lo[axis]) && is_multiple(hi[axis])) {
                let given = if is_multiple(lo[axis]) { hi } else { lo };
                return broken(Broken::Context, *given);
            }
        }
        Ok(())
    }
}
