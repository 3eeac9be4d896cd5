//! Data read and written by the library, one call at a time: compressed datasets, and others that have no addresses.

use std::ops::Range;
use std::sync::Arc;

use hdf5::{Hyperslab, SliceOrIndex};
use ndarray::{ArrayD, ArrayViewD};

use super::failure::failed;
use super::handle::Handle;
use super::location::Location;
use super::pipeline;
use crate::storage::backend::Backend;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::Element;

/// An open array that needs the library.
pub(super) struct LibraryArray {
    at: Location,
    handle: Arc<Handle>,
    one_process_only: &'static str,
}

impl LibraryArray {
    /// `one_process_only` says why, and what to write instead.
    pub(super) fn new(at: Location, handle: Arc<Handle>, one_process_only: &'static str) -> Self {
        Self { at, handle, one_process_only }
    }

    /// What the library says of a filter that it lacks is about directories.
    fn explained<R>(&self, result: Result<R>) -> Result<R> {
        result.map_err(|error| match error {
            StorageError::Hdf5 { .. } | StorageError::CorruptDataset { .. } => {
                let missing = self.handle.with(&self.at, |dataset| Ok(pipeline::missing(dataset)));
                let explained = |filter| StorageError::MissingFilter { path: self.at.path.clone(), filter };
                missing.ok().flatten().map_or(error, explained)
            }
            other => other,
        })
    }
}

impl<T: Element> Backend<T> for LibraryArray {
    fn read(&self, range: &[Range<u64>]) -> Result<ArrayD<T>> {
        self.explained(self.handle.with(&self.at, |dataset| {
            dataset.read_slice(selection(range)).map_err(failed("read", &self.at.path))
        }))
    }

    fn write(&self, range: &[Range<u64>], data: ArrayViewD<'_, T>) -> Result<()> {
        let data = data.as_standard_layout();
        self.explained(self.handle.with_writable(&self.at, |dataset| {
            dataset.write_slice(data.view(), selection(range)).map_err(failed("write", &self.at.path))
        }))
    }

    fn one_process_only(&self) -> Option<&'static str> {
        Some(self.one_process_only)
    }
}

pub(super) fn selection(range: &[Range<u64>]) -> Hyperslab {
    let axis = |range: &Range<u64>| SliceOrIndex::from(range.start as usize..range.end as usize);
    Hyperslab::from(range.iter().map(axis).collect::<Vec<_>>())
}
