//! Files that are replaced as a whole, and files that appear complete or not at all: for whoever keeps chunks in files.
//!
//! Each has a [`Version`], which tells whether it still is what was read before.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

/// Which content a path leads to: another one each time a file takes that name.
///
/// A file's inode may be used again once it is gone, and file systems stamp times to some milliseconds only: so
/// [`replace`] stamps the time itself, to the nanosecond. Programs that write files in place keep the inode, and
/// are noticed by the length and that coarser time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Version {
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    /// Bytes in the file.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// The file at `path` and its version; `None` where there is none.
///
/// On network file systems it is opening a file that asks the server for its version: looking at a path need not.
pub fn open(path: &Path) -> io::Result<Option<(File, Version)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let version = Version::of(&file)?;
    Ok(Some((file, version)))
}

/// Puts on the disk what was written to the file at `path`, by whatever way.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_data()
}

/// Puts `content` at `path`, whatever was there: at every moment, also after a crash, the file is the former or this.
/// Where `is_synced`, the disk has it before the file is this. Returns the version it has now.
pub fn replace(path: &Path, content: &[u8], is_synced: bool) -> io::Result<Version> {
    write_temporary(path, content, is_synced, |temporary, file| {
        file.set_modified(SystemTime::now())?;
        let version = Version::of(file)?;
        fs::rename(temporary, path)?;
        Ok(version)
    })
}

/// Puts `content` at `path` unless something is there. Returns whether it did. Nobody sees the file before it is complete.
pub fn create_new(path: &Path, content: &[u8]) -> io::Result<bool> {
    if path.try_exists()? {
        return Ok(false);
    }
    write_temporary(path, content, true, |temporary, _| {
        let linked = match fs::hard_link(temporary, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            // A file system without hard links: of creators that race the last one wins, and each compares after.
            Err(_) if path.try_exists()? => Ok(false),
            Err(_) => return fs::rename(temporary, path).map(|()| true),
        };
        fs::remove_file(temporary)?;
        linked
    })
}

/// Writes `content` to a temporary file in the directory of `path`, which is made if need be, and lets `publish` give it its
/// name.
fn write_temporary<R>(
    path: &Path,
    content: &[u8],
    is_synced: bool,
    publish: impl FnOnce(&Path, &File) -> io::Result<R>,
) -> io::Result<R> {
    let (temporary, file) = open_temporary(path)?;
    // The content must be on the disk before the name is: after a power cut or the loss of a node, a name without
    // content would be a chunk that is gone.
    let sync = |()| if is_synced { file.sync_data() } else { Ok(()) };
    let written = (&file).write_all(content).and_then(sync);
    let result = written.and_then(|()| publish(&temporary, &file));
    if result.is_err() {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Waits for the turn to change files in `directory` that others, also in other processes, may be changing: it lasts as long as
/// the result is held, or until its holder dies. `None` where the file system knows no such locks.
pub fn lock_directory(directory: &Path) -> Option<File> {
    let opened = File::open(directory).ok()?;
    opened.lock().ok()?;
    Some(opened)
}

/// A path in the directory of `path` that nobody else uses.
pub fn temporary_path(path: &Path) -> PathBuf {
    // Other processes, also on other nodes, write to the same directory: the name is drawn at random for each process
    // and counts on.
    static NAMESPACE: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".{name}.{:016x}-{count}.tmp", *NAMESPACE))
}

fn open_temporary(path: &Path) -> io::Result<(PathBuf, File)> {
    const MAX_ATTEMPTS: usize = 8;
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut attempts = 0;
    loop {
        attempts += 1;
        let temporary = temporary_path(path);
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // Not only the first time: someone may be removing what another one just made.
            Err(error) if error.kind() == ErrorKind::NotFound && attempts < MAX_ATTEMPTS => {
                fs::create_dir_all(directory)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// An error where it can be seen that nothing can be made at `path`, or written to what is there: by whom it may be written,
/// and that all above it are directories. What else there may be, such as a full disk, only writing tells.
pub fn require_writable(path: &Path) -> io::Result<()> {
    let existing = path.ancestors().find(|part| part.as_os_str().is_empty() || part.exists());
    let Some(existing) = existing else { return Ok(()) };
    let existing = if existing.as_os_str().is_empty() { Path::new(".") } else { existing };
    if existing != path && !existing.is_dir() {
        return Err(Errno::NOTDIR.into());
    }
    let wanted = if existing.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
    match accessat(CWD, existing, wanted, AtFlags::EACCESS) {
        Err(refused @ (Errno::ACCESS | Errno::PERM | Errno::ROFS)) => Err(refused.into()),
        // Some systems do not know.
        _ => Ok(()),
    }
}

/// The directories that `path` lies in, from the root down.
///
/// What `..` leads to is asked of the file system, as a link may lie before it; all names after it stay as they are given.
pub fn directories_above(path: &Path) -> Vec<PathBuf> {
    let parts: Vec<Component<'_>> = path.components().collect();
    let n_before = parts.iter().rposition(|part| *part == Component::ParentDir).map_or(0, |last| last + 1);
    let before: PathBuf = parts[..n_before].iter().collect();
    let path = match before.canonicalize() {
        Ok(real) if n_before > 0 => real.join(parts[n_before..].iter().collect::<PathBuf>()),
        _ => path.to_path_buf(),
    };
    // Without a current directory, relative paths lead nowhere.
    let path = std::path::absolute(&path).unwrap_or(path);
    let mut above: Vec<PathBuf> = path.ancestors().skip(1).map(Path::to_path_buf).collect();
    above.reverse();
    above
}

/// Removes the file at `path`, if there is one.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dots_lead_to_is_asked() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let dir = dir.path().canonicalize()?;
        fs::create_dir_all(dir.join("far/x"))?;
        std::os::unix::fs::symlink(dir.join("far/x"), dir.join("link"))?;
        let last_two = |path: &str| {
            let mut above = directories_above(&dir.join(path));
            (above.pop(), above.pop())
        };
        assert_eq!(last_two("link/../y/z"), (Some(dir.join("far/y")), Some(dir.join("far"))));
        assert_eq!(last_two("link/y/z"), (Some(dir.join("link/y")), Some(dir.join("link"))));
        let here = std::env::current_dir()?;
        assert_eq!(directories_above(Path::new("a/b")).pop(), Some(here.join("a")));
        assert_eq!(directories_above(Path::new("../a")).last().map(PathBuf::as_path), here.parent());
        Ok(())
    }

    #[test]
    fn what_cannot_be_written_is_seen_before() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("file"), "")?;
        require_writable(&dir.path().join("new/a.zarr"))?;
        require_writable(&dir.path().join("file"))?;
        require_writable(Path::new("new/a.zarr"))?;
        let kind = |path: &Path| require_writable(path).map_err(|error| error.kind());
        assert_eq!(kind(&dir.path().join("file/a.zarr")), Err(ErrorKind::NotADirectory));
        // Nobody writes there, whoever runs the test.
        assert!(kind(Path::new("/proc/self/new/a.zarr")).is_err());
        Ok(())
    }

    #[test]
    fn no_version_comes_twice() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("chunk");
        let mut versions = Vec::new();
        for n in 0..100u8 {
            let version = replace(&path, &[n; 10], false)?;
            assert!(!versions.contains(&version), "{version:?} is the {n}th and came before");
            assert_eq!(open(&path)?.map(|(_, version)| version), Some(version));
            versions.push(version);
        }
        Ok(())
    }
}
