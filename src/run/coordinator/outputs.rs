//! The arrays that tasks write, as they stand on the disk: looked at when a task has ended and now and then, so that nothing
//! counts as done whose data somebody removed.
//!
//! Chunks of nothing but the fill value are not stored, so that an array without chunks may be a good one. What is known of
//! an output is therefore gathered while it is written: which directory or file it is, and of some blocks, that something is
//! stored of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::journal::Target;
use crate::observe::OutputGone;
use crate::plan::{BlockId, Plan, Selection, TaskId};
use crate::scheduler::{Counts, Ended, FinalState, Time};
use crate::storage::{Mark, Witness};

/// Microseconds between two looks at all outputs.
const LOOK_INTERVAL: Time = 30_000_000;
/// About so many blocks of a task are looked at.
const N_SAMPLES: u64 = 32;
/// Blocks that are remembered for an output.
const MAX_KNOWN: usize = 128;

/// What is known of the outputs of tasks, by the task's name and the output's path, as it is kept between runs.
pub(in crate::run) type KnownOutputs = BTreeMap<String, BTreeMap<String, Known>>;

/// What is known of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::run) struct Known {
    mark: Mark,
    /// Blocks of which something is stored.
    stored: Vec<u64>,
}

/// The outputs of a plan's tasks that are arrays.
pub(in crate::run) struct Outputs {
    plan: Arc<Plan>,
    tasks: Vec<OfTask>,
    next_look: Time,
    gone: Vec<OutputGone>,
    /// Something is known that was not at the last call of [`news`](Self::news).
    is_news: bool,
}

#[derive(Default)]
struct OfTask {
    outputs: Vec<Output>,
    n_ended: u64,
    /// It was looked at after the last block.
    is_over: bool,
}

struct Output {
    /// Among all outputs of the task.
    number: usize,
    path: String,
    witness: Witness,
    /// Whether what is stored of a block stays, as no other task writes here.
    stays: bool,
    stored: Vec<u64>,
    /// Blocks that may be looked at when nobody writes any more.
    candidates: Vec<u64>,
}

impl Outputs {
    /// The outputs of a plan, before anything is written. What is no array that can be opened is left alone.
    pub fn of(plan: &Arc<Plan>) -> Self {
        let specs = || plan.tasks().iter().map(|planned| &planned.spec);
        let n_writers =
            |path: &str| specs().filter(|spec| spec.output_identities().any(|it| it == path)).count();
        let output = |(number, path): (usize, &str)| {
            let witness = Witness::of(Path::new(path)).ok()?;
            let (stays, path) = (n_writers(path) == 1, path.to_owned());
            Some(Output { number, path, witness, stays, stored: Vec::new(), candidates: Vec::new() })
        };
        let tasks = specs().map(|spec| OfTask {
            outputs: spec.output_identities().enumerate().filter_map(output).collect(),
            ..OfTask::default()
        });
        Self {
            tasks: tasks.collect(),
            plan: plan.clone(),
            next_look: LOOK_INTERVAL,
            gone: Vec::new(),
            is_news: true,
        }
    }

    /// What is to be locked against other runs, where this run is about some blocks alone.
    pub fn to_lock(&self, selection: Option<&Selection>) -> Vec<Target> {
        let mut targets: BTreeMap<&str, Target> = BTreeMap::new();
        for (id, of_task) in (0..).map(TaskId).zip(&self.tasks) {
            let spec = &self.plan.task(id).spec;
            let blocks = selection.map_or_else(|| spec.grid().bounds(), |selection| selection.bounds(id));
            if blocks.is_empty() {
                continue;
            }
            for output in &of_task.outputs {
                let Some(chunks) = spec.written_chunks(output.number, &blocks) else { continue };
                let target = targets.entry(&output.path).or_insert_with(|| {
                    let (directory, prefix) = output.witness.beside();
                    Target { label: output.path.clone(), directory, prefix, chunks: Vec::new() }
                });
                target.chunks.push(chunks);
            }
        }
        targets.into_values().collect()
    }

    /// What a former run knew of the outputs of a task whose blocks are done: why an output of it is gone, and which, if one
    /// is. `n_done` blocks are done, the `n`-th of which `done` tells.
    pub fn compare(
        &mut self,
        task: TaskId,
        known: &KnownOutputs,
        done: &dyn Fn(u64) -> Option<u64>,
        n_done: u64,
    ) -> Option<(String, String)> {
        let spec = &self.plan.task(task).spec;
        let known = known.get(spec.name());
        for output in &mut self.tasks[task.as_usize()].outputs {
            let path = &output.path;
            let known = known.and_then(|known| known.get(path));
            let is_stored = |index: &u64| is_stored(&self.plan, task, output, *index);
            let stored = known.map_or(&[][..], |known| &known.stored);
            let n_missing = stored.iter().filter(|index| is_stored(index) == Some(false)).count();
            if n_missing > 0 {
                let why = format!("{n_missing} of {} blocks that were stored there are not", stored.len());
                return Some((path.clone(), why));
            }
            let is_same = known.is_some_and(|known| known.mark == *output.witness.mark());
            if stored.is_empty() && !is_same {
                // Made anew, or moved, or never known: what is done left nothing, or nothing is left.
                let step = (n_done / N_SAMPLES).max(1);
                let mut sample = (0..n_done).step_by(step as usize).filter_map(done);
                if !sample.any(|index| is_stored(&index) != Some(false)) {
                    let why = "it is empty, and is not the one that was written".to_owned();
                    return Some((path.clone(), why));
                }
            }
            output.stored = stored.to_vec();
        }
        None
    }

    /// Takes in which blocks have ended, and looks at some of them.
    #[inline]
    pub fn observe(&mut self, ended: &[Ended]) {
        for Ended { task, blocks, how } in ended {
            let of_task = &mut self.tasks[task.as_usize()];
            if *how != FinalState::Completed || of_task.outputs.is_empty() {
                continue;
            }
            let step = (self.plan.task(*task).spec.grid().n_blocks() / N_SAMPLES).max(1);
            let before = of_task.n_ended;
            of_task.n_ended += blocks.end - blocks.start;
            let after = of_task.n_ended;
            // The first, the second, the fourth and so on, and later every so many.
            if before / step != after / step || before.checked_ilog2() != after.checked_ilog2() {
                self.sample(*task, blocks.end - 1);
            }
        }
    }

    #[cold]
    fn sample(&mut self, task: TaskId, index: u64) {
        for output in &mut self.tasks[task.as_usize()].outputs {
            let is_closed = !output.witness.is_readable_meanwhile();
            if is_closed || !output.stays || output.stored.len() + output.candidates.len() >= MAX_KNOWN {
                continue;
            }
            if !output.witness.is_cheap() {
                output.candidates.push(index);
            } else if is_stored(&self.plan, task, output, index) == Some(true) {
                output.stored.push(index);
                self.is_news = true;
            }
        }
    }

    /// Looks at the outputs of tasks that have just ended, and at all of them when it is time to. What is gone, if that is
    /// news.
    pub fn look(&mut self, now: Time, counts: impl Fn(TaskId) -> Counts) -> Option<&OutputGone> {
        let is_time = now >= self.next_look;
        if is_time {
            self.next_look = now.saturating_add(LOOK_INTERVAL);
        }
        let n_gone = self.gone.len();
        for id in (0..self.tasks.len()).zip(0..).map(|(_, id)| TaskId(id)) {
            let of_task = &mut self.tasks[id.as_usize()];
            if of_task.outputs.is_empty() || of_task.is_over && !is_time {
                continue;
            }
            let has_ended = counts(id).open() == 0;
            if is_time || has_ended {
                of_task.is_over |= has_ended;
                self.look_at(id);
            }
        }
        self.gone.get(n_gone)
    }

    /// Looks at all outputs when nobody writes any more. What is gone, whenever that was noticed.
    pub fn look_at_last(&mut self) -> Vec<OutputGone> {
        for id in (0..self.tasks.len()).zip(0..).map(|(_, id)| TaskId(id)) {
            if self.tasks[id.as_usize()].n_ended > 0 {
                self.look_at(id);
            }
            for output in &mut self.tasks[id.as_usize()].outputs {
                let candidates = std::mem::take(&mut output.candidates);
                let stored =
                    candidates.into_iter().filter(|at| is_stored(&self.plan, id, output, *at) == Some(true));
                let stored: Vec<u64> = stored.collect();
                self.is_news |= !stored.is_empty();
                output.stored.extend(stored);
            }
        }
        std::mem::take(&mut self.gone)
    }

    fn look_at(&mut self, task: TaskId) {
        let name = self.plan.task(task).spec.name();
        for output in &self.tasks[task.as_usize()].outputs {
            if self.gone.iter().any(|gone| gone.task == name && gone.output == output.path) {
                continue;
            }
            let missing = || {
                if !output.witness.is_readable_meanwhile() {
                    return None;
                }
                let is_missing = |index: &&u64| is_stored(&self.plan, task, output, **index) == Some(false);
                let n_missing = output.stored.iter().filter(is_missing).count();
                (n_missing > 0).then(|| "chunks of it were removed".to_owned())
            };
            if let Some(why) = output.witness.problem().or_else(missing) {
                self.gone.push(OutputGone::new(name, &output.path, why));
            }
        }
    }

    /// What is known of the outputs, if there is news of it.
    pub fn news(&mut self) -> Option<KnownOutputs> {
        if !std::mem::take(&mut self.is_news) {
            return None;
        }
        let known = |output: &Output| {
            (
                output.path.clone(),
                Known { mark: output.witness.mark().clone(), stored: output.stored.clone() },
            )
        };
        let of_task = |of_task: &OfTask| of_task.outputs.iter().map(known).collect();
        let names = self.plan.tasks().iter().map(|planned| planned.spec.name().to_owned());
        Some(names.zip(self.tasks.iter().map(of_task)).collect())
    }
}

/// Whether something is stored of a block, if that can be told.
fn is_stored(plan: &Plan, task: TaskId, output: &Output, index: u64) -> Option<bool> {
    let block = BlockId { task, index };
    if !plan.contains(block) {
        return None;
    }
    let voxels = plan.task(task).spec.written_voxels(output.number, &plan.block(block).write_roi)?;
    output.witness.is_stored(&voxels).ok()
}
