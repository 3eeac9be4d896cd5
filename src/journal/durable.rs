//! Files that are on the disk, whole or not at all. For one writer: who has the lock of the run directory.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::error::JournalError;

/// Puts `content` at `path`: at every moment, also after a crash, the file is the former or this.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), JournalError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // One writer, one name: what a crash leaves is overwritten the next time.
    let beside = path.with_file_name(format!(".{name}.tmp"));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(content)?;
        // The content must be on the disk before the name is.
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    if let Err(error) = written {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&beside);
        return Err(JournalError::io("write", path)(error));
    }
    sync_directory_of(path)
}

/// Puts the names in the directory of `path` on the disk.
pub(super) fn sync_directory_of(path: &Path) -> Result<(), JournalError> {
    path.parent().map_or(Ok(()), sync_directory)
}

/// Puts the names in a directory on the disk.
pub(super) fn sync_directory(directory: &Path) -> Result<(), JournalError> {
    let synced = File::open(directory).and_then(|opened| opened.sync_all());
    match synced {
        // Some network file systems cannot sync a directory, and have no need to.
        Err(error) if error.kind() == ErrorKind::InvalidInput || error.kind() == ErrorKind::Unsupported => {
            Ok(())
        }
        synced => synced.map_err(JournalError::io("sync", directory)),
    }
}

/// Makes a directory and those above it, and puts its name on the disk.
pub(super) fn make_directory(directory: &Path) -> Result<(), JournalError> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(JournalError::io("create", directory))?;
    sync_directory_of(&std::path::absolute(directory).map_err(JournalError::io("find", directory))?)
}

/// The content of a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, JournalError> {
    none_if_missing(fs::read(path)).map_err(JournalError::io("read", path))
}

/// Removes a file or a directory with all that it holds, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), JournalError> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    none_if_missing(removed).map_err(JournalError::io("remove", path)).map(|_| ())
}

/// Takes "not found" for an answer.
pub(super) fn none_if_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}
