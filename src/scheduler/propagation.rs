//! What the end of a block means for the blocks that wait for it, in steps of bounded size.
//!
//! A completed block releases its dependents; a failed one orphans them, and theirs in turn. Unfinished walks stand
//! on a stack, deepest last, so that a cascade of orphans needs no more memory than the longest chain of dependencies.

use super::task_state::TaskState;
use crate::plan::{BlockId, Plan, TaskId};

/// What happens to the dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Release,
    Orphan,
}

/// A walk over the dependents of one block.
#[derive(Debug, Clone, Copy)]
struct Walk {
    block: BlockId,
    effect: Effect,
    /// 0 for the conflicting blocks of the same task, then 1 for the first downstream task, and so on.
    segment: usize,
    /// How many dependents of the segment were visited.
    visited: u64,
}

#[derive(Debug, Default)]
pub(super) struct Propagation {
    stack: Vec<Walk>,
    /// The conflicting blocks of the block at hand; kept for its memory.
    found: Vec<u64>,
}

impl Propagation {
    /// Whether a walk is unfinished.
    pub fn is_pending(&self) -> bool {
        !self.stack.is_empty()
    }

    /// A block ended: from now on its dependents are to be told.
    #[inline]
    pub fn start(&mut self, plan: &Plan, block: BlockId, effect: Effect) {
        let planned = plan.task(block.task);
        if planned.task.conflicts().is_some() || !planned.downstream.is_empty() {
            self.stack.push(Walk { block, effect, segment: 0, visited: 0 });
        }
    }

    /// Tells at most about `budget` dependents.
    #[inline]
    pub fn advance(&mut self, plan: &Plan, tasks: &mut [TaskState], mut budget: u64) {
        while let Some(mut walk) = self.stack.pop() {
            if budget == 0 {
                self.stack.push(walk);
                return;
            }
            budget = match walk.effect {
                Effect::Release => self.release(plan, tasks, &mut walk, budget),
                Effect::Orphan => self.orphan(plan, tasks, &mut walk, budget),
            };
        }
    }

    /// Releases dependents of `walk`, and puts it back when the budget ends before they do.
    #[inline]
    fn release(&mut self, plan: &Plan, tasks: &mut [TaskState], walk: &mut Walk, mut budget: u64) -> u64 {
        let BlockId { task, index } = walk.block;
        let planned = plan.task(task);
        let position = planned.task.grid().position(index);
        if walk.segment == 0 {
            self.found.clear();
            let state = &mut tasks[task.as_usize()];
            state.conflicting(planned.task.grid(), &position, index, &mut self.found);
            for other in &self.found {
                state.release(planned, *other..*other + 1);
            }
            budget = budget.saturating_sub(self.found.len() as u64);
            walk.segment = 1;
        }
        while let Some((downstream, link)) = planned.downstream.get(walk.segment - 1) {
            let dependents = link.downstream(&position);
            let released = plan.task(*downstream);
            for mut run in released.task.grid().runs(&dependents, walk.visited) {
                run.end = run.end.min(run.start + budget);
                budget -= run.end - run.start;
                walk.visited += run.end - run.start;
                tasks[downstream.as_usize()].release(released, run);
                if budget == 0 {
                    self.stack.push(*walk);
                    return 0;
                }
            }
            walk.segment += 1;
            walk.visited = 0;
        }
        budget
    }

    /// Orphans the next dependent of `walk` that is not orphaned yet, and goes on with that one's dependents.
    fn orphan(&mut self, plan: &Plan, tasks: &mut [TaskState], walk: &mut Walk, mut budget: u64) -> u64 {
        while budget > 0 {
            let Some(dependent) = self.next_dependent(plan, tasks, walk) else { return budget };
            budget -= 1;
            if tasks[dependent.task.as_usize()].orphan(dependent.index) {
                self.stack.push(*walk);
                self.start(plan, dependent, Effect::Orphan);
                return budget;
            }
        }
        self.stack.push(*walk);
        0
    }

    fn next_dependent(&mut self, plan: &Plan, tasks: &mut [TaskState], walk: &mut Walk) -> Option<BlockId> {
        let BlockId { task, index } = walk.block;
        let planned = plan.task(task);
        let position = planned.task.grid().position(index);
        if walk.segment == 0 {
            self.found.clear();
            tasks[task.as_usize()].conflicting(planned.task.grid(), &position, index, &mut self.found);
            if let Some(other) = self.found.get(walk.visited as usize) {
                walk.visited += 1;
                return Some(BlockId { task, index: *other });
            }
            (walk.segment, walk.visited) = (1, 0);
        }
        loop {
            let (downstream, link): &(TaskId, _) = planned.downstream.get(walk.segment - 1)?;
            let grid = plan.task(*downstream).task.grid();
            if let Some(run) = grid.runs(&link.downstream(&position), walk.visited).next() {
                walk.visited += 1;
                return Some(BlockId { task: *downstream, index: run.start });
            }
            (walk.segment, walk.visited) = (walk.segment + 1, 0);
        }
    }
}
