//! How a tool cuts its work into blocks, so that no two write one chunk at the same time.

use std::path::Path;

use bellis::geometry::{ChunkGrid, WriteTarget as _};
use bellis::storage::{ArrayInfo, Element};
use bellis::{Array, ArraySpec, Coordinate};

use super::options::{Output, extent, require_axes};
use super::rehearsal::Rehearsal;

/// The blocks that write an output.
#[derive(Debug, Clone, clap::Args)]
pub struct Blocks {
    /// Shape of a block in voxels, a multiple of the output's chunks, or shards [default: whole ones, about 2 million
    /// voxels]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    pub block: Option<Vec<u64>>,
    /// Take any --block: those that write parts of one chunk, or shard, wait for each other, and each reads and writes all
    /// of it
    #[arg(long)]
    pub share_chunks: bool,
}

impl Blocks {
    /// Creates the output at `path`, which is made from the array that `info` is of, as `asked` for over `spec`: the array,
    /// and the shape in world units of the blocks that write it.
    ///
    /// # Errors
    /// An array that cannot be made; blocks or ranks that cannot write it: these are seen before it is made, as otherwise
    /// it would be in the way of the run that is started after them.
    pub fn create<T: Element>(
        &self,
        path: &Path,
        spec: ArraySpec,
        asked: &Output,
        info: &ArrayInfo,
    ) -> bellis::Result<(Array<T>, Coordinate)> {
        if let Some(block) = &self.block {
            require_axes("--block", block, info)?;
        }
        let spec = asked.over(spec, path, info)?;
        if let Some(rehearsal) = Rehearsal::<T>::of(path, &spec, asked.is_compressed()) {
            self.shape(info, rehearsal.array(), path)?;
            rehearsal.require_one_process()?;
        }
        let output = Array::<T>::create(path, &spec)?;
        let block = self.shape(info, &output, path)?;
        Ok((output, block))
    }

    /// The shape of blocks that write `to`, which is called `name` and made from the array that `info` is of.
    fn shape<T: Element>(&self, info: &ArrayInfo, to: &Array<T>, name: &Path) -> bellis::Result<Coordinate> {
        let ChunkGrid { extent, chunk_shape } = to.chunk_grid();
        let whole = if to.info().is_contiguous { chunk_shape } else { chunk_shape.max(&chunk_of(to)?)? };
        let pieces = ChunkGrid { extent, chunk_shape: whole };
        let block = block_shape(self.block.as_deref(), info, to.voxel_size(), &pieces)?;
        if !self.share_chunks {
            require_whole_chunks(&block, to, name)?;
        }
        Ok(block)
    }
}

/// The shape of a chunk in world units, also where blocks need not keep to chunks.
fn chunk_of<T: Element>(to: &Array<T>) -> bellis::Result<Coordinate> {
    let chunks = &to.info().chunks[to.info().n_channel_axes()..];
    Ok(Coordinate::from_fn(chunks.len(), |axis| chunks[axis].cast_signed()).checked_mul(to.voxel_size())?)
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
) -> bellis::Result<Coordinate> {
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
fn require_whole_chunks<T: Element>(block: &Coordinate, to: &Array<T>, name: &Path) -> bellis::Result {
    let ChunkGrid { extent, chunk_shape } = to.chunk_grid();
    let is_whole = |axis: usize| block[axis] % chunk_shape[axis] == 0 || block[axis] >= extent.shape()[axis];
    if (0..block.n_axes()).all(is_whole) {
        return Ok(());
    }
    let text = |extent: &dyn Fn(usize) -> i64| {
        let voxels = (0..block.n_axes()).map(|axis| (extent(axis) / to.voxel_size()[axis]).to_string());
        voxels.collect::<Vec<_>>().join(",")
    };
    let next = |axis: usize| {
        if is_whole(axis) { block[axis] } else { (block[axis] / chunk_shape[axis] + 1) * chunk_shape[axis] }
    };
    let (given, piece, fitting) = (text(&|axis| block[axis]), text(&|axis| chunk_shape[axis]), text(&next));
    let (path, pieces) = (name.display(), if to.info().shards.is_some() { "shards" } else { "chunks" });
    Err(format!(
        "--block {given} cuts the {pieces} of {path} ({piece}), and two blocks would write one: use {fitting}, or \
         --share-chunks, which lets them wait for each other"
    )
    .into())
}
