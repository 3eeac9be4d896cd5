//! Which dataset of which file a path leads to.

use std::path::{Path, PathBuf};

use crate::storage::format::Format;

/// A dataset inside a file.
#[derive(Debug, Clone)]
pub(super) struct Location {
    /// What the user called it: both parts.
    pub(super) path: PathBuf,
    pub(super) file: PathBuf,
    pub(super) dataset: String,
}

impl Location {
    /// Splits a path at the file, which exists or is told by its suffix.
    pub(super) fn of(path: &Path) -> Self {
        let existing = path.ancestors().find(|part| part.is_file());
        let named = || path.ancestors().find(|part| Format::of_suffix(part) == Some(Format::Hdf5));
        let file = existing.or_else(named).unwrap_or(path).to_path_buf();
        let rest = path.strip_prefix(&file).unwrap_or(Path::new(""));
        let parts: Vec<_> = rest.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Self { path: path.to_path_buf(), dataset: parts.join("/"), file }
    }
}
