//! What arrays take on disk, and which arrays there are: for those who look at what somebody else left.

use std::path::{Path, PathBuf};

use super::error::{Result, StorageError};
use super::format::{Format, arrays_within, of_existing};
use super::schema::open_options::OpenOptions;

/// What an array takes on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// What its chunks went through, as its metadata say, such as `bytes, zstd:1`; `none` where they are as in memory.
    pub codec: String,
    /// How many [write chunks](crate::storage::ArrayInfo::write_chunk) it has in all; 1 where it is contiguous.
    pub n_chunks: u64,
    /// How many of them were written: the others hold the fill value.
    pub n_present: u64,
    /// Bytes of those.
    pub n_bytes: u64,
    /// Whether there are more than were counted, as counting took too long.
    pub is_cut: bool,
}

/// Number of chunks of a shape in an array; the largest number there is where there are more.
pub(super) fn n_chunks(shape: &[u64], chunk: &[u64]) -> u64 {
    let along = shape.iter().zip(chunk).map(|(extent, chunk)| extent.div_ceil((*chunk).max(1)));
    // An axis without voxels makes it none, however many there are along the others.
    if shape.contains(&0) { 0 } else { along.fold(1, u64::saturating_mul) }
}

/// What the array at `path` takes on disk.
///
/// # Costs
/// A look at each file of the array, up to a million of them.
///
/// # Errors
/// As [`describe`](crate::storage::describe); a folder that cannot be read.
pub fn usage(path: impl AsRef<Path>) -> Result<Usage> {
    let path = path.as_ref();
    let format = of_existing(path)?;
    let info = format.describe(path, &OpenOptions::new())?;
    format.usage(&info)
}

/// The arrays at and below `path`, sorted, at most `max` of them: a Zarr or N5 group, an HDF5 file or group; or the array that
/// it is.
///
/// # Errors
/// Nothing there; what is neither an array nor holds any.
pub fn arrays(path: impl AsRef<Path>, max: usize) -> Result<Vec<PathBuf>> {
    let path = path.as_ref();
    let reason = match of_existing(path).and_then(|format| format.describe(path, &OpenOptions::new())) {
        Ok(_) => return Ok(vec![path.to_path_buf()]),
        Err(reason @ StorageError::NotAnArray { .. }) => reason,
        Err(other) => return Err(other),
    };
    let below = match Format::of(path) {
        Ok(Format::Hdf5) => Format::Hdf5.arrays_in_file(path, max)?,
        _ => arrays_within(path, 16, max),
    };
    if below.is_empty() { Err(reason) } else { Ok(below.into_iter().map(|name| path.join(name)).collect()) }
}
