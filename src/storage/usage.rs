//! What arrays take on disk, and which arrays there are: for those who look at what somebody else left.

use std::path::{Path, PathBuf};

use super::error::{Result, StorageError};
use super::format::{Format, arrays_within, of_existing};
use super::listing::Bounds;
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
    /// How many files were looked at to know that; 0 where the format keeps count.
    pub n_files: u64,
    /// Whether there may be more than were counted, as counting ended at so many files.
    pub is_cut: bool,
}

/// Number of chunks of a shape in an array; the largest number there is where there are more.
pub(super) fn n_chunks(shape: &[u64], chunk: &[u64]) -> u64 {
    let along = shape.iter().zip(chunk).map(|(extent, chunk)| extent.div_ceil((*chunk).max(1)));
    // An axis without voxels makes it none, however many there are along the others.
    if shape.contains(&0) { 0 } else { along.fold(1, u64::saturating_mul) }
}

/// Arrays that lie at or below a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrays {
    /// Where they are, in the order of their names.
    pub paths: Vec<PathBuf>,
    /// Whether there may be more.
    pub is_cut: bool,
}

/// What the array at `path` takes on disk, of which at most `max_files` files are looked at.
///
/// # Costs
/// A look at each of these files: some microseconds on a local disk, up to a millisecond on a parallel file system.
///
/// # Errors
/// As [`describe`](crate::storage::describe); a folder that cannot be read.
pub fn usage(path: impl AsRef<Path>, max_files: u64) -> Result<Usage> {
    let path = path.as_ref();
    let format = of_existing(path)?;
    let info = format.describe(path, &OpenOptions::new())?;
    format.usage(&info, max_files)
}

/// The arrays at and below `path`, at most `max` of them: a Zarr or N5 group, an HDF5 file or group; or the array that it is.
///
/// # Costs
/// A look at each folder of the tree but those of chunks, or at each object of the file: at most 100 for each array that is
/// asked for, and 100,000 anyway.
///
/// # Errors
/// Nothing there; what is neither an array nor holds any.
pub fn arrays(path: impl AsRef<Path>, max: usize) -> Result<Arrays> {
    let path = path.as_ref();
    let reason = match of_existing(path).and_then(|format| format.describe(path, &OpenOptions::new())) {
        Ok(_) => return Ok(Arrays { paths: vec![path.to_path_buf()], is_cut: false }),
        Err(reason @ StorageError::NotAnArray { .. }) => reason,
        Err(other) => return Err(other),
    };
    let below = match Format::of(path) {
        Ok(Format::Hdf5) => Format::Hdf5.arrays_in_file(path, Bounds::to_list(max))?,
        _ => arrays_within(path, Bounds::to_list(max)),
    };
    if below.names.is_empty() {
        return Err(reason);
    }
    Ok(Arrays { paths: below.names.into_iter().map(|name| path.join(name)).collect(), is_cut: below.is_cut })
}
