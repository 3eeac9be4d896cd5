//! One handle for each file in a process, however many arrays lie in it, opened when needed.
//!
//! The library refuses to open a file for writing that the process has open for reading. So all arrays of a file share
//! a handle that is closed and opened again when one of them wants to write. It also is closed after an array was
//! opened: a file that is open for reading is locked against whoever wants to create a dataset in it.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use hdf5::{Dataset, File, FileBuilder, OpenMode};
use hdf5_sys::h5f::H5Fget_vfd_handle;
use hdf5_sys::h5p::H5P_DEFAULT;

use super::failure::{failed, is_lock};
use super::location::{self, Location};
use super::metadata::missing;
use crate::storage::context::Context;
use crate::storage::disk::files;
use crate::storage::error::{Result, StorageError};

/// Maximum time that is waited for another process, such as one that creates a dataset, to let go of a file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// A file of this process.
pub(super) struct Handle {
    path: PathBuf,
    state: Mutex<State>,
    n_writes: AtomicU64,
}

#[derive(Default)]
struct State {
    // Dropped in this order: a file stays open as long as something in it is.
    datasets: HashMap<String, Dataset>,
    file: Option<File>,
    is_writable: bool,
}

impl Handle {
    /// The handle that all of this process use for a file.
    pub(super) fn of(path: &Path) -> Arc<Self> {
        static HANDLES: LazyLock<Mutex<HashMap<PathBuf, Weak<Handle>>>> = LazyLock::new(Mutex::default);
        // What does not exist yet has only its name.
        let key = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let mut handles = HANDLES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.get(&key).and_then(Weak::upgrade) {
            return handle;
        }
        handles.retain(|_, handle| handle.strong_count() > 0);
        let handle =
            Arc::new(Self { path: key.clone(), state: Mutex::default(), n_writes: AtomicU64::new(0) });
        handles.insert(key, Arc::downgrade(&handle));
        handle
    }

    /// Calls `f` with a dataset that may be read.
    pub(super) fn with<R>(&self, at: &Location, f: impl FnOnce(&Dataset) -> Result<R>) -> Result<R> {
        let mut state = self.state();
        state.require(&self.path, false)?;
        f(state.dataset(at)?)
    }

    /// Calls `f` with a dataset that may be written, and sees to it that what was written is in the file and, where
    /// the context has it so, on the disk.
    pub(super) fn with_writable<R>(
        &self,
        at: &Location,
        context: &Context,
        f: impl FnOnce(&Dataset) -> Result<R>,
    ) -> Result<R> {
        let mut state = self.state();
        state.require(&self.path, true)?;
        self.n_writes.fetch_add(1, Ordering::Relaxed);
        let dataset = state.dataset(at)?;
        let result = f(dataset)?;
        // The library never closes files by itself, and a process may be killed. An external link leads to another file.
        dataset.file().and_then(|file| file.flush()).map_err(failed("write", &at.path))?;
        context.note_written(Path::new(&dataset.filename()));
        if context.is_synced() {
            files::sync(Path::new(&dataset.filename())).map_err(StorageError::io("write", &at.path))?;
        }
        Ok(result)
    }

    /// How often this process has written to the file.
    pub(super) fn n_writes(&self) -> u64 {
        self.n_writes.load(Ordering::Relaxed)
    }

    /// Calls `f` with the file, for reading.
    pub(super) fn with_file<R>(&self, f: impl FnOnce(&File) -> Result<R>) -> Result<R> {
        let mut state = self.state();
        f(state.require(&self.path, false)?)
    }

    /// Calls `f` while this process does not have the file open.
    pub(super) fn while_closed<R>(&self, f: impl FnOnce() -> R) -> R {
        let mut state = self.state();
        state.close();
        f()
    }

    /// Closes the file until it is needed again.
    pub(super) fn close(&self) {
        self.state().close();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left handles that work, or that the next call finds unusable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self) {
        self.datasets.clear();
        self.file = None;
        self.is_writable = false;
    }

    /// The file, opened as it is needed.
    fn require(&mut self, path: &Path, writable: bool) -> Result<&File> {
        if writable && !self.is_writable {
            self.close();
        }
        let mode = if writable { OpenMode::ReadWrite } else { OpenMode::Read };
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                self.is_writable = writable;
                open(path, mode, &builder())?
            }
        };
        Ok(self.file.insert(file))
    }

    fn dataset(&mut self, at: &Location) -> Result<&Dataset> {
        if !self.datasets.contains_key(&at.dataset) {
            let Some(file) = &self.file else { return Err(missing(at, None)) };
            let found = if at.dataset.is_empty() { None } else { Some(file.dataset(&at.dataset)) };
            let dataset = match found {
                Some(Ok(dataset)) => dataset,
                Some(Err(error))
                    if error.to_string().contains("not a dataset") && is_unreadable(file, &at.dataset) =>
                {
                    let (path, found) = (at.path.clone(), "a named type of elements".to_owned());
                    return Err(StorageError::NotAnArray { path, found, arrays: Vec::new() });
                }
                Some(Err(error)) if is_unreadable(file, &at.dataset) => {
                    return Err(match location::dangling(file, &at.dataset) {
                        Some(target) => {
                            let reason = format!(
                                "it is a link to {target}, where nothing is: mend the link, or give another path"
                            );
                            StorageError::Hdf5 { action: "open", path: at.path.clone(), reason }
                        }
                        None => failed("open", &at.path)(error),
                    });
                }
                _ => return Err(missing(at, Some(file))),
            };
            self.datasets.insert(at.dataset.clone(), dataset);
        }
        Ok(&self.datasets[&at.dataset])
    }
}

/// Returns whether there is something that the library cannot open: a dataset that a newer library wrote, say.
fn is_unreadable(file: &File, name: &str) -> bool {
    // Asked of a path, the library fails where an earlier part is missing: then it is not there.
    file.link_exists(name) && file.group(name).is_err()
}

/// How files are opened: with room to keep decoded chunks that neighbouring blocks read again.
fn builder() -> FileBuilder {
    const N_SLOTS: usize = 12_289;
    const BYTES: usize = 64 << 20;
    const PREEMPT_READ_CHUNKS: f64 = 0.75;
    let mut builder = FileBuilder::new();
    builder.with_fapl(|fapl| fapl.chunk_cache(N_SLOTS, BYTES, PREEMPT_READ_CHUNKS));
    builder
}

/// Opens a file; waits for a while if it is locked, as files are while somebody creates a dataset.
pub(super) fn open(path: &Path, mode: OpenMode, builder: &FileBuilder) -> Result<File> {
    const RETRY_INTERVAL: Duration = Duration::from_millis(5);
    let action = if matches!(mode, OpenMode::Read) { "open" } else { "open for writing" };
    let begin = Instant::now();
    loop {
        match builder.open_as(path, mode) {
            Err(error) if is_lock(&error) && begin.elapsed() < LOCK_TIMEOUT => thread::sleep(RETRY_INTERVAL),
            opened => return opened.inspect(close_on_exec).map_err(failed(action, path)),
        }
    }
}

/// Keeps a file, and with it the library's lock on it, from programs that this one starts: they would hold it for as
/// long as they run.
fn close_on_exec(file: &File) {
    let mut descriptor: *mut c_int = std::ptr::null_mut();
    // SAFETY: an open file's id; the driver that all files here are opened with answers with the place of its descriptor,
    // which is valid as long as the file is.
    let code = hdf5::sync::sync(|| unsafe {
        H5Fget_vfd_handle(file.id(), H5P_DEFAULT, (&raw mut descriptor).cast::<*mut c_void>())
    });
    if code >= 0 && !descriptor.is_null() {
        // SAFETY: as above; a descriptor's flags may be set at any time.
        unsafe { libc::fcntl(*descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
