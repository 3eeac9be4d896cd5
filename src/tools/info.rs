//! What lies at a path: an array, or the tree of arrays below it.
//!
//! ```text
//! bellis info volume.zarr
//! bellis info volume.h5/raw --json
//! ```
//!
//! Metadata alone are read, and the files of chunks counted: both up to a bound, as a container may hold millions. An array
//! that cannot be read is said in its place, and the others are shown.

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
    /// Maximum number of files that are looked at to count the chunks of all arrays together.
    pub max_files: u64,
}

/// The arrays that lie there.
#[derive(Debug)]
pub struct Tree {
    /// What each is, in the order of their paths.
    pub arrays: Vec<Described>,
    /// Whether there may be more.
    pub is_cut: bool,
    /// How many of these arrays have chunks that were not counted.
    pub n_uncounted: usize,
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
    /// What lies at `path`; of several arrays, a thousand, and as many chunks as 100,000 files hold.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_arrays: 1000, max_files: 100_000 }
    }

    /// Looks. All ranks may call it; rank 0 gets the result, `None` all others.
    ///
    /// # Costs
    /// A look at the metadata of each array and at the files of their chunks, both bounded: see [`max_arrays`](Self::max_arrays)
    /// and [`max_files`](Self::max_files). HDF5 keeps count of its chunks.
    ///
    /// # Errors
    /// Nothing there, or nothing that is or holds an array; no array of all that can be read.
    pub fn run(&self) -> Result<Option<Tree>> {
        if !is_coordinator() {
            return Ok(None);
        }
        let listed = arrays(&self.path, self.max_arrays)?;
        let mut left = self.max_files;
        let look = |path: PathBuf| {
            let found = describe(&path).and_then(|info| {
                let usage = usage(&path, left)?;
                left -= usage.n_files;
                Ok((info, usage))
            });
            Described { path, found }
        };
        let mut arrays: Vec<Described> = listed.paths.into_iter().map(look).collect();
        if arrays.iter().all(|array| array.found.is_err())
            && let Some(Described { found: Err(error), .. }) = arrays.pop()
        {
            return Err(error.into());
        }
        let is_uncounted = |array: &&Described| array.found.as_ref().is_ok_and(|(_, usage)| usage.is_cut);
        let n_uncounted = arrays.iter().filter(is_uncounted).count();
        Ok(Some(Tree { arrays, is_cut: listed.is_cut, n_uncounted }))
    }
}
