//! Epochs: every few seconds workers put on the disk what they wrote, and the blocks that are covered by that complete.
//!
//! Messages between two ranks keep their order: what a worker says it has synced covers all blocks that rank 0 had heard of
//! when it asked.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::micros;
use crate::scheduler::{Scheduler, Time, WorkerId};

/// Number of unsynced blocks at which an epoch ends, however young it is: they are kept in memory.
const MAX_UNSYNCED: u64 = 1 << 20;

/// When workers sync, and what is known of that.
#[derive(Debug)]
pub(super) struct Epochs {
    interval: Time,
    number: u32,
    /// Workers that were asked, and how many blocks their answers cover.
    awaited: BTreeMap<WorkerId, u64>,
    began: Time,
    ended: Time,
}

impl Epochs {
    /// Epochs of this length, unless slots wait for what they release.
    pub fn new(interval: Duration) -> Self {
        Self { interval: micros(interval), number: 0, awaited: BTreeMap::new(), began: 0, ended: 0 }
    }

    /// Returns whether workers are to be asked now.
    #[inline]
    pub fn is_due(&self, now: Time, scheduler: &Scheduler) -> bool {
        if scheduler.n_unsynced() == 0 || !self.awaited.is_empty() {
            return false;
        }
        // Slots that wait end an epoch early; but no more than half of the time is spent syncing.
        let rest = self.ended.saturating_sub(self.began);
        now >= self.ended.saturating_add(self.interval)
            || scheduler.n_unsynced() >= MAX_UNSYNCED
            || (scheduler.is_waiting_for_sync() && now >= self.ended.saturating_add(rest))
    }

    /// Ends an epoch: its number, and whom to ask.
    pub fn end(&mut self, now: Time, scheduler: &Scheduler, workers: &[WorkerId]) -> (u32, Vec<WorkerId>) {
        self.number = self.number.wrapping_add(1);
        (self.began, self.ended) = (now, now);
        let asked = workers.iter().map(|worker| (*worker, scheduler.n_unsynced_of(*worker)));
        self.awaited = asked.filter(|(_, n_blocks)| *n_blocks > 0).collect();
        (self.number, self.awaited.keys().copied().collect())
    }

    /// A worker answered: how many of its blocks that covers, if it was asked.
    pub fn take(&mut self, now: Time, worker: WorkerId, epoch: u32) -> Option<u64> {
        let n_blocks = if epoch == self.number { self.awaited.remove(&worker) } else { None };
        self.ended = now;
        n_blocks
    }

    /// For how long the last epoch's workers have been at it, or were.
    pub fn lasted(&self, now: Time) -> Time {
        now.saturating_sub(self.began)
    }

    /// Returns whether a worker that was asked has not answered yet.
    pub fn is_awaited(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// A worker will not answer.
    pub fn forget(&mut self, worker: WorkerId) {
        self.awaited.remove(&worker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::geometry::Roi;
    use crate::plan::{Outcome, Pipeline, Plan, Task};
    use crate::scheduler::{Actions, Config, Event};

    #[test]
    fn an_epoch_ends_in_time_or_when_slots_wait() {
        let total = Roi::new([0], [30]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape([10]).build().expect("a task");
        let plan = Arc::new(Plan::new(&Pipeline::from(task)).expect("a plan"));
        let config = Config { credits: 0, awaits_sync: true, ..Config::default() };
        let mut scheduler = Scheduler::new(plan, config);
        let mut actions = Actions::default();
        let mut epochs = Epochs::new(Duration::from_micros(100));
        let worker = WorkerId(1);
        scheduler.handle(0, Event::WorkerJoined { worker, slots: 1 }, &mut actions);
        assert!(!epochs.is_due(1000, &scheduler), "there is nothing to sync");
        let finish = |scheduler: &mut Scheduler, actions: &mut Actions| {
            let lease = actions.assignments.last().expect("a block").lease;
            scheduler.handle(5, Event::BlockFinished { worker, lease, outcome: Outcome::Success }, actions);
        };
        finish(&mut scheduler, &mut actions);
        finish(&mut scheduler, &mut actions);
        assert!(!epochs.is_due(99, &scheduler) && epochs.is_due(100, &scheduler));
        assert_eq!(epochs.end(100, &scheduler, &[worker, WorkerId(2)]), (1, vec![worker]));
        assert!(!epochs.is_due(10_000, &scheduler), "one after the other");
        finish(&mut scheduler, &mut actions);
        assert_eq!(epochs.take(130, worker, 0), None, "an answer to another question");
        assert_eq!((epochs.take(130, worker, 1), epochs.take(130, worker, 1)), (Some(2), None));
        scheduler.handle(130, Event::Synced { worker, n_blocks: 2 }, &mut actions);
        assert_eq!(scheduler.n_unsynced(), 1);
        assert!(scheduler.is_waiting_for_sync());
        assert!(!epochs.is_due(159, &scheduler) && epochs.is_due(160, &scheduler), "the slot waits");
    }
}
