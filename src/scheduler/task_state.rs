//! Where one task stands. A block changes its state here and nowhere else, and every change keeps the counts exact.

use std::ops::Range;

use super::conflict_table::ConflictTable;
use super::event::{Time, WorkerId};
use super::hold::Hold;
use super::initially_ready::InitiallyReady;
use super::retries::Retries;
use super::states::States;
use crate::plan::{Fault, PlannedTask};

/// How many blocks of a task are in which state. At every moment
/// `total = pending + ready + in_flight + unsynced + completed + failed + orphaned`; at the end of a run that was not
/// interrupted the first four are 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All blocks.
    pub total: u64,
    /// Waiting for other blocks.
    pub pending: u64,
    /// Waiting for a worker.
    pub ready: u64,
    /// With a worker.
    pub in_flight: u64,
    /// Processed, while what was written is not known to be on the disk. Only where blocks complete with that.
    pub unsynced: u64,
    /// Done.
    pub completed: u64,
    /// Of the completed ones, those that a check, a mask or a former run made unnecessary.
    pub skipped: u64,
    /// Given up.
    pub failed: u64,
    /// Never run, because a block that they wait for failed.
    pub orphaned: u64,
}

impl Counts {
    /// Blocks that have not ended.
    pub fn open(&self) -> u64 {
        self.pending + self.ready + self.in_flight + self.unsynced
    }

    /// The counts of two tasks together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            pending: self.pending + other.pending,
            ready: self.ready + other.ready,
            in_flight: self.in_flight + other.in_flight,
            unsynced: self.unsynced + other.unsynced,
            completed: self.completed + other.completed,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
            orphaned: self.orphaned + other.orphaned,
        }
    }

    /// Returns whether every block completed.
    pub fn all_completed(&self) -> bool {
        self.completed == self.total
    }
}

/// Maximum number of steps to the next block when one is handed out; if they do not reach, the next call goes on.
const SETTLE: u64 = 1024;

#[derive(Debug)]
pub(super) struct TaskState {
    pub counts: Counts,
    pub initially_ready: InitiallyReady,
    pub states: States,
    pub retries: Retries,
    hold: Hold,
    conflict_table: Option<ConflictTable>,
    /// Whether the next of the initially ready blocks is known, or that there is none: some may have been restored.
    is_settled: bool,
    max_in_flight: u64,
    max_retries: u32,
    max_crashes: u32,
}

impl TaskState {
    pub fn new(planned: &PlannedTask, max_crashes: u32) -> Self {
        let task = &planned.spec;
        let initially_ready = InitiallyReady::of(planned);
        let conflict_table = task.conflicts().map(ConflictTable::new);
        let most = planned
            .upstream
            .iter()
            .fold(conflict_table.as_ref().map_or(0, ConflictTable::max_upstream), |most, (_, link)| {
                most.saturating_add(link.max_upstream())
            });
        let total = task.grid().n_blocks();
        let ready = initially_ready.n_left();
        Self {
            counts: Counts { total, ready, pending: total - ready, ..Counts::default() },
            initially_ready,
            states: States::new(total, most),
            retries: Retries::default(),
            hold: Hold::default(),
            conflict_table,
            is_settled: true,
            max_in_flight: task.max_workers().map_or(u64::MAX, u64::from),
            max_retries: task.max_retries(),
            max_crashes,
        }
    }

    /// Returns whether a block could be handed out now.
    #[inline]
    pub fn has_work(&self) -> bool {
        let has_place = self.counts.in_flight < self.max_in_flight && self.hold.lets_go();
        self.counts.ready > 0 && has_place && self.is_settled
    }

    /// Returns whether the next block is known; if not, [`settle`](Self::settle) finds it.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// Returns whether any number of blocks may be in flight, and none is held back.
    #[inline]
    pub fn is_unlimited(&self) -> bool {
        self.max_in_flight == u64::MAX && self.hold == Hold::None
    }

    /// Number of blocks that may be handed out ahead of time, if any may be handed out. A task that may have only so many
    /// in flight has its turn among the others: its blocks count from when they are sent.
    #[inline]
    pub fn n_available_ahead(&self) -> u64 {
        if self.hold != Hold::None {
            return 0;
        }
        self.counts.ready.min(self.max_in_flight.saturating_sub(self.counts.in_flight))
    }

    /// ready -> in flight: the block to try again first, or else of lowest index, that `worker` may have.
    #[inline]
    pub fn take(&mut self, worker: WorkerId, n_workers: usize) -> Option<u64> {
        let index = match self.retries.pop(worker, n_workers) {
            Some(index) => index,
            None => match (self.states.peek_ready(), self.initially_ready.peek()) {
                (Some(ready), Some(initial)) if initial < ready => self.initially_ready.pop()?,
                (Some(_), _) => self.states.pop_ready()?,
                (None, _) => self.initially_ready.pop()?,
            },
        };
        self.hold.hand_out(index);
        self.counts.ready -= 1;
        self.counts.in_flight += 1;
        if self.initially_ready.has_holes() {
            let mut budget = SETTLE;
            self.settle(&mut budget);
        }
        Some(index)
    }

    /// Finds the next of the initially ready blocks that was not restored, unless the budget is too small.
    pub fn settle(&mut self, budget: &mut u64) {
        self.is_settled = self.initially_ready.skip_ended(&self.states, budget);
    }

    /// pending, ready -> completed, for blocks that a former run completed and that have not ended. Calls `marked` with
    /// each range of them; returns how far it came: see [`States::end_range`].
    pub fn restore(
        &mut self,
        blocks: Range<u64>,
        budget: &mut u64,
        mut marked: impl FnMut(Range<u64>),
    ) -> u64 {
        let Self { states, counts, initially_ready, .. } = self;
        self.is_settled = false;
        states.end_range(blocks, budget, |range, n_marked_ready| {
            let n_blocks = range.end - range.start;
            let n_ready = n_marked_ready + initially_ready.remove(&range);
            counts.ready -= n_ready;
            counts.pending -= n_blocks - n_ready;
            counts.completed += n_blocks;
            counts.skipped += n_blocks;
            marked(range);
        })
    }

    /// in flight -> unsynced.
    #[inline]
    pub fn finish(&mut self) {
        self.counts.in_flight -= 1;
        self.counts.unsynced += 1;
    }

    /// unsynced -> in flight, for a moment: what follows is a change that ends that.
    #[inline]
    pub fn resume(&mut self) {
        self.counts.unsynced -= 1;
        self.counts.in_flight += 1;
    }

    /// in flight -> completed.
    #[inline]
    pub fn complete(&mut self, index: u64, is_skipped: bool) {
        self.counts.in_flight -= 1;
        self.counts.completed += 1;
        self.counts.skipped += u64::from(is_skipped);
        self.hold.pass(index);
        self.retries.forget(index);
        self.states.end(index);
    }

    /// in flight -> ready or failed, after an error. Returns the attempts so far and whether there is another one.
    pub fn fail(&mut self, index: u64, worker: WorkerId, fault: Fault) -> (u32, bool) {
        let attempts = self.retries.attempts_mut(index);
        attempts.failures += 1;
        attempts.add(worker);
        let attempts = *attempts;
        let again = fault != Fault::Permanent && attempts.failures <= self.max_retries;
        self.hold.pass(index);
        self.try_again_or_give_up(index, worker, again);
        (attempts.total(), again)
    }

    /// in flight -> ready or failed, after the loss of a worker that was processing the block.
    pub fn crash(&mut self, index: u64, worker: WorkerId) -> (u32, bool) {
        let attempts = self.retries.attempts_mut(index);
        attempts.crashes += 1;
        attempts.add(worker);
        let attempts = *attempts;
        let again = attempts.crashes <= self.max_crashes;
        if !again {
            self.hold.pass(index);
        }
        self.try_again_or_give_up(index, worker, again);
        (attempts.total(), again)
    }

    /// in flight -> ready, for a block that is not to blame: the place refused what it wrote. Returns the attempts so far, and
    /// whether the place refused it when it was tried after a pause.
    pub fn refuse(&mut self, index: u64, worker: WorkerId, until: Time) -> (u32, bool) {
        // Others may reach the place.
        let attempts = self.retries.attempts_mut(index);
        attempts.add(worker);
        let attempts = attempts.total();
        let was_tried = self.hold.refuse(index, until);
        self.take_back(index, worker);
        (attempts, was_tried)
    }

    /// Ends the pause of a task that is held, if it is over. Returns whether the task is held still.
    pub fn end_pause(&mut self, now: Time) -> bool {
        self.hold.end_pause(now);
        self.is_held()
    }

    /// Returns whether the place refused what a block wrote, and none was taken since.
    pub fn is_held(&self) -> bool {
        self.hold != Hold::None
    }

    /// in flight -> ready or failed, when the block took too long. Where it is tried again, the caller keeps it: it is
    /// [taken](Self::take_deferred) when there is nothing else to do.
    pub fn time_out(&mut self, index: u64, worker: WorkerId) -> (u32, bool) {
        let attempts = self.retries.attempts_mut(index);
        attempts.failures += 1;
        attempts.add(worker);
        let attempts = *attempts;
        let again = attempts.failures <= self.max_retries;
        self.hold.pass(index);
        if again {
            self.counts.in_flight -= 1;
            self.counts.ready += 1;
        } else {
            self.try_again_or_give_up(index, worker, false);
        }
        (attempts.total(), again)
    }

    /// ready -> in flight, for a block that took too long.
    pub fn take_deferred(&mut self, index: u64) {
        self.hold.hand_out(index);
        self.counts.ready -= 1;
        self.counts.in_flight += 1;
    }

    /// in flight -> ready, for a block that its worker had not begun, or could not.
    pub fn take_back(&mut self, index: u64, worker: WorkerId) {
        self.counts.in_flight -= 1;
        self.counts.ready += 1;
        self.hold.give_back(index);
        self.retries.push(index, worker);
    }

    /// in flight -> ready, for a block that its worker gave back.
    pub fn give_back(&mut self, index: u64) {
        self.counts.in_flight -= 1;
        self.counts.ready += 1;
        self.hold.give_back(index);
        self.retries.push_again(index);
    }

    fn try_again_or_give_up(&mut self, index: u64, worker: WorkerId, again: bool) {
        if again {
            self.take_back(index, worker);
        } else {
            self.counts.in_flight -= 1;
            self.counts.failed += 1;
            self.retries.forget(index);
            self.states.end(index);
        }
    }

    /// pending -> orphaned; `false` for a block that is orphaned already, or was restored.
    pub fn orphan(&mut self, index: u64) -> bool {
        if self.states.has_ended(index) {
            return false;
        }
        self.counts.pending -= 1;
        self.counts.orphaned += 1;
        self.states.end(index);
        true
    }

    /// One dependency fewer for each of these blocks; those that have none left: pending -> ready.
    #[inline]
    pub fn release(&mut self, planned: &PlannedTask, indices: impl Iterator<Item = u64>) {
        let grid = planned.spec.grid();
        let Self { states, conflict_table, .. } = self;
        let n_released = states.count_down(indices, |index| {
            let position = grid.position(index);
            let conflicting = conflict_table.as_ref().map_or(0, |near| near.n_upstream(&position));
            conflicting
                + planned.upstream.iter().map(|(_, link)| link.upstream(&position).size()).sum::<u64>()
        });
        self.counts.pending -= n_released;
        self.counts.ready += n_released;
    }

    /// The blocks of this task that conflict with one and wait for it: see [`ConflictTable::find_downstream`].
    #[inline]
    pub fn conflict_table(&mut self) -> Option<&mut ConflictTable> {
        self.conflict_table.as_mut()
    }
}
