//! A run that has a run directory: opened before the first worker joins, and the blocks that are done are not run again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::coordinator::outputs::{KnownOutputs, Outputs};
use super::coordinator::recorder::{OUTPUTS, Recorder, n_blocks, parts};
use super::error::RunError;
use super::options::{Durability, Options};
use super::topology::Peer;
use crate::journal::{BlockState, Change, Journal, JournalError, Layout, OutputLocks, RunInfo, Target};
use crate::mpi::{is_initialized, library_version};
use crate::plan::{Plan, Selection, TaskId};
use crate::scheduler::{Actions, Event, Scheduler};

/// A run that is to go on.
pub(super) struct Resumption<'a> {
    pub plan: &'a Plan,
    pub peers: &'a [Peer],
    pub options: &'a Options,
    /// What it leaves out.
    pub selection: Option<&'a Selection>,
}

impl Resumption<'_> {
    /// Opens the run directory, and tells the scheduler what is done.
    ///
    /// # Errors
    /// The directory is in use, is of another layout, or cannot be read or written.
    pub fn resume(
        self,
        dir: &Path,
        outputs: &mut Outputs,
        scheduler: &mut Scheduler,
    ) -> Result<Recorder, RunError> {
        let Self { plan, peers, options, selection } = self;
        let mut journal = open(dir, plan, peers)?;
        journal.sync_commits(options.durability != Durability::None);
        forget_what_is_gone(&mut journal, plan, outputs)?;
        follow_masks(&mut journal, plan, selection)?;
        let premature = selection.map_or(Ok(Vec::new()), |selection| premature(&journal, plan, selection))?;
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
        let mut recorder = Recorder::new(journal, premature);
        outputs.news().iter().for_each(|known| recorder.keep_outputs(known));
        Ok(recorder)
    }
}

/// Records which blocks the masks of this run exclude. Those that they excluded before and no longer do are to be done, and
/// so are blocks that were done without them.
fn follow_masks(
    journal: &mut Journal,
    plan: &Plan,
    selection: Option<&Selection>,
) -> Result<(), JournalError> {
    let mut changes = Vec::new();
    let mut included = vec![Vec::new(); plan.tasks().len()];
    for (id, included) in (0..).map(TaskId).zip(&mut included) {
        let masked = selection.map_or(&[][..], |selection| selection.masked(id));
        for range in journal.ranges(id)? {
            let (was, blocks) = range?;
            for (blocks, is_masked) in parts(blocks, masked) {
                let state = match (was, is_masked) {
                    (BlockState::Excluded, false) => BlockState::NotDone,
                    (BlockState::NotDone | BlockState::Failed | BlockState::Orphaned, true) => {
                        BlockState::Excluded
                    }
                    _ => continue,
                };
                if state == BlockState::NotDone {
                    included.push(blocks.clone());
                }
                changes.push(Change { task: id, blocks, state });
            }
        }
    }
    let n_included = n_blocks(&included);
    if n_included > 0 {
        let mut n_stale = 0;
        for (task, waiting) in (0..).map(TaskId).zip(plan.dependents(&included)) {
            for range in journal.ranges(task)? {
                let (was, blocks) = range?;
                let stale = parts(blocks, &waiting).filter(|(_, waits)| *waits && was == BlockState::Done);
                for (blocks, _) in stale {
                    n_stale += blocks.end - blocks.start;
                    changes.push(Change { task, blocks, state: BlockState::NotDone });
                }
            }
        }
        log::info!(
            "{n_included} blocks that a mask excluded before are no longer excluded: they are processed, and {n_stale} \
             that were done without them are processed again"
        );
    }
    journal.commit(&changes)
}

/// The blocks that wait for some that are not done and not of this part of the pipeline.
fn premature(
    journal: &Journal,
    plan: &Plan,
    selection: &Selection,
) -> Result<Vec<Vec<Range<u64>>>, JournalError> {
    let mut missing = vec![Vec::new(); plan.tasks().len()];
    for (id, missing) in (0..).map(TaskId).zip(&mut missing) {
        let excluded: Vec<Range<u64>> = selection.excluded(id).collect();
        if excluded.as_slice() == selection.masked(id) {
            continue;
        }
        for range in journal.ranges(id)? {
            let (state, blocks) = range?;
            if matches!(state, BlockState::Done | BlockState::Excluded) {
                continue;
            }
            missing.extend(parts(blocks, &excluded).filter(|(_, is_out)| *is_out).map(|(blocks, _)| blocks));
        }
    }
    Ok(plan.dependents(&missing))
}

/// Begins tasks anew whose blocks are done while their outputs are gone: somebody removed them, and the program made them
/// again.
fn forget_what_is_gone(
    journal: &mut Journal,
    plan: &Plan,
    outputs: &mut Outputs,
) -> Result<(), JournalError> {
    let known: KnownOutputs = journal.kept(OUTPUTS).unwrap_or_default();
    for (id, planned) in (0..).map(TaskId).zip(plan.tasks()) {
        let n_done = journal.counts(id).done;
        if n_done == 0 {
            continue;
        }
        let done = done_blocks(journal, id)?;
        let nth = |nth: u64| -> Option<u64> {
            let at = done.partition_point(|(before, blocks)| before + (blocks.end - blocks.start) <= nth);
            done.get(at).map(|(before, blocks)| blocks.start + (nth - before))
        };
        if let Some((output, why)) = outputs.compare(id, &known, &nth, n_done) {
            let name = planned.spec.name();
            log::warn!("the output {output} of task {name:?} is gone: {why}. Its blocks are processed again");
            journal.reset(&[id])?;
        }
    }
    Ok(())
}

/// The first blocks of a task that are done, in ranges, each with the number of those before it.
fn done_blocks(journal: &Journal, task: TaskId) -> Result<Vec<(u64, Range<u64>)>, JournalError> {
    const MAX_RANGES: usize = 1 << 16;
    let mut found = Vec::new();
    let mut n_before = 0;
    for range in journal.ranges(task)? {
        let (state, blocks) = range?;
        if state == BlockState::Done {
            found.push((n_before, blocks.clone()));
            n_before += blocks.end - blocks.start;
        }
        if found.len() >= MAX_RANGES {
            break;
        }
    }
    Ok(found)
}

/// Opens the run directory. One that a run on another machine left behind is waited for.
fn open(dir: &Path, plan: &Plan, peers: &[Peer]) -> Result<Journal, JournalError> {
    let layout = Layout::of(plan);
    waiting_for_the_lost(|| Journal::open(dir, &layout, run_info(peers)))
}

/// Keeps other runs from writing what this run writes. What a run on another machine left behind is waited for.
///
/// # Errors
/// Another run writes it.
pub(super) fn lock_outputs(targets: &[Target], peers: &[Peer]) -> Result<OutputLocks, JournalError> {
    waiting_for_the_lost(|| OutputLocks::acquire(targets, &run_info(peers)))
}

/// Tries once more where somebody is in the way who may be gone, when that is known.
fn waiting_for_the_lost<T>(mut attempt: impl FnMut() -> Result<T, JournalError>) -> Result<T, JournalError> {
    let first = attempt();
    let (what, rest) = match &first {
        Err(JournalError::Locked { dir, stale_in: Some(rest), .. }) => (dir.display().to_string(), *rest),
        Err(JournalError::OutputInUse { output, stale_in: Some(rest), .. }) => (output.clone(), *rest),
        _ => return first,
    };
    let rest = rest + Duration::from_secs(1);
    log::warn!(
        "{what} is locked by a run that may be gone: waiting {} s for a sign of life of it",
        rest.as_secs()
    );
    thread::sleep(rest);
    attempt()
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
        mpi: is_initialized().then(library_version).flatten(),
        job_id: variable(&["SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID"]),
        restart_count: variable(&["SLURM_RESTART_COUNT"]).and_then(|count| count.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::Range;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use crate::geometry::{MaskSource, ReadSource, Roi, Source};
    use crate::journal::{StateCounts, status};
    use crate::observe::Progress;
    use crate::plan::{Block, BoxError, Task};
    use crate::run::options::Durability;
    use crate::run::runner::Runner;
    use crate::storage::Context;

    /// Something in a range, nothing elsewhere.
    #[derive(Clone)]
    struct Mask(Range<i64>);

    impl ReadSource for Mask {
        fn source(&self) -> Source {
            let extent = Roi::new([0], [100]).expect("a box");
            let (label, identity) = ("mask".to_owned(), "mask".to_owned());
            Source { label, identity, extent, voxel_size: [1].into() }
        }
    }

    impl MaskSource for Mask {
        fn something(&self, roi: &Roi) -> Result<Vec<bool>, BoxError> {
            Ok((roi.begin()[0]..roi.end()[0]).map(|at| self.0.contains(&at)).collect())
        }
    }

    /// Runs ten blocks of `a` and ten of `b`, which reads half a block of `a` around its own: which of them ran. Block 6 of
    /// `a` fails when it is told to.
    fn run(runner: &Runner<'_>, dir: &Path, mask: Option<Range<i64>>, fails: bool) -> [BTreeSet<u64>; 2] {
        let total = Roi::new([0], [100]).expect("a box");
        let ran = Arc::new(Mutex::new([BTreeSet::new(), BTreeSet::new()]));
        let task = |at: usize, context: i64| {
            let ran = ran.clone();
            let task = Task::builder(["a", "b"][at]).total_write_roi(total).block_shape([10]);
            let task = task.context([context], [context]).read_write_conflict(false).max_retries(0);
            let task = task.process(move |block| {
                ran.lock().expect("nobody panics")[at].insert(block.index());
                if fails && at == 0 && block.index() == 6 { Err("no luck".into()) } else { Ok(()) }
            });
            match &mask {
                Some(mask) if at == 0 => task.mask(&Mask(mask.clone())).build().expect("a task"),
                _ => task.build().expect("a task"),
            }
        };
        let runner = runner.clone().run_dir(dir).progress(Progress::Off);
        let report = runner.run(task(0, 0) + task(1, 5)).expect("it runs");
        assert_eq!(report.all_completed(), !fails);
        ran.lock().expect("nobody panics").clone()
    }

    fn set(blocks: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        blocks.into_iter().collect()
    }

    fn counts(dir: &Path, task: usize) -> StateCounts {
        status(dir).expect("a run directory").tasks[task].counts
    }

    #[test]
    fn what_a_mask_excludes_is_recorded_as_long_as_it_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let (dir, runner) = (dir.path(), Runner::new());
        assert_eq!(run(&runner, dir, Some(20..70), true), [set(2..7), set([0, 1, 2, 3, 4, 8, 9])]);
        assert_eq!(counts(dir, 0), StateCounts { done: 4, failed: 1, excluded: 5, ..Default::default() });
        // The same mask: what failed and what it orphaned.
        assert_eq!(run(&runner, dir, Some(20..70), false), [set([6]), set(5..8)]);
        assert_eq!(counts(dir, 0), StateCounts { done: 5, excluded: 5, ..Default::default() });
        assert_eq!(run(&runner, dir, Some(20..70), false), [set([]), set([])]);
        // A larger one: what it adds, and what was done without that.
        assert_eq!(run(&runner, dir, Some(20..80), false), [set([7]), set(6..9)]);
        // Another one: what is done stays so.
        assert_eq!(run(&runner, dir, Some(0..10), false), [set([0]), set([0, 1])]);
        assert_eq!(counts(dir, 0), StateCounts { done: 7, excluded: 3, ..Default::default() });
        // None.
        assert_eq!(run(&runner, dir, None, false), [set([1, 8, 9]), set([0, 1, 2, 7, 8, 9])]);
        assert_eq!(run(&runner, dir, None, false), [set([]), set([])]);
        assert_eq!(counts(dir, 1), StateCounts { done: 10, ..Default::default() });
    }

    #[test]
    fn what_a_part_of_a_pipeline_leaves_out_is_done_later() {
        let dir = tempfile::tempdir().expect("a directory");
        let (dir, runner) = (dir.path(), Runner::new());
        let part = runner.clone().only(Roi::new([40], [20]).expect("a box"));
        assert_eq!(run(&part, dir, None, false), [set(4..6), set(4..6)]);
        // Both blocks of `b` ran without one that they wait for.
        assert_eq!([counts(dir, 0).done, counts(dir, 1).done], [2, 0]);
        let listed = runner.clone().blocks("a:0-6,b:1");
        assert_eq!(run(&listed, dir, Some(10..100), false), [set([1, 2, 3, 6]), set([1])]);
        assert_eq!([counts(dir, 0).excluded, counts(dir, 1).excluded], [1, 0]);
        assert_eq!([counts(dir, 0).done, counts(dir, 1).done], [6, 1]);
        assert_eq!(run(&runner, dir, Some(10..100), false), [set(7..10), set((0..10).filter(|at| *at != 1))]);
    }

    #[test]
    fn a_block_is_done_when_its_data_is_on_the_disk_as_far_as_it_has_to_be() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("file"), "").expect("it can be written");
        for (durability, has_run_dir, fails) in [
            (Durability::Epoch, true, true),
            (Durability::Epoch, false, false),
            (Durability::Block, true, true),
            (Durability::Block, false, true),
            (Durability::None, true, false),
            (Durability::None, false, false),
        ] {
            let context = Context::new();
            // What can never be synced.
            let (noted, below) = (context.clone(), dir.path().join("file/below"));
            let task = Task::builder("t").total_roi(Roi::new([0], [1]).expect("a box")).block_shape([1]);
            let task = task.max_retries(0).process(move |_| {
                noted.note_written(&below);
                Ok(())
            });
            let runner = Runner::new().storage(&context).durability(durability).progress(Progress::Off);
            let run_dir = dir.path().join(durability.to_string());
            let runner = if has_run_dir { runner.run_dir(&run_dir) } else { runner };
            let report = runner.run(task.build().expect("a task")).expect("it runs");
            assert_eq!(report.tasks[0].counts.failed > 0, fails, "{durability} {has_run_dir}");
            assert!(!has_run_dir || counts(&run_dir, 0).done == u64::from(!fails), "{durability}");
        }
    }

    #[test]
    fn what_happened_is_written_down() {
        let dir = tempfile::tempdir().expect("a directory");
        run(&Runner::new().slots(1), dir.path(), None, true);
        let events = status(dir.path()).expect("a run directory").last_events;
        let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
        assert_eq!(names, ["started", "failed", "ended"]);
        assert_eq!(events[1]["message"], "no luck");
        assert_eq!((&events[1]["task"], &events[1]["block"]), (&"a".into(), &6.into()));
    }

    #[test]
    fn many_failures_do_not_fill_the_disk() {
        let dir = tempfile::tempdir().expect("a directory");
        let total = Roi::new([0], [20_000]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape([1]).max_retries(1);
        let fail = |block: &Block| {
            if block.index().is_multiple_of(2) { Ok(()) } else { Err("x".repeat(3000).into()) }
        };
        let task = task.process(fail).build().expect("a task");
        let runner = Runner::new().run_dir(dir.path()).progress(Progress::Off);
        let report = runner.run(task).expect("it runs");
        assert_eq!(report.tasks[0].counts.failed, 10_000);
        let status = status(dir.path()).expect("a run directory");
        assert_eq!(status.tasks[0].counts.failed, 10_000);
        let rest = &status.last_events[status.last_events.len() - 2];
        assert_eq!(rest["event"], "more_failures");
        let more = ["n_retried", "n_failed"].map(|number| rest[number].as_u64().expect("a number"));
        assert_eq!(more.iter().sum::<u64>(), 19_000);
        let file = dir.path().join("events.jsonl");
        assert!(file.metadata().expect("it is there").len() < 2 << 20);
    }
}
