//! A file of which it matters what is on the disk when: a log, a done map, its checksums. All that changes one goes
//! through here, so that tests can take down the order and lose power at any point of it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::JournalError;

/// An open file and where it is.
#[derive(Debug)]
pub(super) struct LedgerFile {
    path: PathBuf,
    file: File,
}

impl LedgerFile {
    /// Makes an empty file, whatever was there.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
        let file = opened.map_err(JournalError::io("create", path))?;
        Ok(Self { path: path.into(), file })
    }

    /// Opens a file; `None` where there is none.
    pub fn open(path: &Path) -> Result<Option<Self>, JournalError> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => Ok(Some(Self { path: path.into(), file })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::io("open", path)(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How long it is.
    pub fn length(&self) -> Result<u64, JournalError> {
        self.file.metadata().map(|metadata| metadata.len()).map_err(JournalError::io("read", &self.path))
    }

    /// Reads as much as there is, up to the length of the buffer. Returns how much that was.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, JournalError> {
        let mut n_read = 0;
        while n_read < buffer.len() {
            match self.file.read_at(&mut buffer[n_read..], offset + n_read as u64) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(JournalError::io("read", &self.path)(error)),
            }
        }
        Ok(n_read)
    }

    /// Writes bytes, which are on the disk when the system likes.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), JournalError> {
        #[cfg(test)]
        trace::note(&self.path, || trace::Op::Write(offset, bytes.to_vec()));
        self.file.write_all_at(bytes, offset).map_err(self.error("write"))
    }

    /// Makes it longer, by zeros, or shorter.
    pub fn set_length(&self, length: u64) -> Result<(), JournalError> {
        #[cfg(test)]
        trace::note(&self.path, || trace::Op::SetLength(length));
        self.file.set_len(length).map_err(self.error("set the length of"))
    }

    /// Returns when all that was written is on the disk.
    pub fn sync(&self) -> Result<(), JournalError> {
        #[cfg(test)]
        trace::note(&self.path, || trace::Op::Sync);
        self.file.sync_data().map_err(self.error("sync"))
    }

    fn error(&self, action: &'static str) -> impl FnOnce(io::Error) -> JournalError {
        JournalError::io(action, &self.path)
    }
}

/// What is done to files, in order, for tests that lose power.
#[cfg(test)]
pub(super) mod trace {
    use std::cell::RefCell;
    use std::path::{Path, PathBuf};

    /// What was done to a file.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Op {
        Write(u64, Vec<u8>),
        SetLength(u64),
        Sync,
    }

    thread_local! {
        static OPS: RefCell<Option<Vec<(PathBuf, Op)>>> = const { RefCell::new(None) };
    }

    /// From now on, what this thread does is taken down.
    pub fn begin() {
        OPS.set(Some(Vec::new()));
    }

    /// How much was done so far.
    pub fn length() -> usize {
        OPS.with_borrow(|ops| ops.as_ref().map_or(0, Vec::len))
    }

    /// What was done.
    pub fn end() -> Vec<(PathBuf, Op)> {
        OPS.take().unwrap_or_default()
    }

    pub fn note(path: &Path, op: impl FnOnce() -> Op) {
        OPS.with_borrow_mut(|ops| {
            if let Some(ops) = ops {
                ops.push((path.to_path_buf(), op()));
            }
        });
    }
}
