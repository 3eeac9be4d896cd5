//! Lets processes that create datasets in one file take turns, and others wait until it is done.
//!
//! A lock on a small file beside the HDF5 file, which is there only while somebody creates: the system lets go of it
//! when its holder dies. Where the file system knows no such locks, whoever creates first is not waited for.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::storage::error::{Result, StorageError};

/// The right to create in a file, as long as it is held.
pub(super) struct CreationLock {
    path: PathBuf,
    /// Dropped after the name is gone.
    _file: File,
}

fn path_of(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    file.with_file_name(format!(".{name}.lock"))
}

impl CreationLock {
    /// Waits for its turn to create in `file`, whose directory is made if need be.
    pub(super) fn acquire(file: &Path) -> Result<Self> {
        let path = path_of(file);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(StorageError::io("create", directory))?;
        }
        loop {
            let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let lock = opened.map_err(StorageError::io("create", &path))?;
            if lock.lock().is_err() || is_still(&lock, &path) {
                return Ok(Self { path, _file: lock });
            }
            // Its former holder has removed it: try again with the one that is there now.
        }
    }
}

impl Drop for CreationLock {
    fn drop(&mut self) {
        // At worst the name stays, without a lock on it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Waits while somebody creates in `file`.
pub(super) fn wait(file: &Path) {
    let path = path_of(file);
    while let Ok(lock) = File::open(&path) {
        match lock.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {
                let _ = lock.lock_shared();
            }
            // Left behind by somebody who is gone, or no locks here.
            Ok(()) | Err(TryLockError::Error(_)) => return,
        }
    }
}

fn is_still(lock: &File, path: &Path) -> bool {
    let same = |a: &fs::Metadata, b: &fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    matches!((lock.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if same(&a, &b))
}
