//! Zarr v2 and v3: the only file, with those below it, that uses the `zarrs` library.
//!
//! zarrs reads metadata, and decodes and encodes chunks (`zarr/codec.rs`); which chunks, in which order and under which lock,
//! is decided in `chunked`, which also reads and replaces the files.

mod codec;
mod coding;
mod create;
mod files;
mod metadata;
mod ome;
mod plain_zstd;
mod pyramid;
mod shard;

use std::path::Path;

use self::codec::ZarrCodec;
use self::files::Files;
use super::backend::Opened;
use super::chunked::{ChunkedArray, Cut};
use super::element::dispatch;
use super::{ArrayInfo, ArraySpec, Element, Result, StorageError};

pub(super) use self::pyramid::write_multiscales;

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
    let cut = Cut { shape: info.shape.clone(), cell: info.write_grid.clone(), chunk: info.chunks.clone() };
    let codec = ZarrCodec::of(path, array)?;
    Ok(Opened { info, fill_value, backend: Box::new(ChunkedArray::new(codec, cut, fill_value)) })
}

fn info_of_any(path: &Path, array: &zarrs::array::Array<Files>) -> Result<ArrayInfo> {
    let data_type = metadata::data_type(path, array)?;
    dispatch!(data_type, info_of(path, array))
}

fn info_of<T: Element>(path: &Path, array: &zarrs::array::Array<Files>) -> Result<ArrayInfo> {
    let fill_value = metadata::fill_value::<T>(path, array)?;
    metadata::info(path, array, T::DATA_TYPE, fill_value.into())
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
