//! What lies in a directory, as far as Zarr is concerned: an array, a group, or nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use crate::storage::disk::json;
use crate::storage::error::{Result, StorageError};
use crate::storage::format::arrays_below;
use crate::storage::schema::spec::ZarrVersion;

/// What lies in a directory, as far as Zarr is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Array(ZarrVersion),
    Group(ZarrVersion),
}

impl ZarrVersion {
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::V2 => "Zarr v2",
            Self::V3 => "Zarr v3",
        }
    }

    /// The file with the metadata of an array.
    pub(super) fn array_file(self) -> &'static str {
        match self {
            Self::V2 => ".zarray",
            Self::V3 => "zarr.json",
        }
    }
}

/// What lies in `directory`; `None` where it holds no Zarr metadata.
pub(super) fn node(directory: &Path) -> Result<Option<Node>> {
    let v3 = directory.join("zarr.json");
    if let Some(metadata) = read_json(&v3)? {
        return match metadata["node_type"].as_str() {
            Some("array") => Ok(Some(Node::Array(ZarrVersion::V3))),
            Some("group") => Ok(Some(Node::Group(ZarrVersion::V3))),
            _ => {
                let reason = format!("node_type is {}, neither array nor group", metadata["node_type"]);
                Err(StorageError::Metadata { path: v3, reason })
            }
        };
    }
    let has = |name| {
        let path = directory.join(name);
        path.try_exists().map_err(StorageError::io("look for", path))
    };
    if has(".zarray")? {
        return Ok(Some(Node::Array(ZarrVersion::V2)));
    }
    Ok(has(".zgroup")?.then_some(Node::Group(ZarrVersion::V2)))
}

/// The JSON in a file; `None` where there is no file.
pub(super) fn read_json(path: &Path) -> Result<Option<Value>> {
    let unusable = |reason| StorageError::Metadata { path: path.to_path_buf(), reason };
    let Some(text) = read_text(path)? else { return Ok(None) };
    json::parse(&text).map(Some).map_err(|error| unusable(error.to_string()))
}

/// As [`read_json`], of what is to be written again: all that it holds must be JSON.
pub(super) fn read_json_to_write(path: &Path) -> Result<Option<Value>> {
    let unusable = |reason| StorageError::Metadata { path: path.to_path_buf(), reason };
    let Some(text) = read_text(path)? else { return Ok(None) };
    if json::has_other_numbers(&text) {
        return Err(unusable(
            "it holds NaN or Infinity, which would be lost: put a string in their place".to_owned(),
        ));
    }
    json::parse(&text).map(Some).map_err(|error| unusable(error.to_string()))
}

fn read_text(path: &Path) -> Result<Option<Vec<u8>>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(StorageError::io("read", path)(error)),
    };
    Ok(Some(text))
}

pub(super) fn not_an_array(path: &Path, found: &str) -> StorageError {
    let arrays = arrays_below(path);
    StorageError::NotAnArray { path: path.to_path_buf(), found: found.to_owned(), arrays }
}
