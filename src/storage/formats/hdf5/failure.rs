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
        } else if says(&["version"]) {
            let (major, minor, release) = hdf5::library_version();
            let reason = format!(
                "a newer release of HDF5 wrote it than {major}.{minor}.{release}, which reads it here, or it is damaged \
                 ({}): read it with a newer one, or write it again for HDF5 1.10 (libver='v110')",
                without_function(&reason)
            );
            StorageError::Hdf5 { action, path, reason }
        } else {
            StorageError::Hdf5 { action, path, reason: without_function(&reason).to_owned() }
        }
    }
}

/// What the library says, without the function that says it.
fn without_function(reason: &str) -> &str {
    match reason.split_once("(): ") {
        Some((function, rest)) if function.starts_with("H5") => rest,
        _ => reason,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_within_a_message() {
        let said = |text: &str| failed("open", Path::new("a.h5/a"))(hdf5::Error::from(text)).to_string();
        assert_eq!(
            said("H5Dopen2(): unable to open dataset: no write intent"),
            "cannot open a.h5/a: unable to open dataset: no write intent"
        );
        let newer = said("H5Dopen2(): unable to open dataset: bad version number for layout message");
        assert!(newer.starts_with("cannot open a.h5/a: a newer release of HDF5 wrote it than "), "{newer}");
        assert!(newer.contains("(unable to open dataset: bad version number for layout message)"), "{newer}");
    }
}
