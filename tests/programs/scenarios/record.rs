//! What the workers did, written down in files by all of them, for rank 0 to check after the run.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bellis::{Block, BlockResult, Result, Roi, Task};

/// A directory with one file per process.
#[derive(Debug, Clone)]
pub struct Record {
    directory: PathBuf,
}

/// One processed block; the times are nanoseconds of the machine's clock.
#[derive(Debug)]
pub struct Entry {
    pub task: String,
    pub index: u64,
    pub begin: u128,
    pub end: u128,
}

impl Record {
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned() }
    }

    /// Does the work and writes down when.
    pub fn during(&self, task: &str, block: &Block, work: impl FnOnce() -> BlockResult) -> BlockResult {
        let begin = now()?;
        work()?;
        self.note("blocks", &format!("{task} {} {begin} {}", block.index(), now()?))
    }

    /// Writes down a line of some kind.
    pub fn note(&self, kind: &str, line: &str) -> BlockResult {
        let path = self.directory.join(format!("{kind}-{}", std::process::id()));
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // One call, so that the lines of several threads do not mix.
        Ok(file.write_all(format!("{line}\n").as_bytes())?)
    }

    /// Waits until some process has written down a line of a kind.
    pub fn wait_for(&self, kind: &str) {
        while self.lines(kind).is_ok_and(|lines| lines.is_empty()) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// All lines of a kind, from all processes.
    pub fn lines(&self, kind: &str) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(&format!("{kind}-")) {
                lines.extend(fs::read_to_string(entry.path())?.lines().map(str::to_owned));
            }
        }
        Ok(lines)
    }

    /// All processed blocks of a task.
    pub fn entries(&self, task: &Task) -> Result<Vec<Entry>> {
        let lines = self.lines("blocks")?;
        let entries = lines.iter().map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [task, index, begin, end] = words[..] else {
                return Err(format!("a line of other than 4 words: {line:?}").into());
            };
            Ok(Entry {
                task: task.to_owned(),
                index: index.parse()?,
                begin: begin.parse()?,
                end: end.parse()?,
            })
        });
        let entries = entries.collect::<Result<Vec<_>>>()?;
        Ok(entries.into_iter().filter(|entry| entry.task == task.name()).collect())
    }

    /// Every block of the task was processed exactly once.
    pub fn check_each_once(&self, task: &Task) -> Result {
        let mut indices: Vec<u64> = self.entries(task)?.iter().map(|entry| entry.index).collect();
        indices.sort_unstable();
        if !indices.iter().copied().eq(0..task.grid().n_blocks()) {
            return Err(format!("task {}: blocks {indices:?} were processed", task.name()).into());
        }
        Ok(())
    }

    /// No two blocks of which one reads what the other writes were processed at the same time.
    pub fn check_conflicts(&self, task: &Task) -> Result {
        let entries = self.entries(task)?;
        for (place, a) in entries.iter().enumerate() {
            for b in &entries[..place] {
                let are_together = a.begin < b.end && b.begin < a.end;
                let ((a_read, a_write), (b_read, b_write)) = (rois(task, a.index), rois(task, b.index));
                let conflict = a_read.intersects(&b_write)? || b_read.intersects(&a_write)?;
                if conflict && are_together {
                    return Err(format!("{a:?} and {b:?} conflict and ran at the same time").into());
                }
            }
        }
        Ok(())
    }

    /// Each downstream block began after the upstream blocks whose output it reads had ended.
    pub fn check_chain(&self, upstream: &Task, downstream: &Task) -> Result {
        let earlier = self.entries(upstream)?;
        for later in self.entries(downstream)? {
            let (read, _) = rois(downstream, later.index);
            for entry in &earlier {
                if read.intersects(&rois(upstream, entry.index).1)? && entry.end > later.begin {
                    return Err(format!("{later:?} began before {entry:?} had ended").into());
                }
            }
        }
        Ok(())
    }
}

/// What a block reads and what it writes.
fn rois(task: &Task, index: u64) -> (Roi, Roi) {
    let position = task.grid().position(index);
    (task.grid().read_roi(&position), task.grid().write_roi(&position))
}

/// Nanoseconds of the machine's clock.
pub fn now() -> Result<u128> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}
