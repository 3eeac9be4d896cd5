//! Where arrays lie: in which file or directory, and whether two paths are one place.

use crate::tools::error::{RequestError, Result};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::storage::{DataType, Format};

/// Refuses an output that is the input.
pub fn require_another(output: &Path, input: &Path) -> Result {
    match is_same(output, input) {
        true => Err(RequestError::SameArray { path: output.to_owned() }.into()),
        false => Ok(()),
    }
}

/// Whether both are the same place on disk, by whatever links one gets there; also inside a file, and where nothing is yet.
/// Links inside an HDF5 file are not seen.
pub fn is_same(one: &Path, other: &Path) -> bool {
    one == other || position(one).is_some_and(|one| position(other) == Some(one))
}

/// What identifies the longest part of `path` that exists, by device and number, and the rest.
fn position(path: &Path) -> Option<(u64, u64, PathBuf)> {
    // Twice, as `..` may lead from what does not exist to what does.
    let path = plain(&plain(&std::path::absolute(path).ok()?));
    let (metadata, existing) = path.ancestors().find_map(|part| Some((fs::metadata(part).ok()?, part)))?;
    Some((metadata.dev(), metadata.ino(), path.strip_prefix(existing).ok()?.to_path_buf()))
}

/// `path` without links and `..`.
fn plain(path: &Path) -> PathBuf {
    let Some((mut plain, existing)) =
        path.ancestors().find_map(|part| Some((part.canonicalize().ok()?, part)))
    else {
        return path.to_path_buf();
    };
    for component in path.strip_prefix(existing).unwrap_or(Path::new("")).components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            component => plain.push(component),
        }
    }
    plain
}

/// The type that elements of `data_type` get at `path` unless another is asked for: N5 has no bool.
pub fn data_type_at(path: &Path, data_type: DataType) -> DataType {
    if data_type == DataType::Bool && is_in_n5(path) { DataType::U8 } else { data_type }
}

/// Whether what is created there is N5.
pub fn is_in_n5(path: &Path) -> bool {
    Format::of(path).is_ok_and(|format| format == Format::N5)
}

/// Whether what is created there is HDF5, which keeps all chunks in one file.
pub fn is_in_hdf5(path: &Path) -> bool {
    Format::of(path).is_ok_and(|format| format == Format::Hdf5)
}
