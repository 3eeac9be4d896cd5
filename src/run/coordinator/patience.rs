//! When a run ends before its blocks do: as blocks fail one after the other, or the place refuses what they write.

use std::fmt::Display;
use std::time::Duration;

use crate::plan::TaskId;
use crate::run::options::Options;
use crate::scheduler::{Cause, Disposition, Failure, Scheduler};

/// So many blocks for each slot, the first of a task, fail for good before nobody believes in the others.
const FIRST_PER_SLOT: u64 = 2;

/// Why no more blocks are handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) enum GivenUp {
    /// Too many blocks failed.
    Failures(String),
    /// The place has to be mended; then the same run goes on.
    Place(String),
}

impl Display for GivenUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Failures(why) | Self::Place(why)) = self;
        f.write_str(why)
    }
}

/// How much a run bears.
#[derive(Debug)]
pub(super) struct Patience {
    max_failures: u64,
    is_failing_fast: bool,
    n_failed: u64,
    given_up: Option<GivenUp>,
}

impl Patience {
    /// As the options say.
    pub fn new(options: &Options) -> Self {
        Self {
            max_failures: options.max_failures.unwrap_or(u64::MAX),
            is_failing_fast: options.fail_fast,
            n_failed: 0,
            given_up: None,
        }
    }

    /// All there can be.
    pub fn endless() -> Self {
        Self { max_failures: u64::MAX, is_failing_fast: false, n_failed: 0, given_up: None }
    }

    /// Takes a failure. Returns why the run is given up, if that is so from now on.
    pub fn take(&mut self, failure: &Failure, scheduler: &Scheduler) -> Option<&GivenUp> {
        let task = failure.block.task;
        let given_up = match failure.disposition {
            Disposition::Stuck { .. } => Some(GivenUp::Place(stuck(failure, scheduler))),
            Disposition::GiveUp { .. } => {
                self.n_failed += 1;
                self.has_failed_too_often(task, scheduler).map(GivenUp::Failures)
            }
            Disposition::Retry { .. } | Disposition::Hold { .. } => None,
        };
        if self.given_up.is_some() {
            return None;
        }
        self.given_up = given_up;
        self.given_up.as_ref()
    }

    fn has_failed_too_often(&self, task: TaskId, scheduler: &Scheduler) -> Option<String> {
        if self.n_failed >= self.max_failures {
            return Some(format!("{} blocks failed: see BELLIS_MAX_FAILURES", self.n_failed));
        }
        let counts = scheduler.counts(task);
        let has_none_succeeded = counts.completed == counts.skipped && counts.unsynced == 0;
        let is_enough = counts.failed >= scheduler.n_slots().saturating_mul(FIRST_PER_SLOT);
        let name = scheduler.plan().task(task).spec.name();
        (self.is_failing_fast && has_none_succeeded && is_enough).then(|| {
            format!(
                "the first {} blocks of task {name:?} all failed: set BELLIS_FAIL_FAST=off to try all the others too",
                counts.failed
            )
        })
    }

    /// Why the run was given up, if it was.
    pub fn given_up(&self) -> Option<&GivenUp> {
        self.given_up.as_ref()
    }
}

fn stuck(failure: &Failure, scheduler: &Scheduler) -> String {
    let task = scheduler.plan().task(failure.block.task).spec.name();
    let message = match &failure.cause {
        Cause::Error(message) => message,
        Cause::WorkerLost => "its worker was lost",
        Cause::TimedOut { .. } => "a block took too long",
    };
    let pause = Duration::from_micros(scheduler.config().place_pause);
    format!(
        "task {task:?} cannot go on, and neither could it after {pause:?}: {message}; what was finished is kept: mend that, and \
         run again to go on"
    )
}
