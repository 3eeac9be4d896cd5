//! Consolidated metadata: what a group says of all that lies below it, so that readers need ask for one file only.
//!
//! Readers that find them look no further, so what is added below such a group is added to them: in Zarr v2 in `.zmetadata`,
//! in Zarr v3 in the group's own `zarr.json`. Nobody has specified either;
//! [zarr-python](https://zarr.readthedocs.io/en/stable/user-guide/consolidated_metadata/) says what they are.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::node::{read_json, read_json_to_write};
use crate::storage::context::Context;
use crate::storage::disk::files::{directories_above, lock_directory, replace};
use crate::storage::disk::notice;
use crate::storage::error::{Result, StorageError};

/// Puts what the metadata of the array or group at `path` say now, and those of the groups that it lies in, where groups
/// above it say it too. Where that cannot be, there is a warning: nothing else depends on it.
pub(super) fn refresh(context: &Context, path: &Path) {
    let mut groups = directories_above(path);
    let (Some(above), Some(name)) = (groups.last(), path.file_name()) else { return };
    groups.push(above.join(name));
    for (depth, group) in groups.iter().enumerate() {
        for place in [Place::V2, Place::V3] {
            // A group in Zarr v3 says of itself what is in the same file.
            let first = if place == Place::V2 { depth } else { depth + 1 };
            if let Err(error) = place.refresh(context, group, &groups[first..]) {
                let text = format!(
                    "{} may not say what {} holds ({error}): consolidate it again, as by \
                     zarr.consolidate_metadata({:?})",
                    group.join(place.file()).display(),
                    path.display(),
                    group
                );
                notice::once(&text);
            }
        }
    }
}

/// Where a version of Zarr has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    V2,
    V3,
}

impl Place {
    fn file(self) -> &'static str {
        match self {
            Self::V2 => ".zmetadata",
            Self::V3 => "zarr.json",
        }
    }

    /// The metadata by name, where a group has them.
    fn entries(self, content: &mut Value) -> Option<&mut Map<String, Value>> {
        let all = match self {
            Self::V2 => content.get_mut("metadata"),
            Self::V3 => content.get_mut("consolidated_metadata")?.get_mut("metadata"),
        };
        all?.as_object_mut()
    }

    /// What there is of the nodes, by the names that the group gives them.
    fn found(self, group: &Path, nodes: &[PathBuf]) -> Result<Vec<(String, Value)>> {
        let mut found = Vec::new();
        for node in nodes {
            let relative = node.strip_prefix(group).unwrap_or(node).to_string_lossy().into_owned();
            let files: &[&str] = match self {
                Self::V2 => &[".zgroup", ".zarray", ".zattrs"],
                Self::V3 => &["zarr.json"],
            };
            for file in files {
                let Some(mut content) = read_json(&node.join(file))? else { continue };
                let name = match (self, relative.is_empty()) {
                    (Self::V2, true) => (*file).to_owned(),
                    (Self::V2, false) => format!("{relative}/{file}"),
                    (Self::V3, _) => {
                        // All that lies below it is said beside it.
                        if let Some(Value::Object(metadata)) =
                            content.pointer_mut("/consolidated_metadata/metadata")
                        {
                            metadata.clear();
                        }
                        relative.clone()
                    }
                };
                found.push((name, content));
            }
        }
        Ok(found)
    }

    fn refresh(self, context: &Context, group: &Path, nodes: &[PathBuf]) -> Result<()> {
        let file = group.join(self.file());
        let is_stale = |content: &mut Value, found: &[(String, Value)]| {
            let entries = self.entries(content);
            entries.is_some_and(|entries| found.iter().any(|(name, value)| entries.get(name) != Some(value)))
        };
        let Some(mut content) = read_json(&file).ok().flatten() else { return Ok(()) };
        if self.entries(&mut content).is_none() {
            return Ok(());
        }
        let found = self.found(group, nodes)?;
        if !is_stale(&mut content, &found) {
            return Ok(());
        }
        // Others may add to it at the same time.
        let _turn = lock_directory(group);
        let Some(mut content) = read_json_to_write(&file)? else { return Ok(()) };
        if let Some(entries) = self.entries(&mut content) {
            entries.extend(found);
        }
        replace(&file, format!("{content:#}").as_bytes(), context.is_synced())
            .map(drop)
            .map_err(StorageError::io("write", file))
    }
}
