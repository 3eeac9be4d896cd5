//! HDF5 datasets, described, opened and created.

use std::path::Path;

use super::chunk::FilteredArray;
use super::create::Wanted;
use super::creation_lock;
use super::direct::DirectArray;
use super::handle::Handle;
use super::library::LibraryArray;
use super::location::{self, Location};
use super::metadata::Metadata;
use super::reachable;
use crate::storage::backend::{Backend, Opened};
use crate::storage::context::Context;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::DataType;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::OpenOptions;
use crate::storage::schema::spec::ArraySpec;

/// What the array at `path` is.
pub fn describe(path: &Path, options: &OpenOptions) -> Result<ArrayInfo> {
    let at = Location::of(path);
    creation_lock::wait(&at.file);
    let at = resolve_link(at)?;
    let metadata = Handle::of(&at.file).with(&at, |dataset| Metadata::of(&at, dataset))?;
    metadata.info(&at, options)
}

/// Opens the array at `path`.
pub fn open(path: &Path, context: &Context, options: &OpenOptions) -> Result<Opened> {
    let at = Location::of(path);
    creation_lock::wait(&at.file);
    opened(resolve_link(at)?, context, options)
}

/// What [`create`] would return at `path`, without making it.
pub fn resolve(path: &Path, data_type: DataType, spec: &ArraySpec) -> Result<ArrayInfo> {
    let at = Location::of(path);
    let wanted = Wanted::of(&at, data_type, spec)?;
    creation_lock::wait(&at.file);
    if !wanted.is_there(&at)? {
        return Ok(wanted.info);
    }
    let found = describe(path, &OpenOptions::new())?;
    found.require_matches(&wanted.info)?;
    Ok(found)
}

/// Creates the array at `path` unless it exists, and opens it.
pub fn create(path: &Path, data_type: DataType, spec: &ArraySpec, context: &Context) -> Result<Opened> {
    let at = Location::of(path);
    let wanted = Wanted::of(&at, data_type, spec)?;
    wanted.create(&at)?;
    let at = resolve_link(at)?;
    let metadata = Handle::of(&at.file).with(&at, |dataset| Metadata::of(&at, dataset))?;
    let options = OpenOptions::new();
    metadata.info(&at, &options)?.require_matches(&wanted.info)?;
    opened(at, context, &options)
}

fn opened(at: Location, context: &Context, options: &OpenOptions) -> Result<Opened> {
    let handle = Handle::of(&at.file);
    let metadata = handle.with(&at, |dataset| {
        let metadata = Metadata::of(&at, dataset)?;
        if metadata.filters.is_none() {
            reachable::require(&at, dataset)?;
        }
        Ok(metadata)
    })?;
    let info = metadata.info(&at, options)?;
    let fill_value = metadata.fill_value.clone();
    handle.close();
    let backend: Box<dyn Backend> =
        if let Some(filtered) = FilteredArray::of(&at, &handle, &metadata, context) {
            Box::new(filtered)
        } else if let Some(layout) = metadata.byte_layout {
            Box::new(DirectArray::open(&at, layout, &metadata.shape, metadata.stored.data_type, context)?)
        } else {
            Box::new(LibraryArray::new(at, handle, metadata.stored, context))
        };
    Ok(Opened { info, fill_value, backend })
}

/// The same dataset in the file that really holds it: an external link leads to another one, with addresses, locks and a
/// time of its own. Where there is no such dataset, its name may end in that of a field: `PATH@FIELD`.
pub(super) fn resolve_link(at: Location) -> Result<Location> {
    let handle = Handle::of(&at.file);
    let target_of = |at: &Location| handle.with(at, |dataset| Ok(location::link_target(dataset, &at.file)));
    let (mut at, mut target) = (at.clone(), target_of(&at));
    while let (Err(StorageError::NotFound { .. }), Some(of_field)) = (&target, at.of_field()) {
        (target, at) = (target_of(&of_field), of_field);
    }
    let target = target?;
    let Some((file, dataset)) = target else { return Ok(at) };
    // The former has the latter open.
    handle.close();
    creation_lock::wait(&file);
    Ok(Location { file, dataset, ..at })
}
