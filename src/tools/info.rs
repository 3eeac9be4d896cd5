//! What lies at a path: an array, or the tree of arrays below it.
//!
//! ```text
//! bellis info volume.zarr
//! bellis info volume.h5/raw --json
//! ```
//!
//! Metadata alone are read, and the files of chunks counted. An array that cannot be read is said in its place, and the others
//! are shown.

use std::path::PathBuf;

use super::error::Result;
use crate::run::is_coordinator;
use crate::storage::{ArrayInfo, StorageError, Usage, arrays, describe, usage};

/// What lies at a path.
#[derive(Debug, Clone)]
pub struct Info {
    /// An array, a Zarr or N5 group, an HDF5 file or a group in one.
    pub path: PathBuf,
    /// Maximum number of arrays that are looked at, where there are several.
    pub max_arrays: usize,
}

/// The arrays that lie there.
#[derive(Debug)]
pub struct Tree {
    /// What each is, in the order of their paths.
    pub arrays: Vec<Described>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// One array.
#[derive(Debug)]
pub struct Described {
    /// Where it is.
    pub path: PathBuf,
    /// What it is and takes, or why that cannot be said.
    pub found: Result<(ArrayInfo, Usage), StorageError>,
}

impl Info {
    /// What lies at `path`; of several arrays, a thousand.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_arrays: 1000 }
    }

    /// Looks. All ranks may call it; rank 0 gets the result, `None` all others.
    ///
    /// # Costs
    /// A look at each file of each array.
    ///
    /// # Errors
    /// Nothing there, or nothing that is or holds an array; no array of all that can be read.
    pub fn run(&self) -> Result<Option<Tree>> {
        if !is_coordinator() {
            return Ok(None);
        }
        let mut paths = arrays(&self.path, self.max_arrays.saturating_add(1))?;
        let is_cut = paths.len() > self.max_arrays;
        paths.truncate(self.max_arrays);
        let look = |path: PathBuf| {
            let found = describe(&path).and_then(|info| Ok((info, usage(&path)?)));
            Described { path, found }
        };
        let mut arrays: Vec<Described> = paths.into_iter().map(look).collect();
        if arrays.iter().all(|array| array.found.is_err())
            && let Some(Described { found: Err(error), .. }) = arrays.pop()
        {
            return Err(error.into());
        }
        Ok(Some(Tree { arrays, is_cut }))
    }
}
