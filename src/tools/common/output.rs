//! What can be said about blocks and about the output, the same way for every tool.

use crate::tools::error::{RequestError, Result};
use std::path::Path;

use crate::storage::ArraySpec;
use crate::storage::{ArrayInfo, Compression, ZarrVersion};

use super::place::{is_in_hdf5, is_in_n5};

/// How an output is stored.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Shape of the output's chunks in voxels; the input's where `None`, or several of those together where they are tiny and
    /// each would be a file.
    pub chunks: Option<Vec<u64>>,
    /// Without chunks, all voxels in one piece: HDF5 without compression. Otherwise as the input.
    pub contiguous: bool,
    /// Shape of the output's shards in voxels, of whole chunks: few files of many chunks, in Zarr v3. None where `None`.
    pub shards: Option<Vec<u64>>,
    /// How chunks are compressed; the format's default where `None`.
    pub compression: Option<Compression>,
    /// Version of the Zarr format; that of the group the array lies in, or 3, where `None`.
    pub zarr_version: Option<ZarrVersion>,
}

impl Output {
    /// `spec`, for an array at `to` that is made from the one that `info` is of, with what was asked for put over it.
    pub(in crate::tools) fn over(&self, spec: ArraySpec, to: &Path, info: &ArrayInfo) -> Result<ArraySpec> {
        // The only fill value of N5 is 0: nothing is lost, as every voxel is written.
        let mut spec = if is_in_n5(to) { spec.fill_value(0u8) } else { spec };
        let chunks = self.chunks.as_ref().map(|chunks| all_axes("--chunks", chunks, info, &info.chunks));
        let chunks = chunks.transpose()?;
        if let Some(shards) = &self.shards {
            let shards = all_axes("--shards", shards, info, chunks.as_ref().unwrap_or(&info.chunks))?;
            if chunks.is_none() && !info.is_contiguous {
                spec = spec.chunks(dividing(&shards, &info.chunks));
            }
            spec = spec.shards(shards);
        }
        if let Some(chunks) = chunks {
            spec = spec.chunks(chunks);
        } else if self.shards.is_none() && !is_in_hdf5(to) {
            spec = without_tiny_chunks(spec, info.n_channel_axes());
        }
        if self.contiguous {
            spec = spec.contiguous();
        }
        if let Some(compression) = self.compression {
            spec = spec.compression(compression);
        }
        if let Some(version) = self.zarr_version {
            spec = spec.zarr_version(version);
        }
        Ok(spec)
    }
}

/// `spec` with chunks of several together, where it has many and they are tiny: others keep a record in each chunk of one file,
/// and here each would be a file.
fn without_tiny_chunks(spec: ArraySpec, n_channel_axes: usize) -> ArraySpec {
    const TINY: u64 = 1 << 12;
    const MANY: u64 = 1000;
    const ENOUGH: u64 = 1 << 18;
    let shape = spec.shape.clone();
    let Some(mut chunks) = spec.chunks.clone().filter(|chunks| chunks.len() == shape.len()) else {
        return spec;
    };
    let n_voxels = |chunks: &[u64]| chunks.iter().fold(1, |all: u64, extent| all.saturating_mul(*extent));
    let n_along = shape.iter().zip(&chunks).map(|(extent, chunk)| extent.div_ceil((*chunk).max(1)));
    let n_chunks = n_along.fold(1, u64::saturating_mul);
    if n_voxels(&chunks) >= TINY || n_chunks <= MANY {
        return spec;
    }
    // Along the shortest axis in space that a chunk does not span yet, so that they come near to cubes.
    let shortest = |chunks: &[u64]| {
        let axes = (n_channel_axes..shape.len()).filter(|&axis| chunks[axis] < shape[axis]);
        axes.min_by_key(|&axis| chunks[axis])
    };
    while let Some(axis) = shortest(&chunks).filter(|_| n_voxels(&chunks) < ENOUGH) {
        chunks[axis] *= 2;
    }
    spec.chunks(chunks)
}

/// The largest extents up to these that divide a shard.
fn dividing(shards: &[u64], most: &[u64]) -> Vec<u64> {
    let along =
        |(shard, most): (&u64, &u64)| (1..=*most).rev().find(|extent| shard % extent == 0).unwrap_or(1);
    shards.iter().zip(most).map(along).collect()
}

/// What was said for the spatial axes of the array that `info` is of, with `others` along channel axes before; or what was
/// said for all.
pub fn all_axes(option: &'static str, given: &[u64], info: &ArrayInfo, others: &[u64]) -> Result<Vec<u64>> {
    let (n_channel_axes, n_axes) = (info.n_channel_axes(), info.shape.len());
    if given.len() == n_axes {
        return Ok(given.to_vec());
    }
    require_axes(option, given, info)?;
    Ok(others[..n_channel_axes].iter().chain(given).copied().collect())
}

/// Refuses another number of extents than there are spatial axes.
pub fn require_axes(option: &'static str, given: &[u64], info: &ArrayInfo) -> Result {
    let n_spatial = info.offset.n_axes();
    if given.len() == n_spatial {
        return Ok(());
    }
    let (n_given, path) = (given.len(), info.path.clone());
    Err(RequestError::Axes { option, n_given, path, n_axes: n_spatial }.into())
}

/// Refuses an array without voxels, of which nothing can be made.
pub fn require_voxels(info: &ArrayInfo) -> Result {
    if !info.shape.contains(&0) {
        return Ok(());
    }
    Err(RequestError::NoVoxels { path: info.path.clone(), shape: info.shape.clone() }.into())
}
