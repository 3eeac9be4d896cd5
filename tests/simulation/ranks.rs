//! The world around rank 0's desk: workers with their real uplinks, on a transport that records what is sent and lets it
//! arrive later, on a virtual clock. Every message is encoded, and decoded where it arrives.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellis::bare::{Desk, Outbox, Peer, Uplink};
use bellis::plan::{Outcome, Plan, TaskId};
use bellis::scheduler::{Assignment, Config, Ended, Event, Lease, Scheduler, Time, WorkerId};
use bellis::wire::{Assigned, Finished, FromWorker, Stop, ToWorker, decode, encode};

use crate::network::{Network, Recording, lock};
use crate::pipelines;
use crate::rng::Rng;
use crate::shadow::Shadow;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A message of a worker reaches rank 0.
    ToRank0(WorkerId, Vec<u8>),
    /// A message of rank 0 reaches a worker.
    ToWorker(WorkerId, Vec<u8>),
    /// A slot of a worker ends a block: its number, and its lease.
    Done(WorkerId, usize, u64),
    /// A worker's process ends.
    Death(WorkerId),
    /// Rank 0's transport finds out that a worker is gone.
    Noticed(WorkerId),
    Drain,
    Tick,
}

struct Worker {
    /// `None` once its process has ended.
    uplink: Option<Uplink>,
    slots: u32,
    n_busy: u32,
    /// Messages do not overtake each other.
    last_to: Time,
    last_from: Time,
}

/// How likely what is, in percent; times in microseconds.
struct Conditions {
    n_workers: u64,
    longest_block: Time,
    longest_delay: Time,
    failures: u64,
    skips: u64,
    deaths: u64,
    /// Of messages of rank 0 that cannot be sent, though the worker lives.
    unsent: u64,
    /// Of blocks that end their worker.
    killers: u64,
    drain_at: Option<Time>,
    status_interval: Time,
    /// Zero where the transport finds out that a worker is gone; else nothing but its silence tells.
    lost_after: Time,
    check_every: u64,
}

struct World {
    rng: Rng,
    conditions: Conditions,
    plan: Arc<Plan>,
    desk: Desk,
    outbox: Outbox,
    shadow: Shadow,
    network: Arc<Mutex<Network>>,
    workers: Vec<Worker>,
    killers: Vec<bool>,
    now: Time,
    heap: BinaryHeap<Reverse<(Time, u64, Happening)>>,
    n_happenings: u64,
    is_tick_due: bool,
    is_roll_called: bool,
}

/// Time between two ticks when nothing is left over from a former call.
const TICK_INTERVAL: Time = 60_000;

/// Runs the world of a seed to its end, with every check on; the hash of all that was decided.
pub fn run(seed: u64) -> u64 {
    let mut rng = Rng::new(seed ^ 0x5eed_0fde_5c00_0000);
    let is_large = seed % 300 == 11;
    let conditions = conditions(&mut rng, is_large);
    let max_blocks = if is_large { 3000 } else { rng.pick(&[4, 12, 40, 150]) };
    let (plan, told) = pipelines::random(&mut rng, max_blocks);
    let plan = Arc::new(plan);
    let config = Config { credits: rng.pick(&[0, 1, 2, 2, 8]), ..Config::default() };
    let scheduler = Scheduler::new(plan.clone(), config).with_budget(rng.pick(&[1, 7, 50, 1 << 16]));
    let shadow = Shadow::new(plan.clone(), &told, config);
    let n_blocks = shadow.oracle.n_blocks();
    let network = Network::of(conditions.n_workers as usize);
    let worker = |number| {
        let endpoint = Recording { worker: WorkerId(number), network: network.clone() };
        (Uplink::new(Box::new(endpoint), bellis::storage::Context::new()), rng.pick(&[1, 1, 2, 5]))
    };
    let workers: Vec<Worker> = (1..=conditions.n_workers as u32)
        .map(worker)
        .map(|(uplink, slots)| Worker { uplink: Some(uplink), slots, n_busy: 0, last_to: 0, last_from: 0 })
        .collect();
    let peer =
        |worker: &Worker| Peer { slots: worker.slots, host: "node".to_owned(), pid: 1, answers_always: true };
    let peers = workers.iter().map(peer).collect();
    let (status_interval, lost_after) =
        (Duration::from_micros(conditions.status_interval), Duration::from_micros(conditions.lost_after));
    let mut world = World {
        killers: (0..n_blocks).map(|_| rng.chance(conditions.killers)).collect(),
        desk: Desk::new(scheduler, peers, status_interval, lost_after, Duration::from_secs(5)),
        outbox: Outbox::default(),
        plan,
        shadow,
        network,
        workers,
        now: 0,
        heap: BinaryHeap::new(),
        n_happenings: 0,
        is_tick_due: false,
        is_roll_called: false,
        conditions,
        rng,
    };
    world.begin();
    world.live();
    world.end();
    world.shadow.hash
}

fn conditions(rng: &mut Rng, is_large: bool) -> Conditions {
    let is_calm = rng.chance(25);
    let percent = |rng: &mut Rng, most: u64| if is_calm { 0 } else { rng.pick(&[0, 0, 1, most]) };
    Conditions {
        n_workers: if is_large { rng.range(1000, 4000) } else { rng.pick(&[1, 1, 2, 3, 5, 17, 60]) },
        longest_block: rng.pick(&[1, 1000, 100_000, 1_000_000]),
        longest_delay: rng.pick(&[0, 1, 100, 10_000]),
        failures: percent(rng, 30),
        skips: percent(rng, 20),
        deaths: percent(rng, 60),
        unsent: percent(rng, 5),
        killers: percent(rng, 3),
        drain_at: (!is_calm && rng.chance(10)).then(|| rng.range(0, 20_000)),
        status_interval: rng.pick(&[0, 1, 100_000, 300_000]),
        lost_after: rng.pick(&[0, 0, 600_000]),
        check_every: if is_large { 500 } else { 1 },
    }
}

impl World {
    fn begin(&mut self) {
        for index in 0..self.workers.len() {
            let worker = WorkerId(index as u32 + 1);
            self.shadow.before(
                &Event::WorkerJoined { worker, slots: self.workers[index].slots },
                self.desk.scheduler(),
            );
            if self.rng.chance(self.conditions.deaths) {
                let at = self.rng.range(0, 30_000);
                self.happen(at, Happening::Death(worker));
            }
        }
        if let Some(at) = self.conditions.drain_at {
            self.happen(at, Happening::Drain);
        }
        self.shadow.before(&Event::Tick, self.desk.scheduler());
        self.desk.start(0, &mut self.outbox).expect("messages can be written");
        self.dispatch();
    }

    fn live(&mut self) {
        while let Some(Reverse((now, _, happening))) = self.heap.pop() {
            assert!(self.n_happenings < 5_000_000, "the run does not end");
            self.now = now;
            match happening {
                Happening::ToRank0(worker, bytes) => self.receive(worker, &bytes),
                Happening::ToWorker(worker, bytes) => self.deliver(worker, bytes),
                Happening::Done(worker, number, lease) => self.done(worker, number, lease),
                Happening::Death(worker) => self.die(worker),
                Happening::Noticed(worker) => self.lose(worker),
                Happening::Drain => {
                    self.shadow.before(&Event::Drain, self.desk.scheduler());
                    self.desk.drain(now, &mut self.outbox).expect("messages can be written");
                    self.dispatch();
                }
                Happening::Tick => {
                    self.is_tick_due = false;
                    self.shadow.before(&Event::Tick, self.desk.scheduler());
                    self.desk.tick(now, &mut self.outbox).expect("messages can be written");
                    self.dispatch();
                    while let Some((worker, _)) = self.desk.next_silent() {
                        self.lose(worker);
                    }
                }
            }
        }
    }

    /// Rank 0 receives a message.
    fn receive(&mut self, worker: WorkerId, bytes: &[u8]) {
        let message = decode(bytes).expect("a message");
        if let FromWorker::Finished(batch) = &message {
            for Finished { lease, outcome, .. } in batch.iter().map(|item| item.expect("a block")) {
                self.shadow.before(
                    &Event::BlockFinished { worker, lease: Lease(lease), outcome },
                    self.desk.scheduler(),
                );
            }
        }
        if let FromWorker::Returned { leases } = &message {
            let leases = leases.iter().copied().map(Lease).collect();
            self.shadow.before(&Event::Returned { worker, leases }, self.desk.scheduler());
        }
        self.desk.receive(self.now, worker, message, &mut self.outbox).expect("nobody gives up");
        self.dispatch();
    }

    /// As rank 0's loop does: records, sends, and tells the desk who cannot be reached, one at a time. Checks what was
    /// decided before each step.
    fn dispatch(&mut self) {
        let mut unreachable = Vec::new();
        loop {
            let mut ended: Vec<Ended> = Vec::new();
            let mut assignments = Vec::new();
            let mut sent = Vec::new();
            let recorded = self.outbox.record(|blocks| {
                ended.extend_from_slice(blocks);
                Ok::<(), ()>(())
            });
            let mut recalls = Vec::new();
            for message in recorded.expect("it is recorded").messages() {
                if decode(message.bytes) == Ok(ToWorker::Recall) {
                    recalls.push(message.to);
                }
                if let ToWorker::Assign(batch) = decode(message.bytes).expect("a message") {
                    for assigned in batch.iter().map(|item| item.expect("a block")) {
                        let block = self.plan.block(assigned.block);
                        assert_eq!(
                            (block.read_roi, block.write_roi),
                            (assigned.read_roi, assigned.write_roi)
                        );
                        let (worker, lease) = (message.to, Lease(assigned.lease));
                        assignments.push(Assignment { worker, lease, block: assigned.block });
                    }
                }
                sent.push((message.to, message.bytes.to_vec()));
            }
            self.outbox.clear();
            recalls.into_iter().for_each(|worker| self.shadow.recalled(worker));
            self.shadow.after_events(self.desk.scheduler(), &ended, &assignments);
            if self.n_happenings.is_multiple_of(self.conditions.check_every) {
                self.desk.scheduler().sanity_check().expect("the scheduler's books agree");
            }
            for (worker, bytes) in sent {
                if !self.send(worker, bytes) {
                    unreachable.push(worker);
                }
            }
            let lost = std::iter::from_fn(|| unreachable.pop()).find(|worker| !self.desk.is_lost(*worker));
            let Some(worker) = lost else { break };
            self.shadow.before(&Event::WorkerLost { worker }, self.desk.scheduler());
            self.desk.lose(self.now, worker, &"unreachable", &mut self.outbox).expect("it can be written");
        }
        // With no worker left the loop would end; here it goes on until what was left over is done.
        let has_ended = self.desk.is_finished();
        let goes_on = has_ended || self.desk.has_backlog() || self.desk.require_workers().is_ok();
        if has_ended && !std::mem::replace(&mut self.is_roll_called, true) {
            self.desk.call_the_roll();
        }
        let is_over = has_ended && !self.desk.awaits_heartbeats();
        if !self.is_tick_due && !is_over && goes_on {
            self.is_tick_due = true;
            let wait = if self.desk.has_backlog() { self.rng.range(0, 2) } else { TICK_INTERVAL };
            self.happen(self.now + wait, Happening::Tick);
        }
    }

    /// A message leaves rank 0, if it can. One to a worker that is gone is found out at once or never.
    fn send(&mut self, worker: WorkerId, bytes: Vec<u8>) -> bool {
        let at = self.now + self.rng.range(0, self.conditions.longest_delay);
        let entry = &mut self.workers[worker.0 as usize - 1];
        if entry.uplink.is_none() && self.rng.chance(50) || self.rng.chance(self.conditions.unsent) {
            return false;
        }
        entry.last_to = entry.last_to.max(at);
        let at = entry.last_to;
        self.happen(at, Happening::ToWorker(worker, bytes));
        true
    }

    /// A message reaches a worker.
    fn deliver(&mut self, worker: WorkerId, bytes: Vec<u8>) {
        let index = worker.0 as usize - 1;
        lock(&self.network).inboxes[index].push_back(bytes);
        if let Some(uplink) = &mut self.workers[index].uplink {
            assert!(uplink.receive().expect("rank 0 is understood"));
            self.work(worker);
        }
    }

    /// Free slots begin the blocks that wait, and what the worker has said is under way.
    fn work(&mut self, worker: WorkerId) {
        let index = worker.0 as usize - 1;
        loop {
            let entry = &mut self.workers[index];
            let Some(uplink) = entry.uplink.as_mut().filter(|_| entry.n_busy < entry.slots) else { break };
            let Some(assigned) = uplink.inbox.pop().expect("a block") else { break };
            entry.n_busy += 1;
            let Assigned { block, lease, .. } = assigned;
            let number = self.shadow.oracle.number(block);
            let at = self.now + self.rng.range(0, self.conditions.longest_block);
            let ends = if self.killers[number] {
                Happening::Death(worker)
            } else {
                Happening::Done(worker, number, lease)
            };
            self.happen(at, ends);
        }
        self.take_off();
    }

    fn done(&mut self, worker: WorkerId, number: usize, lease: u64) {
        let outcome = if self.rng.chance(self.conditions.failures) {
            Outcome::failed(format!("block {number} at {}", self.now))
        } else if self.rng.chance(self.conditions.skips) {
            Outcome::Skipped
        } else {
            Outcome::Success
        };
        let is_urgent = self.rng.chance(50);
        let entry = &mut self.workers[worker.0 as usize - 1];
        let Some(uplink) = &mut entry.uplink else { return };
        entry.n_busy -= 1;
        uplink.answer(&Finished { lease, busy_us: 1, outcome }).expect("it can be written");
        if is_urgent || entry.n_busy == 0 && uplink.inbox.is_empty() {
            uplink.flush().expect("rank 0 is there");
        }
        self.work(worker);
    }

    fn die(&mut self, worker: WorkerId) {
        let has_lived = self.workers[worker.0 as usize - 1].uplink.take().is_some();
        if has_lived && self.conditions.lost_after == 0 {
            let at = self.now + self.rng.range(0, 3 * self.conditions.longest_delay);
            self.happen(at, Happening::Noticed(worker));
        }
    }

    fn lose(&mut self, worker: WorkerId) {
        if !self.desk.is_lost(worker) {
            self.shadow.before(&Event::WorkerLost { worker }, self.desk.scheduler());
        }
        self.desk.lose(self.now, worker, &"gone", &mut self.outbox).expect("messages can be written");
        self.dispatch();
    }

    /// What workers have sent is under way to rank 0.
    fn take_off(&mut self) {
        let sent = std::mem::take(&mut lock(&self.network).sent);
        for (worker, bytes) in sent {
            let at = self.now + self.rng.range(0, self.conditions.longest_delay);
            let entry = &mut self.workers[worker.0 as usize - 1];
            entry.last_from = entry.last_from.max(at);
            let at = entry.last_from;
            self.happen(at, Happening::ToRank0(worker, bytes));
        }
    }

    fn happen(&mut self, at: Time, happening: Happening) {
        self.n_happenings += 1;
        self.heap.push(Reverse((at, self.n_happenings, happening)));
    }

    /// Everything has happened: the run is over, nothing is awaited, the report has the right counts, and every worker
    /// that lives gets it, lost or not.
    fn end(&mut self) {
        self.shadow.finish(self.desk.scheduler());
        assert!(!self.desk.awaits_heartbeats(), "an answer is awaited that will not come");
        let report = self.desk.report(self.now);
        for ((id, task), counts) in (0..).map(TaskId).zip(&report.tasks).zip(self.shadow.counts()) {
            assert_eq!(task.counts, *counts, "{id:?}");
        }
        let text = serde_json::to_string(&report).expect("a report is text");
        let stop = Stop::Finished(text);
        let mut bytes = Vec::new();
        encode(&ToWorker::Stop(stop.clone()), &mut bytes).expect("it can be written");
        for (worker, inbox) in self.workers.iter_mut().zip(0..) {
            let Some(uplink) = &mut worker.uplink else { continue };
            lock(&self.network).inboxes[inbox].push_back(bytes.clone());
            uplink.receive().expect("rank 0 is understood");
            // One that was taken for lost, and said something afterwards, was told to stop before.
            let is_dismissed = uplink.stop == Some(Stop::Lost);
            assert!(is_dismissed || uplink.stop.as_ref() == Some(&stop));
        }
    }
}
