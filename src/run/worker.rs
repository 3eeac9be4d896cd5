//! A worker: acquires blocks, processes them, releases them.
//!
//! There is one loop for all: `while let Some(block) = worker.acquire()? { ..; worker.release(block, outcome)?; }`.
//! The closures of tasks run in it ([`process_all`](processing::process_all)), and so do programs that own their
//! loop. Behind it stands one of two ports: with one slot, the thread that processes also talks to rank 0 (`direct`);
//! with several, a communication thread does (`pool`).

mod direct;
mod link;
mod pool;
mod processing;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use super::error::RunError;
use super::greeting::cut;
use super::panics;
use crate::plan::{Block, BlockId, BlockResult, BoxError, Plan, Task, WorkerInfo};
use crate::transport::{Idle, Transport};
use crate::wire::{Assigned, Finished, Outcome, Stop};

pub(super) use processing::process_all;

/// What a worker thread does: its loop over blocks.
pub(super) type Loop<'a> = dyn Fn(&mut Worker) -> Result<(), BoxError> + Sync + 'a;

/// How a block ended, for [`Worker::release`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockOutcome {
    /// It was processed.
    Success,
    /// It need not be processed.
    Skipped,
    /// It failed, and why. It is tried again, on another worker where there is one.
    Failed(String),
}

impl From<BlockResult> for BlockOutcome {
    fn from(result: BlockResult) -> Self {
        match result {
            Ok(()) => Self::Success,
            Err(error) => Self::Failed(with_sources(&*error)),
        }
    }
}

/// An error and what it came from, on one line.
pub(super) fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
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

/// Where blocks come from and answers go.
trait Port: Send {
    /// The next block, or `None` at the end of the run; and whether it had to be waited for.
    fn next(&mut self) -> Result<(Option<Assigned>, bool), RunError>;

    /// Answers for a block. `is_urgent` unless the answer may wait for the next ones.
    fn done(&mut self, finished: Finished, is_urgent: bool) -> Result<(), RunError>;
}

/// A block that was acquired and not yet released.
#[derive(Debug)]
struct Held {
    block: BlockId,
    lease: u64,
    begin: Instant,
}

/// Answers for blocks that took longer than this, in microseconds, leave at once.
const SHORT_US: u64 = 50;

/// One slot of a worker, for programs that own their loop: see [`Runner::run_with`](super::Runner::run_with).
pub struct Worker {
    port: Box<dyn Port>,
    info: WorkerInfo,
    plan: Arc<Plan>,
    held: Vec<Held>,
    /// What went wrong between this worker and rank 0, after which nothing can go right.
    trouble: Option<RunError>,
    /// When the last block was released.
    last_release: Option<Instant>,
}

impl Worker {
    fn new(port: Box<dyn Port>, info: WorkerInfo, plan: Arc<Plan>) -> Self {
        Self { port, info, plan, held: Vec::new(), trouble: None, last_release: None }
    }

    /// Waits for the next block. `None` when the run is over.
    ///
    /// # Errors
    /// Rank 0 cannot be reached or understood.
    pub fn acquire(&mut self) -> Result<Option<Block>, RunError> {
        let next = self.port.next().inspect_err(|error| self.trouble = Some(error.clone()));
        let (assigned, has_waited) = next?;
        Ok(assigned.map(|Assigned { block, lease, read_roi, write_roi }| {
            let begin = self.last_release.filter(|_| !has_waited).unwrap_or_else(Instant::now);
            self.held.push(Held { block, lease, begin });
            Block { id: block, read_roi, write_roi }
        }))
    }

    /// Gives a block back. Several may be held at a time, as many as the slot has credits and one more; each is
    /// released once. A loop that waits for another block while all others wait for those that it holds never ends.
    ///
    /// # Errors
    /// [`RunError::NotAcquired`] for a block that is not held; rank 0 cannot be reached.
    pub fn release(&mut self, block: Block, outcome: impl Into<BlockOutcome>) -> Result<(), RunError> {
        self.give_back(block.id, outcome.into())
    }

    fn give_back(&mut self, block: BlockId, outcome: BlockOutcome) -> Result<(), RunError> {
        let place = self.held.iter().position(|held| held.block == block);
        let held = self.held.swap_remove(place.ok_or(RunError::NotAcquired(block))?);
        let now = Instant::now();
        self.last_release = Some(now);
        let busy_us = u64::try_from((now - held.begin).as_micros()).unwrap_or(u64::MAX);
        let outcome = match outcome {
            BlockOutcome::Success => Outcome::Success,
            BlockOutcome::Skipped => Outcome::Skipped,
            BlockOutcome::Failed(message) => Outcome::Failed(cut(message)),
        };
        let finished = Finished { lease: held.lease, busy_us, outcome };
        self.port.done(finished, busy_us > SHORT_US).inspect_err(|error| self.trouble = Some(error.clone()))
    }

    /// Who works.
    pub fn info(&self) -> WorkerInfo {
        self.info
    }

    /// The task of a block.
    pub fn task(&self, block: &Block) -> &Task {
        &self.plan.task(block.id.task).task
    }

    /// Runs a loop to its end. Blocks that it leaves behind fail, so that they are tried elsewhere and nobody waits
    /// for them. An error that no block tells of is returned.
    fn drive(&mut self, body: &Loop<'_>) -> Result<(), RunError> {
        let (ended, error) = match panics::catch(|| body(self)) {
            Ok(Ok(())) => ("without taking all its blocks".to_owned(), None),
            Ok(Err(error)) => {
                let message = with_sources(&*error);
                (format!("with an error: {message}"), Some(message))
            }
            Err(panic) => (panic.clone(), Some(panic)),
        };
        if let Some(trouble) = self.trouble.take() {
            return Err(trouble);
        }
        let reason = || BlockOutcome::Failed(format!("the worker's loop ended: {ended}"));
        let mut is_told = false;
        while let Some(held) = self.held.last() {
            let block = held.block;
            self.give_back(block, reason())?;
            is_told = true;
        }
        while let Some(block) = self.acquire()? {
            self.release(block, reason())?;
            is_told = true;
        }
        error.filter(|_| !is_told).map_or(Ok(()), |message| Err(RunError::Loop(message)))
    }
}

/// How a rank works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    /// The rank, for messages.
    pub rank: usize,
    pub slots: u32,
    pub idle: Idle,
    /// Whether another thread may use the transport while this one processes a block.
    pub may_share: bool,
}

/// Works until rank 0 says stop, and returns what it said. The transport is closed.
pub(super) fn work(
    transport: Box<dyn Transport>,
    setup: Setup,
    plan: &Arc<Plan>,
    body: &Loop<'_>,
) -> Result<Stop, RunError> {
    if setup.slots > 1 {
        pool::work(transport, setup, plan, body)
    } else {
        direct::work(transport, setup, plan, body)
    }
}
