//! Forgets what is done in a run directory that no run has open: what `bellis reset DIR [TASK]` does.

use std::path::Path;

use super::durable;
use super::error::JournalError;
use super::event_log::{Event, EventLog};
use super::layout::Layout;
use super::ledger::Ledger;
use super::lock::Lock;
use super::paths;
use super::run_file::RunFile;
use super::run_info::RunInfo;

/// Forgets what is done: of a task and all that depend on it, or, where none is named, everything but the events, so
/// that the directory takes another layout. Returns the names of the tasks that were forgotten.
///
/// # Errors
/// A directory that is none of a run, or that a run has; a task that it does not have; files that cannot be written.
pub fn reset(dir: &Path, task: Option<&str>, info: &RunInfo) -> Result<Vec<String>, JournalError> {
    let parts = [paths::run_file(dir), paths::commit_log(dir), paths::tasks(dir)];
    if !parts.iter().any(|part| part.exists()) {
        return Err(JournalError::NotARunDirectory { dir: dir.into() });
    }
    let lock = Lock::acquire(dir, info)?;
    let names = match task {
        Some(task) => reset_task(dir, task)?,
        None => {
            // It may be the file itself that is damaged.
            let layout = RunFile::read(dir).ok().flatten().map(|file| file.layout);
            let [run_file, commit_log, tasks] = &parts;
            // The log first: its commits must not meet other maps. The file that says what the rest is about goes last.
            for part in [commit_log, tasks, &paths::scratch(dir), run_file] {
                durable::remove(part)?;
            }
            durable::sync_directory(dir)?;
            let tasks = layout.map(|layout| layout.tasks).unwrap_or_default();
            tasks.into_iter().map(|task| task.name).collect()
        }
    };
    let mut events = EventLog::open(dir, &mut Vec::new())?;
    events.append(&[Event::Reset { tasks: names.clone() }])?;
    events.sync()?;
    drop(lock);
    Ok(names)
}

fn reset_task(dir: &Path, task: &str) -> Result<Vec<String>, JournalError> {
    let file = RunFile::read(dir)?.ok_or(JournalError::NotARunDirectory { dir: dir.into() })?;
    let layout: Layout = file.layout;
    let known = || layout.tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ");
    let id = layout.task(task).ok_or_else(|| JournalError::NoSuchTask {
        dir: dir.into(),
        task: task.into(),
        known: known(),
    })?;
    let order = layout.with_dependents(&[id]);
    let mut repairs = Vec::new();
    Ledger::open(dir, &layout, &order, &mut repairs)?;
    let names: Vec<String> = order.iter().map(|id| layout.tasks[id.as_usize()].name.clone()).collect();
    names.iter().try_for_each(|name| durable::remove(&paths::scratch_of(dir, name)))?;
    let mended: Vec<Event> =
        repairs.iter().map(|repair| Event::Repaired { message: repair.to_string() }).collect();
    EventLog::open(dir, &mut Vec::new())?.append(&mended)?;
    Ok(names)
}
