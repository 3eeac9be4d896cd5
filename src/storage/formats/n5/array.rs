//! N5 arrays, described, opened and created.

use std::path::Path;

use super::chunk::N5Codec;
use super::create;
use super::metadata::Dataset;
use crate::storage::backend::Opened;
use crate::storage::chunked::array::{ChunkedArray, Cut};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::{Element, dispatch};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::spec::ArraySpec;

/// What the array at `path` is.
pub fn describe(path: &Path) -> Result<ArrayInfo> {
    let dataset = Dataset::open(path)?;
    dispatch!(dataset.data_type, info(path, &dataset))
}

/// Opens the array at `path`.
pub fn open<T: Element>(path: &Path) -> Result<Opened<T>> {
    opened(path, Dataset::open(path)?)
}

/// Creates the array at `path` unless it exists, and opens it.
pub fn create<T: Element>(path: &Path, spec: &ArraySpec) -> Result<Opened<T>> {
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
    let codec = N5Codec::new(path, dataset);
    Ok(Opened {
        info,
        fill_value: T::default(),
        backend: Box::new(ChunkedArray::new(codec, cut, T::default())),
    })
}
