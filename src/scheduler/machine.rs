//! The state machine: events to actions.

use std::ops::Range;
use std::sync::Arc;

use super::blame::Blame;
use super::event::{Actions, Assignment, Cause, Event, FinalState, Lease, Time, WorkerId};
use super::hold::Held;
use super::hung::Hung;
use super::leases::{Flight, Leases};
use super::propagation::{Effect, Propagation};
use super::recalls::Recalls;
use super::restoring::Restoring;
use super::task_state::{Counts, TaskState};
use super::tasks::{Purpose, Tasks};
use super::unsynced::Unsynced;
use super::workers::Workers;
use crate::plan::{BlockId, Outcome, Plan, TaskId};

/// How a [`Scheduler`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Blocks that a worker may hold ahead, apart from those that it processes, so that it never waits for a message.
    pub credits: u32,
    /// How often a block may be tried again after a worker was lost while processing it.
    pub max_crashes: u32,
    /// Whether a block that succeeds completes only once its worker has [synced](Event::Synced) what it wrote.
    pub awaits_sync: bool,
    /// How long no block of a task is handed out when the [place](crate::plan::Fault::Place) refused what one wrote.
    pub place_pause: Time,
    /// How long a block may take whose task does not [say](crate::plan::TaskSpec::timeout) so; `Time::MAX` for ever.
    pub block_timeout: Time,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credits: 2,
            max_crashes: 2,
            awaits_sync: false,
            place_pause: 10_000_000,
            block_timeout: Time::MAX,
        }
    }
}

/// Maximum number of dependents told of ended blocks in one call, unless [`Scheduler::with_budget`] says another.
const BUDGET: u64 = 1 << 16;

/// Maximum number of blocks handed out in one call, unless [`Scheduler::with_budget`] says less: sending 100,000
/// messages at once would keep the caller from reading any.
const MAX_ASSIGNMENTS: u64 = 1024;

/// The block scheduler of one run. See the [module](super) for what it promises.
///
/// [`handle`](Self::handle) takes what happened and says what to do; everything else only looks.
#[derive(Debug)]
pub struct Scheduler {
    pub(super) plan: Arc<Plan>,
    pub(super) tasks: Tasks,
    pub(super) workers: Workers,
    pub(super) leases: Leases,
    pub(super) propagation: Propagation,
    restoring: Restoring,
    recalls: Recalls,
    pub(super) hung: Hung,
    pub(super) unsynced: Unsynced,
    pub(super) blame: Blame,
    pub(super) held: Held,
    pub(super) config: Config,
    budget: u64,
    is_draining: bool,
    /// Whether the last call might have handed out more.
    is_cut_short: bool,
    /// Whether blocks are being restored, or a task may have lost sight of its next block: see `TaskState::settle`.
    is_unsettled: bool,
    pub(super) n_late: u64,
}

impl Scheduler {
    /// A scheduler that has not yet heard of any worker. Takes time and memory for the tasks, not for their blocks.
    pub fn new(plan: Arc<Plan>, config: Config) -> Self {
        let tasks = Tasks::new(&plan, config.max_crashes);
        let hung = Hung::new(&plan, config.block_timeout);
        Self {
            plan,
            tasks,
            workers: Workers::new(config.credits),
            leases: Leases::default(),
            propagation: Propagation::default(),
            restoring: Restoring::default(),
            recalls: Recalls::default(),
            hung,
            unsynced: Unsynced::default(),
            blame: Blame::default(),
            held: Held::default(),
            config,
            budget: BUDGET,
            is_draining: false,
            is_cut_short: false,
            is_unsettled: false,
            n_late: 0,
        }
    }

    /// Lets each call tell about this many dependents of ended blocks, and hand out no more blocks than this (at least
    /// 1), and leave the rest to the next: for simulations that are to see unfinished work in small runs.
    #[must_use]
    pub fn with_budget(mut self, budget: u64) -> Self {
        self.budget = budget.max(1);
        self
    }

    /// Takes what happened at `now`, and adds what to do to `actions`.
    ///
    /// Costs O(1) plus O(dependents of the block) plus O(blocks handed out), both at most a bounded number a call; what
    /// is left is done in the next call ([`has_backlog`](Self::has_backlog)).
    pub fn handle(&mut self, now: Time, event: Event, actions: &mut Actions) {
        let is_joining = matches!(event, Event::WorkerJoined { .. });
        let is_tick = matches!(event, Event::Tick);
        match event {
            Event::Restored { task, blocks } => self.on_restored(task, blocks),
            Event::WorkerJoined { worker, slots } => self.on_joined(worker, slots),
            Event::BlockFinished { worker, lease, outcome } => {
                self.on_finished(now, worker, lease, outcome, actions);
            }
            Event::Synced { worker, n_blocks } => self.unsynced.sync(worker, n_blocks),
            Event::SyncFailed { worker, n_blocks, fault, message } => {
                self.on_sync_failed(now, worker, n_blocks, (fault, &message), actions);
            }
            Event::TimedOut { worker, lease, busy } => self.on_timed_out(now, worker, lease, busy, actions),
            Event::Returned { worker, leases } => self.on_returned(worker, &leases),
            Event::WorkerLost { worker } => self.on_lost(worker, actions),
            Event::Tick => {
                self.end_pauses(now);
                self.look_for_hung(now, actions);
            }
            Event::Drain => {
                (self.is_draining, self.is_cut_short) = (true, false);
                self.recalls.start_drain(&self.workers);
            }
        }
        self.go_on(actions);
        if self.recalls.is_pending() {
            self.recalls.drain(self.budget, &mut self.workers, actions);
        }
        if !self.is_draining && !self.is_restoring() {
            let mut left = self.budget.min(MAX_ASSIGNMENTS);
            self.assign_idle(now, &mut left, actions);
            // Others may be about to join: what the first would hold ahead may be all there is.
            if !is_joining {
                self.assign_ahead(now, &mut left, actions);
            }
            self.is_cut_short = left == 0;
            if is_tick && !self.tasks.has_work() && self.workers.n_idle() > 0 {
                self.recalls.look(now, &mut self.workers, &self.leases, actions);
            }
        }
    }

    /// Returns whether a call left work for the next: call again, with [`Event::Tick`] if nothing else happened.
    pub fn has_backlog(&self) -> bool {
        self.propagation.is_pending()
            || self.is_cut_short
            || self.is_unsettled
            || self.unsynced.has_synced()
            || self.recalls.is_pending()
    }

    /// Returns whether nothing remains to be done: every block has ended or, after [`Event::Drain`], none is in flight, and
    /// none unsynced.
    pub fn is_finished(&self) -> bool {
        !self.has_backlog()
            && self.leases.len() == 0
            && self.unsynced.len() == 0
            && (self.is_draining || self.tasks.have_ended())
    }

    /// Number of [unsynced](super::Counts::unsynced) blocks.
    #[inline]
    pub fn n_unsynced(&self) -> u64 {
        self.unsynced.len()
    }

    /// Number of unsynced blocks of one worker.
    pub fn n_unsynced_of(&self, worker: WorkerId) -> u64 {
        self.unsynced.len_of(worker)
    }

    /// Number of blocks that go back when a worker is lost: in flight with it, or unsynced. Costs a look at each block in
    /// flight.
    pub fn n_blocks_of(&self, worker: WorkerId) -> u64 {
        let in_flight = self.leases.iter().filter(|flight| flight.worker == worker).count();
        in_flight as u64 + self.n_unsynced_of(worker)
    }

    /// Returns whether a slot is free for which there is no block before unsynced ones complete.
    pub fn is_waiting_for_sync(&self) -> bool {
        let has_free_slot = (self.leases.len() as u64) < self.workers.n_slots();
        let is_out_of_work = self.is_draining || !self.tasks.has_work();
        self.unsynced.len() > 0 && has_free_slot && is_out_of_work && !self.has_backlog()
    }

    /// The counts of one task.
    pub fn counts(&self, task: TaskId) -> Counts {
        self.tasks.get(task).counts
    }

    /// The block that `worker` was given under `lease`, unless it was taken back since.
    #[inline]
    pub fn block_of(&self, worker: WorkerId, lease: Lease) -> Option<BlockId> {
        self.leases.find(lease, worker).map(|flight| flight.block)
    }

    /// Number of slots of the workers that get blocks.
    pub fn n_slots(&self) -> u64 {
        self.workers.n_slots()
    }

    /// Number of workers that joined and were not lost.
    pub fn n_workers(&self) -> usize {
        self.workers.n_alive()
    }

    /// Number of answers that came after their block had been given to someone else; they were dropped.
    pub fn n_late(&self) -> u64 {
        self.n_late
    }

    /// The block that has been in flight for longest: when it was handed out, which it is, and who has it. Looks at
    /// all blocks in flight.
    pub fn oldest_in_flight(&self) -> Option<(Time, BlockId, WorkerId)> {
        self.leases.iter().map(|flight| (flight.since, flight.block, flight.worker)).min()
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// How the scheduler behaves.
    pub fn config(&self) -> Config {
        self.config
    }

    fn on_restored(&mut self, task: TaskId, blocks: Range<u64>) {
        let Some(planned) = self.plan.tasks().get(task.as_usize()) else { return };
        if !self.leases.has_granted() {
            let end = blocks.end.min(planned.spec.grid().n_blocks());
            self.restoring.push(task, blocks.start..end);
            self.is_unsettled = true;
        }
    }

    /// Goes on with what former calls and this one left to do, as far as the budget reaches.
    #[inline]
    fn go_on(&mut self, actions: &mut Actions) {
        if self.unsynced.has_synced() {
            self.complete_synced(actions);
        }
        if self.is_unsettled {
            self.settle(actions);
        } else {
            self.propagation.advance(&self.plan, &mut self.tasks, self.budget, actions);
        }
    }

    /// As [`go_on`](Self::go_on), while blocks of a former run are restored, or a task looks for its next block among them.
    #[cold]
    fn settle(&mut self, actions: &mut Actions) {
        let Self { plan, tasks, propagation, restoring, .. } = self;
        let mut budget = self.budget;
        if restoring.is_pending() {
            budget = restoring.advance(plan, tasks, propagation, budget);
        }
        budget = propagation.advance(plan, tasks, budget, actions);
        if !self.restoring.is_pending() {
            self.is_unsettled = false;
            for id in (0..).map(TaskId).take(self.plan.tasks().len()) {
                if !self.tasks.get(id).is_settled() {
                    self.tasks.change(id, |task| task.settle(&mut budget));
                    self.is_unsettled |= !self.tasks.get(id).is_settled();
                }
            }
        }
    }

    /// Returns whether blocks of a former run are still being restored: until then none is handed out.
    #[inline]
    fn is_restoring(&self) -> bool {
        self.is_unsettled && self.restoring.is_pending()
    }

    fn on_joined(&mut self, worker: WorkerId, slots: u32) {
        if !self.workers.is_alive(worker) {
            self.workers.join(worker, slots);
        }
    }

    #[inline]
    fn on_finished(
        &mut self,
        now: Time,
        worker: WorkerId,
        lease: Lease,
        outcome: Outcome,
        actions: &mut Actions,
    ) {
        let Some(&Flight { block, .. }) = self.leases.find(lease, worker) else {
            return self.on_late(worker, lease);
        };
        let entry = self.workers.worker_mut(worker);
        self.leases.end(lease, &mut entry.flights);
        entry.in_flight -= 1;
        entry.last_answer = now;
        self.workers.enqueue(worker);
        if !self.blame.is_empty() && !matches!(outcome, Outcome::Failed { .. }) {
            self.clear_of_blame(worker, block, actions);
        }
        match outcome {
            Outcome::Failed { fault, message } => {
                self.on_failed(now, block, worker, (fault, message), actions)
            }
            Outcome::Success | Outcome::Skipped if self.config.awaits_sync => {
                self.tasks.change(block.task, TaskState::finish);
                self.unsynced.push(worker, block, outcome == Outcome::Skipped);
            }
            Outcome::Success | Outcome::Skipped => {
                self.complete(block, outcome == Outcome::Skipped, actions);
            }
        }
    }

    /// in flight -> ready, for blocks that a worker had not begun.
    #[cold]
    fn on_returned(&mut self, worker: WorkerId, leases: &[Lease]) {
        if !self.workers.is_alive(worker) {
            return;
        }
        for lease in leases {
            let Some(&Flight { block, .. }) = self.leases.find(*lease, worker) else { continue };
            let entry = self.workers.worker_mut(worker);
            self.leases.end(*lease, &mut entry.flights);
            entry.in_flight -= 1;
            self.tasks.change(block.task, |task| task.give_back(block.index));
        }
        self.workers.end_recall(worker);
    }

    /// in flight -> completed.
    #[inline]
    fn complete(&mut self, block: BlockId, is_skipped: bool, actions: &mut Actions) {
        self.tasks.complete(block.task, block.index, is_skipped);
        let how = if is_skipped { FinalState::Skipped } else { FinalState::Completed };
        actions.add_ended(block, how);
        self.propagation.start(&self.plan, block, Effect::Release);
    }

    /// unsynced -> completed, for blocks whose worker has synced, as far as the budget reaches.
    #[cold]
    fn complete_synced(&mut self, actions: &mut Actions) {
        for _ in 0..self.budget {
            let Some((block, is_skipped)) = self.unsynced.pop_synced() else { break };
            self.tasks.change(block.task, TaskState::resume);
            self.complete(block, is_skipped, actions);
        }
    }

    /// Takes back the blocks of a lost worker. Those that it may have been processing count a crash.
    fn on_lost(&mut self, worker: WorkerId, actions: &mut Actions) {
        if !self.workers.is_alive(worker) {
            return;
        }
        for (block, _) in self.unsynced.take(worker, u64::MAX) {
            self.tasks.change(block.task, |task| {
                task.resume();
                task.take_back(block.index, worker);
            });
        }
        let mut n_processing = self.workers.worker_mut(worker).slots;
        while let Some(block) = self.take_first_from(worker) {
            if n_processing == 0 {
                self.tasks.change(block.task, |task| task.take_back(block.index, worker));
                continue;
            }
            n_processing -= 1;
            let crashed = self.tasks.change(block.task, |task| task.crash(block.index, worker));
            self.record_failure(block, worker, Cause::WorkerLost, crashed, actions);
        }
        self.hung.forget(worker);
        self.workers.leave(worker);
    }

    /// Ends the lease of the oldest block in flight of a worker.
    pub(super) fn take_first_from(&mut self, worker: WorkerId) -> Option<BlockId> {
        let entry = self.workers.worker_mut(worker);
        let Flight { block, .. } = self.leases.end_first(&mut entry.flights)?;
        entry.in_flight -= 1;
        Some(block)
    }

    /// Gives blocks to workers with free slots.
    ///
    /// A worker finds nothing when all that is left failed there before. It stands aside while the others of its queue are
    /// asked. There are few such workers at a time: each block remembers only so many.
    #[inline]
    fn assign_idle(&mut self, now: Time, left: &mut u64, actions: &mut Actions) {
        let mut refused = Vec::new();
        while *left > 0 && self.tasks.has_work() {
            let Some(worker) = self.workers.next_idle() else { break };
            if !self.assign(now, worker, Purpose::Now, actions) {
                refused.push(worker);
                continue;
            }
            *left -= 1;
            self.workers.enqueue(worker);
        }
        refused.into_iter().for_each(|worker| self.workers.enqueue(worker));
    }

    /// Gives blocks ahead to workers that are busy, as long as there is enough for those that will soon be free.
    #[inline]
    fn assign_ahead(&mut self, now: Time, left: &mut u64, actions: &mut Actions) {
        let mut refused = Vec::new();
        while *left > 0 && self.tasks.n_available_ahead() > self.workers.n_slots() + self.tasks.n_deferred() {
            let Some(worker) = self.workers.next_ahead() else { break };
            if !self.assign(now, worker, Purpose::Ahead, actions) {
                refused.push(worker);
                continue;
            }
            *left -= 1;
            self.workers.enqueue(worker);
        }
        refused.into_iter().for_each(|worker| self.workers.enqueue(worker));
    }

    /// Gives `worker` the best block there is, if there is one for it.
    #[inline]
    fn assign(&mut self, now: Time, worker: WorkerId, purpose: Purpose, actions: &mut Actions) -> bool {
        let n_workers = self.workers.n_active();
        let mut next = self.tasks.next_with_work(purpose, 0);
        let block = loop {
            let Some((rank, id)) = next else {
                match self.tasks.take_deferred(purpose, worker, n_workers) {
                    Some(block) => break block,
                    None => return false,
                }
            };
            if let Some((index, is_settled)) = self.tasks.take(id, worker, n_workers) {
                self.is_unsettled |= !is_settled;
                break BlockId { task: id, index };
            }
            next = self.tasks.next_with_work(purpose, rank + 1);
        };
        let entry = self.workers.worker_mut(worker);
        entry.in_flight += 1;
        let lease = self.leases.grant(block, worker, now, &mut entry.flights);
        actions.assignments.push(Assignment { worker, lease, block });
        true
    }
}
