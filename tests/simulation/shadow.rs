//! What must be true of the scheduler at every moment, kept beside it: each event and action is checked against the
//! oracle's dependencies and against books of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bellis::plan::{BlockId, Fault, Plan, TaskId};
use bellis::scheduler::{
    Actions, Assignment, Cause, Config, Counts, Disposition, Ended, Event, Failure, FinalState, Lease,
    Outcome, Scheduler, WorkerId,
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
    /// The same, but not for one that was lost before it began the block.
    failed_on: Vec<Option<WorkerId>>,
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
            failed_on: vec![None; n],
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

    /// Takes an event as the scheduler should.
    pub fn before(&mut self, event: &Event) {
        self.expected_failures.clear();
        match event {
            Event::WorkerJoined { worker, slots } => {
                let place = worker.0 as usize;
                if self.workers.len() <= place {
                    self.workers.resize_with(place + 1, Worker::default);
                }
                if self.workers[place].slots == 0 {
                    self.workers[place].slots = (*slots).max(1);
                }
            }
            Event::BlockFinished { worker, lease, outcome } => self.finished(*worker, *lease, outcome),
            Event::Returned { worker, leases } => self.returned(*worker, leases),
            Event::WorkerLost { worker } => self.lost(*worker),
            Event::Synced { worker, n_blocks } => {
                for (id, block, is_skipped) in self.take_unsynced(*worker, *n_blocks) {
                    self.counts[id.task.as_usize()].skipped += u64::from(is_skipped);
                    self.complete(block, id.task.as_usize());
                }
            }
            Event::SyncFailed { worker, n_blocks, message } => {
                for (id, block, _) in self.take_unsynced(*worker, *n_blocks) {
                    self.failures[block] += 1;
                    let again = self.failures[block] <= self.plan.task(id.task).spec.max_retries();
                    let assignment = Assignment { worker: *worker, lease: Lease(0), block: id };
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
        assert_eq!(actions.failures, self.expected_failures, "failures made known");
        for failure in &actions.failures {
            self.mix(failure.block.index << 8 | u64::from(failure.worker.0) << 1 | 1);
        }
        for worker in &actions.recalls {
            let entry = &self.workers[worker.0 as usize];
            let holds_ahead = entry.slots > 0 && entry.flights.len() > entry.slots as usize;
            assert!(holds_ahead, "{worker} holds nothing ahead, and is asked for it");
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
            self.assigned(assignment);
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
        if self.flights.is_empty() && self.n_alive() > 0 && !has_unsynced {
            assert!(is_over, "the run stalls: nothing in flight, no backlog, and {:?}", self.counts);
        }
        let mut available: Option<Vec<Number>> = None;
        for (worker, entry) in (0..).map(WorkerId).zip(&self.workers) {
            if entry.flights.len() < entry.slots as usize {
                let blocks = available.get_or_insert_with(|| self.available());
                for block in blocks {
                    let is_avoided = self.avoid[*block] == Some(worker) && self.n_alive() > 1;
                    assert!(is_avoided, "{worker} idles while block {block} is ready");
                }
            }
        }
    }

    /// The blocks that could be handed out now.
    fn available(&self) -> Vec<Number> {
        let mut blocks = Vec::new();
        for (task, counts) in self.counts.iter().enumerate() {
            let most = self.plan.tasks()[task].spec.max_workers().map_or(u64::MAX, u64::from);
            if counts.ready > 0 && counts.in_flight < most {
                let own = self.oracle.first[task]..self.oracle.first[task + 1];
                blocks.extend(own.filter(|b| self.state[*b] == State::Open && self.n_left[*b] == 0));
            }
        }
        blocks
    }

    /// Checks the end of a run: every block has ended, once, as it had to.
    pub fn finish(&self, scheduler: &Scheduler) {
        if self.n_alive() > 0 {
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
                    assert!(self.is_draining || self.n_alive() == 0, "block {block} is left");
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
        self.workers.iter().filter(|worker| worker.slots > 0).count()
    }

    fn finished(&mut self, worker: WorkerId, lease: Lease, outcome: &Outcome) {
        if !self.is_lease_open(lease, worker) {
            self.n_late += 1;
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
            Outcome::Failed { fault, message } => {
                self.failures[block] += 1;
                let again = *fault != Fault::Permanent
                    && self.failures[block] <= self.plan.tasks()[task].spec.max_retries();
                self.record_failure(&assignment, block, Cause::Error(message.clone()), again);
            }
        }
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
            self.avoid[block] = self.failed_on[block];
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
            self.failed_on[block] = Some(worker);
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

    fn assigned(&mut self, assignment: &Assignment) {
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
        let is_only = self.n_alive() == 1;
        assert!(self.avoid[block] != Some(worker) || is_only, "{id} goes back to {worker}");
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
