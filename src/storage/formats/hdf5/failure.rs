//! What the library says, put so that one can do something about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::error::StorageError;

/// Wraps what the library said about `path`.
pub(super) fn failed(action: &'static str, path: &Path) -> impl Fn(hdf5::Error) -> StorageError {
    move |error| {
        let path = path.to_path_buf();
        let reason = one_line(&error.to_string());
        let says = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
        if is_lock(&error) {
            StorageError::Locked { action, path, reason }
        } else if let Some(refusal) = number_after(&reason, "errno = ").and_then(|code| code.try_into().ok())
        {
            StorageError::io(action, path)(io::Error::from_raw_os_error(refusal))
        } else if says(&["truncated file"]) {
            cut_short(path, reason)
        } else if says(&["signature not found", "bad byte number"]) {
            StorageError::NotHdf5 { path, reason }
        } else if says(&["inflate()", "checksum", "filter returned failure"]) {
            StorageError::CorruptDataset { path, reason }
        } else {
            StorageError::Hdf5 { action, path, reason }
        }
    }
}

/// The library tells both lengths of a file that it finds too short.
fn cut_short(path: PathBuf, reason: String) -> StorageError {
    match (number_after(&reason, " stored_eof = "), number_after(&reason, ": eof = ")) {
        (Some(expected), Some(actual)) => StorageError::CutShort { path, expected, actual },
        _ => StorageError::CorruptDataset { path, reason },
    }
}

/// The number behind a word.
fn number_after(text: &str, word: &str) -> Option<u64> {
    let (_, rest) = text.split_once(word)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Returns whether a file could not be opened because somebody else has it.
pub(super) fn is_lock(error: &hdf5::Error) -> bool {
    let text = error.to_string();
    ["lock file", "lock the file", "already open"].iter().any(|part| text.contains(part))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
