//! What there is to know of a task without its closures: plain data, equal on every rank.

use std::ops::Range;

// A length of time, and no clock.
use core::time::Duration;

use super::conflict::Conflicts;
use super::grid::Grid;
use super::grid_box::GridBox;
use super::input::Input;
use super::output::Output;
use crate::geometry::{ChunkGrid, Roi, VoxelRange, Writers};

/// A task without its closures: all that planning, scheduling and the handshake need.
///
/// It comes from [`Task::builder`](super::Task::builder) and is part of a [`Task`](super::Task). Its links to other
/// tasks depend on the pipeline it is in, and stand beside it in [`PlannedTask`](super::PlannedTask).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSpec {
    pub(super) name: String,
    pub(super) grid: Grid,
    pub(super) conflicts: Option<Conflicts>,
    pub(super) max_retries: u32,
    pub(super) max_workers: Option<u32>,
    pub(super) timeout: Option<Duration>,
    pub(super) outputs: Vec<Output>,
    pub(super) inputs: Vec<Input>,
    /// Whether blocks may write parts of one chunk, one after the other.
    pub(super) share_chunks: bool,
}

impl TaskSpec {
    /// What tells each declared output from all others: the path of an array, say.
    pub fn output_identities(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|output| output.identity.as_str())
    }

    /// What a block that writes `roi` writes of an output, counted from its first voxel; `None` where it has none.
    pub fn written_voxels(&self, output: usize, roi: &Roi) -> Option<VoxelRange> {
        let Output { chunk_grid, voxel_size, .. } = self.outputs.get(output)?;
        roi.to_voxels(chunk_grid.extent.begin(), voxel_size.as_ref()?).ok()
    }

    /// The chunks of an output that blocks in a box, of which there is one, write into: by index along each axis.
    pub fn written_chunks(&self, output: usize, blocks: &GridBox) -> Option<Vec<Range<i64>>> {
        let ChunkGrid { extent, chunk_shape } = self.outputs.get(output)?.chunk_grid;
        let roi = self.grid.written_by(blocks);
        let along = |axis: usize| {
            let from_begin = |at: i64| at.checked_sub(extent.begin()[axis]);
            let first = from_begin(roi.begin()[axis])?.div_euclid(chunk_shape[axis]);
            let last = from_begin(roi.end()[axis] - 1)?.div_euclid(chunk_shape[axis]);
            Some(first..last + 1)
        };
        (0..roi.n_axes()).map(along).collect()
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The grid of blocks.
    #[inline]
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Which blocks conflict, or `None` when all may run at the same time.
    #[inline]
    pub fn conflicts(&self) -> Option<&Conflicts> {
        self.conflicts.as_ref()
    }

    /// Maximum number of times that a failed block is tried again.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// Maximum number of blocks processed at the same time, or `None` for as many as there are slots.
    pub fn max_workers(&self) -> Option<u32> {
        self.max_workers
    }

    /// How long a block may take, zero for ever; `None` for as long as the run says.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The name of an output that only one process can write, and why, if there is one.
    pub fn one_process_output(&self) -> Option<(&str, &str)> {
        self.outputs.iter().find_map(|output| match &output.writers {
            Writers::Any => None,
            Writers::OneProcess { why } => Some((&*output.label, &**why)),
        })
    }
}
