//! Why a run did not begin, broke off, or did not complete its blocks.

use std::fmt::Write as _;
use std::time::Duration;

use thiserror::Error;

use super::options::OptionsError;
use crate::journal::JournalError;
use crate::observe::{OutputGone, Report};
use crate::plan::{BlockId, PlanError, SelectionError};
use crate::transport::TransportError;
use crate::wire::{Problem, WireError};

/// Why a run did not begin, broke off, or did not complete its blocks.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The pipeline is wrong.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// An option or environment variable is wrong.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// There is no such part of the pipeline to run.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// A mask cannot be read.
    #[error("the mask {mask}: {why}")]
    Mask {
        /// The mask.
        mask: String,
        /// Why not.
        why: String,
    },
    /// A task has no process closure.
    #[error("task {task:?} has no process closure: give it one, or run the pipeline with Runner::run_with")]
    NoProcess {
        /// The task's name.
        task: String,
    },
    /// Some rank cannot run, so that none does. The same error on every rank.
    #[error("{why}")]
    Refused {
        /// The ranks that keep the others from running: the first of them, where there are many; none where it is the
        /// same on all ranks.
        ranks: Vec<u32>,
        /// What is wrong, and on which ranks.
        why: String,
    },
    /// The launcher started several processes that do not see each other.
    #[error(
        "the launcher started {launched} ranks, but MPI sees {seen}: {launcher} and the MPI library that this program was \
         built with do not belong together; load the same MPI module for building and running, and {hint}"
    )]
    WrongLauncher {
        /// What the launcher seems to be.
        launcher: &'static str,
        /// Ranks that the launcher started.
        launched: usize,
        /// Ranks that MPI sees.
        seen: usize,
        /// The flag of the launcher that may help.
        hint: &'static str,
    },
    /// Several ranks, and a build that knows none.
    #[error(
        "the launcher started several ranks, but bellis was built without the feature mpi: build with it"
    )]
    WithoutMpi,
    /// Several ranks would write what only one process can.
    #[error(
        "task {task:?} would write {output} from {n_ranks} ranks, and only one process can: {why}, or start the program \
         without mpirun"
    )]
    OneProcessOnly {
        /// The task's name.
        task: String,
        /// The output's name.
        output: String,
        /// Ranks that would process blocks.
        n_ranks: usize,
        /// Why not, and what to write instead.
        why: String,
    },
    /// No worker is left, or there was none.
    #[error(
        "no worker is left ({n_lost} were lost) and {remaining} blocks remain: {}",
        if *n_lost == 0 { "start at least 2 ranks" } else { "run again to go on, and look at what ended the workers" }
    )]
    NoWorkers {
        /// Blocks that have not ended.
        remaining: u64,
        /// Workers that were lost.
        n_lost: usize,
    },
    /// Every slot hangs in a block for longer than the block may take.
    #[error(
        "every slot hangs in a block that takes longer than it may, and {remaining} blocks remain: {blocks}; look at what \
         these blocks do, or give blocks more time (BELLIS_BLOCK_TIMEOUT_S, TaskBuilder::timeout)"
    )]
    AllHang {
        /// The blocks, their workers, and where those are.
        blocks: String,
        /// Blocks that have not ended.
        remaining: u64,
    },
    /// Signals asked the run twice to end: it did not wait for blocks in flight.
    #[error("interrupted twice: stopped at once, {remaining} blocks remain")]
    Interrupted {
        /// Blocks that have not ended.
        remaining: u64,
    },
    /// Blocks in flight did not end in the time that a run waits for them when it was asked to end, or its time is over.
    #[error(
        "{in_flight} blocks in flight did not end within {} s and are given up, {remaining} blocks remain: run again to go on",
        grace.as_secs_f64().round()
    )]
    GivenUp {
        /// Blocks that were in flight.
        in_flight: u64,
        /// Blocks that have not ended, these among them.
        remaining: u64,
        /// For how long they were waited for.
        grace: Duration,
    },
    /// Rank 0 is lost, which nobody can replace.
    #[error("rank 0 is lost, and the run cannot go on: {why}")]
    CoordinatorLost {
        /// How that is known.
        why: String,
    },
    /// This rank was taken for lost.
    #[error(
        "rank 0 heard nothing of this rank for too long and gave its blocks to others: this rank stops; see \
         BELLIS_LOST_AFTER_S"
    )]
    Lost,
    /// A rank was lost on a communicator of the program's, or on one that this run does not use.
    #[error(
        "ranks were lost in a former run, and there is no way to those that are left: start the program again"
    )]
    Survivors,
    /// A message was not sent or received.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A message was not understood.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A worker released a block that it did not acquire.
    #[error("{0} was released without being acquired: release each acquired block once")]
    NotAcquired(BlockId),
    /// A worker's loop failed when it had released all its blocks.
    #[error("the worker's loop failed after its last block: {0}")]
    Loop(String),
    /// A thread could not be started.
    #[error(
        "a thread could not be started ({0}): use fewer slots, or raise the limit on processes (ulimit -u)"
    )]
    Thread(String),
    /// The run directory cannot be opened, read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run broke off, and the same run goes on where it ended. The same error on every rank.
    #[error("{why}")]
    BrokenOff {
        /// Why.
        why: String,
    },
    /// The run ended and not every block completed.
    #[error("{0}")]
    Incomplete(Incomplete),
}

impl From<Problem> for RunError {
    fn from(Problem { ranks, why, is_resumable }: Problem) -> Self {
        if is_resumable { Self::BrokenOff { why } } else { Self::Refused { ranks, why } }
    }
}

impl From<&RunError> for Problem {
    fn from(error: &RunError) -> Self {
        match error {
            RunError::Refused { ranks, why } => {
                Self { ranks: ranks.clone(), why: why.clone(), is_resumable: false }
            }
            other => Self { is_resumable: other.is_resumable(), ..Self::new(other.to_string()) },
        }
    }
}

impl RunError {
    /// Returns whether the same run, started again, goes on where this one ended: it was interrupted, ran out of time, lost
    /// its workers, or there was no room or no right to write its output or its run directory. A program that returns such
    /// an error to [`main`](crate::main) ends with exit code 75.
    ///
    /// Without a [run directory](crate::Runner::run_dir), only blocks whose task has a check are not run again.
    pub fn is_resumable(&self) -> bool {
        match self {
            Self::Incomplete(incomplete) => match &incomplete.output_gone {
                Some(gone) => gone.is_taken_back,
                None => incomplete.is_interrupted && incomplete.remaining > 0,
            },
            Self::NoWorkers { n_lost, .. } => *n_lost > 0,
            Self::Interrupted { .. }
            | Self::GivenUp { .. }
            | Self::CoordinatorLost { .. }
            | Self::BrokenOff { .. } => true,
            _ => false,
        }
    }
}

/// What is missing after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// Blocks that failed.
    pub failed: u64,
    /// Blocks that were never run, because one that they wait for failed.
    pub orphaned: u64,
    /// Blocks that were never run, because the run was interrupted.
    pub remaining: u64,
    /// Whether signals, or a time limit, asked the run to end.
    pub is_interrupted: bool,
    /// Why the run was given up before its blocks had ended, if it was.
    pub given_up: Option<String>,
    /// The first failure, as text.
    pub first_failure: Option<String>,
    /// An output that is no longer there.
    pub output_gone: Option<OutputGone>,
}

impl std::fmt::Display for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { failed, orphaned, remaining, is_interrupted, given_up, first_failure, output_gone } = self;
        if let Some(gone) = output_gone {
            write!(f, "{gone}; ")?;
        }
        write!(f, "{failed} blocks failed, {orphaned} orphaned, {remaining} not processed")?;
        if let Some(failure) = first_failure {
            write!(f, "; first: {failure}")?;
        }
        if let Some(why) = given_up {
            write!(f, "; given up: {why}")?;
        }
        if *is_interrupted && *remaining > 0 {
            write!(f, "; interrupted: run again to go on")?;
        }
        Ok(())
    }
}

impl Report {
    /// An error unless every block completed, for `?` at the end of a program.
    ///
    /// # Errors
    /// [`RunError::Incomplete`] with how many blocks are missing and why the first of them failed.
    pub fn into_result(self) -> Result<(), RunError> {
        if self.all_completed() {
            return Ok(());
        }
        let sum =
            |part: fn(&crate::scheduler::Counts) -> u64| self.tasks.iter().map(|t| part(&t.counts)).sum();
        let first = self
            .tasks
            .iter()
            .find_map(|task| task.failures.first().map(|failure| format!("task {:?}, {failure}", task.name)));
        Err(RunError::Incomplete(Incomplete {
            failed: sum(|counts| counts.failed),
            orphaned: sum(|counts| counts.orphaned),
            remaining: sum(crate::scheduler::Counts::open),
            is_interrupted: self.is_interrupted,
            given_up: self.given_up,
            first_failure: first,
            output_gone: self.outputs_gone.into_iter().next(),
        }))
    }
}

impl RunError {
    /// The run's error that `error` is or came from, whatever a program put around it.
    pub(super) fn within<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        std::iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
    }
}

/// An error and what it came from, on one line.
pub(super) fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some errors repeat their source in their own message.
        if !text.contains(&cause_text) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text.replace('\n', " ")
}
