//! What was written and may not be on the disk: paths, until somebody asks for them to be synced.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Maximum number of directories that are remembered as synced.
const MAX_KNOWN: usize = 1 << 16;
/// Maximum number of directories above a file that are synced with it: arrays lie in groups of groups.
const MAX_ABOVE: usize = 12;

/// Paths that were written.
#[derive(Debug, Default)]
pub struct Unsynced {
    is_on: AtomicBool,
    written: Mutex<BTreeSet<PathBuf>>,
    /// Held by whoever syncs: who asks meanwhile waits, as what it wrote may be in the other's hands.
    syncing: Mutex<Syncing>,
}

#[derive(Debug, Default)]
struct Syncing {
    /// Directories whose own names are on the disk.
    known: BTreeSet<PathBuf>,
    /// What went wrong once. The system tells of lost data once, and whose they were is not known.
    failure: Option<(ErrorKind, String)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Sets of paths are whole between any two operations.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Unsynced {
    /// Sets whether what is written from now on is remembered. What was is forgotten with that: nobody asks for it.
    pub fn switch(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
        if !is_on {
            lock(&self.written).clear();
        }
    }

    /// Returns whether what is written is remembered.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Remembers a path, after it was written or removed.
    #[inline]
    pub fn add(&self, path: &Path) {
        if self.is_on() {
            lock(&self.written).insert(path.to_path_buf());
        }
    }

    /// Puts on the disk what was added so far.
    pub fn sync(&self) -> io::Result<()> {
        let mut syncing = lock(&self.syncing);
        if let Some((kind, why)) = &syncing.failure {
            return Err(io::Error::new(*kind, format!("{why} (an earlier write)")));
        }
        let written = std::mem::take(&mut *lock(&self.written));
        let synced = syncing.sync(&written);
        if let Err(error) = &synced {
            syncing.failure = Some((error.kind(), error.to_string()));
        }
        synced
    }
}

impl Syncing {
    fn sync(&mut self, written: &BTreeSet<PathBuf>) -> io::Result<()> {
        let mut directories = BTreeSet::new();
        for path in written {
            let opened = File::open(path);
            match opened.and_then(|file| file.sync_data()) {
                // It was removed: its directory knows.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                synced => synced.map_err(|error| about(path, &error))?,
            }
            directories.extend(path.parent().filter(|parent| !parent.as_os_str().is_empty()));
        }
        for directory in directories {
            // The file's name is new in its directory, whose own name may be new in the one above, and so on.
            sync_directory(directory).map_err(|error| about(directory, &error))?;
            for above in directory.ancestors().take(MAX_ABOVE) {
                if !self.known.insert(above.to_path_buf()) {
                    break;
                }
                let Some(parent) = above.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
                    break;
                };
                match sync_directory(parent) {
                    // Whoever may not look into it made nothing in it.
                    Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
                    synced => synced.map_err(|error| about(parent, &error))?,
                }
            }
        }
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        Ok(())
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(path).and_then(|directory| directory.sync_all()) {
        // Some file systems do not sync directories.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidInput) => Ok(()),
        synced => synced,
    }
}

fn about(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot put {} on the disk: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_synced_and_what_is_gone_is_no_error() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("c/0/1");
        let unsynced = Unsynced::default();
        unsynced.add(&file);
        assert!(lock(&unsynced.written).is_empty(), "nobody asked for it");
        unsynced.switch(true);
        std::fs::create_dir_all(dir.path().join("c/0"))?;
        std::fs::write(&file, "x")?;
        unsynced.add(&file);
        unsynced.add(&dir.path().join("c/0/gone"));
        unsynced.sync()?;
        assert!(lock(&unsynced.written).is_empty());
        assert!(lock(&unsynced.syncing).known.contains(&dir.path().join("c")));
        unsynced.add(&file);
        unsynced.switch(false);
        assert!(lock(&unsynced.written).is_empty(), "nobody asks for it any more");
        Ok(())
    }

    #[test]
    fn what_failed_once_is_not_forgotten() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("file"), "")?;
        let unsynced = Unsynced::default();
        unsynced.switch(true);
        unsynced.add(&dir.path().join("file/below"));
        let first = unsynced.sync().expect_err("a file has nothing below").to_string();
        assert!(first.contains("file/below"), "{first}");
        assert!(unsynced.sync().expect_err("data may be lost").to_string().starts_with(&first));
        Ok(())
    }
}
