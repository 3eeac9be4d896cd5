//! What the scheduler is told, and what it answers.

use std::fmt;
use std::ops::Range;

use crate::plan::{BlockId, Fault, Outcome, TaskId};

/// Microseconds since a moment that the caller chose.
pub type Time = u64;

/// A worker: a rank, or a thread where there are no ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {}", self.0)
    }
}

/// Names one assignment of a block to a worker, and no other: an answer with an old lease is recognised as late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease(pub u64);

/// Something happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A former run completed these blocks: they count as skipped, and what depends on them sees them as completed.
    ///
    /// Comes before the first worker joins, as often as need be; ranges may overlap. Once a block was handed out it is
    /// too late: then the event changes nothing, and the blocks run again. A task costs least when its dependents were
    /// restored before it. No block is handed out while there is a backlog of ranges.
    Restored {
        /// Whose blocks.
        task: TaskId,
        /// Their indices.
        blocks: Range<u64>,
    },
    /// A worker is there and processes `slots` blocks at once (at least 1).
    WorkerJoined {
        /// Which worker.
        worker: WorkerId,
        /// How many blocks it processes at once.
        slots: u32,
    },
    /// A worker answered.
    BlockFinished {
        /// Which worker.
        worker: WorkerId,
        /// The lease under which it was given the block.
        lease: Lease,
        /// How the block ended.
        outcome: Outcome,
    },
    /// A slot has been at work on a block for longer than the block [may take](crate::plan::TaskSpec::timeout): it counts as
    /// failed, and the slot gets no more blocks unless it answers after all. For workers with several slots; of one with a
    /// single slot the scheduler sees so itself, at a tick.
    TimedOut {
        /// Which worker.
        worker: WorkerId,
        /// The lease under which it was given the block.
        lease: Lease,
        /// For how long it has been at work.
        busy: Time,
    },
    /// A worker gives back blocks that it has not begun, as it was [asked](Actions::recalls). They are ready again, and it
    /// does not count that they were handed out.
    Returned {
        /// Which worker.
        worker: WorkerId,
        /// The leases of the blocks; none where it has begun them all.
        leases: Vec<Lease>,
    },
    /// What a worker wrote for the first `n_blocks` of its blocks that are [unsynced](super::Counts::unsynced), in the order
    /// in which it finished them, is on the disk.
    Synced {
        /// Which worker.
        worker: WorkerId,
        /// How many blocks; no more than there are.
        n_blocks: u64,
    },
    /// What a worker wrote for the first `n_blocks` of its unsynced blocks may never come to the disk: each of them
    /// failed.
    SyncFailed {
        /// Which worker.
        worker: WorkerId,
        /// How many blocks; no more than there are.
        n_blocks: u64,
        /// Whose fault it is.
        fault: Fault,
        /// Why.
        message: String,
    },
    /// A worker will never answer again. Its unsynced blocks go back with those that it had.
    WorkerLost {
        /// Which worker.
        worker: WorkerId,
    },
    /// Nothing happened: go on with what a former call left undone.
    Tick,
    /// Hand out no more blocks, and have those come back that were sent ahead; wait for the others in flight.
    Drain,
}

/// What to do now. The caller clears it before each call, or lets it collect.
///
/// Persist, then send: a caller that keeps a journal records `ended` before it sends `assignments`, for these may hold
/// blocks that depend on the ones that ended in the same call. (The lesson of raft-rs, whose messages that must wait for
/// a write stand apart from the others.)
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions {
    /// Blocks that have ended for good: each block of a run stands here once, but for the [restored](Event::Restored)
    /// ones. Their number in one call is bounded, as all its work is.
    pub ended: Vec<Ended>,
    /// Blocks to send to workers, in this order.
    pub assignments: Vec<Assignment>,
    /// Workers that are to give back the blocks that they have not begun, by [`Event::Returned`]. To be sent before
    /// `assignments`. None is asked again before it has answered.
    pub recalls: Vec<WorkerId>,
    /// Failures to make known.
    pub failures: Vec<Failure>,
    /// Workers that get no more blocks, to make known.
    pub retired: Vec<Retired>,
}

impl Actions {
    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.ended.clear();
        self.assignments.clear();
        self.recalls.clear();
        self.failures.clear();
        self.retired.clear();
    }

    /// Adds a block that has ended: to the last entry, if it is the next of the same kind.
    #[inline]
    pub(super) fn add_ended(&mut self, block: BlockId, how: FinalState) {
        let BlockId { task, index } = block;
        match self.ended.last_mut() {
            Some(last) if last.task == task && last.blocks.end == index && last.how == how => {
                last.blocks.end += 1;
            }
            _ => self.ended.push(Ended { task, blocks: index..index + 1, how }),
        }
    }
}

/// Blocks that have ended for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Whose blocks.
    pub task: TaskId,
    /// Their indices: consecutive ones that ended one after the other, often a single one.
    pub blocks: Range<u64>,
    /// How each of them ended.
    pub how: FinalState,
}

/// How a block ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinalState {
    /// It was processed.
    Completed,
    /// It counts as completed: a check found that it need not be processed.
    Skipped,
    /// It was given up.
    Failed,
    /// It never runs, because a block that it waits for failed.
    Orphaned,
}

/// A block for a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assignment {
    /// Who gets it.
    pub worker: WorkerId,
    /// Under which lease.
    pub lease: Lease,
    /// Which block.
    pub block: BlockId,
}

/// A block did not succeed on a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which block.
    pub block: BlockId,
    /// Where.
    pub worker: WorkerId,
    /// Why.
    pub cause: Cause,
    /// What follows.
    pub disposition: Disposition,
}

/// Why a block did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Its process closure failed, with this message.
    Error(String),
    /// The worker was lost while it had the block.
    WorkerLost,
    /// It did not end in the time that it may take, and the slot that it was given to gets no more blocks.
    TimedOut {
        /// For how long it had been at work.
        busy: Time,
    },
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The block is tried again; this many times it did not succeed so far.
    Retry {
        /// Failures and crashes so far.
        attempts: u32,
    },
    /// The block has failed for good, and what depends on it is orphaned.
    GiveUp {
        /// Failures and crashes in all.
        attempts: u32,
    },
    /// The place is at fault, and not the block: it is ready again, and no block of its task is handed out for
    /// [a while](super::Config::place_pause). Then one is, to see.
    Hold {
        /// Failures and crashes so far, without this one.
        attempts: u32,
    },
    /// As [`Hold`](Self::Hold), and this was the block that was to see: the place has to be mended.
    Stuck {
        /// Failures and crashes so far, without this one.
        attempts: u32,
    },
}

/// A worker that gets no more blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// Which worker.
    pub worker: WorkerId,
    /// Why.
    pub why: Broken,
}

/// How one knows that a worker is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// It cannot be [prepared](Fault::Worker).
    Unprepared,
    /// Blocks failed there one after the other, and then succeeded elsewhere.
    BlocksSucceedElsewhere,
}
