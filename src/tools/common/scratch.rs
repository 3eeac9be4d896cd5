//! The folder in which blocks leave what others read: made by the first task of a run, removed at its end by rank 0.

use crate::tools::error::{Result, ScratchError, ToolError};
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::geometry::Roi;
use crate::observe::Report;
use crate::plan::{Fit, Task};
use crate::storage::Format;

use super::exchange::Exchange;

/// Lies in every scratch folder: one without it is nobody's to remove.
const MARK: &str = "a-scratch-folder-of-bellis";

/// The task that makes the folder.
const PREPARE: &str = "prepare";

/// A folder for the time of a run. Its name follows from what the tool works on alone, as all ranks have to know it: the
/// process that makes it holds a lock on it as long as it lives, so that another run of the same is told.
#[derive(Debug, Clone)]
pub struct Scratch {
    folder: PathBuf,
    /// Whether it lies in a run directory: then it stays, for the run that goes on and for its result.
    is_kept: bool,
    lock: Arc<Mutex<Option<File>>>,
}

impl Scratch {
    /// A folder for `tool`, which works on `path`: in `asked`, or else beside the file or directory that `path` is in.
    pub fn beside(path: &Path, tool: &str, asked: Option<&Path>) -> Self {
        Self::inside(asked.unwrap_or(Format::container(path).parent().unwrap_or(Path::new(""))), path, tool)
    }

    /// A folder for `tool`, which works on `path`, in the folder `parent`.
    pub fn inside(parent: &Path, path: &Path, tool: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        std::path::absolute(path).unwrap_or(path.to_path_buf()).hash(&mut hasher);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let folder = parent.join(format!("bellis-{tool}-{name}-{:016x}", hasher.finish()));
        Self { folder, is_kept: false, lock: Arc::default() }
    }

    /// This folder, or one for `tool` in the run directory, if the run has one: what is done there lies beside what it left.
    #[must_use]
    pub fn or_in_run_dir(self, run_dir: Option<&Path>, tool: &str) -> Self {
        let Some(run_dir) = run_dir else { return self };
        let folder = run_dir.join("scratch").join(format!("bellis-{tool}"));
        Self { folder, is_kept: true, lock: Arc::default() }
    }

    /// What blocks leave under one name.
    pub fn exchange(&self, name: &str) -> Exchange {
        Exchange::new(self.folder.join(name))
    }

    /// The task that makes the folder, before all blocks of the next task. What an earlier run left there goes.
    pub fn prepare(&self, total: &Roi) -> Result<Task> {
        let task = Task::builder(PREPARE).total_roi(*total).block_shape(*total.shape()).fit(Fit::Shrink);
        let scratch = self.clone();
        Ok(task.process(move |_| Ok(scratch.make()?)).build()?)
    }

    fn make(&self) -> Result<(), ScratchError> {
        if self.is_kept {
            // The run directory is this run's alone.
            return fs::create_dir_all(&self.folder).map_err(|source| self.cannot_make(source));
        }
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // This process may have made it before.
        *lock = None;
        let made = make(&self.folder);
        *lock = Some(made.map_err(|source| self.cannot_make(source))?);
        Ok(())
    }

    fn cannot_make(&self, source: io::Error) -> ScratchError {
        ScratchError::Folder { folder: self.folder.clone(), source }
    }

    /// What `conclude` makes of the folder on rank 0, which then removes it; `None` on all other ranks. An error if the
    /// run did not complete every block.
    pub fn conclude<R>(&self, report: Report, conclude: impl FnOnce() -> Result<R>) -> Result<Option<R>> {
        // Unless it was made, it may be another run's.
        let is_made = report.tasks.iter().any(|task| task.name == PREPARE && task.counts.completed > 0);
        let completed = report.into_result();
        if !crate::run::is_coordinator() {
            completed?;
            return Ok(None);
        }
        let outcome = completed.map_err(ToolError::Run).and_then(|()| conclude());
        if is_made
            && !self.is_kept
            && let Err(error) = remove(&self.folder)
        {
            // What was asked for is there.
            log::warn!("cannot remove the scratch folder {}: {error}", self.folder.display());
        }
        outcome.map(Some)
    }
}

/// Makes the folder, or clears the one that an earlier run left; and locks it.
fn make(folder: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let lock = File::open(folder)?;
    // Not all file systems know locks: there nobody is told.
    if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err(io::Error::other(
            "another run is at work in it: wait until it ends, or choose another folder with --scratch",
        ));
    }
    clear(folder)?;
    fs::write(folder.join(MARK), "")?;
    Ok(lock)
}

/// Removes the folder if it is there and is a scratch folder.
fn remove(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    clear(folder)?;
    fs::remove_dir(folder)
}

/// Removes what is in a scratch folder. The mark goes last: whoever is killed on the way leaves a scratch folder.
fn clear(folder: &Path) -> io::Result<()> {
    let mark = folder.join(MARK);
    let is_marked = mark.exists();
    for entry in folder.read_dir()? {
        let entry = entry?;
        if !is_marked {
            return Err(io::Error::other("it is there and was not made as one"));
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(path)?;
        } else if path != mark {
            fs::remove_file(path)?;
        }
    }
    match fs::remove_file(mark) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
