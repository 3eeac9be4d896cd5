//! Zarr v2 and v3: the only file, with those below it, that uses the `zarrs` library.
//!
//! zarrs decodes and encodes chunks; which chunks, in which order and under which lock, is decided here, and the files
//! are read and replaced by `zarr/files.rs`. Everything runs on the calling thread.

mod create;
mod files;
mod metadata;
mod ome;

use std::ops::Range;
use std::path::Path;

use ndarray::{ArrayD, ArrayViewD};
use unsafe_cell_slice::UnsafeCellSlice;
use zarrs::array::{ArrayBytesFixedDisjointView, ArrayError, ArraySubset, CodecError, CodecOptions};

use self::files::Files;
use super::backend::{Backend, Opened};
use super::boxes::{self, within};
use super::element::dispatch;
use super::locks::Locks;
use super::{ArrayInfo, ArraySpec, Element, Result, StorageError};

pub(super) use self::ome::write_multiscales;

/// What zarrs asks of an element type.
pub trait Stored: zarrs::array::ElementOwned {}
impl<T: zarrs::array::ElementOwned> Stored for T {}

/// Whether a Zarr array's metadata lies in `directory`.
pub(super) fn is_array(directory: &Path) -> bool {
    matches!(metadata::node(directory), Ok(Some(metadata::Node::Array(_))))
}

/// What the array at `path` is.
pub(super) fn describe(path: &Path) -> Result<ArrayInfo> {
    info_of_any(path, &metadata::open(path)?)
}

/// Opens the array at `path`.
pub(super) fn open<T: Element>(path: &Path) -> Result<Opened<T>> {
    opened(path, metadata::open(path)?)
}

/// Creates the array at `path` unless it exists, and opens it.
pub(super) fn create<T: Element>(path: &Path, spec: &ArraySpec) -> Result<Opened<T>> {
    let wanted = create::create::<T>(path, spec)?;
    let array = metadata::open(path)?;
    info_of_any(path, &array)?.require_matches(&wanted)?;
    opened(path, array)
}

fn opened<T: Element>(path: &Path, array: zarrs::array::Array<Files>) -> Result<Opened<T>> {
    let on_disk = metadata::data_type(path, &array)?;
    if on_disk != T::DATA_TYPE {
        let path = path.to_path_buf();
        return Err(StorageError::DataTypeDiffers { path, on_disk, asked: T::DATA_TYPE });
    }
    let info = info_of::<T>(path, &array)?;
    let fill_value = metadata::fill_value(path, &array)?;
    let (grid, options, locks) = (info.write_grid.clone(), without_global_pool(options), Locks::new());
    let backend = Box::new(ZarrArray { array, options, grid, fill_value, locks });
    Ok(Opened { info, fill_value, backend })
}

fn info_of_any(path: &Path, array: &zarrs::array::Array<Files>) -> Result<ArrayInfo> {
    let data_type = metadata::data_type(path, array)?;
    dispatch!(data_type, info_of(path, array))
}

fn info_of<T: Element>(path: &Path, array: &zarrs::array::Array<Files>) -> Result<ArrayInfo> {
    let fill_value = metadata::fill_value::<T>(path, array)?;
    metadata::info(path, array, T::DATA_TYPE, fill_value.into())
}

/// An open array.
struct ZarrArray<T> {
    array: zarrs::array::Array<Files>,
    options: CodecOptions,
    /// The shape of what Zarr calls a chunk: of a shard, where there are shards.
    grid: Vec<u64>,
    fill_value: T,
    locks: Locks,
}

impl<T: Element> Backend<T> for ZarrArray<T> {
    fn read(&self, range: &[Range<u64>]) -> Result<ArrayD<T>> {
        let subset = ArraySubset::new_with_ranges(range);
        let mut data = ArrayD::from_elem(boxes::extents(range), T::default());
        self.read_into(&subset, &mut data).map_err(|error| self.blame_chunk(&subset, error))?;
        Ok(data)
    }

    fn write(&self, range: &[Range<u64>], data: ArrayViewD<'_, T>) -> Result<()> {
        boxes::chunks_of(range, &self.grid).try_for_each(|chunk| self.write_chunk(&chunk, range, &data))
    }
}

impl<T: Element> ZarrArray<T> {
    /// Decodes the chunks straight into `data`: `retrieve_array_subset` copies everything once more, to align it.
    fn read_into(&self, subset: &ArraySubset, data: &mut ArrayD<T>) -> Result<(), ArrayError> {
        let elements =
            data.as_slice_mut().ok_or_else(|| ArrayError::Other("data not in C order".to_owned()))?;
        let bytes = UnsafeCellSlice::new(bytemuck::cast_slice_mut(elements));
        let everything = ArraySubset::new_with_shape(subset.shape().to_vec());
        // SAFETY: `data` is borrowed for as long as this view lives, which is the only one of it.
        let view =
            unsafe { ArrayBytesFixedDisjointView::new(bytes, size_of::<T>(), subset.shape(), everything) };
        self.array.retrieve_array_subset_into_opt(subset, (&mut view?).into(), &self.options)
    }

    /// Writes the part of `data`, which belongs to `range`, that lies in one chunk.
    fn write_chunk(&self, index: &[u64], range: &[Range<u64>], data: &ArrayViewD<'_, T>) -> Result<()> {
        let chunk = boxes::chunk_box(index, &self.grid);
        let common = boxes::common(range, &chunk);
        let covers_what_exists = common == boxes::inside(&chunk, self.array.shape());
        let part = data.slice_each_axis(|slot| within(slot.axis, &common, range));

        let _turn = self.locks.of(index);
        let stored = if common == chunk {
            self.array.store_chunk_opt(index, &part, &self.options)
        } else if covers_what_exists {
            // At the array's border the chunk reaches past it: nothing of the former content is kept.
            let shape: Vec<usize> = self.grid.iter().map(|&extent| extent as usize).collect();
            let mut whole = ArrayD::from_elem(shape, self.fill_value);
            whole.slice_each_axis_mut(|slot| within(slot.axis, &common, &chunk)).assign(&part);
            self.array.store_chunk_opt(index, whole, &self.options)
        } else {
            let in_chunk = ArraySubset::new_with_ranges(&boxes::relative(&common, &chunk));
            self.array.store_chunk_subset_opt(index, &in_chunk, &part, &self.options)
        };
        stored.map_err(|error| self.chunk_error("write chunk", index, error))
    }

    /// The error of the first chunk in `subset` that cannot be read: zarrs does not say which one it was.
    fn blame_chunk(&self, subset: &ArraySubset, error: ArrayError) -> StorageError {
        let Ok(Some(chunks)) = self.array.chunks_in_array_subset(subset) else {
            return self.chunk_error("read chunk", &[], error);
        };
        let broken = chunks.indices().into_iter().find_map(|chunk| {
            let whole = self.array.retrieve_chunk_opt::<Vec<T>>(&chunk, &self.options);
            whole.err().map(|error| self.chunk_error("read chunk", &chunk, error))
        });
        broken.unwrap_or_else(|| self.chunk_error("read chunk", chunks.start(), error))
    }

    fn chunk_error(&self, action: &'static str, chunk: &[u64], error: ArrayError) -> StorageError {
        let path = self.array.storage().path_of(&self.array.chunk_key(chunk));
        match error {
            ArrayError::StorageError(zarrs::storage::StorageError::IOError(source))
            | ArrayError::CodecError(CodecError::StorageError(zarrs::storage::StorageError::IOError(
                source,
            ))) => StorageError::Io {
                action,
                path,
                source: std::io::Error::new(source.kind(), source.to_string()),
            },
            other => StorageError::CorruptChunk { path, reason: one_line(&other) },
        }
    }
}

/// One thread: the caller's. `chunk_concurrent_minimum` outvotes `concurrent_target`, so both are set; at 1 zarrs
/// leaves rayon alone.
fn options() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1).with_chunk_concurrent_minimum(1)
}

/// Runs `f`, which only asks rayon how many threads it has, where the answer is 1.
///
/// zarrs asks when it makes options and opens arrays, and rayon's first answer starts a thread for each core of the
/// node: on each of many ranks, for nothing.
fn without_global_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(f),
        Err(_) => f(),
    }
}

fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
