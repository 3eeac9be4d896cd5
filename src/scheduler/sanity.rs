//! Whether the scheduler's books agree with each other: for tests and simulations, after every event.

use thiserror::Error;

use super::event::WorkerId;
use super::machine::Scheduler;
use super::task_state::Counts;
use crate::plan::TaskId;

/// Two things that must agree do not: a bug in the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InvariantError {
    /// The counts of a task do not add up to its total.
    #[error("task {task:?}: {counts:?} do not add up")]
    Sum {
        /// Which task.
        task: TaskId,
        /// Its counts.
        counts: Counts,
    },
    /// Two ways to count the blocks of a task differ.
    #[error("task {task:?}: {counted} {what} by count, {found} by looking")]
    Count {
        /// Which task.
        task: TaskId,
        /// What is counted.
        what: &'static str,
        /// By the counter.
        counted: u64,
        /// By looking.
        found: u64,
    },
    /// What is kept for all tasks together differs from what they have.
    #[error("{counted} {what} by count, {found} by looking")]
    Overall {
        /// What is counted.
        what: &'static str,
        /// By the counter.
        counted: u64,
        /// By looking.
        found: u64,
    },
    /// A worker's blocks in flight are miscounted, or more than it may hold.
    #[error("{worker}: {counted} blocks in flight by count, {found} by looking, {capacity} allowed")]
    Worker {
        /// Which worker.
        worker: WorkerId,
        /// By the counter.
        counted: u64,
        /// By looking.
        found: u64,
        /// What it may hold.
        capacity: u64,
    },
}

impl Scheduler {
    /// Counts everything again. Takes time for every block in flight and every worker.
    ///
    /// # Errors
    /// What does not agree.
    pub fn sanity_check(&self) -> Result<(), InvariantError> {
        let mut by_task = vec![0; self.plan.tasks().len()];
        let mut unsynced = vec![0; self.plan.tasks().len()];
        self.unsynced.iter().for_each(|block| unsynced[block.task.as_usize()] += 1);
        let mut by_worker = vec![0; self.workers.iter().count()];
        for flight in self.leases.iter() {
            by_task[flight.block.task.as_usize()] += 1;
            by_worker[flight.worker.0 as usize] += 1;
        }
        for ((task, state), in_flight) in (0..).map(TaskId).zip(self.tasks.iter()).zip(by_task) {
            let unsynced = unsynced[task.as_usize()];
            let counts = state.counts;
            let sum = counts.open() + counts.completed + counts.failed + counts.orphaned;
            if sum != counts.total || counts.skipped > counts.completed {
                return Err(InvariantError::Sum { task, counts });
            }
            let deferred = self.tasks.deferred(task).count() as u64;
            let again = state.retries.n_waiting() + deferred;
            let ready = state.initially_ready.n_left() + state.states.n_ready() + again;
            let waiting = state.retries.waiting().count() as u64;
            for (what, counted, found) in [
                ("ready", counts.ready, ready),
                ("in flight", counts.in_flight, in_flight),
                ("unsynced", counts.unsynced, unsynced),
                ("waiting to be tried again", state.retries.n_waiting(), waiting),
            ] {
                if counted != found {
                    return Err(InvariantError::Count { task, what, counted, found });
                }
            }
        }
        for (what, counted, found) in self.tasks.recounted() {
            if counted != found {
                return Err(InvariantError::Overall { what, counted, found });
            }
        }
        for ((worker, entry), found) in self.workers.iter().zip(by_worker) {
            let (counted, capacity) = (u64::from(entry.in_flight), u64::from(self.workers.capacity(entry)));
            if counted != found || counted > capacity {
                return Err(InvariantError::Worker { worker, counted, found, capacity });
            }
        }
        Ok(())
    }

    /// Looks at every single block, and counts those that have ended, that are ready and that were not yet handed
    /// out. For tests with few blocks.
    ///
    /// # Errors
    /// What does not agree.
    pub fn sanity_check_blocks(&self) -> Result<(), InvariantError> {
        self.sanity_check()?;
        for (task, state) in (0..).map(TaskId).zip(self.tasks.iter()) {
            let counts = state.counts;
            let ended = (0..counts.total).filter(|index| state.states.has_ended(*index)).count() as u64;
            let is_left = |index: &u64| !state.states.has_ended(*index);
            let initially_ready = state.initially_ready.remaining().filter(is_left).count() as u64;
            let partly =
                (0..counts.total).filter(|index| state.states.counter(*index).is_some()).count() as u64;
            for (what, counted, found) in [
                ("ended", counts.completed + counts.failed + counts.orphaned, ended),
                ("initially_ready", state.initially_ready.n_left(), initially_ready),
                (
                    "waiting for only some of their dependencies",
                    partly.min(counts.pending + counts.orphaned + counts.skipped),
                    partly,
                ),
            ] {
                if counted != found {
                    return Err(InvariantError::Count { task, what, counted, found });
                }
            }
        }
        Ok(())
    }
}
