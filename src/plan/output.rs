//! Whether the blocks of a task can write an output without two of them in one chunk at the same time.
//!
//! A task of which two blocks that do not conflict write one chunk is refused, or, where it may share chunks, gets
//! order-only conflicts between such blocks. There are two exceptions, both on the safe side: two blocks are not known to
//! run one after the other because a third waits for one and makes the other wait; and where chunks and blocks of odd
//! sizes meet in more than [`MAX_CHUNKS`] ways, the worst is assumed.

use super::error::TaskProblem;
use super::grid::Grid;
use super::input::Voxels;
use crate::geometry::{ChunkGrid, Coordinate, MAX_AXES, WriteTarget, Writers};

/// Maximum number of chunks looked at along an axis.
const MAX_CHUNKS: i64 = 1 << 20;

/// An output that a task declared, as far as planning is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub label: String,
    pub identity: String,
    pub chunk_grid: ChunkGrid,
    pub writers: Writers,
    pub voxel_size: Option<Coordinate>,
}

impl Output {
    pub fn new(output: &impl WriteTarget) -> Self {
        Self {
            label: output.label(),
            identity: output.identity(),
            chunk_grid: output.chunk_grid(),
            writers: output.writers(),
            voxel_size: output.voxel_size(),
        }
    }

    /// How many steps along each axis two blocks of `grid` can be apart and still write one chunk: all 0 when no chunk
    /// is shared.
    ///
    /// # Errors
    /// Blocks that write outside of the output.
    pub fn farthest_together(&self, grid: &Grid) -> Result<Coordinate, TaskProblem> {
        let extent = self.chunk_grid.extent;
        if extent.n_axes() != grid.n_axes() {
            let (output_axes, task_axes) = (extent.n_axes(), grid.n_axes());
            return Err(TaskProblem::OutputAxes { output: self.label.clone(), output_axes, task_axes });
        }
        if !extent.contains(&grid.written())? {
            return Err(TaskProblem::WritesOutsideOutput {
                written: grid.written(),
                output: self.label.clone(),
                extent,
                fit: grid.fit(),
            });
        }
        if let Some(voxel_size) = self.voxel_size {
            let voxels = Voxels { label: &self.label, begin: extent.begin(), size: &voxel_size };
            voxels.require_whole(grid, false)?;
        }
        Ok(Coordinate::from_fn(grid.n_axes(), |axis| self.farthest_along(grid, axis)))
    }

    /// How far at the most the chunks that a block writes into reach before and past what it writes.
    pub fn around_blocks(&self, grid: &Grid) -> (Coordinate, Coordinate) {
        let n_axes = grid.n_axes();
        let (mut before, mut past) = (Coordinate::zeros(n_axes), Coordinate::zeros(n_axes));
        for axis in 0..n_axes {
            let chunk_size = self.chunk_grid.chunk_shape[axis];
            let origin = i128::from(self.chunk_grid.extent.begin()[axis]);
            let into_chunk = |at: i64| (i128::from(at) - origin).rem_euclid(i128::from(chunk_size)) as i64;
            // Blocks begin at the same places within chunks again after this many.
            let period = chunk_size / greatest_common_divisor(grid.write_shape()[axis], chunk_size);
            let last = grid.shape()[axis] - 1;
            if last.min(period) > MAX_CHUNKS {
                (before[axis], past[axis]) = (chunk_size - 1, chunk_size - 1);
                continue;
            }
            for position in (0..=last.min(period)).chain([last]) {
                let (begin, end) = grid.write_bounds(axis, position);
                before[axis] = before[axis].max(into_chunk(begin));
                past[axis] = past[axis].max(chunk_size - 1 - into_chunk(end - 1));
            }
        }
        (before, past)
    }

    /// What lies in the chunks that blocks of `grid` write into; past the end of the output, too.
    pub fn chunks_of(&self, grid: &Grid) -> [(i128, i128); MAX_AXES] {
        std::array::from_fn(|axis| {
            if axis >= grid.n_axes() {
                return (0, 0);
            }
            let (chunk_size, origin) = (
                i128::from(self.chunk_grid.chunk_shape[axis]),
                i128::from(self.chunk_grid.extent.begin()[axis]),
            );
            let (begin, end) = (grid.total_write().begin()[axis], grid.written_end(axis));
            let first = (i128::from(begin) - origin).div_euclid(chunk_size);
            let last = (i128::from(end) - 1 - origin).div_euclid(chunk_size);
            (origin + first * chunk_size, origin + (last + 1) * chunk_size)
        })
    }

    /// How many steps along `axis` two blocks can be apart and still write into one chunk: 0 when every border between
    /// blocks is one between chunks.
    ///
    /// Two blocks share a chunk when they do so along every axis, and the axes know nothing of each other: so the
    /// farthest along each axis say it all.
    fn farthest_along(&self, grid: &Grid, axis: usize) -> i64 {
        let chunk_size = self.chunk_grid.chunk_shape[axis];
        let stride = grid.write_shape()[axis];
        // All distances count from where the first block begins; the first chunk begins there or before.
        let written = grid.written_end(axis) - grid.total_write().begin()[axis];
        let before =
            (grid.total_write().begin()[axis] - self.chunk_grid.extent.begin()[axis]).rem_euclid(chunk_size);
        let n_chunks = written.saturating_add(before).saturating_add(chunk_size - 1) / chunk_size;
        // Chunks begin at the same places within blocks again after this many.
        let period = stride / greatest_common_divisor(stride, chunk_size);
        let last_block = grid.shape()[axis] - 1;
        let n_looked_at = n_chunks.min(period.saturating_add(1));
        if n_looked_at > MAX_CHUNKS {
            return ((stride - 1).saturating_add(chunk_size - 1) / stride).min(last_block);
        }
        let steps = |chunk: i64| {
            let begin = chunk * chunk_size - before;
            let first = begin.max(0) / stride;
            let last = (begin.saturating_add(chunk_size).min(written) - 1) / stride;
            last.min(last_block) - first
        };
        (0..n_looked_at).map(steps).max().unwrap_or(0)
    }

    /// The way out: whole chunks to each block, along the axes where chunks are shared.
    pub fn shared_chunk(&self, grid: &Grid, together: &Coordinate) -> TaskProblem {
        let (chunk_shape, begin, origin) =
            (self.chunk_grid.chunk_shape, *grid.total_write().begin(), *self.chunk_grid.extent.begin());
        let along = |change: &dyn Fn(usize) -> i64, keep: &Coordinate| {
            Coordinate::from_fn(
                grid.n_axes(),
                |axis| {
                    if together[axis] > 0 { change(axis) } else { keep[axis] }
                },
            )
        };
        let on_chunk = |axis: usize| begin[axis] - (begin[axis] - origin[axis]).rem_euclid(chunk_shape[axis]);
        let whole = |axis: usize| next_multiple(grid.write_shape()[axis], chunk_shape[axis]);
        TaskProblem::SharedChunk {
            block_shape: *grid.write_shape(),
            begin,
            output: self.label.clone(),
            chunk_shape,
            chunk_begin: origin,
            fitting_shape: along(&whole, grid.write_shape()),
            fitting_begin: along(&on_chunk, &begin),
        }
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The multiple of `chunk_size` at or past `extent`, or the last one below when that does not fit.
fn next_multiple(extent: i64, chunk_size: i64) -> i64 {
    let below = extent - extent.rem_euclid(chunk_size);
    if below == extent { extent } else { below.checked_add(chunk_size).unwrap_or(below) }
}
