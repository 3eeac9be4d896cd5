//! N5 arrays, described, opened and created.

use std::path::Path;

use super::chunk::N5Codec;
use super::create::Wanted;
use super::metadata::Dataset;
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
    info(path, &Dataset::open(path)?, options)
}

/// Opens the array at `path`.
pub fn open(path: &Path, context: &Context, options: &OpenOptions) -> Result<Opened> {
    opened(path, Dataset::open(path)?, context, options)
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
    wanted.create()?;
    let dataset = Dataset::open(path)?;
    let options = OpenOptions::new();
    info(path, &dataset, &options)?.require_matches(&wanted.info)?;
    opened(path, dataset, context, &options)
}

fn info(path: &Path, dataset: &Dataset, options: &OpenOptions) -> Result<ArrayInfo> {
    let fill_value = FillValue::of_bytes(&fill_value(dataset), dataset.data_type);
    dataset.info(path, fill_value, options)
}

/// The format knows no other than 0.
fn fill_value(dataset: &Dataset) -> Vec<u8> {
    vec![0; dataset.data_type.size()]
}

fn opened(path: &Path, dataset: Dataset, context: &Context, options: &OpenOptions) -> Result<Opened> {
    let info = info(path, &dataset, options)?;
    let grid = VoxelGrid::new(&dataset.shape, &dataset.chunks);
    let fill_value = fill_value(&dataset);
    let codec = N5Codec::new(path, dataset, grid.clone());
    let backend = Box::new(ChunkedArray::new(codec, grid.clone(), grid, &fill_value, context));
    Ok(Opened { info, fill_value, backend })
}
