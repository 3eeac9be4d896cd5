//! Zarr arrays, described, opened and created.

use std::path::Path;

use super::chunk::ZarrCodec;
use super::create::Wanted;
use super::metadata::{self, ZarrArray};
use crate::geometry::VoxelGrid;
use crate::storage::backend::Opened;
use crate::storage::chunked::array::ChunkedArray;
use crate::storage::context::Context;
use crate::storage::error::Result;
use crate::storage::schema::element::{DataType, FillValue};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::OpenOptions;
use crate::storage::schema::spec::ArraySpec;

/// What the array at `path` is.
pub fn describe(path: &Path, options: &OpenOptions) -> Result<ArrayInfo> {
    info(path, &metadata::open(path)?, options)
}

/// Opens the array at `path`.
pub fn open(path: &Path, context: &Context, options: &OpenOptions) -> Result<Opened> {
    opened(path, metadata::open(path)?, context, options)
}

/// What [`create`] would return at `path`, without making it.
pub fn resolve(path: &Path, data_type: DataType, spec: &ArraySpec) -> Result<ArrayInfo> {
    let wanted = Wanted::of(path, data_type, spec)?;
    if !wanted.is_there {
        return Ok(wanted.info);
    }
    let found = describe(path, &OpenOptions::new())?;
    found.require_matches(&wanted.info)?;
    Ok(found)
}

/// Creates the array at `path` unless it exists, and opens it.
pub fn create(path: &Path, data_type: DataType, spec: &ArraySpec, context: &Context) -> Result<Opened> {
    let wanted = Wanted::of(path, data_type, spec)?;
    wanted.create(context)?;
    let array = metadata::open(path)?;
    let options = OpenOptions::new();
    info(path, &array, &options)?.require_matches(&wanted.info)?;
    opened(path, array, context, &options)
}

fn info(path: &Path, zarr: &ZarrArray, options: &OpenOptions) -> Result<ArrayInfo> {
    let data_type = metadata::data_type(path, &zarr.array)?;
    let fill_value = metadata::fill_value(path, &zarr.array, data_type)?;
    metadata::info(path, zarr, data_type, FillValue::of_bytes(&fill_value, data_type), options)
}

fn opened(path: &Path, zarr: ZarrArray, context: &Context, options: &OpenOptions) -> Result<Opened> {
    let info = info(path, &zarr, options)?;
    let fill_value = metadata::fill_value(path, &zarr.array, info.data_type)?;
    let write_chunks = VoxelGrid::new(&info.shape, &info.write_chunk);
    let chunks = VoxelGrid::new(&info.shape, &info.chunks);
    let codec = ZarrCodec::of(path, zarr)?;
    let backend = Box::new(ChunkedArray::new(codec, write_chunks, chunks, &fill_value, context));
    Ok(Opened { info, fill_value, backend })
}
