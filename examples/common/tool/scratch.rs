//! The folder in which blocks leave what others read: made by the first task of a run, removed at its end by rank 0.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use bellis::{Fit, Report, Roi, RunError, Task};

use super::exchange::Exchange;
use super::place::container;

/// Lies in every scratch folder: one without it is nobody's to remove.
const MARK: &str = "a-scratch-folder-of-bellis";

/// A folder for the time of a run. Its name follows from what the tool works on alone, as all ranks have to know it.
#[derive(Debug, Clone)]
pub struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    /// A folder for `tool`, which works on `path`: in `asked`, or else beside the file or directory that `path` is in.
    pub fn beside(path: &Path, tool: &str, asked: Option<&Path>) -> Self {
        Self::inside(asked.unwrap_or(container(path).parent().unwrap_or(Path::new(""))), path, tool)
    }

    /// A folder for `tool`, which works on `path`, in the folder `parent`.
    pub fn inside(parent: &Path, path: &Path, tool: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        std::path::absolute(path).unwrap_or(path.to_path_buf()).hash(&mut hasher);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self { folder: parent.join(format!("bellis-{tool}-{name}-{:016x}", hasher.finish())) }
    }

    /// What blocks leave under one name.
    pub fn exchange(&self, name: &str) -> Exchange {
        Exchange::new(self.folder.join(name))
    }

    /// The task that makes the folder, before all blocks of the next task. What an earlier run left there goes.
    pub fn prepare(&self, total: &Roi) -> bellis::Result<Task> {
        let folder = self.folder.clone();
        let task = Task::builder("prepare").total_roi(*total).block_shape(*total.shape()).fit(Fit::Shrink);
        let make = move || -> std::io::Result<()> {
            remove(&folder)?;
            fs::create_dir_all(&folder)?;
            fs::write(folder.join(MARK), "")
        };
        let folder = self.folder.clone();
        let make = move || {
            make().map_err(|error| format!("cannot make the scratch folder {}: {error}", folder.display()))
        };
        Ok(task.process(move |_| Ok(make()?)).build()?)
    }

    /// What `conclude` makes of the folder on rank 0, which then removes it; `None` on all other ranks. An error if the
    /// run did not complete every block.
    pub fn conclude<R>(
        &self,
        report: Report,
        conclude: impl FnOnce() -> bellis::Result<R>,
    ) -> bellis::Result<Option<R>> {
        let completed = report.into_result();
        if !bellis::is_coordinator() {
            completed?;
            return Ok(None);
        }
        let outcome = completed.map_err(RunError::into).and_then(|()| conclude());
        if let Err(error) = remove(&self.folder) {
            // What was asked for is there.
            log::warn!("cannot remove the scratch folder {}: {error}", self.folder.display());
        }
        outcome.map(Some)
    }
}

/// Removes the folder if it is there and is a scratch folder.
fn remove(folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if !folder.join(MARK).exists() && folder.read_dir()?.next().is_some() {
        return Err(std::io::Error::other("it is there and was not made as one"));
    }
    fs::remove_dir_all(folder)
}
