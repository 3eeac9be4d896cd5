//! N5: the only file, with those below it, that uses the `n5` library.
//!
//! [N5](https://github.com/saalfeldlab/n5) keeps each chunk ("block") in a file with a small header, big endian, and
//! lists axes from the fastest to the slowest: x, y, z. Here they are z, y, x, as zarr-python's N5Store and h5py show
//! them. Attributes that say where the array lies are in z, y, x too, as N5Store writes them.
//!
//! The library decodes metadata and compression. Headers are read here, as it trusts them, and files are read and
//! replaced here, as it writes in place and locks every file.

mod block;
mod create;
mod metadata;

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayViewD};

use self::metadata::Dataset;
use super::backend::{Backend, Opened};
use super::boxes::{self, within};
use super::element::dispatch;
use super::files::{remove, replace};
use super::locks::Locks;
use super::{ArrayInfo, ArraySpec, Element, Result, StorageError};

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
    let backend = Box::new(N5Array { directory: path.to_path_buf(), dataset, locks: Locks::new() });
    Ok(Opened { info, fill_value: T::default(), backend })
}

/// An open array.
struct N5Array {
    directory: PathBuf,
    dataset: Dataset,
    locks: Locks,
}

impl<T: Element> Backend<T> for N5Array {
    fn read(&self, range: &[Range<u64>]) -> Result<ArrayD<T>> {
        let mut data = ArrayD::from_elem(boxes::extents(range), T::default());
        for index in boxes::chunks_of(range, &self.dataset.chunks) {
            let Some(stored) = self.load::<T>(&index)? else { continue };
            let chunk = boxes::chunk_box(&index, &self.dataset.chunks);
            // A block may be smaller than its chunk: what it lacks is 0.
            let there: Vec<Range<u64>> =
                chunk.iter().zip(stored.shape()).map(|(c, &n)| c.start..c.start + n as u64).collect();
            let common = boxes::common(range, &there);
            if common.iter().all(|range| range.start < range.end) {
                let part = stored.slice_each_axis(|slot| within(slot.axis, &common, &there));
                data.slice_each_axis_mut(|slot| within(slot.axis, &common, range)).assign(&part);
            }
        }
        Ok(data)
    }

    fn write(&self, range: &[Range<u64>], data: ArrayViewD<'_, T>) -> Result<()> {
        let mut chunks = boxes::chunks_of(range, &self.dataset.chunks);
        chunks.try_for_each(|index| self.write_chunk(&index, range, &data))
    }
}

impl N5Array {
    /// The file of a chunk: the index along x is the outermost directory.
    fn path_of(&self, index: &[u64]) -> PathBuf {
        index.iter().rev().fold(self.directory.clone(), |path, index| path.join(index.to_string()))
    }

    /// The block in the file of a chunk, if there is one.
    fn load<T: Element>(&self, index: &[u64]) -> Result<Option<ArrayD<T>>> {
        let path = self.path_of(index);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::io("read chunk", path)(error)),
        };
        let decoded = block::decode(&bytes, &self.dataset.chunks, &self.dataset.compression);
        decoded.map(Some).map_err(|reason| StorageError::CorruptChunk { path, reason })
    }

    /// Writes the part of `data`, which belongs to `range`, that lies in one chunk.
    fn write_chunk<T: Element>(
        &self,
        index: &[u64],
        range: &[Range<u64>],
        data: &ArrayViewD<'_, T>,
    ) -> Result<()> {
        let chunk = boxes::chunk_box(index, &self.dataset.chunks);
        let inside = boxes::inside(&chunk, &self.dataset.shape);
        let common = boxes::common(range, &chunk);
        let part = data.slice_each_axis(|slot| within(slot.axis, &common, range));

        let _turn = self.locks.of(index);
        let path = self.path_of(index);
        let block = if common == inside {
            part.as_standard_layout().into_owned()
        } else {
            let mut whole = ArrayD::from_elem(boxes::extents(&inside), T::default());
            if let Some(former) = self.load::<T>(index)? {
                // Either may be the larger one: blocks at the end are stored cut or padded.
                let shape: Vec<usize> =
                    whole.shape().iter().zip(former.shape()).map(|(a, b)| *a.min(b)).collect();
                let kept = former.slice_each_axis(|slot| (..shape[slot.axis.index()]).into());
                whole.slice_each_axis_mut(|slot| (..shape[slot.axis.index()]).into()).assign(&kept);
            }
            whole.slice_each_axis_mut(|slot| within(slot.axis, &common, &inside)).assign(&part);
            whole
        };
        if block.iter().all(|&value| value == T::default()) {
            return remove(&path).map_err(StorageError::io("remove chunk", path));
        }
        let bytes = block::encode(&block, &self.dataset.compression)
            .map_err(StorageError::io("encode chunk", &path))?;
        replace(&path, &bytes).map_err(StorageError::io("write chunk", path))
    }
}
