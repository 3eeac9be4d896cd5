//! Zarr arrays, described, opened and created.

use std::path::Path;

use super::chunk::ZarrCodec;
use super::store::Files;
use super::{create, metadata};
use crate::storage::backend::Opened;
use crate::storage::chunked::array::{ChunkedArray, Cut};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::{Element, dispatch};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::spec::ArraySpec;

/// What the array at `path` is.
pub fn describe(path: &Path) -> Result<ArrayInfo> {
    info_of_any(path, &metadata::open(path)?)
}

/// Opens the array at `path`.
pub fn open<T: Element>(path: &Path) -> Result<Opened<T>> {
    opened(path, metadata::open(path)?)
}

/// Creates the array at `path` unless it exists, and opens it.
pub fn create<T: Element>(path: &Path, spec: &ArraySpec) -> Result<Opened<T>> {
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
