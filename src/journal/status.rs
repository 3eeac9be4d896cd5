//! Where a run stands, read without its lock, while it goes on or after it: what `bellis status DIR` shows.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::durable;
use super::error::JournalError;
use super::event_log;
use super::layout::{Layout, TaskLayout};
use super::lock;
use super::owner::Owner;
use super::paths::MapPaths;
use super::run_file::{RunFile, RunRecord};
use super::run_info::RunInfo;
use super::scan;
use super::state::StateCounts;

/// How many of the last events are told.
const N_EVENTS: usize = 20;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The run directory.
    pub dir: PathBuf,
    /// What it is about.
    pub layout: Layout,
    /// How far each task is, in the order of the layout.
    pub tasks: Vec<TaskStatus>,
    /// The runs that worked on it, first to last.
    pub runs: Vec<RunRecord>,
    /// Who has its lock, if anybody.
    pub holder: Option<Holder>,
    /// The last events, as they are in `events.jsonl`.
    pub last_events: Vec<Value>,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskStatus {
    /// Its name.
    pub name: String,
    /// How many of its blocks are in which state, as the done map says at this moment. It is not compared with its
    /// checksums: the next run does that.
    pub counts: StateCounts,
    /// What is wrong with the done map, if that can be seen.
    pub problem: Option<String>,
}

/// Who has a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Who; `None` when the lock cannot be read.
    pub owner: Option<Owner>,
    /// How long ago the last sign of life was.
    pub silent: Duration,
    /// Whether the lock is left behind, and the next run takes it over.
    pub is_left_behind: bool,
}

/// Reads where a run stands.
///
/// # Errors
/// A directory that is none of a run; a `run.json` that cannot be used.
pub fn status(dir: &Path) -> Result<Status, JournalError> {
    let file = RunFile::read(dir)?.ok_or(JournalError::NotARunDirectory { dir: dir.into() })?;
    let now = SystemTime::now();
    let here = Owner::current(&RunInfo::default(), String::new());
    let holder = lock::find(dir)?.map(|found| Holder {
        is_left_behind: found.stale_in(&here, now) == Some(Duration::ZERO),
        silent: now.duration_since(found.beat).unwrap_or_default(),
        owner: found.owner,
    });
    let tasks = file.layout.tasks.iter().map(|task| task_status(dir, task)).collect::<Result<_, _>>()?;
    let last_events = event_log::last_lines(dir, N_EVENTS)?;
    Ok(Status { dir: dir.into(), layout: file.layout, tasks, runs: file.runs, holder, last_events })
}

fn task_status(dir: &Path, task: &TaskLayout) -> Result<TaskStatus, JournalError> {
    let path = MapPaths::of(dir, &task.name, task.grid.len()).chunk;
    let n_blocks: u64 = task.grid.iter().product();
    let mut counts = StateCounts::default();
    let mut n_unknown = 0;
    let opened = durable::none_if_missing(File::open(&path)).map_err(JournalError::io("open", &path))?;
    let is_missing = opened.is_none();
    let mut piece = vec![0; 1 << 20];
    if let Some(mut file) = opened {
        loop {
            let n_read = file.read(&mut piece).map_err(JournalError::io("read", &path))?;
            if n_read == 0 {
                break;
            }
            let mut rest = &piece[..n_read];
            while let Some(at) = scan::tally(rest, &mut counts) {
                n_unknown += 1;
                rest = &rest[at + 1..];
            }
        }
    }
    let n_read = counts.total() + n_unknown;
    let problem = if is_missing {
        Some(format!("{} is missing", path.display()))
    } else if n_read != n_blocks {
        Some(format!("{} has {n_read} bytes and should have {n_blocks}", path.display()))
    } else if n_unknown > 0 {
        Some(format!("{} has {n_unknown} bytes that are no state", path.display()))
    } else {
        None
    };
    counts.not_done += n_blocks.saturating_sub(n_read);
    Ok(TaskStatus { name: task.name.clone(), counts, problem })
}
