//! What a former run completed: ranges of blocks, marked in steps of bounded size before any block is handed out.
//!
//! Where nothing waits for them, blocks cost a look for every 4096. Where something does, each of them releases its
//! dependents as if it had completed now.

use std::collections::VecDeque;
use std::ops::Range;

use super::propagation::Propagation;
use super::tasks::Tasks;
use crate::plan::{Plan, TaskId};

/// Marking goes first, so that what was restored itself is not told of what it waited for; but no more than this many
/// walks over dependents are put off for it.
const MAX_PUT_OFF: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Restoring {
    /// Ranges not yet marked.
    ranges: VecDeque<(TaskId, Range<u64>)>,
}

impl Restoring {
    /// Returns whether blocks remain to be marked.
    #[inline]
    pub fn is_pending(&self) -> bool {
        !self.ranges.is_empty()
    }

    pub fn push(&mut self, task: TaskId, blocks: Range<u64>) {
        if !blocks.is_empty() {
            self.ranges.push_back((task, blocks));
        }
    }

    /// Marks blocks, and has their dependents told later; looks at no more than `budget` chunks of blocks, or ranges in
    /// them. Returns what is left of the budget.
    pub fn advance(
        &mut self,
        plan: &Plan,
        tasks: &mut Tasks,
        propagation: &mut Propagation,
        mut budget: u64,
    ) -> u64 {
        while budget > 0 && propagation.n_unfinished() < MAX_PUT_OFF {
            let Some((task, blocks)) = self.ranges.front_mut() else { break };
            let task = *task;
            let put_off = |marked: Range<u64>| propagation.start_range(plan, task, marked);
            blocks.start = tasks.change(task, |task| task.restore(blocks.clone(), &mut budget, put_off));
            if blocks.is_empty() {
                self.ranges.pop_front();
            }
        }
        budget
    }
}
