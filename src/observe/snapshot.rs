//! How a run stands at one moment.

use std::time::Duration;

use crate::scheduler::Counts;

/// How a run stands at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Since the run began.
    pub elapsed: Duration,
    /// Its tasks, in the order of the pipeline.
    pub tasks: Vec<TaskSnapshot>,
    /// How many workers there are.
    pub n_workers: usize,
    /// The block that has been with a worker for longest.
    pub longest: Option<Longest>,
}

/// How one task stands.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSnapshot {
    /// Its name.
    pub name: String,
    /// Its blocks.
    pub counts: Counts,
}

/// A block that a worker has had for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Longest {
    /// The name of its task.
    pub task: String,
    /// Which block.
    pub index: u64,
    /// Which worker.
    pub worker: u32,
    /// For how long the worker has had it.
    pub held: Duration,
}

impl TaskSnapshot {
    /// Blocks that have ended, however.
    pub fn n_ended(&self) -> u64 {
        self.counts.completed + self.counts.failed + self.counts.orphaned
    }
}
