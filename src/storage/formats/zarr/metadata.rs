//! What the metadata files of Zarr arrays and groups say.

use std::path::Path;
use std::sync::Arc;

use zarrs::array::{Array, ArrayCreateError, ArrayShardedExt};

use super::library::{one_line, without_global_pool};
use super::node::{Node, node, not_an_array};
use super::ome;
use super::store::Files;
use crate::geometry::Writers;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::attributes;
use crate::storage::schema::element::{DataType, FillValue};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::resolve::byte_size;
use crate::storage::schema::spec::ZarrVersion;

/// Opens the array at `path`, of whatever type.
pub(super) fn open(path: &Path) -> Result<Array<Files>> {
    let version = match node(path)? {
        Some(Node::Array(version)) => version,
        Some(Node::Group(version)) => {
            return Err(not_an_array(path, &format!("a {} group", version.format())));
        }
        None => return Err(not_an_array(path, "a directory without Zarr metadata")),
    };
    without_global_pool(|| Array::open(Arc::new(Files::new(path)), "/"))
        .map_err(|error| metadata_error(path, version, &error))
}

fn metadata_error(path: &Path, version: ZarrVersion, error: &ArrayCreateError) -> StorageError {
    use zarrs::storage::StorageError as Store;
    let default = match version {
        ZarrVersion::V2 => ".zarray",
        ZarrVersion::V3 => "zarr.json",
    };
    let (file, reason) = match error {
        ArrayCreateError::StorageError(Store::InvalidMetadata(key, reason)) => (key.as_str(), reason.clone()),
        other => (default, one_line(other)),
    };
    StorageError::Metadata { path: path.join(file), reason }
}

/// The type of the elements.
pub(super) fn data_type(path: &Path, array: &Array<Files>) -> Result<DataType> {
    let name =
        array.data_type().name_v3().map_or_else(|| "an unnamed type".to_owned(), |name| name.into_owned());
    DataType::from_name(&name)
        .ok_or_else(|| StorageError::UnsupportedDataType { path: path.to_path_buf(), data_type: name })
}

/// The bytes of the fill value, of an array of elements of `data_type`.
pub(super) fn fill_value(path: &Path, array: &Array<Files>, data_type: DataType) -> Result<Vec<u8>> {
    let bytes = array.fill_value().as_ne_bytes();
    if bytes.len() == data_type.size() {
        return Ok(bytes.to_vec());
    }
    Err(StorageError::Metadata { path: path.to_path_buf(), reason: "unreadable fill value".to_owned() })
}

/// What the array is.
pub(super) fn info(
    path: &Path,
    array: &Array<Files>,
    data_type: DataType,
    fill_value: FillValue,
) -> Result<ArrayInfo> {
    let version = match array.metadata() {
        zarrs::array::ArrayMetadata::V2(_) => ZarrVersion::V2,
        zarrs::array::ArrayMetadata::V3(_) => ZarrVersion::V3,
    };
    let unsupported =
        |reason: &str| StorageError::Metadata { path: path.to_path_buf(), reason: reason.to_owned() };
    let grid = array.chunk_grid();
    let chunk_shape = grid.chunk_shape_u64(&vec![0; array.shape().len()]).ok().flatten();
    let write_chunk = chunk_shape
        .filter(|_| grid.metadata().name() == "regular")
        .ok_or_else(|| unsupported("its chunks are not all of one shape"))?;
    if byte_size(&write_chunk, data_type).is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(unsupported("its chunks do not fit into memory"));
    }
    let inner = array.effective_subchunk_shape();
    let inner = inner.map(|inner| inner.iter().map(|extent| extent.get()).collect::<Vec<_>>());
    let (chunks, shards) = match inner {
        Some(chunks) => (chunks, Some(write_chunk.clone())),
        None => (write_chunk.clone(), None),
    };
    let says_where = |name: &&str| array.attributes().contains_key(*name);
    let of_pyramid = match ["offset", "voxel_size", "resolution"].iter().any(says_where) {
        true => None,
        false => ome::attributes(path)?,
    };
    let found =
        attributes::parse(path, array.shape().len(), of_pyramid.as_ref().unwrap_or(array.attributes()))?;
    Ok(ArrayInfo {
        path: path.to_path_buf(),
        format: version.format(),
        data_type,
        shape: array.shape().to_vec(),
        chunks,
        shards,
        is_contiguous: false,
        writers: Writers::Any,
        write_chunk,
        offset: found.offset,
        voxel_size: found.voxel_size,
        axis_names: found.axis_names,
        units: found.units,
        fill_value,
    })
}
