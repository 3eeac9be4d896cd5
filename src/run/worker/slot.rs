//! One slot of a worker, as the loop that runs on it sees it.

use std::sync::Arc;
use std::time::Instant;

use super::block_source::BlockSource;
use super::outcome::fault_of;
use crate::plan::{Block, BlockId, BoxError, Fault, Outcome, Task, WorkerInfo};
use crate::run::error::{RunError, one_line};
use crate::run::panics;
use crate::storage::Context;
use crate::wire::{Assigned, Finished, shorten};

/// What a worker thread does: its loop over blocks.
pub(in crate::run) type Loop<'a> = dyn Fn(&mut Worker) -> Result<(), BoxError> + Sync + 'a;

/// A block that was acquired and not yet released.
#[derive(Debug)]
struct Held {
    block: BlockId,
    lease: u64,
    begin: Instant,
}

/// Maximum duration, in microseconds, of a block whose answer may wait for the next ones.
const BUSY_US: u64 = 50;

/// One slot of a worker, for programs that own their loop: see [`Runner::run_with`](crate::Runner::run_with).
pub struct Worker {
    source: Box<dyn BlockSource>,
    info: WorkerInfo,
    tasks: Arc<[Task]>,
    storage: Context,
    held: Vec<Held>,
    /// What went wrong between this worker and rank 0; nothing more can be said to it.
    error: Option<RunError>,
    /// When the last block was released.
    last_release: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        source: Box<dyn BlockSource>,
        info: WorkerInfo,
        tasks: Arc<[Task]>,
        storage: Context,
    ) -> Self {
        Self { source, info, tasks, storage, held: Vec::new(), error: None, last_release: None }
    }

    /// Waits for the next block. `None` when the run is over.
    ///
    /// # Errors
    /// Rank 0 cannot be reached or understood.
    pub fn acquire(&mut self) -> Result<Option<Block>, RunError> {
        let next = self.source.next().inspect_err(|error| self.error = Some(error.clone()));
        let (assigned, has_waited) = next?;
        Ok(assigned.map(|assigned| self.hold(&assigned, has_waited)))
    }

    /// Takes a block that is there already, and waits for none. [`acquire`](Self::acquire) tells whether the run is over.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn try_acquire(&mut self) -> Result<Option<Block>, RunError> {
        let next = self.source.try_next().inspect_err(|error| self.error = Some(error.clone()));
        Ok(next?.map(|assigned| self.hold(&assigned, true)))
    }

    /// Waits for a block, and takes as many more as are there already, `n` at most in all: for loops that process several at
    /// a time. None when the run is over.
    ///
    /// ```
    /// # use bellis::{Progress, Roi, Runner, Task};
    /// let task = Task::builder("batches").total_roi(Roi::new([0], [10])?).block_shape([1]).build()?;
    /// let report = Runner::new().progress(Progress::Off).run_with(task, |worker| loop {
    ///     let batch = worker.acquire_up_to(3)?;
    ///     if batch.is_empty() {
    ///         return Ok(());
    ///     }
    ///     for block in batch {
    ///         worker.release(block, Ok(()))?;
    ///     }
    /// })?;
    /// assert_eq!(report.tasks[0].counts.completed, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_up_to(&mut self, n: usize) -> Result<Vec<Block>, RunError> {
        let mut blocks = Vec::new();
        while blocks.len() < n {
            let next = if blocks.is_empty() { self.acquire()? } else { self.try_acquire()? };
            let Some(block) = next else { break };
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn hold(&mut self, assigned: &Assigned, has_waited: bool) -> Block {
        let Assigned { block, lease, read_roi, write_roi } = *assigned;
        let begin = self.last_release.filter(|_| !has_waited).unwrap_or_else(Instant::now);
        self.held.push(Held { block, lease, begin });
        Block { id: block, read_roi, write_roi }
    }

    /// Gives a block back. Several may be held at a time, as many as the slot has credits and one more; each is
    /// released once. A loop that holds blocks takes others by [`try_acquire`](Self::try_acquire): they may all wait for those
    /// that it holds, and then [`acquire`](Self::acquire) does not return.
    ///
    /// # Errors
    /// [`RunError::NotAcquired`] for a block that is not held; rank 0 cannot be reached.
    pub fn release(&mut self, block: Block, outcome: impl Into<Outcome>) -> Result<(), RunError> {
        self.give_back(block.id, outcome.into())
    }

    fn give_back(&mut self, block: BlockId, outcome: Outcome) -> Result<(), RunError> {
        let index = self.held.iter().position(|held| held.block == block);
        let held = self.held.swap_remove(index.ok_or(RunError::NotAcquired(block))?);
        let outcome = if outcome == Outcome::Success { self.sync() } else { outcome };
        let now = Instant::now();
        self.last_release = Some(now);
        let busy_us = u64::try_from((now - held.begin).as_micros()).unwrap_or(u64::MAX);
        let outcome = match outcome {
            Outcome::Failed { fault, message } => Outcome::Failed { fault, message: shorten(message) },
            other => other,
        };
        let finished = Finished { lease: held.lease, busy_us, outcome };
        self.source.finish(finished, busy_us > BUSY_US).inspect_err(|error| self.error = Some(error.clone()))
    }

    /// The outcome of a block that was processed: where each is to be synced, that depends on the disk.
    #[inline]
    fn sync(&self) -> Outcome {
        if !self.storage.is_synced_by_block() {
            return Outcome::Success;
        }
        match self.storage.sync_written() {
            Ok(()) => Outcome::Success,
            Err(error) => Outcome::Failed { fault: fault_of(&error), message: error.to_string() },
        }
    }

    /// Who works.
    pub fn info(&self) -> WorkerInfo {
        self.info
    }

    /// The task of a block.
    pub fn task(&self, block: &Block) -> &Task {
        &self.tasks[block.id.task.as_usize()]
    }

    /// Runs a loop to its end. Blocks that it leaves behind fail, so that they are tried elsewhere and nobody waits
    /// for them. An error that no block carries is returned.
    pub(super) fn drive(&mut self, body: &Loop<'_>) -> Result<(), RunError> {
        let (ended, loop_error) = match panics::catch(|| body(self)) {
            Ok(Ok(())) => ("without taking all its blocks".to_owned(), None),
            Ok(Err(error)) => {
                let message = one_line(&*error);
                (format!("with an error: {message}"), Some(message))
            }
            Err(panic) => (panic.clone(), Some(panic)),
        };
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let reason =
            || Outcome::Failed { fault: Fault::Worker, message: format!("the worker's loop ended: {ended}") };
        let mut is_reported = false;
        while let Some(held) = self.held.last() {
            let block = held.block;
            self.give_back(block, reason())?;
            is_reported = true;
        }
        while let Some(block) = self.acquire()? {
            self.release(block, reason())?;
            is_reported = true;
        }
        loop_error.filter(|_| !is_reported).map_or(Ok(()), |message| Err(RunError::Loop(message)))
    }
}
