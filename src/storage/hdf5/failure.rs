//! What the library says, put so that one can do something about it.

use std::path::Path;

use crate::storage::StorageError;

/// Wraps what the library said about `path`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(hdf5::Error) -> StorageError {
    move |error| {
        let path = path.to_path_buf();
        let reason = one_line(&error.to_string());
        if is_lock(&error) {
            StorageError::Locked { action, path, reason }
        } else {
            StorageError::Hdf5 { action, path, reason }
        }
    }
}

/// Whether a file could not be opened because somebody else has it.
pub(super) fn is_lock(error: &hdf5::Error) -> bool {
    let text = error.to_string();
    ["lock file", "lock the file", "already open"].iter().any(|part| text.contains(part))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
