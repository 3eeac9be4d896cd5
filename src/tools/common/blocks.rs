//! How a tool cuts its work into blocks, so that no two write one chunk at the same time.

use std::path::Path;

use super::output::{Output, require_axes};
use crate::geometry::{ChunkGrid, Coordinate};
use crate::run::{RunError, Runner};
use crate::storage::{Array, ArrayInfo, ArraySpec, Element, Writers};
use crate::tools::error::{RequestError, Result};

/// The blocks that write an output.
#[derive(Debug, Clone, Default)]
pub struct Blocks {
    /// Shape of a block in voxels, a multiple of the output's chunks, or shards; whole ones, about 2 million voxels, where
    /// `None`.
    pub block: Option<Vec<u64>>,
    /// Whether any shape will do: blocks that write parts of one chunk, or shard, wait for each other, and each reads and
    /// writes all of it.
    pub share_chunks: bool,
}

impl Blocks {
    /// Creates the output of `task` at `path`, which is made from the array that `info` is of, as `asked` for over `spec`: the
    /// array, and the shape in world units of the blocks that write it.
    ///
    /// # Errors
    /// An array that cannot be made; blocks or ranks that cannot write it: these are seen before it is made, as otherwise
    /// it would be in the way of the run that is started after them.
    pub(in crate::tools) fn create<T: Element>(
        &self,
        task: &str,
        path: &Path,
        spec: ArraySpec,
        asked: &Output,
        info: &ArrayInfo,
    ) -> Result<(Array<T>, Coordinate)> {
        if let Some(block) = &self.block {
            require_axes("--block", block, info)?;
        }
        let spec = asked.over(spec, path, info)?;
        let output = spec.resolve(path, T::DATA_TYPE)?;
        let block = self.shape(info, &output)?;
        require_writers(task, &output)?;
        Ok((Array::<T>::create(path, &spec)?, block))
    }

    /// The shape of blocks that write `to`, which is made from the array that `info` is of.
    fn shape(&self, info: &ArrayInfo, to: &ArrayInfo) -> Result<Coordinate> {
        let ChunkGrid { extent, chunk_shape } = to.chunk_grid()?;
        let whole = if to.is_contiguous { chunk_shape } else { chunk_shape.max(&chunk_of(to)?)? };
        let pieces = ChunkGrid { extent, chunk_shape: whole };
        let block = block_shape(self.block.as_deref(), info, &to.voxel_size, &pieces)?;
        if !self.share_chunks {
            require_whole_chunks(&block, to)?;
        }
        Ok(block)
    }
}

/// Refuses several ranks where only one process can write `output`.
fn require_writers(task: &str, output: &ArrayInfo) -> Result {
    let Writers::OneProcess { why } = &output.writers else { return Ok(()) };
    match Runner::new().n_processes()? {
        1 => Ok(()),
        n_ranks => Err(RunError::OneProcessOnly {
            task: task.to_owned(),
            output: output.path.display().to_string(),
            n_ranks,
            why: why.clone(),
        }
        .into()),
    }
}

/// The shape of a chunk in world units, also where blocks need not keep to chunks.
fn chunk_of(to: &ArrayInfo) -> Result<Coordinate> {
    let chunks = &to.chunks[to.n_channel_axes()..];
    Ok(Coordinate::from_fn(chunks.len(), |axis| chunks[axis].cast_signed()).checked_mul(&to.voxel_size)?)
}

/// Voxels in a block where nothing is said: at most so many, unless a chunk of the output has more.
const MOST_VOXELS: i64 = 1 << 21;

/// The shape of a block in world units: what was asked for, or as many whole chunks of `chunk_grid` as are still few voxels,
/// but at least one: who writes a part of a shard has all of it in memory anyway.
pub fn block_shape(
    asked: Option<&[u64]>,
    info: &ArrayInfo,
    voxel_size: &Coordinate,
    chunk_grid: &ChunkGrid,
) -> Result<Coordinate> {
    if let Some(asked) = asked {
        require_axes("--block", asked, info)?;
        let voxels = Coordinate::from_fn(asked.len(), |axis| asked[axis].cast_signed());
        return Ok(voxels.checked_mul(voxel_size)?);
    }
    let mut shape = chunk_grid.chunk_shape;
    let voxels = |shape: &Coordinate| {
        (0..shape.n_axes()).map(|axis| shape[axis] / voxel_size[axis]).fold(1, i64::saturating_mul)
    };
    // Along the shortest axis that blocks do not span yet.
    while let Some(axis) = (0..shape.n_axes())
        .filter(|&axis| shape[axis] < chunk_grid.extent.shape()[axis])
        .min_by_key(|&axis| shape[axis] / voxel_size[axis])
        .filter(|_| voxels(&shape).saturating_mul(2) <= MOST_VOXELS)
    {
        shape[axis] *= 2;
    }
    Ok(shape)
}

/// Refuses blocks that would share chunks of the output, in voxels, as `--block` was given; the planner would in world
/// units.
fn require_whole_chunks(block: &Coordinate, to: &ArrayInfo) -> Result {
    let ChunkGrid { extent, chunk_shape } = to.chunk_grid()?;
    let is_whole = |axis: usize| block[axis] % chunk_shape[axis] == 0 || block[axis] >= extent.shape()[axis];
    if (0..block.n_axes()).all(is_whole) {
        return Ok(());
    }
    let text = |extent: &dyn Fn(usize) -> i64| {
        let voxels = (0..block.n_axes()).map(|axis| (extent(axis) / to.voxel_size[axis]).to_string());
        voxels.collect::<Vec<_>>().join(",")
    };
    let next = |axis: usize| {
        if is_whole(axis) { block[axis] } else { (block[axis] / chunk_shape[axis] + 1) * chunk_shape[axis] }
    };
    let (given, piece, fitting) = (text(&|axis| block[axis]), text(&|axis| chunk_shape[axis]), text(&next));
    let (path, pieces) = (to.path.clone(), if to.shards.is_some() { "shards" } else { "chunks" });
    Err(RequestError::CutsChunks { given, pieces, path, piece, fitting }.into())
}
