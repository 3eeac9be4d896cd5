//! All tasks, and what holds for them together: kept up to date as each of them changes, so that no event costs more
//! because there are more tasks.

use std::collections::BTreeSet;

use super::conflict_table::ConflictTable;
use super::event::WorkerId;
use super::rank_set::RankSet;
use super::task_state::TaskState;
use crate::plan::{BlockId, Plan, PlannedTask, TaskId};

/// What a block is handed out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A free slot.
    Now,
    /// A worker whose slots are busy.
    Ahead,
}

#[derive(Debug)]
pub(super) struct Tasks {
    states: Vec<TaskState>,
    /// Each task's position in [`Plan::by_priority`].
    ranks: Vec<u32>,
    by_rank: Vec<TaskId>,
    /// The ranks of the tasks that have blocks to hand out.
    now: RankSet,
    /// The ranks of those that have blocks to hand out ahead of time.
    ahead: RankSet,
    n_available_ahead: u64,
    n_open: u64,
    /// Blocks that took too long, by rank of their task and index: ready again, for when there is nothing else to do.
    deferred: BTreeSet<(u32, u64)>,
    /// How often a task was looked at.
    #[cfg(test)]
    n_looks: std::cell::Cell<u64>,
}

/// What one task adds to what holds for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    has_work: bool,
    n_available_ahead: u64,
    n_open: u64,
}

impl Share {
    #[inline]
    fn of(task: &TaskState) -> Self {
        let has_work = task.has_work();
        Self {
            has_work,
            n_available_ahead: if has_work { task.n_available_ahead() } else { 0 },
            n_open: task.counts.open(),
        }
    }
}

impl Tasks {
    pub fn new(plan: &Plan, max_crashes: u32) -> Self {
        let states: Vec<TaskState> =
            plan.tasks().iter().map(|planned| TaskState::new(planned, max_crashes)).collect();
        let mut ranks = vec![0; states.len()];
        (0..).zip(plan.by_priority()).for_each(|(rank, id)| ranks[id.as_usize()] = rank);
        let mut tasks = Self {
            ranks,
            by_rank: plan.by_priority().to_vec(),
            now: RankSet::new(states.len()),
            ahead: RankSet::new(states.len()),
            n_available_ahead: 0,
            n_open: 0,
            deferred: BTreeSet::new(),
            #[cfg(test)]
            n_looks: std::cell::Cell::new(0),
            states: Vec::new(),
        };
        let nothing = Share { has_work: false, n_available_ahead: 0, n_open: 0 };
        for (id, state) in states.iter().enumerate() {
            tasks.update(id, nothing, Share::of(state));
        }
        tasks.states = states;
        tasks
    }

    /// One task, to look at.
    #[inline]
    pub fn get(&self, id: TaskId) -> &TaskState {
        self.look();
        &self.states[id.as_usize()]
    }

    /// All tasks, in the order of the plan.
    pub fn iter(&self) -> impl Iterator<Item = &TaskState> {
        self.states.iter().inspect(|_| self.look())
    }

    /// Changes a task.
    #[inline]
    pub fn change<T>(&mut self, id: TaskId, change: impl FnOnce(&mut TaskState) -> T) -> T {
        self.look();
        let state = &mut self.states[id.as_usize()];
        let before = Share::of(state);
        let result = change(state);
        let after = Share::of(state);
        if before != after {
            self.update(id.as_usize(), before, after);
        }
        result
    }

    /// See [`TaskState::take`]; for a task that has work. With the block, whether the task is
    /// [settled](TaskState::is_settled) after it.
    #[inline]
    pub fn take(&mut self, id: TaskId, worker: WorkerId, n_workers: usize) -> Option<(u64, bool)> {
        let state = &mut self.states[id.as_usize()];
        if !state.is_unlimited() {
            return self
                .change(id, |task| task.take(worker, n_workers).map(|index| (index, task.is_settled())));
        }
        // All that changes for all tasks is one ready block less, but for the last one.
        let index = state.take(worker, n_workers)?;
        let (has_work, is_settled, n_ready) = (state.has_work(), state.is_settled(), state.counts.ready);
        self.look();
        self.n_available_ahead -= 1;
        if !has_work {
            self.n_available_ahead -= n_ready;
            let rank = self.ranks[id.as_usize()] as usize;
            self.now.flip(rank);
            self.ahead.flip(rank);
        }
        Some((index, is_settled))
    }

    /// See [`TaskState::time_out`].
    #[cold]
    pub fn time_out(&mut self, block: BlockId, worker: WorkerId) -> (u32, bool) {
        let (attempts, again) = self.change(block.task, |task| task.time_out(block.index, worker));
        if again {
            self.deferred.insert((self.ranks[block.task.as_usize()], block.index));
        }
        (attempts, again)
    }

    /// Number of blocks that took too long and are ready again.
    #[inline]
    pub fn n_deferred(&self) -> u64 {
        self.deferred.len() as u64
    }

    /// The blocks of a task that took too long and are ready again.
    pub fn deferred(&self, id: TaskId) -> impl Iterator<Item = u64> + '_ {
        let rank = self.ranks[id.as_usize()];
        self.deferred.range((rank, 0)..=(rank, u64::MAX)).map(|(_, index)| *index)
    }

    /// Takes a block that took too long elsewhere: for a free slot alone, which may hang in it as well.
    #[inline]
    pub fn take_deferred(&mut self, purpose: Purpose, worker: WorkerId, n_workers: usize) -> Option<BlockId> {
        if self.deferred.is_empty() || purpose == Purpose::Ahead {
            return None;
        }
        let Self { deferred, states, by_rank, .. } = &*self;
        let may_try = |(rank, index): &&(u32, u64)| {
            let state = &states[by_rank[*rank as usize].as_usize()];
            state.has_work() && state.retries.may_try(*index, worker, n_workers)
        };
        let (rank, index) = *deferred.iter().find(may_try)?;
        self.deferred.remove(&(rank, index));
        let task = self.by_rank[rank as usize];
        self.change(task, |task| task.take_deferred(index));
        Some(BlockId { task, index })
    }

    /// See [`TaskState::complete`].
    #[inline]
    pub fn complete(&mut self, id: TaskId, index: u64, is_skipped: bool) {
        let state = &mut self.states[id.as_usize()];
        // One open block less is all that changes for all tasks, unless this one may have only so many in flight.
        if state.is_unlimited() {
            state.complete(index, is_skipped);
            self.look();
            self.n_open -= 1;
        } else {
            self.change(id, |task| task.complete(index, is_skipped));
        }
    }

    /// See [`TaskState::release`].
    #[inline]
    pub fn release(&mut self, id: TaskId, planned: &PlannedTask, indices: impl Iterator<Item = u64>) {
        let state = &mut self.states[id.as_usize()];
        if !state.is_unlimited() || !state.has_work() {
            return self.change(id, |task| task.release(planned, indices));
        }
        // Blocks that are ready are all that there are more of.
        let n_ready = state.counts.ready;
        state.release(planned, indices);
        self.n_available_ahead += state.counts.ready - n_ready;
        self.look();
    }

    /// See [`TaskState::conflict_table`].
    #[inline]
    pub fn conflict_table(&mut self, id: TaskId) -> Option<&mut ConflictTable> {
        self.look();
        self.states[id.as_usize()].conflict_table()
    }

    #[inline]
    fn update(&mut self, id: usize, before: Share, after: Share) {
        let rank = self.ranks[id] as usize;
        if before.has_work != after.has_work {
            self.now.flip(rank);
        }
        if (before.n_available_ahead > 0) != (after.n_available_ahead > 0) {
            self.ahead.flip(rank);
        }
        self.n_available_ahead = self.n_available_ahead - before.n_available_ahead + after.n_available_ahead;
        self.n_open = self.n_open.wrapping_sub(before.n_open).wrapping_add(after.n_open);
    }

    /// Returns whether a block could be handed out now.
    #[inline]
    pub fn has_work(&self) -> bool {
        !self.now.is_empty()
    }

    /// Number of blocks that could be handed out ahead of time.
    #[inline]
    pub fn n_available_ahead(&self) -> u64 {
        self.n_available_ahead
    }

    /// Returns whether every block has ended.
    pub fn have_ended(&self) -> bool {
        self.n_open == 0
    }

    /// The first task with work of at least this rank, with its rank: the lower, the sooner its blocks are wanted.
    #[inline]
    pub fn next_with_work(&self, purpose: Purpose, from: usize) -> Option<(usize, TaskId)> {
        let set = if purpose == Purpose::Now { &self.now } else { &self.ahead };
        let rank = set.next(from)?;
        Some((rank, self.by_rank[rank]))
    }

    /// What is kept for all tasks together, as name, value kept and value found by looking at each task.
    pub fn recounted(&self) -> [(&'static str, u64, u64); 4] {
        let sum = |of: &dyn Fn(Share) -> u64| self.states.iter().map(|state| of(Share::of(state))).sum();
        let members = |set: &RankSet| (0..self.ranks.len()).filter(|rank| set.contains(*rank)).count() as u64;
        [
            ("open blocks", self.n_open, sum(&|share| share.n_open)),
            ("blocks to hand out ahead", self.n_available_ahead, sum(&|share| share.n_available_ahead)),
            ("tasks with work", members(&self.now), sum(&|share| u64::from(share.has_work))),
            (
                "tasks with work ahead",
                members(&self.ahead),
                sum(&|share| u64::from(share.n_available_ahead > 0)),
            ),
        ]
    }

    #[inline]
    fn look(&self) {
        #[cfg(test)]
        self.n_looks.set(self.n_looks.get() + 1);
    }

    /// How often a task was looked at so far.
    #[cfg(test)]
    pub fn n_looks(&self) -> u64 {
        self.n_looks.get()
    }
}
