//! A task within a plan.

use std::sync::Arc;

use super::block::TaskId;
use super::link::Link;
use super::spec::TaskSpec;

/// A task and its links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTask {
    /// The task, without its closures.
    pub spec: Arc<TaskSpec>,
    /// The tasks whose output it reads, and those that touched before it what it overwrites.
    pub upstream: Vec<(TaskId, Link)>,
    /// The tasks that it is upstream of, with the same links.
    pub downstream: Vec<(TaskId, Link)>,
}
