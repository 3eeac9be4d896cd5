//! The world around the scheduler: workers, messages and misfortunes on a virtual clock.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use bellis::Outcome;
use bellis::plan::Fault;
use bellis::scheduler::{
    Actions, Assignment, Config, Disposition, Event, Failure, Lease, Scheduler, Time, WorkerId,
};

use crate::pipelines;
use crate::rng::Rng;
use crate::shadow::Shadow;

/// How long a task rests when there is no room.
const PLACE_PAUSE: Time = 100;
/// Time between two looks at how it is going.
const LOOK_INTERVAL: Time = 50_000;

/// How long a block may take, where that is said.
const BLOCK_TIMEOUT: Time = 3_000_000;

/// How large a world is, and what happens in it.
struct Conditions {
    n_workers: u64,
    max_slots: u64,
    longest_block: Time,
    longest_delay: Time,
    /// Of every answer, in percent.
    failures: u64,
    duplicates: u64,
    skips: u64,
    /// Of workers that are lost some time, in percent.
    losses: u64,
    /// Blocks that always fail and blocks that always end their worker, in percent.
    poison: u64,
    killers: u64,
    /// Of every answer, in percent: there is no room.
    refusals: u64,
    /// Of workers that cannot be prepared, in percent.
    unprepared: u64,
    /// Of blocks that take much longer than they may, and of those that never end, in percent.
    slow: u64,
    hanging: u64,
    drain_at: Option<Time>,
    /// Every how many events the books are checked by recounting.
    check_every: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A message reaches rank 0.
    Message(usize),
    /// An assignment reaches a worker.
    Arrival(usize),
    /// A slot of a worker ends its block.
    Done(usize),
    /// A worker ends; or only seems to.
    Death {
        worker: WorkerId,
        is_real: bool,
    },
    Tick,
    /// A tick that comes whether there is work left over or not.
    Look,
    /// A worker of several slots sees that it has been at work for too long.
    Overdue(usize),
    /// A worker is asked to give back what it has not begun.
    Recall(WorkerId),
    /// A worker is asked to sync.
    Ask(WorkerId),
    /// Its answer, for so many blocks.
    Answer(WorkerId, u64),
}

#[derive(Default)]
struct Worker {
    slots: u32,
    n_busy: u32,
    is_dead: bool,
    is_unprepared: bool,
    is_syncing: bool,
    is_pool: bool,
    /// The leases of the blocks at work.
    busy: Vec<Lease>,
    waiting: VecDeque<Assignment>,
    /// Messages do not overtake each other.
    last_arrival: Time,
    last_answer: Time,
}

struct World {
    rng: Rng,
    is_traced: bool,
    conditions: Conditions,
    scheduler: Scheduler,
    shadow: Shadow,
    workers: Vec<Worker>,
    poison: Vec<bool>,
    killers: Vec<bool>,
    hanging: Vec<bool>,
    has_timeouts: bool,
    now: Time,
    heap: BinaryHeap<Reverse<(Time, u64, Happening)>>,
    n_happenings: u64,
    /// What the happenings refer to.
    messages: Vec<Event>,
    assignments: Vec<Assignment>,
    actions: Actions,
}

/// Runs the world of a seed to its end, with every check on; the hash of all actions.
pub fn run(seed: u64) -> u64 {
    let mut rng = Rng::new(seed);
    let (conditions, max_blocks) = conditions(&mut rng, seed);
    let (plan, told) = pipelines::random(&mut rng, max_blocks);
    let plan = Arc::new(plan);
    let has_timeouts = conditions.n_workers < 1000 && rng.chance(20);
    let config = Config {
        credits: rng.pick(&[0, 1, 2, 2, 3, 8]),
        max_crashes: rng.range(0, 3) as u32,
        awaits_sync: rng.chance(50),
        place_pause: PLACE_PAUSE,
        block_timeout: if has_timeouts { BLOCK_TIMEOUT } else { Time::MAX },
    };
    let budget = rng.pick(&[1, 2, 7, 50, 1 << 16]);
    let shadow = Shadow::new(plan.clone(), &told, config);
    let n = shadow.oracle.n_blocks();
    let (poison, killers, hanging) = (conditions.poison, conditions.killers, conditions.hanging);
    let mut world = World {
        poison: (0..n).map(|_| rng.chance(poison)).collect(),
        killers: (0..n).map(|_| rng.chance(killers)).collect(),
        hanging: (0..n).map(|_| rng.chance(hanging)).collect(),
        has_timeouts,
        scheduler: Scheduler::new(plan, config).with_budget(budget),
        shadow,
        workers: Vec::new(),
        now: 0,
        heap: BinaryHeap::new(),
        n_happenings: 0,
        messages: Vec::new(),
        assignments: Vec::new(),
        actions: Actions::default(),
        conditions,
        is_traced: std::env::var_os("BELLIS_SIM_TRACE").is_some(),
        rng,
    };
    world.populate();
    world.live();
    world.shadow.finish(&world.scheduler);
    world.shadow.hash
}

/// Most worlds are small; every 400th has thousands of workers.
fn conditions(rng: &mut Rng, seed: u64) -> (Conditions, i64) {
    let is_large = seed % 400 == 7;
    let is_calm = rng.chance(25);
    let percent = |rng: &mut Rng, most: u64| if is_calm { 0 } else { rng.pick(&[0, 0, 1, most]) };
    let n_workers = if is_large { rng.range(1000, 4000) } else { rng.pick(&[1, 1, 2, 3, 5, 17, 60]) };
    let max_blocks = if is_large { 3000 } else { rng.pick(&[4, 12, 12, 40, 40, 150]) };
    let conditions = Conditions {
        n_workers,
        max_slots: rng.pick(&[1, 1, 2, 5]),
        longest_block: rng.pick(&[1, 10, 1000, 1_000_000]),
        longest_delay: rng.pick(&[0, 1, 10, 1000]),
        failures: percent(rng, 30),
        duplicates: percent(rng, 10),
        skips: percent(rng, 20),
        losses: percent(rng, 60),
        poison: percent(rng, 5),
        killers: percent(rng, 3),
        refusals: percent(rng, 10),
        unprepared: percent(rng, 40),
        slow: percent(rng, 5),
        hanging: percent(rng, 3),
        drain_at: (!is_calm && rng.chance(10)).then(|| rng.range(0, 2000)),
        check_every: if is_large { 500 } else { 1 },
    };
    (conditions, max_blocks as i64)
}

impl World {
    /// Workers join, some late; some will be lost.
    fn populate(&mut self) {
        for worker in (0..self.conditions.n_workers as u32).map(WorkerId) {
            let slots = self.rng.range(1, self.conditions.max_slots) as u32;
            let is_unprepared = self.rng.chance(self.conditions.unprepared);
            let is_pool = slots > 1;
            self.workers.push(Worker { slots, is_unprepared, is_pool, ..Worker::default() });
            let joins = if self.rng.chance(20) { self.rng.range(0, 3000) } else { self.rng.range(0, 10) };
            self.message_at(joins, Event::WorkerJoined { worker, slots });
            if self.rng.chance(2) {
                self.message_at(joins, Event::WorkerJoined { worker, slots });
            }
            if self.rng.chance(self.conditions.losses) {
                let death = Happening::Death { worker, is_real: self.rng.chance(70) };
                let dies = joins + self.rng.range(0, 3000);
                self.happen(dies, death);
            }
        }
        if self.conditions.longest_block > LOOK_INTERVAL || self.has_timeouts {
            self.happen(LOOK_INTERVAL, Happening::Look);
        }
        if let Some(drain_at) = self.conditions.drain_at {
            self.message_at(drain_at, Event::Drain);
        }
    }

    fn live(&mut self) {
        while let Some(Reverse((now, _, happening))) = self.heap.pop() {
            assert!(self.n_happenings < 5_000_000, "the run does not end");
            self.now = now;
            match happening {
                Happening::Message(place) => self.handle(self.messages[place].clone()),
                Happening::Tick => self.handle(Event::Tick),
                Happening::Look => self.look(),
                Happening::Recall(worker) => self.give_back(worker),
                Happening::Overdue(place) => self.overdue(self.assignments[place]),
                Happening::Arrival(place) => self.arrive(self.assignments[place]),
                Happening::Done(place) => self.done(self.assignments[place]),
                Happening::Ask(worker) => {
                    let n_blocks = self.scheduler.n_unsynced_of(worker);
                    let at = self.now + self.rng.range(0, self.conditions.longest_delay);
                    self.happen(at, Happening::Answer(worker, n_blocks));
                }
                Happening::Answer(worker, n_blocks) => self.synced(worker, n_blocks),
                Happening::Death { worker, is_real } => self.die(worker, is_real),
            }
        }
    }

    fn handle(&mut self, event: Event) {
        if self.is_traced {
            eprintln!("{:>8} {event:?}", self.now);
        }
        self.shadow.before(&event, &self.scheduler);
        self.actions.clear();
        let had_backlog = self.scheduler.has_backlog();
        self.scheduler.handle(self.now, event, &mut self.actions);
        let actions = std::mem::take(&mut self.actions);
        if self.is_traced {
            eprintln!("         {actions:?}");
        }
        self.shadow.after(&self.scheduler, &actions);
        if self.n_happenings.is_multiple_of(self.conditions.check_every) {
            let checked = if self.shadow.oracle.n_blocks() <= 60 {
                self.scheduler.sanity_check_blocks()
            } else {
                self.scheduler.sanity_check()
            };
            checked.expect("the scheduler's books agree");
        }
        for worker in &actions.recalls {
            let at = self.arrival(*worker);
            self.happen(at, Happening::Recall(*worker));
        }
        for assignment in &actions.assignments {
            self.send(*assignment);
        }
        let is_refused =
            |f: &Failure| matches!(f.disposition, Disposition::Hold { .. } | Disposition::Stuck { .. });
        if actions.failures.iter().any(is_refused) {
            self.happen(self.now + PLACE_PAUSE, Happening::Tick);
        }
        self.actions = actions;
        self.ask_to_sync();
        // The caller ticks while there is backlog; other events come in between.
        if self.scheduler.has_backlog() && (!had_backlog || self.no_tick_is_due()) {
            let at = self.now + self.rng.range(0, 2);
            self.happen(at, Happening::Tick);
        }
    }

    /// Workers that finished something are asked some time to sync, one time after the other.
    fn ask_to_sync(&mut self) {
        for place in 0..self.workers.len() {
            let worker = WorkerId(place as u32);
            if !self.workers[place].is_syncing && self.scheduler.n_unsynced_of(worker) > 0 {
                self.workers[place].is_syncing = true;
                let at = self.now + self.rng.range(0, 2 * self.conditions.longest_block);
                self.happen(at, Happening::Ask(worker));
            }
        }
    }

    fn synced(&mut self, worker: WorkerId, n_blocks: u64) {
        let place = worker.0 as usize;
        if self.workers[place].is_dead {
            return;
        }
        self.workers[place].is_syncing = false;
        let event = if self.rng.chance(self.conditions.failures / 3) {
            let fault = self.rng.pick(&[Fault::Place, Fault::Block]);
            Event::SyncFailed { worker, n_blocks, fault, message: format!("disk full at {}", self.now) }
        } else {
            Event::Synced { worker, n_blocks }
        };
        self.handle(event);
    }

    /// Whether no tick is under way.
    fn no_tick_is_due(&self) -> bool {
        !self.heap.iter().any(|Reverse((_, _, happening))| *happening == Happening::Tick)
    }

    /// When a message that leaves now reaches a worker.
    fn arrival(&mut self, worker: WorkerId) -> Time {
        let at = self.now + self.rng.range(0, self.conditions.longest_delay);
        let worker = &mut self.workers[worker.0 as usize];
        worker.last_arrival = worker.last_arrival.max(at);
        worker.last_arrival
    }

    /// Looks at how it is going, while anything goes on.
    fn look(&mut self) {
        self.handle(Event::Tick);
        // What is in flight and does nothing hangs.
        let is_any_in_flight = self.shadow.counts().iter().any(|counts| counts.in_flight > 0);
        if !self.heap.is_empty() || is_any_in_flight {
            self.happen(self.now + LOOK_INTERVAL, Happening::Look);
        }
    }

    fn overdue(&mut self, Assignment { worker, lease, .. }: Assignment) {
        let entry = &self.workers[worker.0 as usize];
        if !entry.is_dead && entry.busy.contains(&lease) {
            self.answer(worker, Event::TimedOut { worker, lease, busy: BLOCK_TIMEOUT });
        }
    }

    fn give_back(&mut self, worker: WorkerId) {
        let entry = &mut self.workers[worker.0 as usize];
        if !entry.is_dead {
            let leases = entry.waiting.drain(..).map(|assignment| assignment.lease).collect();
            self.answer(worker, Event::Returned { worker, leases });
        }
    }

    fn send(&mut self, assignment: Assignment) {
        let at = self.arrival(assignment.worker);
        self.assignments.push(assignment);
        self.happen(at, Happening::Arrival(self.assignments.len() - 1));
    }

    fn arrive(&mut self, assignment: Assignment) {
        self.workers[assignment.worker.0 as usize].waiting.push_back(assignment);
        self.work(assignment.worker);
    }

    /// Free slots begin the blocks that wait.
    fn work(&mut self, id: WorkerId) {
        let place = id.0 as usize;
        while !self.workers[place].is_dead && self.workers[place].n_busy < self.workers[place].slots {
            let Some(assignment) = self.workers[place].waiting.pop_front() else { return };
            self.workers[place].n_busy += 1;
            let mut at = self.now + self.rng.range(0, self.conditions.longest_block);
            self.assignments.push(assignment);
            let done = self.assignments.len() - 1;
            let number = self.shadow.oracle.number(assignment.block);
            self.workers[place].busy.push(assignment.lease);
            if self.has_timeouts && self.workers[place].is_pool {
                self.happen(self.now + BLOCK_TIMEOUT, Happening::Overdue(done));
            }
            if self.has_timeouts && self.hanging[number] {
                continue;
            }
            if self.has_timeouts && self.rng.chance(self.conditions.slow) {
                at += 2 * BLOCK_TIMEOUT;
            }
            if self.killers[number] {
                self.happen(at, Happening::Death { worker: id, is_real: true });
            } else {
                self.happen(at, Happening::Done(done));
            }
        }
    }

    fn done(&mut self, assignment: Assignment) {
        let Assignment { worker, lease, block } = assignment;
        if self.workers[worker.0 as usize].is_dead {
            return;
        }
        self.workers[worker.0 as usize].n_busy -= 1;
        self.workers[worker.0 as usize].busy.retain(|other| *other != lease);
        let is_poison = self.poison[self.shadow.oracle.number(block)];
        // Half of them know that they are.
        let outcome = if self.workers[worker.0 as usize].is_unprepared {
            Outcome::Failed { fault: Fault::Worker, message: "no GPU".to_owned() }
        } else if self.rng.chance(self.conditions.refusals) {
            Outcome::Failed { fault: Fault::Place, message: "disk full".to_owned() }
        } else if is_poison && block.index.is_multiple_of(2) {
            Outcome::Failed { fault: Fault::Permanent, message: "poison".to_owned() }
        } else if is_poison || self.rng.chance(self.conditions.failures) {
            Outcome::failed(format!("{block} at {}", self.now))
        } else if self.rng.chance(self.conditions.skips) {
            Outcome::Skipped
        } else {
            Outcome::Success
        };
        let event = Event::BlockFinished { worker, lease, outcome };
        if self.rng.chance(self.conditions.duplicates) {
            self.answer(worker, event.clone());
        }
        self.answer(worker, event);
        self.work(worker);
    }

    fn answer(&mut self, worker: WorkerId, event: Event) {
        let at = self.now + self.rng.range(0, self.conditions.longest_delay);
        let entry = &mut self.workers[worker.0 as usize];
        entry.last_answer = entry.last_answer.max(at);
        let at = entry.last_answer;
        self.message_at(at, event);
    }

    /// Rank 0 hears of it some time later. One that only seems dead works on, and its answers come late.
    fn die(&mut self, worker: WorkerId, is_real: bool) {
        let entry = &mut self.workers[worker.0 as usize];
        if entry.is_dead {
            return;
        }
        entry.is_dead = is_real;
        let noticed = self.now + self.rng.range(0, 3 * self.conditions.longest_delay);
        self.message_at(noticed, Event::WorkerLost { worker });
    }

    fn message_at(&mut self, at: Time, event: Event) {
        self.messages.push(event);
        self.happen(at, Happening::Message(self.messages.len() - 1));
    }

    fn happen(&mut self, at: Time, happening: Happening) {
        self.n_happenings += 1;
        self.heap.push(Reverse((at, self.n_happenings, happening)));
    }
}
