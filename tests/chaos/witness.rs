//! Watches from outside what blocks leave on the disk, and what the run directory says of them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::subject::TaskFiles;

/// Watches the tasks of one output.
pub struct Witness {
    tasks: Vec<Watched>,
    /// Blocks that were written when the record had them as done before.
    n_after_done: u64,
    /// Blocks that were written again.
    n_again: u64,
}

struct Watched {
    files: TaskFiles,
    /// What each file was when it was looked at last: its inode and time.
    stamps: Vec<Option<(u64, i64, i64)>>,
    /// Whether each block was done when the files were looked at last.
    was_done: Vec<bool>,
}

impl Witness {
    /// A witness of what is not there yet.
    pub fn new(tasks: Vec<TaskFiles>) -> Self {
        let watched = |files: TaskFiles| Watched {
            stamps: vec![None; files.files.len()],
            was_done: vec![false; files.files.len()],
            files,
        };
        Self { tasks: tasks.into_iter().map(watched).collect(), n_after_done: 0, n_again: 0 }
    }

    /// Looks at everything once. What was done stays done.
    pub fn look(&mut self) {
        for task in &mut self.tasks {
            let is_done = done(&task.files.map, task.was_done.len());
            for (block, path) in task.files.files.iter().enumerate() {
                let stamp = fs::metadata(path).ok().map(|of| (of.ino(), of.mtime(), of.mtime_nsec()));
                if stamp.is_some() && stamp != task.stamps[block] {
                    self.n_again += u64::from(task.stamps[block].is_some());
                    self.n_after_done += u64::from(task.was_done[block]);
                    task.stamps[block] = stamp;
                }
                let is_lost = task.was_done[block] && !is_done[block];
                assert!(!is_lost, "block {block} of {} was done and is not", task.files.map.display());
            }
            task.was_done = is_done;
        }
    }

    /// Whether the run directory has all blocks as done.
    pub fn has_all(&self) -> bool {
        self.tasks.iter().all(|task| task.was_done.iter().all(|is_done| *is_done))
    }

    /// Blocks that are written and that the run directory does not have as done.
    pub fn n_unrecorded(&self) -> u64 {
        let unrecorded = |task: &Watched| {
            task.stamps.iter().zip(&task.was_done).filter(|(s, d)| s.is_some() && !**d).count()
        };
        self.tasks.iter().map(|task| unrecorded(task) as u64).sum()
    }

    /// Blocks of all tasks.
    pub fn n_blocks(&self) -> u64 {
        self.tasks.iter().map(|task| task.was_done.len() as u64).sum()
    }

    /// How often a block was written that had been before.
    pub fn n_again(&self) -> u64 {
        self.n_again
    }

    /// How often a block was written that the record had as done.
    pub fn n_after_done(&self) -> u64 {
        self.n_after_done
    }
}

/// Which blocks a done map has as done.
fn done(map: &Path, n_blocks: usize) -> Vec<bool> {
    let states = fs::read(map).unwrap_or_default();
    (0..n_blocks).map(|block| states.get(block) == Some(&1)).collect()
}
