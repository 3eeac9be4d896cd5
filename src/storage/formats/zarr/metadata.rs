//! What the metadata files of Zarr arrays and groups say.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};
use zarrs::array::{Array, ArrayShardedExt};

use super::document::Document;
use super::library::{one_line, without_global_pool};
use super::node::{Node, node, not_an_array};
use super::numcodecs::plugin;
use super::ome;
use crate::geometry::Writers;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::attributes;
use crate::storage::schema::element::{DataType, FillValue};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::OpenOptions;
use crate::storage::schema::resolve::{byte_size, fits_into_memory};
use crate::storage::schema::spec::ZarrVersion;

/// An array, as its metadata say.
pub(super) struct ZarrArray {
    /// What zarrs makes of them.
    pub(super) array: Array<()>,
    pub(super) version: ZarrVersion,
    pub(super) attributes: Map<String, Value>,
    /// Whether the file says that there are no axes, where `array` has one of one voxel.
    pub(super) is_scalar: bool,
}

/// Opens the array at `path`, of whatever type.
pub(super) fn open(path: &Path) -> Result<ZarrArray> {
    let version = match node(path)? {
        Some(Node::Array(version)) => version,
        Some(Node::Group(version)) => {
            return Err(not_an_array(path, &format!("a {} group", version.format())));
        }
        None => return Err(not_an_array(path, "a directory without Zarr metadata")),
    };
    plugin::register();
    let Document { metadata, attributes, is_scalar } = Document::read(path, version)?;
    let array = without_global_pool(|| Array::new_with_metadata(Arc::new(()), "/", metadata.into()));
    let array = array.map_err(|error| StorageError::Metadata {
        path: path.join(version.array_file()),
        reason: one_line(&error),
    })?;
    Ok(ZarrArray { array, version, attributes, is_scalar })
}

/// The type of the elements.
pub(super) fn data_type(path: &Path, array: &Array<()>) -> Result<DataType> {
    let name =
        array.data_type().name_v3().map_or_else(|| "an unnamed type".to_owned(), |name| name.into_owned());
    DataType::from_name(&name)
        .ok_or_else(|| StorageError::UnsupportedDataType { path: path.to_path_buf(), data_type: name })
}

/// The bytes of the fill value, of an array of elements of `data_type`.
pub(super) fn fill_value(path: &Path, array: &Array<()>, data_type: DataType) -> Result<Vec<u8>> {
    let bytes = array.fill_value().as_ne_bytes();
    if bytes.len() == data_type.size() {
        return Ok(bytes.to_vec());
    }
    Err(StorageError::Metadata { path: path.to_path_buf(), reason: "unreadable fill value".to_owned() })
}

/// What the array is.
pub(super) fn info(
    path: &Path,
    zarr: &ZarrArray,
    data_type: DataType,
    fill_value: FillValue,
    options: &OpenOptions,
) -> Result<ArrayInfo> {
    let ZarrArray { array, version, attributes, is_scalar } = zarr;
    let grid = array.chunk_grid();
    let chunk_shape = grid.chunk_shape_u64(&vec![0; array.shape().len()]).ok().flatten();
    let write_chunk = chunk_shape.filter(|_| grid.metadata().name() == "regular").ok_or_else(|| {
        StorageError::Unsupported {
            path: path.to_path_buf(),
            what: "chunks that are not all of one shape".to_owned(),
        }
    })?;
    if !fits_into_memory(&write_chunk, data_type) {
        let reason = "its chunks do not fit into memory".to_owned();
        return Err(StorageError::Metadata { path: path.to_path_buf(), reason });
    }
    let inner = array.effective_subchunk_shape();
    let inner = inner.map(|inner| inner.iter().map(|extent| extent.get()).collect::<Vec<_>>());
    if let Some(inner) = inner.as_ref().filter(|inner| !divides(inner, &write_chunk)) {
        let reason = format!("shards of {write_chunk:?} are not made of whole chunks of {inner:?}");
        return Err(StorageError::Metadata { path: path.to_path_buf(), reason });
    }
    if inner.as_ref().is_some_and(|inner| !is_shard_countable(inner, &write_chunk, data_type)) {
        let reason = "its shards have too many chunks to be counted".to_owned();
        return Err(StorageError::Metadata { path: path.to_path_buf(), reason });
    }
    let (chunks, shards) = match inner {
        Some(chunks) => (chunks, Some(write_chunk.clone())),
        None => (write_chunk.clone(), None),
    };
    // What is said of axes says nothing of a single value.
    let of_value = Map::new();
    let attributes = if *is_scalar { &of_value } else { attributes };
    let says_where = |name: &&str| attributes.contains_key(*name);
    let of_pyramid = match is_scalar | ["offset", "voxel_size", "resolution"].iter().any(says_where) {
        true => None,
        false => ome::attributes(path)?,
    };
    let found = attributes::parse(path, array.shape(), of_pyramid.as_ref().unwrap_or(attributes), options)?;
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

/// Whether a box falls into whole ones of this shape.
fn divides(inner: &[u64], outer: &[u64]) -> bool {
    let mut axes = inner.iter().zip(outer);
    inner.len() == outer.len() && axes.all(|(inner, outer)| *inner > 0 && outer.is_multiple_of(*inner))
}

/// Whether the largest size that a shard may have, with all that codecs may add to its chunks, is a number.
fn is_shard_countable(inner: &[u64], outer: &[u64], data_type: DataType) -> bool {
    const ADDED: u64 = 1 << 27;
    let largest = byte_size(inner, data_type).and_then(|bytes| bytes.checked_mul(2)?.checked_add(ADDED));
    let n_chunks = inner.iter().zip(outer).map(|(inner, outer)| outer / inner).fold(1, u64::saturating_mul);
    largest.is_some_and(|largest| n_chunks.checked_mul(largest).is_some())
}
