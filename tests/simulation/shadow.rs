//! What must be true of the scheduler at every moment, kept beside it: each event and action is checked against the
//! oracle's dependencies and against books of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bellis::plan::{BlockId, Fault, Outcome, Plan, TaskId};
use bellis::scheduler::{
    Actions, Assignment, Cause, Config, Counts, Disposition, Ended, Event, Failure, FinalState, Lease,
    Scheduler, Time, WorkerId,
};

use crate::oracle::{Number, Oracle};
use crate::pipelines::Told;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Pending, or ready when nothing is left to wait for.
    Open,
    InFlight,
    /// Finished, and not synced.
    Unsynced,
    Completed,
    Failed,
    Orphaned,
}

#[derive(Default)]
struct Worker {
    /// 0 for one that is not there.
    slots: u32,
    /// Whether it came with one.
    is_single: bool,
    /// The leases of the blocks that slots of it hang in.
    hung: Vec<Lease>,
    /// Oldest first.
    flights: VecDeque<Lease>,
    /// Whether it was asked to give back what it holds ahead, and has not answered.
    is_recalled: bool,
    /// Whether it has begun all that it holds: it gave the rest back, and got nothing since.
    has_begun_all: bool,
    /// Blocks finished and not synced, oldest first, and whether each was skipped.
    unsynced: VecDeque<(BlockId, Number, bool)>,
}

pub struct Shadow {
    pub plan: Arc<Plan>,
    pub oracle: Oracle,
    pub config: Config,
    pub state: Vec<State>,
    n_left: Vec<usize>,
    failures: Vec<u32>,
    crashes: Vec<u32>,
    /// The worker where the block did not succeed last.
    avoid: Vec<Option<WorkerId>>,
    /// Where it did not succeed, the last first, each worker once; not where the worker was lost before it began the block.
    failed_on: Vec<Vec<WorkerId>>,
    /// Workers that get no more blocks.
    retired: BTreeSet<WorkerId>,
    /// Whether each event is looked at by itself.
    is_exact: bool,
    flights: BTreeMap<Lease, (Assignment, Number)>,
    workers: Vec<Worker>,
    counts: Vec<Counts>,
    granted: BTreeSet<Lease>,
    is_draining: bool,
    n_late: u64,
    expected_failures: Vec<Failure>,
    /// How each block ended, once the scheduler said so.
    ended: Vec<Option<FinalState>>,
    /// Of all actions so far: equal for equal runs.
    pub hash: u64,
}

impl Worker {
    fn is_alive(&self) -> bool {
        self.slots > 0 || !self.hung.is_empty()
    }
}

impl Shadow {
    pub fn new(plan: Arc<Plan>, told: &[Told], config: Config) -> Self {
        let oracle = Oracle::of(&plan, told);
        let n = oracle.n_blocks();
        let n_left: Vec<usize> = oracle.upstream.iter().map(Vec::len).collect();
        let counts = oracle.first.windows(2).map(|bounds| {
            let ready = n_left[bounds[0]..bounds[1]].iter().filter(|left| **left == 0).count() as u64;
            let total = (bounds[1] - bounds[0]) as u64;
            Counts { total, ready, pending: total - ready, ..Counts::default() }
        });
        let counts = counts.collect();
        Self {
            plan,
            oracle,
            config,
            state: vec![State::Open; n],
            n_left,
            failures: vec![0; n],
            crashes: vec![0; n],
            avoid: vec![None; n],
            failed_on: vec![Vec::new(); n],
            retired: BTreeSet::new(),
            is_exact: false,
            flights: BTreeMap::new(),
            workers: Vec::new(),
            counts,
            granted: BTreeSet::new(),
            is_draining: false,
            n_late: 0,
            expected_failures: Vec::new(),
            ended: vec![None; n],
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// Takes an event as the scheduler, as it stands before it, should.
    pub fn before(&mut self, event: &Event, scheduler: &Scheduler) {
        self.expected_failures.clear();
        match event {
            Event::WorkerJoined { worker, slots } => {
                let place = worker.0 as usize;
                if self.workers.len() <= place {
                    self.workers.resize_with(place + 1, Worker::default);
                }
                let entry = &mut self.workers[place];
                if !entry.is_alive() {
                    (entry.slots, entry.is_single) = ((*slots).max(1), *slots <= 1);
                }
            }
            Event::BlockFinished { worker, lease, outcome } => {
                self.finished(*worker, *lease, outcome, scheduler);
            }
            Event::Returned { worker, leases } => self.returned(*worker, leases),
            Event::TimedOut { worker, lease, busy } => self.timed_out(*worker, *lease, *busy),
            Event::WorkerLost { worker } => self.lost(*worker),
            Event::Synced { worker, n_blocks } => {
                for (id, block, is_skipped) in self.take_unsynced(*worker, *n_blocks) {
                    self.counts[id.task.as_usize()].skipped += u64::from(is_skipped);
                    self.complete(block, id.task.as_usize());
                }
            }
            Event::SyncFailed { worker, n_blocks, fault, message } => {
                for (id, block, _) in self.take_unsynced(*worker, *n_blocks) {
                    let assignment = Assignment { worker: *worker, lease: Lease(0), block: id };
                    if *fault == Fault::Place {
                        self.refused(&assignment, block, message);
                        continue;
                    }
                    self.failures[block] += 1;
                    let again = self.failures[block] <= self.plan.task(id.task).spec.max_retries();
                    self.record_failure(&assignment, block, Cause::Error(message.clone()), again);
                }
            }
            Event::Restored { .. } => unreachable!("these worlds begin with nothing done"),
            Event::Tick => {}
            Event::Drain => self.is_draining = true,
        }
    }

    /// Checks what the scheduler did, and where it stands.
    pub fn after(&mut self, scheduler: &Scheduler, actions: &Actions) {
        for failure in &actions.failures {
            // That a single slot has been at work for too long is the scheduler's to see.
            if let Cause::TimedOut { busy } = failure.cause
                && !self.expected_failures.contains(failure)
            {
                let entry = &self.workers[failure.worker.0 as usize];
                assert!(entry.is_single && busy >= self.config.block_timeout, "{failure:?}");
                let lease = *entry.flights.front().expect("it has a block");
                self.timed_out(failure.worker, lease, busy);
            }
        }
        // Whether a task is stuck is another test's to say.
        let unstuck = |failure: &Failure| match failure.disposition {
            Disposition::Stuck { attempts } => {
                Failure { disposition: Disposition::Hold { attempts }, ..failure.clone() }
            }
            _ => failure.clone(),
        };
        let failures: Vec<Failure> = actions.failures.iter().map(unstuck).collect();
        assert_eq!(failures, self.expected_failures, "failures made known");
        // When no other is left, those get blocks again.
        self.retired.retain(|worker| scheduler.is_suspended(*worker));
        for retired in &actions.retired {
            assert!(scheduler.is_suspended(retired.worker) && self.retired.insert(retired.worker));
        }
        self.is_exact = true;
        for failure in &actions.failures {
            self.mix(failure.block.index << 8 | u64::from(failure.worker.0) << 1 | 1);
        }
        for worker in &actions.recalls {
            let entry = &self.workers[worker.0 as usize];
            let holds_ahead = entry.slots > 0 && entry.flights.len() > entry.slots as usize;
            let has_hung = entry.slots == 0 && !entry.hung.is_empty();
            assert!(holds_ahead || has_hung, "{worker} holds nothing ahead, and is asked for it");
            self.recalled(*worker);
        }
        self.after_events(scheduler, &actions.ended, &actions.assignments);
    }

    /// As [`after`](Self::after), after one event or several, of which all that is known is what ended and what was handed
    /// out.
    pub fn after_events(&mut self, scheduler: &Scheduler, ended: &[Ended], assignments: &[Assignment]) {
        for Ended { task, blocks, how } in ended.iter().cloned() {
            for index in blocks {
                self.ended(BlockId { task, index }, how);
            }
        }
        for assignment in assignments {
            self.assigned(assignment, scheduler);
        }
        assert_eq!(scheduler.n_late(), self.n_late, "late answers");
        for (id, mine) in (0..).map(TaskId).zip(&self.counts) {
            let theirs = scheduler.counts(id);
            if scheduler.has_backlog() {
                // Dependents that were not told yet still count as pending.
                let told = theirs.pending - mine.pending;
                assert_eq!(told, (mine.ready - theirs.ready) + (mine.orphaned - theirs.orphaned), "{id:?}");
                // So do blocks that are synced and not completed yet.
                assert!(theirs.completed <= mine.completed && theirs.skipped <= mine.skipped, "{id:?}");
                let rest = |c: &Counts| (c.total, c.in_flight, c.unsynced + c.completed, c.failed);
                assert_eq!(rest(&theirs), rest(mine), "{id:?}");
            } else {
                assert_eq!(theirs, *mine, "{id:?}");
            }
        }
        assert_eq!(scheduler.n_workers(), self.n_alive());
        self.check_progress(scheduler);
        self.is_exact = false;
    }

    /// Checks a worker that is asked to give back what it holds ahead.
    pub fn recalled(&mut self, worker: WorkerId) {
        self.mix(u64::from(worker.0) << 40);
        let is_recalled = &mut self.workers[worker.0 as usize].is_recalled;
        assert!(!std::mem::replace(is_recalled, true), "{worker} is asked twice");
    }

    /// No worker idles while there is a block for it, and the end is noticed.
    fn check_progress(&self, scheduler: &Scheduler) {
        let has_unsynced = self.counts.iter().any(|counts| counts.unsynced > 0);
        let is_over = self.flights.is_empty()
            && !has_unsynced
            && !scheduler.has_backlog()
            && (self.is_draining || self.counts.iter().all(|c| c.open() == 0));
        assert_eq!(scheduler.is_finished(), is_over, "is_finished");
        if scheduler.has_backlog() {
            return;
        }
        if self.is_draining {
            let holds_back = |worker: &&Worker| {
                let is_asked = worker.is_recalled || worker.has_begun_all;
                worker.flights.len() > worker.slots as usize && !is_asked
            };
            assert_eq!(self.workers.iter().filter(holds_back).count(), 0, "workers are not asked");
            return;
        }
        let is_held = |task: usize| scheduler.is_held(TaskId(task as u32));
        let is_any_held = (0..self.counts.len()).any(is_held);
        if self.flights.is_empty() && self.n_in_service() > 0 && !has_unsynced && !is_any_held {
            assert!(is_over, "the run stalls: nothing in flight, no backlog, and {:?}", self.counts);
        }
        let mut available: Option<Vec<Number>> = None;
        for (worker, entry) in (0..).map(WorkerId).zip(&self.workers) {
            if entry.flights.len() < entry.slots as usize && !scheduler.is_suspended(worker) {
                let blocks = available.get_or_insert_with(|| self.available(&is_held));
                for block in blocks {
                    let is_avoided = self.is_avoided(*block, worker, scheduler);
                    assert!(is_avoided, "{worker} idles while block {block} is ready");
                }
            }
        }
    }

    /// The blocks that could be handed out now.
    fn available(&self, is_held: &dyn Fn(usize) -> bool) -> Vec<Number> {
        let mut blocks = Vec::new();
        for (task, counts) in self.counts.iter().enumerate() {
            let most = self.plan.tasks()[task].spec.max_workers().map_or(u64::MAX, u64::from);
            if counts.ready > 0 && counts.in_flight < most && !is_held(task) {
                let own = self.oracle.first[task]..self.oracle.first[task + 1];
                blocks.extend(own.filter(|b| self.state[*b] == State::Open && self.n_left[*b] == 0));
            }
        }
        blocks
    }

    /// Checks the end of a run: every block has ended, once, as it had to.
    pub fn finish(&self, scheduler: &Scheduler) {
        if self.n_in_service() > 0 {
            assert!(scheduler.is_finished(), "workers remain, and the run did not end");
        }
        assert!(self.flights.is_empty() || self.n_alive() > 0);
        for (block, state) in self.state.iter().enumerate() {
            assert_eq!(
                self.ended[block].is_none(),
                matches!(state, State::Open | State::InFlight | State::Unsynced)
            );
            let behind_failure = self.oracle.upstream[block]
                .iter()
                .filter(|up| !self.oracle.only_apart.contains(&(**up, block)))
                .any(|up| matches!(self.state[*up], State::Failed | State::Orphaned));
            match state {
                State::Orphaned => assert!(behind_failure, "orphan {block} depends on no failed block"),
                State::Completed | State::Failed => assert!(!behind_failure),
                State::Open | State::InFlight | State::Unsynced => {
                    assert!(self.is_draining || self.n_in_service() == 0, "block {block} is left");
                    assert!(!behind_failure, "block {block} is an orphan");
                }
            }
        }
    }

    /// The counts of each task, as they should be when nothing is left to be told.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }

    pub fn is_lease_open(&self, lease: Lease, worker: WorkerId) -> bool {
        self.flights.get(&lease).is_some_and(|(assignment, _)| assignment.worker == worker)
    }

    pub fn n_alive(&self) -> usize {
        self.workers.iter().filter(|worker| worker.is_alive()).count()
    }

    /// Number of workers of which not all slots hang.
    fn n_in_service(&self) -> usize {
        self.workers.iter().filter(|worker| worker.slots > 0).count()
    }

    fn finished(&mut self, worker: WorkerId, lease: Lease, outcome: &Outcome, scheduler: &Scheduler) {
        if !self.is_lease_open(lease, worker) {
            self.n_late += 1;
            if let Some(entry) = self.workers.get_mut(worker.0 as usize)
                && let Some(place) = entry.hung.iter().position(|other| *other == lease)
            {
                entry.hung.remove(place);
                entry.slots += 1;
            }
            return;
        }
        let (assignment, block) = self.flights.remove(&lease).expect("it is open");
        self.workers[worker.0 as usize].flights.retain(|other| *other != lease);
        let task = assignment.block.task.as_usize();
        self.counts[task].in_flight -= 1;
        assert_eq!(self.state[block], State::InFlight);
        match outcome {
            Outcome::Success | Outcome::Skipped if self.config.awaits_sync => {
                self.state[block] = State::Unsynced;
                self.counts[task].unsynced += 1;
                let entry = (assignment.block, block, *outcome == Outcome::Skipped);
                self.workers[worker.0 as usize].unsynced.push_back(entry);
            }
            Outcome::Success | Outcome::Skipped => {
                self.counts[task].skipped += u64::from(*outcome == Outcome::Skipped);
                self.complete(block, task);
            }
            Outcome::Failed { fault: Fault::Place, message } => self.refused(&assignment, block, message),
            Outcome::Failed { fault: Fault::Worker, message } if self.can_retire(worker, scheduler) => {
                let cause = Cause::Error(message.clone());
                let attempts = self.failures[block] + self.crashes[block];
                let disposition = Disposition::Retry { attempts };
                self.expected_failures.push(Failure { block: assignment.block, worker, cause, disposition });
                self.ready_again(block, task, worker);
            }
            Outcome::Failed { fault, message } => {
                self.failures[block] += 1;
                let again = *fault != Fault::Permanent
                    && self.failures[block] <= self.plan.tasks()[task].spec.max_retries();
                self.record_failure(&assignment, block, Cause::Error(message.clone()), again);
            }
        }
    }

    /// Workers that get blocks.
    fn n_active(&self, scheduler: &Scheduler) -> usize {
        let is_active = |(id, worker): &(WorkerId, &Worker)| worker.slots > 0 && !scheduler.is_suspended(*id);
        (0..).map(WorkerId).zip(&self.workers).filter(is_active).count()
    }

    /// Returns whether a worker that cannot be prepared gets no more blocks: there are others.
    fn can_retire(&self, worker: WorkerId, scheduler: &Scheduler) -> bool {
        let n_others = self.n_active(scheduler) - usize::from(!scheduler.is_suspended(worker));
        n_others > 0 && !self.retired.contains(&worker)
    }

    /// Returns whether a block is for others than this worker.
    fn is_avoided(&self, block: Number, worker: WorkerId, scheduler: &Scheduler) -> bool {
        let n_others = self.n_active(scheduler).saturating_sub(1);
        let failed_on = &self.failed_on[block];
        let is_last = self.avoid[block] == Some(worker) && n_others > 0;
        is_last || failed_on[..n_others.min(failed_on.len())].contains(&worker)
    }

    /// A block that the place refused.
    fn refused(&mut self, assignment: &Assignment, block: Number, message: &str) {
        let attempts = self.failures[block] + self.crashes[block];
        let Assignment { block: id, worker, .. } = *assignment;
        let (cause, disposition) = (Cause::Error(message.to_owned()), Disposition::Hold { attempts });
        self.expected_failures.push(Failure { block: id, worker, cause, disposition });
        self.remember(block, worker);
        self.ready_again(block, id.task.as_usize(), worker);
    }

    /// A block did not succeed there.
    fn remember(&mut self, block: Number, worker: WorkerId) {
        self.failed_on[block].retain(|other| *other != worker);
        self.failed_on[block].insert(0, worker);
        self.failed_on[block].truncate(4);
    }

    fn take_unsynced(&mut self, worker: WorkerId, n_blocks: u64) -> Vec<(BlockId, Number, bool)> {
        let Some(entry) = self.workers.get_mut(worker.0 as usize) else { return Vec::new() };
        let n_taken = entry.unsynced.len().min(usize::try_from(n_blocks).unwrap_or(usize::MAX));
        let taken: Vec<_> = entry.unsynced.drain(..n_taken).collect();
        for (id, block, _) in &taken {
            assert_eq!(self.state[*block], State::Unsynced);
            self.counts[id.task.as_usize()].unsynced -= 1;
        }
        taken
    }

    fn lost(&mut self, worker: WorkerId) {
        for (id, block, _) in self.take_unsynced(worker, u64::MAX) {
            self.ready_again(block, id.task.as_usize(), worker);
        }
        let Some(entry) = self.workers.get_mut(worker.0 as usize) else { return };
        entry.is_recalled = false;
        self.retired.remove(&worker);
        let entry = &mut self.workers[worker.0 as usize];
        entry.hung.clear();
        let n_processing = std::mem::take(&mut entry.slots) as usize;
        let flights = std::mem::take(&mut entry.flights);
        for (place, lease) in flights.into_iter().enumerate() {
            let (assignment, block) = self.flights.remove(&lease).expect("in flight");
            let task = assignment.block.task.as_usize();
            self.counts[task].in_flight -= 1;
            if place < n_processing {
                self.crashes[block] += 1;
                let again = self.crashes[block] <= self.config.max_crashes;
                self.record_failure(&assignment, block, Cause::WorkerLost, again);
            } else {
                self.ready_again(block, task, worker);
            }
        }
    }

    /// A block has been at work for too long: it failed, its slot is out of service, and where that was the last one the
    /// worker's other blocks are ready again.
    fn timed_out(&mut self, worker: WorkerId, lease: Lease, busy: Time) {
        if !self.is_lease_open(lease, worker) {
            return;
        }
        let (assignment, block) = self.flights.remove(&lease).expect("it is open");
        let task = assignment.block.task.as_usize();
        self.counts[task].in_flight -= 1;
        self.failures[block] += 1;
        let again = self.failures[block] <= self.plan.tasks()[task].spec.max_retries();
        self.record_failure(&assignment, block, Cause::TimedOut { busy }, again);
        let entry = &mut self.workers[worker.0 as usize];
        entry.flights.retain(|other| *other != lease);
        entry.slots -= 1;
        entry.hung.push(lease);
        if entry.slots == 0 {
            let rest: Vec<Lease> = entry.flights.iter().copied().collect();
            let is_recalled = entry.is_recalled;
            self.returned(worker, &rest);
            self.workers[worker.0 as usize].is_recalled = is_recalled;
        }
    }

    fn returned(&mut self, worker: WorkerId, leases: &[Lease]) {
        for lease in leases {
            if !self.is_lease_open(*lease, worker) {
                continue;
            }
            let (assignment, block) = self.flights.remove(lease).expect("it is open");
            self.workers[worker.0 as usize].flights.retain(|other| other != lease);
            let task = assignment.block.task.as_usize();
            self.counts[task].in_flight -= 1;
            self.counts[task].ready += 1;
            self.state[block] = State::Open;
            self.avoid[block] = self.failed_on[block].first().copied();
        }
        if let Some(entry) = self.workers.get_mut(worker.0 as usize) {
            (entry.is_recalled, entry.has_begun_all) = (false, true);
        }
    }

    fn record_failure(&mut self, assignment: &Assignment, block: Number, cause: Cause, again: bool) {
        let attempts = self.failures[block] + self.crashes[block];
        let disposition =
            if again { Disposition::Retry { attempts } } else { Disposition::GiveUp { attempts } };
        let Assignment { block: id, worker, .. } = *assignment;
        self.expected_failures.push(Failure { block: id, worker, cause, disposition });
        if again {
            self.remember(block, worker);
            self.ready_again(block, id.task.as_usize(), worker);
            return;
        }
        self.state[block] = State::Failed;
        self.counts[id.task.as_usize()].failed += 1;
        self.orphan_all_behind(block);
    }

    fn ready_again(&mut self, block: Number, task: usize, worker: WorkerId) {
        self.state[block] = State::Open;
        self.avoid[block] = Some(worker);
        self.counts[task].ready += 1;
    }

    fn complete(&mut self, block: Number, task: usize) {
        self.state[block] = State::Completed;
        self.counts[task].completed += 1;
        for place in 0..self.oracle.downstream[block].len() {
            self.release(self.oracle.downstream[block][place]);
        }
    }

    fn release(&mut self, dependent: Number) {
        self.n_left[dependent] -= 1;
        if self.n_left[dependent] == 0 {
            assert_eq!(self.state[dependent], State::Open);
            let task = self.task_of(dependent);
            self.counts[task].pending -= 1;
            self.counts[task].ready += 1;
        }
    }

    fn orphan_all_behind(&mut self, block: Number) {
        let mut stack = vec![block];
        while let Some(block) = stack.pop() {
            for place in 0..self.oracle.downstream[block].len() {
                let dependent = self.oracle.downstream[block][place];
                if self.oracle.only_apart.contains(&(block, dependent)) {
                    self.release(dependent);
                } else if self.state[dependent] != State::Orphaned {
                    assert_eq!(self.state[dependent], State::Open);
                    self.state[dependent] = State::Orphaned;
                    let task = self.task_of(dependent);
                    self.counts[task].pending -= 1;
                    self.counts[task].orphaned += 1;
                    stack.push(dependent);
                }
            }
        }
    }

    fn ended(&mut self, id: BlockId, how: FinalState) {
        let block = self.oracle.number(id);
        assert_eq!(self.ended[block].replace(how), None, "{id} ends once");
        let expected = match how {
            FinalState::Completed | FinalState::Skipped => State::Completed,
            FinalState::Failed => State::Failed,
            FinalState::Orphaned => State::Orphaned,
        };
        assert_eq!(self.state[block], expected, "{id}");
    }

    fn assigned(&mut self, assignment: &Assignment, scheduler: &Scheduler) {
        let Assignment { worker, lease, block: id } = *assignment;
        assert!(!self.is_draining, "an assignment after drain");
        let block = self.oracle.number(id);
        self.mix(block as u64 ^ u64::from(worker.0) << 32);
        self.mix(lease.0);
        assert!(self.granted.insert(lease), "lease {lease:?} was granted before");
        assert_eq!(self.state[block], State::Open, "{id} is handed out");
        assert_eq!(self.n_left[block], 0, "{id} starts before what it waits for");
        assert!(self.oracle.upstream[block].iter().all(|up| self.ended[*up].is_some()), "{id} is too early");
        for other in &self.oracle.conflicting[block] {
            let is_at_work = matches!(self.state[*other], State::InFlight | State::Unsynced);
            assert!(!is_at_work, "{id} conflicts with block {other} in flight, or unsynced");
        }
        if self.is_exact {
            assert!(!self.is_avoided(block, worker, scheduler), "{id} goes back to {worker}");
            assert!(!scheduler.is_suspended(worker), "{worker} is suspended, and gets {id}");
        }
        let entry = &mut self.workers[worker.0 as usize];
        assert!(entry.slots > 0, "an assignment to {worker}, which is lost");
        entry.flights.push_back(lease);
        entry.has_begun_all = false;
        assert!(
            entry.flights.len() <= (entry.slots + self.config.credits) as usize,
            "{worker} holds too much"
        );
        self.state[block] = State::InFlight;
        self.flights.insert(lease, (*assignment, block));
        let counts = &mut self.counts[id.task.as_usize()];
        counts.ready -= 1;
        counts.in_flight += 1;
        let most = self.plan.task(id.task).spec.max_workers().map_or(u64::MAX, u64::from);
        assert!(counts.in_flight <= most, "more than max_workers blocks of a task in flight");
    }

    pub fn task_of(&self, block: Number) -> usize {
        self.oracle.first.partition_point(|first| *first <= block) - 1
    }

    fn mix(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17);
    }
}
