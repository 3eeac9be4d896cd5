//! What the scheduler is told, and what it answers.

use std::fmt;

use crate::plan::{BlockId, Outcome};

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
    /// A worker will never answer again.
    WorkerLost {
        /// Which worker.
        worker: WorkerId,
    },
    /// Nothing happened: go on with what a former call left undone.
    Tick,
    /// Hand out no more blocks; wait for those in flight.
    Drain,
}

/// What to do now. The caller clears it before each call, or lets it collect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions {
    /// Blocks to send to workers, in this order.
    pub assignments: Vec<Assignment>,
    /// Failures to make known.
    pub failures: Vec<Failure>,
}

impl Actions {
    /// Forgets everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.assignments.clear();
        self.failures.clear();
    }
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
}
