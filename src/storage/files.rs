//! Files that are replaced as a whole, and files that appear complete or not at all: for whoever keeps chunks in files.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Puts `content` at `path`, whatever was there: at every moment, also after a crash, the file is the former or this.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    write_beside(path, content, |beside| fs::rename(beside, path))
}

/// Puts `content` at `path` unless something is there: whether it did. Nobody sees the file before it is complete.
pub(super) fn create_new(path: &Path, content: &[u8]) -> io::Result<bool> {
    if path.try_exists()? {
        return Ok(false);
    }
    write_beside(path, content, |beside| {
        let linked = match fs::hard_link(beside, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            // A file system without hard links: of creators that race the last one wins, and each compares after.
            Err(_) if path.try_exists()? => Ok(false),
            Err(_) => return fs::rename(beside, path).map(|()| true),
        };
        fs::remove_file(beside)?;
        linked
    })
}

/// Writes `content` to a new file in the directory of `path`, which is made if need be, and lets `place` move it.
fn write_beside<R>(path: &Path, content: &[u8], place: impl FnOnce(&Path) -> io::Result<R>) -> io::Result<R> {
    let (beside, mut file) = open_beside(path)?;
    // The content must be on the disk before the name is: after a power cut or the loss of a node, a name without
    // content would be a chunk that is gone.
    let result = file.write_all(content).and_then(|()| file.sync_data()).and_then(|()| place(&beside));
    if result.is_err() {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&beside);
    }
    result
}

/// A path in the directory of `path` that nobody uses.
pub(super) fn unique_beside(path: &Path) -> PathBuf {
    // Other processes, also on other nodes, write to the same directory: the name is drawn at random for each process
    // and counts on.
    static NAMESPACE: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{:016x}-{count}.tmp", *NAMESPACE))
}

fn open_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    const MAX_ATTEMPTS: usize = 8;
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut attempts = 0;
    loop {
        attempts += 1;
        let beside = unique_beside(path);
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Ok(file) => return Ok((beside, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // Not only the first time: someone may be removing what another one just made.
            Err(error) if error.kind() == ErrorKind::NotFound && attempts < MAX_ATTEMPTS => {
                fs::create_dir_all(directory)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Removes the file at `path`, if there is one.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
