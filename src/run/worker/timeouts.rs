//! Which blocks that a rank's slots process take longer than they may: for rank 0, which cannot know when a slot began one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::plan::Task;
use crate::wire::Assigned;

/// A block at work that may take only so long.
#[derive(Debug)]
struct Busy {
    lease: u64,
    since: Instant,
    limit: Duration,
}

/// The blocks at work that have a timeout, and have not exceeded it.
#[derive(Debug)]
pub(super) struct Timeouts {
    /// For each task; zero for none.
    limits: Vec<Duration>,
    busy: Vec<Busy>,
}

impl Timeouts {
    /// For these tasks; blocks of those that say nothing may take as long as `otherwise`, and zero means for ever.
    pub fn new(tasks: &Arc<[Task]>, otherwise: Duration) -> Self {
        let limits: Vec<Duration> = tasks.iter().map(|task| task.timeout().unwrap_or(otherwise)).collect();
        Self { limits, busy: Vec::new() }
    }

    /// A slot begins a block.
    pub fn begin(&mut self, assigned: &Assigned) {
        let limit = self.limits.get(assigned.block.task.as_usize()).copied().unwrap_or_default();
        if !limit.is_zero() {
            self.busy.push(Busy { lease: assigned.lease, since: Instant::now(), limit });
        }
    }

    /// A slot has ended a block.
    pub fn end(&mut self, lease: u64) {
        if let Some(index) = self.busy.iter().position(|busy| busy.lease == lease) {
            self.busy.swap_remove(index);
        }
    }

    /// Takes out the blocks that have taken too long, and for how long they have been at work.
    pub fn take_overdue(&mut self, now: Instant) -> Vec<(u64, Duration)> {
        let elapsed = |busy: &Busy| now.saturating_duration_since(busy.since);
        let overdue = self.busy.extract_if(.., |busy| elapsed(busy) >= busy.limit);
        overdue.map(|busy| (busy.lease, elapsed(&busy))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::{BlockId, TaskId};

    #[test]
    fn a_block_is_overdue_once_and_only_while_it_is_at_work() {
        let roi = Roi::new([0], [1]).expect("a box");
        let task = |name| Task::builder(name).total_roi(roi).block_shape([1]).process(|_| Ok(()));
        let second = Duration::from_secs(1);
        let tasks = [task("a"), task("b").timeout(3 * second), task("c").timeout(Duration::ZERO)];
        let tasks: Arc<[Task]> = tasks.map(|task| task.build().expect("a task")).into();
        let mut timeouts = Timeouts::new(&tasks, second);
        for (lease, task) in [(10, 0), (11, 1), (12, 2), (13, 0)] {
            let block = BlockId { task: TaskId(task), index: 0 };
            timeouts.begin(&Assigned { block, lease, read_roi: roi, write_roi: roi });
        }
        timeouts.end(13);
        let begin = Instant::now();
        let mut overdue = |seconds: u32| {
            let overdue = timeouts.take_overdue(begin + seconds * second);
            overdue.into_iter().map(|(lease, _)| lease).collect::<Vec<_>>()
        };
        assert_eq!((overdue(0), overdue(1), overdue(2)), (vec![], vec![10], vec![]));
        assert_eq!((overdue(3), overdue(1000)), (vec![11], vec![]));
    }
}
