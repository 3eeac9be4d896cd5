//! What follows when a block takes longer than it may: see `hung`.

use super::event::{Actions, Cause, Lease, Time, WorkerId};
use super::hung::HungSlot;
use super::leases::Flight;
use super::machine::Scheduler;

impl Scheduler {
    /// The slots that hang in a block for longer than it may take, and get no more blocks.
    pub fn hung_slots(&self) -> &[HungSlot] {
        self.hung.slots()
    }

    /// Returns whether there are workers, and all their slots hang.
    pub fn is_hung(&self) -> bool {
        self.workers.n_alive() > 0 && self.workers.n_slots() == 0 && !self.hung.slots().is_empty()
    }

    /// Blocks of workers with a single slot that have been at work for too long.
    #[cold]
    pub(super) fn look_for_hung(&mut self, now: Time, actions: &mut Actions) {
        for (worker, lease, busy) in self.hung.look(now, &mut self.workers, &self.leases) {
            self.on_timed_out(now, worker, lease, busy, actions);
        }
    }

    /// in flight -> ready or failed, for a block that a slot hangs in; when all slots of its worker do, the blocks that it
    /// holds ahead are ready again.
    #[cold]
    pub(super) fn on_timed_out(
        &mut self,
        now: Time,
        worker: WorkerId,
        lease: Lease,
        busy: Time,
        actions: &mut Actions,
    ) {
        let Some(&Flight { block, .. }) = self.leases.find(lease, worker) else { return };
        let entry = self.workers.worker_mut(worker);
        self.leases.end(lease, &mut entry.flights);
        entry.in_flight -= 1;
        self.hung.add(worker, lease, block, now.saturating_sub(busy));
        self.workers.hang(worker);
        let failed = self.tasks.time_out(block, worker);
        self.record_failure(block, worker, Cause::TimedOut { busy }, failed, actions);
        if self.workers.worker_mut(worker).slots > 0 {
            return;
        }
        while let Some(block) = self.take_first_from(worker) {
            self.tasks.change(block.task, |task| task.give_back(block.index));
            // It must not begin them should it come back.
            actions.recalls.extend(self.workers.recall_anyhow(worker).then_some(worker));
        }
    }

    /// An answer came too late for its block. If its slot was taken to hang, it is back.
    #[cold]
    pub(super) fn on_late(&mut self, worker: WorkerId, lease: Lease) {
        self.n_late += 1;
        if self.hung.take(worker, lease) {
            self.workers.come_back(worker);
        }
    }
}
