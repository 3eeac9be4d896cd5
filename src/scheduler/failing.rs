//! What follows when a block does not succeed: whose fault it is decides.

use super::event::{Actions, Broken, Cause, Disposition, Failure, FinalState, Time, WorkerId};
use super::machine::Scheduler;
use super::propagation::Effect;
use super::task_state::TaskState;
use crate::plan::{BlockId, Fault, TaskId};

impl Scheduler {
    /// in flight -> ready or failed.
    #[cold]
    pub(super) fn on_failed(
        &mut self,
        now: Time,
        block: BlockId,
        worker: WorkerId,
        (fault, message): (Fault, String),
        actions: &mut Actions,
    ) {
        let failed_before = self.failed_on(block);
        if fault == Fault::Place {
            self.suspect(worker, failed_before, true);
            return self.hold(now, block, worker, message, actions);
        }
        if fault == Fault::Worker && self.retire(worker, Broken::Unprepared, actions) {
            let attempts = self.tasks.change(block.task, |task| {
                task.take_back(block.index, worker);
                task.retries.attempts(block.index).total()
            });
            let disposition = Disposition::Retry { attempts };
            actions.failures.push(Failure { block, worker, cause: Cause::Error(message), disposition });
            return;
        }
        let failed = self.tasks.change(block.task, |task| task.fail(block.index, worker, fault));
        self.suspect(worker, failed_before, failed.1);
        self.record_failure(block, worker, Cause::Error(message), failed, actions);
    }

    /// unsynced -> ready or failed.
    #[cold]
    pub(super) fn on_sync_failed(
        &mut self,
        now: Time,
        worker: WorkerId,
        n_blocks: u64,
        (fault, message): (Fault, &str),
        actions: &mut Actions,
    ) {
        for (block, _) in self.unsynced.take(worker, n_blocks) {
            self.tasks.change(block.task, TaskState::resume);
            self.on_failed(now, block, worker, (fault, message.to_owned()), actions);
        }
    }

    /// in flight -> ready: the place refused what a block wrote, and its task is held.
    fn hold(&mut self, now: Time, block: BlockId, worker: WorkerId, message: String, actions: &mut Actions) {
        let until = now.saturating_add(self.config.place_pause);
        let refuse = |task: &mut TaskState| task.refuse(block.index, worker, until);
        let (attempts, was_tried) = self.tasks.change(block.task, refuse);
        self.held.add(block.task);
        let disposition =
            if was_tried { Disposition::Stuck { attempts } } else { Disposition::Hold { attempts } };
        actions.failures.push(Failure { block, worker, cause: Cause::Error(message), disposition });
    }

    /// Lets one block of each task go whose pause is over.
    #[inline]
    pub(super) fn end_pauses(&mut self, now: Time) {
        if !self.held.is_empty() {
            self.look_at_pauses(now);
        }
    }

    #[cold]
    fn look_at_pauses(&mut self, now: Time) {
        let Self { tasks, held, .. } = self;
        held.retain(|task| tasks.change(task, |task| task.end_pause(now)));
    }

    /// Returns whether the blocks of a task are held back: the place refused what they write.
    pub fn is_held(&self, task: TaskId) -> bool {
        self.tasks.get(task).is_held()
    }

    /// Makes known that a block did not succeed for the `attempts`-th time, and gives it up unless it is tried `again`.
    pub(super) fn record_failure(
        &mut self,
        block: BlockId,
        worker: WorkerId,
        cause: Cause,
        (attempts, again): (u32, bool),
        actions: &mut Actions,
    ) {
        let disposition =
            if again { Disposition::Retry { attempts } } else { Disposition::GiveUp { attempts } };
        actions.failures.push(Failure { block, worker, cause, disposition });
        if !again {
            actions.add_ended(block, FinalState::Failed);
            self.propagation.start(&self.plan, block, Effect::Orphan);
        }
    }
}
