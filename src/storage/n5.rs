//! N5: the only file, with those below it, that uses the `n5` library.
//!
//! [N5](https://github.com/saalfeldlab/n5) keeps each chunk ("block") in a file with a small header, big endian, and
//! lists axes from the fastest to the slowest: x, y, z. Here they are z, y, x, as zarr-python's N5Store and h5py show
//! them. Attributes that say where the array lies are in z, y, x too, as N5Store writes them.
//!
//! The library decodes metadata and most compression (`n5/codec.rs` the rest). Headers are read here (`n5/block.rs`), as it trusts them, and files are
//! read and replaced by `chunked`, as it writes in place and locks every file.

mod block;
mod codec;
mod create;
mod lz4_blocks;
mod metadata;

use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::{Path, PathBuf};

use self::metadata::Dataset;
use super::backend::Opened;
use super::chunked::{CellCodec, ChunkedArray, CodecError, Content, Cut};
use super::element::dispatch;
use super::{ArrayInfo, ArraySpec, Element, Result, StorageError, boxes, runs, uninit};

/// Whether an N5 dataset's metadata lie in `directory`.
pub(super) fn is_array(directory: &Path) -> bool {
    metadata::is_dataset(directory)
}

/// What the array at `path` is.
pub(super) fn describe(path: &Path) -> Result<ArrayInfo> {
    let dataset = Dataset::open(path)?;
    dispatch!(dataset.data_type, info(path, &dataset))
}

/// Opens the array at `path`.
pub(super) fn open<T: Element>(path: &Path) -> Result<Opened<T>> {
    opened(path, Dataset::open(path)?)
}

/// Creates the array at `path` unless it exists, and opens it.
pub(super) fn create<T: Element>(path: &Path, spec: &ArraySpec) -> Result<Opened<T>> {
    let wanted = create::create::<T>(path, spec)?;
    let dataset = Dataset::open(path)?;
    dispatch!(dataset.data_type, info(path, &dataset))?.require_matches(&wanted)?;
    opened(path, dataset)
}

fn info<T: Element>(path: &Path, dataset: &Dataset) -> Result<ArrayInfo> {
    dataset.info(path, T::default().into())
}

fn opened<T: Element>(path: &Path, dataset: Dataset) -> Result<Opened<T>> {
    if dataset.data_type != T::DATA_TYPE {
        let path = path.to_path_buf();
        return Err(StorageError::DataTypeDiffers { path, on_disk: dataset.data_type, asked: T::DATA_TYPE });
    }
    let info = info::<T>(path, &dataset)?;
    let chunks = dataset.chunks.clone();
    let cut = Cut { shape: dataset.shape.clone(), cell: chunks.clone(), chunk: chunks };
    let codec = N5Codec { directory: path.to_path_buf(), dataset };
    Ok(Opened {
        info,
        fill_value: T::default(),
        backend: Box::new(ChunkedArray::new(codec, cut, T::default())),
    })
}

/// How a dataset keeps its blocks.
struct N5Codec {
    directory: PathBuf,
    dataset: Dataset,
}

impl CellCodec for N5Codec {
    /// The index along x is the outermost directory.
    fn path_of(&self, cell: &[u64]) -> PathBuf {
        cell.iter().rev().fold(self.directory.clone(), |path, index| path.join(index.to_string()))
    }

    fn content(&self, file: File, length: u64) -> impl Content {
        Block { dataset: &self.dataset, file, length }
    }

    /// Blocks at the end of the array are stored as far as the array goes.
    fn encode(&self, cell: &[u64], voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        let Dataset { chunks, shape, codec, data_type, .. } = &self.dataset;
        let cell = boxes::chunk_box(cell, chunks);
        let inside = boxes::inside(&cell, shape);
        let stored = if inside == cell {
            voxels.to_vec()
        } else {
            let n_bytes = boxes::extents(&inside).iter().product::<usize>() * data_type.size();
            let mut stored = vec![0; n_bytes];
            runs::cut(&inside, &inside, &mut stored, &cell, voxels, data_type.size() as u64);
            stored
        };
        Ok(block::encode(stored, &boxes::extents(&inside), *data_type, codec, file)?)
    }
}

/// The file of a block.
struct Block<'a> {
    dataset: &'a Dataset,
    file: File,
    length: u64,
}

// SAFETY: both ways out copy as many bytes as there are.
unsafe impl Content for Block<'_> {
    /// A block is decoded as a whole; it may be smaller than its chunk, and what it lacks is 0.
    fn decode(&self, part: &[Range<u64>], to: &mut [MaybeUninit<u8>]) -> Result<(), CodecError> {
        let Dataset { chunks, codec, data_type, .. } = self.dataset;
        let bytes = uninit::read_range(&self.file, 0, self.length)?;
        let (shape, voxels) =
            block::decode(&bytes, chunks, *data_type, codec).map_err(CodecError::Corrupt)?;
        let stored: Vec<Range<u64>> = shape.iter().map(|&extent| 0..extent as u64).collect();
        if stored == part {
            uninit::copy(&voxels, to);
            return Ok(());
        }
        let mut wanted = vec![0; to.len()];
        let common = boxes::common(part, &stored);
        if common.iter().all(|range| range.start < range.end) {
            runs::cut(&common, part, &mut wanted, &stored, &voxels, data_type.size() as u64);
        }
        uninit::copy(&wanted, to);
        Ok(())
    }
}
