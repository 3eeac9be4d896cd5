//! Data read and written by the library, one call at a time: compressed datasets, and others that have no addresses.

use std::mem::MaybeUninit;
use std::sync::Arc;

use super::failure::failed;
use super::handle::Handle;
use super::location::Location;
use super::stored::Stored;
use super::{filters, transfer};
use crate::geometry::VoxelBox;
use crate::storage::backend::Backend;
use crate::storage::context::Context;
use crate::storage::error::{Result, StorageError};

/// An open array that needs the library.
pub(super) struct LibraryArray {
    at: Location,
    handle: Arc<Handle>,
    stored: Stored,
    context: Context,
}

impl LibraryArray {
    pub(super) fn new(at: Location, handle: Arc<Handle>, stored: Stored, context: &Context) -> Self {
        Self { at, handle, stored, context: context.clone() }
    }

    /// What the library says of a filter that it lacks is about directories.
    fn name_missing_filter<R>(&self, result: Result<R>) -> Result<R> {
        result.map_err(|error| match error {
            StorageError::Hdf5 { .. } | StorageError::CorruptDataset { .. } => {
                let missing = self.handle.with(&self.at, |dataset| Ok(filters::missing(dataset)));
                let named = |filter| StorageError::MissingFilter { path: self.at.path.clone(), filter };
                missing.ok().flatten().map_or(error, named)
            }
            other => other,
        })
    }
}

// SAFETY: a transfer writes all of the memory.
unsafe impl Backend for LibraryArray {
    fn read(&self, range: &VoxelBox, voxels: &mut [MaybeUninit<u8>]) -> Result<()> {
        self.name_missing_filter(self.handle.with(&self.at, |dataset| {
            transfer::read(dataset, &self.stored, range, voxels).map_err(failed("read", &self.at.path))
        }))
    }

    fn write(&self, range: &VoxelBox, voxels: &[u8]) -> Result<()> {
        self.name_missing_filter(self.handle.with_writable(&self.at, &self.context, |dataset| {
            transfer::write(dataset, &self.stored, range, voxels).map_err(failed("write", &self.at.path))
        }))
    }
}
