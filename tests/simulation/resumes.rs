//! The world around rank 0's desk and its run directory, in which everything ends at some moment: a worker, a worker's
//! machine, rank 0, the power. Then the run is resumed, and so on; the last run is one that nothing happens to.
//!
//! Whatever happened before: no block counts as done whose voxels are not on the disk, none that is done runs again, each
//! reads what it has to, and the end is the one of a run that was never disturbed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellis::bare::{Desk, Outbox, Peer, Uplink};
use bellis::journal::{BlockState, Change};
use bellis::plan::{Fault, Outcome, Plan};
use bellis::scheduler::{Actions, Config, Ended, Event, FinalState, Scheduler, Time, WorkerId};
use bellis::wire::{Assigned, Finished, FromWorker, ToWorker, decode, encode};

use crate::disk::{RunDirectory, Voxels};
use crate::network::{Network, Recording, lock};
use crate::oracle::{Number, Oracle};
use crate::pipelines;
use crate::rng::Rng;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    /// A message of a worker reaches rank 0.
    ToRank0(WorkerId, Vec<u8>),
    /// A message of rank 0 reaches a worker.
    ToWorker(WorkerId, Vec<u8>),
    /// A slot of a worker ends a block: its number, its lease, and what it wrote.
    Done(WorkerId, Number, u64, u64),
    /// A worker has put on the disk what it had written when this epoch ended.
    Synced(WorkerId, u32, Vec<Number>),
    /// A worker's process ends, or its whole machine.
    Death(WorkerId, bool),
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
    /// What it wrote and did not sync.
    written: Vec<Number>,
    /// Whether a sync failed: what it would have put on the disk is not asked for again, so that all later ones fail.
    has_failed: bool,
    /// Messages do not overtake each other.
    last_to: Time,
    last_from: Time,
}

/// How likely what is, in percent; times in microseconds.
struct Conditions {
    n_workers: u64,
    longest_block: Time,
    longest_delay: Time,
    longest_sync: Time,
    epoch: Time,
    failures: u64,
    failed_syncs: u64,
    deaths: u64,
    /// Of deaths, those that take a machine along.
    power_cuts: u64,
    drain_at: Option<Time>,
    /// Zero where the transport finds out that a worker is gone; else nothing but its silence tells.
    lost_after: Time,
    /// After so many happenings everything ends.
    crash_after: Option<u64>,
}

/// What is the same for all runs.
struct World {
    rng: Rng,
    plan: Arc<Plan>,
    oracle: Oracle,
    voxels: Voxels,
    directory: RunDirectory,
    hash: u64,
}

/// One run.
struct Run<'a> {
    world: &'a mut World,
    conditions: Conditions,
    desk: Desk,
    outbox: Outbox,
    network: Arc<Mutex<Network>>,
    workers: Vec<Worker>,
    now: Time,
    heap: BinaryHeap<Reverse<(Time, u64, Happening)>>,
    n_happenings: u64,
    n_happened: u64,
    is_tick_due: bool,
    has_crashed: bool,
}

/// Time between two ticks when nothing is left over from a former call.
const TICK_INTERVAL: Time = 60_000;

/// Runs the world of a seed until all is done, with every check on; a hash of what was decided.
pub fn run(seed: u64) -> u64 {
    let mut rng = Rng::new(seed ^ 0x0dd5_eed5_0000_0000);
    let max_blocks = rng.pick(&[4, 12, 40, 100]);
    let (plan, told) = pipelines::random(&mut rng, max_blocks);
    let oracle = Oracle::of(&plan, &told);
    let (voxels, directory) = (Voxels::new(oracle.n_blocks()), RunDirectory::new(&plan, &oracle));
    let n_runs = rng.range(1, 5);
    let mut world = World { rng, plan: Arc::new(plan), oracle, voxels, directory, hash: seed };
    for _ in 0..n_runs {
        let conditions = disturbed(&mut world.rng);
        Run::new(&mut world, conditions).go();
    }
    let conditions = undisturbed(&mut world.rng);
    Run::new(&mut world, conditions).go();
    assert!(world.directory.is_done.iter().all(|is_done| *is_done), "some blocks are not done");
    world.voxels.require_whole(&world.oracle);
    world.hash
}

fn undisturbed(rng: &mut Rng) -> Conditions {
    Conditions {
        n_workers: rng.pick(&[1, 2, 3, 8]),
        longest_block: rng.pick(&[1, 1000, 100_000]),
        longest_delay: rng.pick(&[0, 1, 100, 10_000]),
        longest_sync: rng.pick(&[0, 1000, 200_000]),
        epoch: rng.pick(&[0, 1000, 100_000, 5_000_000]),
        failures: 0,
        failed_syncs: 0,
        deaths: 0,
        power_cuts: 0,
        drain_at: None,
        lost_after: 0,
        crash_after: None,
    }
}

fn disturbed(rng: &mut Rng) -> Conditions {
    let calm = undisturbed(rng);
    Conditions {
        failures: rng.pick(&[0, 0, 1, 20]),
        failed_syncs: rng.pick(&[0, 0, 5, 30]),
        deaths: rng.pick(&[0, 20, 60]),
        power_cuts: rng.pick(&[0, 50, 100]),
        drain_at: rng.chance(15).then(|| rng.range(0, 500_000)),
        lost_after: rng.pick(&[0, 0, 600_000]),
        crash_after: rng.chance(75).then(|| {
            let longest = rng.pick(&[10, 100, 1000]);
            rng.range(1, longest)
        }),
        ..calm
    }
}

impl<'a> Run<'a> {
    /// Opens the run directory, and goes on with what is not done.
    fn new(world: &'a mut World, conditions: Conditions) -> Self {
        world.directory.open();
        for (block, _) in world.directory.is_done.iter().enumerate().filter(|(_, is_done)| **is_done) {
            assert!(world.voxels.is_durable(block), "block {block} is done and not on the disk");
        }
        let credits = world.rng.pick(&[0, 1, 2, 2, 8]);
        let config = Config { credits, awaits_sync: true, ..Config::default() };
        let budget = world.rng.pick(&[1, 7, 50, 1 << 16]);
        let mut scheduler = Scheduler::new(world.plan.clone(), config).with_budget(budget);
        for (task, blocks) in world.directory.done() {
            scheduler.handle(0, Event::Restored { task, blocks }, &mut Actions::default());
        }
        let network = Network::of(conditions.n_workers as usize);
        let worker = |number| {
            let endpoint = Recording { worker: WorkerId(number), network: network.clone() };
            let uplink = Some(Uplink::new(Box::new(endpoint), bellis::storage::Context::new()));
            let slots = world.rng.pick(&[1, 1, 2, 5]);
            Worker {
                uplink,
                slots,
                n_busy: 0,
                written: Vec::new(),
                has_failed: false,
                last_to: 0,
                last_from: 0,
            }
        };
        let workers: Vec<Worker> = (1..=conditions.n_workers as u32).map(worker).collect();
        let peer = |worker: &Worker| Peer {
            slots: worker.slots,
            host: "node".to_owned(),
            pid: 1,
            answers_always: true,
        };
        let peers = workers.iter().map(peer).collect();
        let [lost_after, epoch] = [conditions.lost_after, conditions.epoch].map(Duration::from_micros);
        Self {
            desk: Desk::new(scheduler, peers, Duration::ZERO, lost_after, epoch),
            outbox: Outbox::default(),
            network,
            workers,
            now: 0,
            heap: BinaryHeap::new(),
            n_happenings: 0,
            n_happened: 0,
            is_tick_due: false,
            has_crashed: false,
            conditions,
            world,
        }
    }

    /// From the first block to the last, or to the crash.
    fn go(mut self) {
        for worker in (1..=self.workers.len() as u32).map(WorkerId) {
            if self.world.rng.chance(self.conditions.deaths) {
                let is_machine = self.world.rng.chance(self.conditions.power_cuts);
                let at = self.world.rng.range(0, 300_000);
                self.happen(at, Happening::Death(worker, is_machine));
            }
        }
        if let Some(at) = self.conditions.drain_at {
            self.happen(at, Happening::Drain);
        }
        self.desk.start(0, &mut self.outbox).expect("messages can be written");
        self.dispatch();
        self.live();
        if self.has_crashed {
            return;
        }
        let (is_finished, has_workers) = (self.desk.is_finished(), self.desk.require_workers().is_ok());
        assert!(is_finished || !has_workers, "workers remain, and the run did not end");
        if is_finished {
            assert_eq!(self.desk.scheduler().n_unsynced(), 0, "what was finished is synced in the end");
        }
        self.world.directory.close("ended");
        let has_power = self.world.rng.chance(50);
        self.lose_all(has_power);
    }

    fn live(&mut self) {
        while let Some(Reverse((now, _, happening))) = self.heap.pop() {
            self.n_happened += 1;
            assert!(self.n_happened < 1_000_000, "the run does not end");
            self.now = now;
            match happening {
                Happening::ToRank0(worker, bytes) => {
                    let message = decode(&bytes).expect("a message");
                    self.desk.receive(now, worker, message, &mut self.outbox).expect("nobody gives up");
                    self.dispatch();
                }
                Happening::ToWorker(worker, bytes) => self.deliver(worker, bytes),
                Happening::Done(worker, number, lease, value) => self.done(worker, number, lease, value),
                Happening::Synced(worker, epoch, written) => self.synced(worker, epoch, &written),
                Happening::Death(worker, is_machine) => self.die(worker, is_machine),
                Happening::Noticed(worker) => self.lose(worker),
                Happening::Drain => {
                    self.desk.drain(now, &mut self.outbox).expect("messages can be written");
                    self.dispatch();
                }
                Happening::Tick => {
                    self.is_tick_due = false;
                    self.desk.tick(now, &mut self.outbox).expect("messages can be written");
                    self.dispatch();
                    while let Some((worker, _)) = self.desk.next_silent() {
                        self.lose(worker);
                    }
                }
            }
            if !self.has_crashed && self.is_time_to_crash() {
                let has_power = self.world.rng.chance(40);
                let World { directory, rng, .. } = &mut *self.world;
                directory.crash(has_power, rng);
                self.lose_all(has_power);
                self.has_crashed = true;
            }
            if self.has_crashed {
                return;
            }
        }
    }

    fn is_time_to_crash(&self) -> bool {
        self.conditions.crash_after.is_some_and(|after| self.n_happened >= after)
    }

    /// All processes have ended.
    fn lose_all(&mut self, has_power: bool) {
        if !has_power {
            let World { voxels, rng, oracle, .. } = &mut *self.world;
            voxels.lose_power(0..oracle.n_blocks(), rng);
        }
    }

    /// As rank 0's loop does: records, then sends. The crash may come in the middle of that.
    fn dispatch(&mut self) {
        let mut ended: Vec<Ended> = Vec::new();
        let recorded = self.outbox.record(|blocks| {
            ended.extend_from_slice(blocks);
            Ok::<(), ()>(())
        });
        let messages = recorded.expect("it is recorded").messages();
        let sent: Vec<_> = messages.map(|message| (message.to, message.bytes.to_vec())).collect();
        self.outbox.clear();
        if !ended.is_empty() && !self.record(&ended) {
            return;
        }
        for (worker, bytes) in sent {
            self.send(worker, bytes);
        }
        let goes_on =
            self.desk.is_finished() || self.desk.has_backlog() || self.desk.require_workers().is_ok();
        if !self.is_tick_due && !self.desk.is_finished() && goes_on {
            self.is_tick_due = true;
            let wait =
                if self.desk.has_backlog() { self.world.rng.range(0, 2) } else { self.tick_interval() };
            self.happen(self.now + wait, Happening::Tick);
        }
    }

    /// Rank 0's loop looks more often while slots wait for a sync.
    fn tick_interval(&self) -> Time {
        if self.desk.is_waiting_for_sync() { 1000 } else { TICK_INTERVAL }
    }

    /// Commits what has ended: whether there was time for it.
    fn record(&mut self, ended: &[Ended]) -> bool {
        let mut changes = Vec::new();
        for Ended { task, blocks, how } in ended.iter().cloned() {
            let state = match how {
                FinalState::Completed | FinalState::Skipped => BlockState::Done,
                FinalState::Failed => BlockState::Failed,
                FinalState::Orphaned => BlockState::Orphaned,
            };
            for block in blocks.clone().map(|index| self.world.oracle.first[task.as_usize()] + index as usize)
            {
                let is_trusted = state == BlockState::Done;
                assert!(
                    !is_trusted || self.world.voxels.is_durable(block),
                    "block {block} is not on the disk"
                );
                self.world.hash =
                    self.world.hash.rotate_left(7) ^ (block as u64) << 3 ^ u64::from(is_trusted);
            }
            changes.push(Change { task, blocks, state });
        }
        let World { directory, rng, .. } = &mut *self.world;
        if self.conditions.crash_after.is_some_and(|after| self.n_happened * 2 >= after) && rng.chance(20) {
            directory.commit_and_crash(&changes, rng);
            self.lose_all(false);
            self.has_crashed = true;
            return false;
        }
        directory.commit(&changes);
        true
    }

    /// A message leaves rank 0.
    fn send(&mut self, worker: WorkerId, bytes: Vec<u8>) {
        if let ToWorker::Assign(batch) = decode(&bytes).expect("a message") {
            for Assigned { block, .. } in batch.iter().map(|item| item.expect("a block")) {
                let number = self.world.oracle.number(block);
                assert!(!self.world.directory.is_done[number], "{block} is done and handed out");
                let World { oracle, directory, .. } = &*self.world;
                for up in
                    oracle.upstream[number].iter().filter(|up| !oracle.only_apart.contains(&(**up, number)))
                {
                    assert!(directory.is_done[*up], "{block} is handed out before {up} is done");
                }
            }
        }
        let at = self.now + self.world.rng.range(0, self.conditions.longest_delay);
        let entry = &mut self.workers[worker.0 as usize - 1];
        entry.last_to = entry.last_to.max(at);
        let at = entry.last_to;
        self.happen(at, Happening::ToWorker(worker, bytes));
    }

    /// A message reaches a worker.
    fn deliver(&mut self, worker: WorkerId, bytes: Vec<u8>) {
        let entry = &mut self.workers[worker.0 as usize - 1];
        let Some(uplink) = &mut entry.uplink else { return };
        if let ToWorker::Sync { epoch } = decode(&bytes).expect("a message") {
            let written = std::mem::take(&mut entry.written);
            let at = self.now + self.world.rng.range(0, self.conditions.longest_sync);
            self.happen(at, Happening::Synced(worker, epoch, written));
            return;
        }
        lock(&self.network).inboxes[worker.0 as usize - 1].push_back(bytes);
        uplink.receive().expect("rank 0 is understood");
        self.work(worker);
    }

    /// Free slots begin the blocks that wait, and what the worker has said is under way.
    fn work(&mut self, worker: WorkerId) {
        loop {
            let entry = &mut self.workers[worker.0 as usize - 1];
            let Some(uplink) = entry.uplink.as_mut().filter(|_| entry.n_busy < entry.slots) else { break };
            let Some(Assigned { block, lease, .. }) = uplink.inbox.pop().expect("a block") else { break };
            entry.n_busy += 1;
            let number = self.world.oracle.number(block);
            let value = self.world.voxels.read(&self.world.oracle, number);
            let at = self.now + self.world.rng.range(0, self.conditions.longest_block);
            self.happen(at, Happening::Done(worker, number, lease, value));
        }
        self.take_off();
    }

    fn done(&mut self, worker: WorkerId, number: Number, lease: u64, value: u64) {
        let entry = &mut self.workers[worker.0 as usize - 1];
        let Some(uplink) = &mut entry.uplink else { return };
        entry.n_busy -= 1;
        let outcome = if self.world.rng.chance(self.conditions.failures) {
            Outcome::failed(format!("block {number} at {}", self.now))
        } else {
            self.world.voxels.write(number, value);
            entry.written.push(number);
            Outcome::Success
        };
        uplink.answer(&Finished { lease, busy_us: 1, outcome }).expect("it can be written");
        if self.world.rng.chance(50) || entry.n_busy == 0 && uplink.inbox.is_empty() {
            uplink.flush().expect("rank 0 is there");
        }
        self.work(worker);
    }

    /// A sync has ended, well or not.
    fn synced(&mut self, worker: WorkerId, epoch: u32, written: &[Number]) {
        let entry = &mut self.workers[worker.0 as usize - 1];
        if entry.uplink.is_none() {
            return;
        }
        entry.has_failed |= self.world.rng.chance(self.conditions.failed_syncs);
        let error = entry.has_failed.then(|| (Fault::Block, "no luck".to_owned()));
        if error.is_none() {
            written.iter().for_each(|block| self.world.voxels.sync(*block));
        }
        let mut bytes = Vec::new();
        encode(&FromWorker::Synced { epoch, error }, &mut bytes).expect("it can be written");
        lock(&self.network).sent.push_back((worker, bytes));
        self.take_off();
    }

    /// What a worker wrote goes with its machine, and stays where only the process ended.
    fn die(&mut self, worker: WorkerId, is_machine: bool) {
        let entry = &mut self.workers[worker.0 as usize - 1];
        let has_lived = entry.uplink.take().is_some();
        if has_lived && is_machine {
            let pending = self.heap.iter().filter_map(|Reverse((_, _, happening))| match happening {
                Happening::Synced(of, _, written) if *of == worker => Some(written.clone()),
                _ => None,
            });
            let lost: Vec<Number> = pending.flatten().chain(std::mem::take(&mut entry.written)).collect();
            let World { voxels, rng, .. } = &mut *self.world;
            voxels.lose_power(lost.into_iter(), rng);
        }
        if has_lived && self.conditions.lost_after == 0 {
            let at = self.now + self.world.rng.range(0, 3 * self.conditions.longest_delay);
            self.happen(at, Happening::Noticed(worker));
        }
    }

    fn lose(&mut self, worker: WorkerId) {
        self.desk.lose(self.now, worker, &"gone", &mut self.outbox).expect("messages can be written");
        self.dispatch();
    }

    /// What workers have sent is under way to rank 0.
    fn take_off(&mut self) {
        let sent = std::mem::take(&mut lock(&self.network).sent);
        for (worker, bytes) in sent {
            let at = self.now + self.world.rng.range(0, self.conditions.longest_delay);
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
}
