//! A run directory that this process has to itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::done_map;
use super::durable;
use super::error::JournalError;
use super::event_log::{Event, EventLog};
use super::layout::Layout;
use super::ledger::{Change, Ledger};
use super::lock::Lock;
use super::paths;
use super::repair::Repair;
use super::run_file::{RunFile, RunRecord};
use super::run_info::RunInfo;
use super::scan::Ranges;
use super::state::StateCounts;
use crate::plan::TaskId;

/// A run directory, open for one run, which alone has it until this is dropped.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    ledger: Ledger,
    events: EventLog,
    run_file: RunFile,
    repairs: Vec<Repair>,
    /// Dropped last.
    lock: Lock,
}

impl Journal {
    /// Opens the run directory `dir`: makes it where there is none, and goes on with what is there if that is of the
    /// same layout. Damage is mended and told by [`repairs`](Self::repairs).
    ///
    /// Costs one reading of the done maps: a byte for each block, in pieces of a megabyte.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while another run has the directory, [`JournalError::LayoutDiffers`] when it is about
    /// other blocks; files that cannot be read or written, or are damaged so that nothing can be saved.
    pub fn open(dir: &Path, layout: &Layout, info: RunInfo) -> Result<Self, JournalError> {
        durable::make_directory(dir)?;
        let lock = Lock::acquire(dir, &info)?;
        let mut repairs = Vec::new();
        let former = RunFile::read(dir)?;
        if let Some(difference) = former.as_ref().and_then(|file| file.layout.difference(layout)) {
            return Err(JournalError::LayoutDiffers { dir: dir.into(), difference });
        }
        let (mut run_file, ledger) = match former {
            Some(file) => (file, Ledger::open(dir, layout, &[], &mut repairs)?),
            None => {
                require_unused(dir)?;
                durable::remove(&paths::tasks(dir))?;
                (RunFile::new(layout.clone()), Ledger::create(dir, layout)?)
            }
        };
        let mut events = EventLog::open(dir, &mut repairs)?;
        run_file.layout = layout.clone();
        let (command_line, job_id) = (info.command_line.clone(), info.job_id.clone());
        run_file.runs.push(RunRecord::start(info, by_task(layout, ledger.counts())));
        // Last, and whole: without it the directory is one that nobody has used yet.
        run_file.write(dir)?;
        events.append(&[Event::Started { command_line, job_id }])?;
        events.append(&of_repairs(&repairs))?;
        Ok(Self { dir: dir.into(), ledger, events, run_file, repairs, lock })
    }

    /// Sets whether a commit returns only once it is on the disk: so unless set. Without that, a node that goes down may
    /// take what was committed, a page of a done map at a time.
    pub fn sync_commits(&mut self, is_synced: bool) {
        self.ledger.sync_commits(is_synced);
    }

    /// The run directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The names of the tasks, in the order of the layout.
    pub fn task_names(&self) -> impl Iterator<Item = String> + '_ {
        self.run_file.layout.tasks.iter().map(|task| task.name.clone())
    }

    /// What was found damaged, and mended, at the opening.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// How many blocks of a task are in which state.
    ///
    /// # Panics
    /// When `task` is not of the layout.
    pub fn counts(&self, task: TaskId) -> StateCounts {
        self.ledger.counts()[task.as_usize()]
    }

    /// The blocks of a task as runs of one state each, from the first to the last, read from the disk in pieces of a
    /// megabyte.
    ///
    /// # Errors
    /// A task that is not of the layout; while iterating, a file that cannot be read.
    pub fn ranges(&self, task: TaskId) -> Result<Ranges<'_>, JournalError> {
        self.ledger.map(task).map(Ranges::new)
    }

    /// Records how blocks ended, and returns when that is on the disk. Later changes of a block win over earlier
    /// ones, in one call as well; what is recorded already costs nothing.
    ///
    /// Whoever calls this for blocks that are done has seen to it that their data is on the disk.
    ///
    /// # Errors
    /// [`JournalError::is_place`]: no room, no rights; some of the changes may be recorded, and all can be given again.
    /// [`JournalError::LockLost`] and [`JournalError::ChangedOutside`]: somebody else writes here; the run must end.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        self.lock.require()?;
        self.ledger.commit(changes)
    }

    /// Appends lines to the events. They are on the disk at the end of the run, or when the system writes them out.
    ///
    /// # Errors
    /// A file that cannot be written: none of the lines is in it then.
    pub fn record(&mut self, events: &[Event]) -> Result<(), JournalError> {
        self.events.append(events)
    }

    /// Begins tasks anew, and with them all that depend on them. Returns these, dependents first.
    ///
    /// # Errors
    /// A file that cannot be written. The tasks that were not begun anew are as they were.
    pub fn reset(&mut self, tasks: &[TaskId]) -> Result<Vec<TaskId>, JournalError> {
        self.lock.require()?;
        let layout = &self.run_file.layout;
        let order = layout.with_dependents(tasks);
        self.ledger.reset(&self.dir, layout, &order)?;
        let names: Vec<String> = order.iter().map(|id| layout.tasks[id.as_usize()].name.clone()).collect();
        names.iter().try_for_each(|name| durable::remove(&paths::scratch_of(&self.dir, name)))?;
        self.events.append(&[Event::Reset { tasks: names }])?;
        Ok(order)
    }

    /// Puts a value in a file of the directory, whatever was there: also after a crash, the file is the former or this.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn keep(&self, name: &str, value: &impl Serialize) -> Result<(), JournalError> {
        let path = self.dir.join(name);
        let text =
            serde_json::to_vec(value).map_err(|error| JournalError::io("write", &path)(error.into()))?;
        durable::replace(&path, &text)
    }

    /// The value that was [kept](Self::keep) in a file, if there is one that can be read.
    pub(crate) fn kept<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = durable::read(&self.dir.join(name)).ok().flatten()?;
        serde_json::from_slice(&text).ok()
    }

    /// Where a task may keep what it needs to go on with: a path in the run directory, which goes when the task is
    /// begun anew. The task makes it.
    ///
    /// # Panics
    /// When `task` is not of the layout.
    pub fn scratch(&self, task: TaskId) -> PathBuf {
        paths::scratch_of(&self.dir, &self.run_file.layout.tasks[task.as_usize()].name)
    }

    /// Ends the run: all is on the disk, `run.json` says how it ended, and the directory is free.
    ///
    /// Without it, as after a crash, all that was committed is there as well.
    ///
    /// # Errors
    /// A file that cannot be written. The directory is free all the same.
    pub fn close(mut self, outcome: &str) -> Result<(), JournalError> {
        self.lock.require()?;
        self.ledger.checkpoint()?;
        self.events.append(&[Event::Ended { outcome: outcome.into() }])?;
        self.events.sync()?;
        let left = by_task(&self.run_file.layout, self.ledger.counts());
        if let Some(record) = self.run_file.runs.last_mut() {
            record.end(outcome, left);
        }
        self.run_file.write(&self.dir)
    }
}

/// The repairs as events: the first of them, and how many more there were.
fn of_repairs(repairs: &[Repair]) -> Vec<Event> {
    const MAX_LINES: usize = 100;
    let told = repairs.iter().take(MAX_LINES).map(ToString::to_string);
    let n_more = repairs.len().saturating_sub(MAX_LINES);
    let more = (n_more > 0).then(|| format!("and {n_more} more of the kind"));
    told.chain(more).map(|message| Event::Repaired { message }).collect()
}

fn by_task(layout: &Layout, counts: &[StateCounts]) -> BTreeMap<String, StateCounts> {
    layout.tasks.iter().map(|task| task.name.clone()).zip(counts.iter().copied()).collect()
}

/// Checks that a directory without `run.json` holds nothing that was done.
fn require_unused(dir: &Path) -> Result<(), JournalError> {
    let log = paths::commit_log(dir);
    let logged = durable::none_if_missing(log.metadata()).map_err(JournalError::io("read", &log))?;
    let tasks = paths::tasks(dir);
    let entries = durable::none_if_missing(tasks.read_dir()).map_err(JournalError::io("read", &tasks))?;
    let mut is_used = logged.is_some_and(|log| log.len() > 0);
    for entry in entries.into_iter().flatten() {
        let sums = entry.map_err(JournalError::io("read", &tasks))?.path();
        if sums.extension().is_some_and(|extension| extension == "sums") {
            is_used |= !done_map::is_untouched(&sums, &chunk_beside(&sums)?)?;
        }
    }
    if !is_used {
        return Ok(());
    }
    Err(JournalError::Damaged {
        path: paths::run_file(dir),
        reason: "it is missing, and blocks that are done lie beside it".into(),
        remedy: format!("restore it, or forget what is done with `bellis reset {}`", dir.display()),
    })
}

/// The chunk of the done map with these checksums, whatever its number of axes.
fn chunk_beside(sums: &Path) -> Result<PathBuf, JournalError> {
    let array = sums.with_extension("zarr");
    let entries = durable::none_if_missing(array.read_dir()).map_err(JournalError::io("read", &array))?;
    let mut names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
    let chunk = names.find(|name| name.to_string_lossy().starts_with("c."));
    Ok(array.join(chunk.unwrap_or_else(|| "c".into())))
}
