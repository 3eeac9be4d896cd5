//! Takes workers out of service, and back: see `blame` for why.

use super::event::{Actions, Broken, Retired, WorkerId};
use super::machine::Scheduler;
use crate::plan::BlockId;

impl Scheduler {
    /// Returns whether a worker gets no blocks: blocks failed there one after the other, or it is broken.
    pub fn is_suspended(&self, worker: WorkerId) -> bool {
        self.workers.is_suspended(worker)
    }

    /// A block succeeded: nothing speaks against its worker, and something against those where it failed before.
    #[cold]
    pub(super) fn clear_of_blame(&mut self, worker: WorkerId, block: BlockId, actions: &mut Actions) {
        self.blame.clear(worker);
        self.workers.resume(worker);
        for other in self.failed_on(block) {
            if other != worker && self.blame.blame(other) {
                self.retire(other, Broken::BlocksSucceedElsewhere, actions);
            }
        }
    }

    /// A block failed. It may be this worker's fault; if nothing spoke against it, or the block is given up, it was not the fault
    /// of those where the block `failed_before`.
    #[cold]
    pub(super) fn suspect(
        &mut self,
        worker: WorkerId,
        failed_before: impl Iterator<Item = WorkerId>,
        is_tried_again: bool,
    ) {
        let is_proof = self.blame.is_clear(worker) || !is_tried_again;
        for other in failed_before.filter(|_| is_proof) {
            if other != worker {
                self.blame.clear(other);
                self.workers.resume(other);
            }
        }
        // What is given up will never succeed elsewhere.
        if is_tried_again && self.blame.fail(worker) && self.workers.n_active() > 1 {
            self.workers.suspend(worker);
        }
    }

    /// Gives a worker no more blocks, unless it is the last. Returns whether it did.
    #[cold]
    pub(super) fn retire(&mut self, worker: WorkerId, why: Broken, actions: &mut Actions) -> bool {
        let is_there = self.workers.is_alive(worker) && !self.workers.is_retired(worker);
        let is_last = self.workers.n_active() == usize::from(!self.workers.is_suspended(worker));
        if !is_there || is_last {
            return false;
        }
        self.workers.retire(worker);
        actions.retired.push(Retired { worker, why });
        true
    }

    /// Where a block failed, as far as that is kept.
    pub(super) fn failed_on(&self, block: BlockId) -> impl Iterator<Item = WorkerId> + use<> {
        self.tasks.get(block.task).retries.failed_on(block.index)
    }
}
