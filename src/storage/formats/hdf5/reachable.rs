//! What a dataset needs beside its file: seen when it is opened, before any block is read.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};

use hdf5::Dataset;

use super::failure::failed;
use super::filters;
use super::location::Location;
use crate::storage::error::{Result, StorageError};

/// An error where the library can read no voxel of `dataset`: it lacks a filter, or a raw file is missing.
pub(super) fn require(at: &Location, dataset: &Dataset) -> Result<()> {
    if let Some(filter) = filters::missing_to_read(dataset) {
        return Err(StorageError::MissingFilter { path: at.path.clone(), filter });
    }
    let creation = dataset.dcpl().map_err(failed("read the metadata of", &at.path))?;
    for part in creation.external() {
        let file = place_of(Path::new(&part.name), &at.file);
        if let Err(source) = File::open(&file) {
            return Err(StorageError::MissingRawFile { path: at.path.clone(), file, source });
        }
    }
    Ok(())
}

/// Where the library looks for a raw file of the HDF5 file `of`: by the working directory, unless a variable says otherwise.
fn place_of(name: &Path, of: &Path) -> PathBuf {
    const ORIGIN: &str = "${ORIGIN}";
    if name.is_absolute() {
        return name.to_path_buf();
    }
    let Ok(prefix) = env::var("HDF5_EXTFILE_PREFIX") else { return name.to_path_buf() };
    let beside = |rest: &str| of.parent().unwrap_or(Path::new("")).join(rest.trim_start_matches('/'));
    prefix.strip_prefix(ORIGIN).map_or_else(|| PathBuf::from(&prefix), beside).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_files_are_where_the_library_looks() {
        let of = Path::new("/data/a.h5");
        assert_eq!(place_of(Path::new("/raw/a.bin"), of), Path::new("/raw/a.bin"));
        assert_eq!(place_of(Path::new("raw/a.bin"), of), Path::new("raw/a.bin"));
    }
}
