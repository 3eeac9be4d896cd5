//! What the end of a block means for the blocks that wait for it, in steps of bounded size.
//!
//! A completed block releases its dependents; a failed one orphans them, and theirs in turn, but for those of its own
//! task whose conflict with it is order-only: these it releases as well. So each dependency ends once, in one of two ways,
//! and a block with one that orphans is never released, in whatever order they end. Unfinished walks stand
//! on a stack, deepest last, so that a cascade of orphans needs no more memory than the longest chain of dependencies
//! (times the number of blocks that conflict with one, in a task with conflicts).

use std::ops::Range;

use super::event::{Actions, FinalState};
use super::tasks::Tasks;
use crate::geometry::Coordinate;
use crate::plan::{BlockId, Plan, TaskId};

/// What happens to the dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// One dependency fewer.
    Release,
    /// They never run, unless the dependency is order-only.
    Orphan,
}

/// A walk over the dependents of one block, and then of those that follow it.
#[derive(Debug, Clone, Copy)]
struct Walk {
    block: BlockId,
    /// How many blocks follow, by index, whose turn comes after it.
    n_following: u64,
    effect: Effect,
    /// 0 for the conflicting blocks of the same task, then 1 for the first downstream task, and so on.
    segment: usize,
    /// How many dependents of the segment were visited; in the first one, how many that might be were looked at.
    visited: u64,
}

#[derive(Debug, Default)]
pub(super) struct Propagation {
    stack: Vec<Walk>,
    /// The conflicting blocks of the block at hand; kept for its memory.
    found: Vec<u64>,
}

impl Propagation {
    /// Returns whether a walk is unfinished.
    pub fn is_pending(&self) -> bool {
        !self.stack.is_empty()
    }

    /// Number of unfinished walks.
    pub fn n_unfinished(&self) -> usize {
        self.stack.len()
    }

    /// A block ended: from now on its dependents are to be told.
    #[inline]
    pub fn start(&mut self, plan: &Plan, block: BlockId, effect: Effect) {
        if is_watched(plan, block.task) {
            self.stack.push(Walk { block, n_following: 0, effect, segment: 0, visited: 0 });
        }
    }

    /// Blocks ended well: from now on their dependents are to be released.
    pub fn start_range(&mut self, plan: &Plan, task: TaskId, blocks: Range<u64>) {
        if is_watched(plan, task) {
            let (block, n_following) = (BlockId { task, index: blocks.start }, blocks.end - blocks.start - 1);
            self.stack.push(Walk { block, n_following, effect: Effect::Release, segment: 0, visited: 0 });
        }
    }

    /// Tells at most about `budget` dependents; returns what is left of it. Dependents that end are added to `actions`.
    #[inline]
    pub fn advance(&mut self, plan: &Plan, tasks: &mut Tasks, budget: u64, actions: &mut Actions) -> u64 {
        if self.stack.is_empty() { budget } else { self.walk_on(plan, tasks, budget, actions) }
    }

    fn walk_on(&mut self, plan: &Plan, tasks: &mut Tasks, mut budget: u64, actions: &mut Actions) -> u64 {
        while let Some(mut walk) = self.stack.pop() {
            if budget == 0 {
                self.stack.push(walk);
                break;
            }
            budget = match walk.effect {
                Effect::Release => self.release(plan, tasks, &mut walk, budget),
                Effect::Orphan => self.orphan(plan, tasks, &mut walk, budget, actions),
            };
        }
        budget
    }

    /// Releases dependents of `walk`, and puts it back when the budget ends before they do.
    #[inline]
    fn release(&mut self, plan: &Plan, tasks: &mut Tasks, walk: &mut Walk, mut budget: u64) -> u64 {
        let planned = plan.task(walk.block.task);
        let position = planned.spec.grid().position(walk.block.index);
        while walk.segment == 0 {
            if budget == 0 {
                self.stack.push(*walk);
                return 0;
            }
            budget -= self.find_conflicting(plan, tasks, walk, &position, budget);
            let found = self.found.iter().copied();
            tasks.release(walk.block.task, planned, found);
        }
        while let Some((downstream, link)) = planned.downstream.get(walk.segment - 1) {
            let dependents = link.downstream(&position);
            let released = plan.task(*downstream);
            let n_told = (dependents.size() - walk.visited).min(budget);
            let ranges = released.spec.grid().index_ranges(&dependents, walk.visited);
            let told = ranges.flatten().take(n_told as usize);
            tasks.release(*downstream, released, told);
            budget -= n_told;
            if budget == 0 {
                walk.visited += n_told;
                self.stack.push(*walk);
                return 0;
            }
            walk.next_segment();
        }
        let n_following = walk.n_following.checked_sub(1);
        if let Some(n_following) = n_following.filter(|_| is_awaited(plan, tasks, walk.block.task)) {
            let block = BlockId { index: walk.block.index + 1, ..walk.block };
            self.stack.push(Walk { block, n_following, effect: walk.effect, segment: 0, visited: 0 });
            // Blocks without dependents take time as well.
            budget -= 1;
        }
        budget
    }

    /// Orphans dependents of `walk`, each at most once, and goes on with theirs before the rest of its own.
    fn orphan(
        &mut self,
        plan: &Plan,
        tasks: &mut Tasks,
        walk: &mut Walk,
        mut budget: u64,
        actions: &mut Actions,
    ) -> u64 {
        let BlockId { task, index } = walk.block;
        let position = plan.task(task).spec.grid().position(index);
        if walk.segment == 0 {
            budget -= self.find_conflicting(plan, tasks, walk, &position, budget);
            self.stack.push(*walk);
            let mut found = std::mem::take(&mut self.found);
            release_order_only(plan, tasks, walk.block.task, &position, &mut found);
            for index in found.iter().copied() {
                if tasks.change(task, |task| task.orphan(index)) {
                    actions.add_ended(BlockId { task, index }, FinalState::Orphaned);
                    self.start(plan, BlockId { task, index }, Effect::Orphan);
                }
            }
            self.found = found;
            return budget;
        }
        while let Some((downstream, link)) = plan.task(task).downstream.get(walk.segment - 1) {
            let grid = plan.task(*downstream).spec.grid();
            for index in grid.index_ranges(&link.downstream(&position), walk.visited).flatten() {
                if budget == 0 {
                    self.stack.push(*walk);
                    return 0;
                }
                budget -= 1;
                walk.visited += 1;
                if !tasks.change(*downstream, |task| task.orphan(index)) {
                    continue;
                }
                let block = BlockId { task: *downstream, index };
                actions.add_ended(block, FinalState::Orphaned);
                if is_watched(plan, *downstream) {
                    self.stack.push(*walk);
                    self.start(plan, block, Effect::Orphan);
                    return budget;
                }
            }
            walk.next_segment();
        }
        budget
    }

    /// Fills `found` with the next blocks of the same task that wait for that of `walk`, looking at no more than
    /// `budget` of those that might; returns at how many it looked. At the end, `walk` goes on to its next segment.
    #[inline]
    fn find_conflicting(
        &mut self,
        plan: &Plan,
        tasks: &mut Tasks,
        walk: &mut Walk,
        position: &Coordinate,
        budget: u64,
    ) -> u64 {
        self.found.clear();
        let BlockId { task, index } = walk.block;
        let grid = plan.task(task).spec.grid();
        let n_looked_at = tasks.conflict_table(task).map_or(0, |conflict_table| {
            conflict_table.find_downstream(grid, position, index, walk.visited, budget, &mut self.found)
        });
        walk.visited += n_looked_at;
        if n_looked_at < budget {
            walk.next_segment();
        }
        n_looked_at
    }
}

impl Walk {
    #[inline]
    fn next_segment(&mut self) {
        self.segment += 1;
        self.visited = 0;
    }
}

/// Takes out of `found` the blocks whose conflict with the one at `position`, which will not run (again), is order-only,
/// and releases them.
fn release_order_only(
    plan: &Plan,
    tasks: &mut Tasks,
    task: TaskId,
    position: &Coordinate,
    found: &mut Vec<u64>,
) {
    let planned = plan.task(task);
    let Some(conflicts) = planned.spec.conflicts().filter(|conflicts| conflicts.order_only().is_some())
    else {
        return;
    };
    let is_behind = |index: &u64| conflicts.carries_data(position, &planned.spec.grid().position(*index));
    let released = found.iter().copied().filter(|index| !is_behind(index));
    tasks.change(task, |task| task.release(planned, released));
    found.retain(is_behind);
}

/// Returns whether any block waits that may depend on one of a task.
fn is_awaited(plan: &Plan, tasks: &Tasks, task: TaskId) -> bool {
    let planned = plan.task(task);
    let own = planned.spec.conflicts().map(|_| task);
    let others = planned.downstream.iter().map(|(downstream, _)| *downstream);
    own.into_iter().chain(others).any(|task| tasks.get(task).counts.pending > 0)
}

/// Returns whether blocks of a task may have dependents.
#[inline]
fn is_watched(plan: &Plan, task: TaskId) -> bool {
    let planned = plan.task(task);
    planned.spec.conflicts().is_some() || !planned.downstream.is_empty()
}
