//! A run that has a run directory: opened before the first worker joins, and the blocks that are done are not run again.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::error::RunError;
use super::topology::Peer;
use crate::journal::{BlockState, Journal, JournalError, Layout, RunInfo};
use crate::plan::{Plan, TaskId};
use crate::scheduler::{Actions, Event, Scheduler};
use crate::storage::usage;

/// Opens the run directory, and tells the scheduler what is done.
///
/// # Errors
/// The directory is in use, is of another layout, or cannot be read or written.
pub(super) fn resume(
    dir: &Path,
    plan: &Plan,
    peers: &[Peer],
    scheduler: &mut Scheduler,
) -> Result<Journal, RunError> {
    let mut journal = open(dir, plan, peers)?;
    forget_what_is_gone(&mut journal, plan)?;
    journal.repairs().iter().for_each(|repair| log::warn!("{repair}"));
    let mut actions = Actions::default();
    let mut n_done = 0;
    // What waits for others comes before them: it is not told of them then.
    for &task in plan.by_priority() {
        for range in journal.ranges(task)? {
            let (state, blocks) = range?;
            if state == BlockState::Done {
                n_done += blocks.end - blocks.start;
                scheduler.handle(0, Event::Restored { task, blocks }, &mut actions);
            }
        }
    }
    if n_done > 0 {
        log::info!("{n_done} blocks were done before and are skipped: see {}", dir.display());
    }
    Ok(journal)
}

/// Begins tasks anew whose blocks are done while their output is empty: somebody removed it, and the program made it again.
fn forget_what_is_gone(journal: &mut Journal, plan: &Plan) -> Result<(), JournalError> {
    for (id, planned) in (0..).map(TaskId).zip(plan.tasks()) {
        if journal.counts(id).done == 0 {
            continue;
        }
        let is_empty = |output: &&str| usage(output).is_ok_and(|usage| usage.n_present == 0);
        if let Some(output) = planned.spec.output_identities().find(is_empty) {
            let name = planned.spec.name();
            log::warn!(
                "{output} is empty, though blocks of task {name:?} are done: they are processed again"
            );
            journal.reset(&[id])?;
        }
    }
    Ok(())
}

/// Opens the run directory. One that a run on another machine left behind is waited for.
fn open(dir: &Path, plan: &Plan, peers: &[Peer]) -> Result<Journal, JournalError> {
    let layout = Layout::of(plan);
    let opened = Journal::open(dir, &layout, run_info(peers));
    let Err(JournalError::Locked { stale_in: Some(rest), .. }) = &opened else { return opened };
    let rest = *rest + Duration::from_secs(1);
    log::warn!(
        "{} is locked by a run that may be gone: waiting {} s for a sign of life of it",
        dir.display(),
        rest.as_secs()
    );
    thread::sleep(rest);
    Journal::open(dir, &layout, run_info(peers))
}

fn run_info(peers: &[Peer]) -> RunInfo {
    let variable = |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok());
    let mut hosts: Vec<String> = peers.iter().map(|peer| peer.host.clone()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    RunInfo {
        command_line: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
        versions: BTreeMap::from([("bellis".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
        hosts,
        mpi: None,
        job_id: variable(&["SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID"]),
        restart_count: variable(&["SLURM_RESTART_COUNT"]).and_then(|count| count.parse().ok()),
    }
}
