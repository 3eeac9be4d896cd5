//! How many workers one rank 0 can feed: the real scheduler, with workers and messages on a virtual clock.
//!
//! Rank 0 is one server: it takes messages in order of arrival, and each keeps it busy for what a message costs and for
//! the time that the scheduler really took to handle it, measured here. Everything else is virtual, so that 100,000
//! workers fit on a laptop.

mod common;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use bellis::plan::Plan;
use bellis::scheduler::{Actions, Assignment, Config, Event, Lease, Scheduler, WorkerId};
use bellis::{Outcome, Pipeline, Roi, Task};
use common::Figures;

type Error = Box<dyn std::error::Error>;

/// Nanoseconds since the first worker said hello.
type Time = u64;

/// From one rank to another.
const LATENCY: Time = 10_000;
const SECOND: Time = 1_000_000_000;
const BLOCKS_PER_WORKER: i64 = 20;
/// What receiving a report and sending the next assignment costs rank 0, where no measurement says otherwise.
const DEFAULT_COST_PER_BLOCK: Time = 1_000;

/// How long blocks take.
#[derive(Clone, Copy)]
enum Durations {
    /// 1 s.
    Equal,
    /// 0.5 to 1.5 s.
    Random,
}

impl Durations {
    fn of(self, lease: Lease, block: u64) -> Time {
        match self {
            Self::Equal => SECOND,
            // splitmix64's finish: well mixed, and the same on every machine.
            Self::Random => {
                let z = (block ^ lease.0.rotate_left(32)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                SECOND / 2 + (z ^ (z >> 31)) % SECOND
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Hello(WorkerId),
    /// A report reaches rank 0.
    Report(WorkerId, Lease),
    /// An assignment reaches its worker.
    Arrival(WorkerId, Lease, u64),
    /// A worker ends its block.
    Done(WorkerId, Lease),
}

#[derive(Default, Clone)]
struct Worker {
    is_busy: bool,
    has_begun: bool,
    ahead: std::collections::VecDeque<(Lease, u64)>,
}

struct World {
    scheduler: Scheduler,
    actions: Actions,
    workers: Vec<Worker>,
    durations: Durations,
    /// For one message, in or out: half of what a block costs.
    cost_per_message: Time,
    heap: BinaryHeap<Reverse<(Time, u64, Happening)>>,
    n_happenings: u64,
    rank_0_is_free_at: Time,
    rank_0_busy: Time,
    outcome: Measured,
}

/// What a run shows. All times in nanoseconds.
#[derive(Default, Clone, Copy)]
struct Measured {
    n_events: u64,
    /// Really spent in the scheduler.
    handling: Time,
    /// The longest single call.
    longest_call: Time,
    processing: Time,
    all_started: Time,
    end: Time,
    n_started: u64,
    rank_0_busy: Time,
}

impl World {
    fn run(
        pipeline: Pipeline,
        n_workers: u32,
        durations: Durations,
        cost_per_block: Time,
    ) -> Result<Measured, Error> {
        let plan = Arc::new(Plan::new(&pipeline)?);
        let mut world = Self {
            scheduler: Scheduler::new(plan, Config::default()),
            actions: Actions::default(),
            workers: vec![Worker::default(); n_workers as usize],
            durations,
            cost_per_message: cost_per_block / 2,
            heap: BinaryHeap::new(),
            n_happenings: 0,
            rank_0_is_free_at: 0,
            rank_0_busy: 0,
            outcome: Measured::default(),
        };
        for worker in (0..n_workers).map(WorkerId) {
            world.happen(LATENCY, Happening::Hello(worker));
        }
        world.live();
        assert!(world.scheduler.is_finished(), "the run ends");
        world.outcome.rank_0_busy = world.rank_0_busy;
        Ok(world.outcome)
    }

    fn live(&mut self) {
        loop {
            let next = self.heap.peek().map(|Reverse((at, ..))| *at);
            // Between messages, rank 0 does what it left undone.
            if self.scheduler.has_backlog() && next.is_none_or(|at| self.rank_0_is_free_at < at) {
                self.handle(self.rank_0_is_free_at, 0, Event::Tick);
                continue;
            }
            let Some(Reverse((now, _, happening))) = self.heap.pop() else { return };
            match happening {
                Happening::Hello(worker) => {
                    self.handle(now, self.cost_per_message, Event::WorkerJoined { worker, slots: 1 });
                }
                Happening::Report(worker, lease) => {
                    let event = Event::BlockFinished { worker, lease, outcome: Outcome::Success };
                    self.handle(now, self.cost_per_message, event);
                }
                Happening::Arrival(worker, lease, block) => {
                    self.workers[worker.0 as usize].ahead.push_back((lease, block));
                    self.work(now, worker);
                }
                Happening::Done(worker, lease) => {
                    self.workers[worker.0 as usize].is_busy = false;
                    self.outcome.end = now;
                    self.happen(now + LATENCY, Happening::Report(worker, lease));
                    self.work(now, worker);
                }
            }
        }
    }

    /// Rank 0 handles a message that arrived at `now`, as soon as it is free, and sends what follows from it.
    fn handle(&mut self, now: Time, cost: Time, event: Event) {
        self.actions.clear();
        let begin = Instant::now();
        self.scheduler.handle(now / 1000, event, &mut self.actions);
        let took = Time::try_from(begin.elapsed().as_nanos()).unwrap_or(Time::MAX);
        self.outcome.n_events += 1;
        self.outcome.handling += took;
        self.outcome.longest_call = self.outcome.longest_call.max(took);
        let begin = now.max(self.rank_0_is_free_at);
        self.rank_0_is_free_at = begin + cost + took;
        for Assignment { worker, lease, block } in std::mem::take(&mut self.actions.assignments) {
            self.rank_0_is_free_at += self.cost_per_message;
            let id = u64::from(block.task.0) << 40 | block.index;
            self.happen(self.rank_0_is_free_at + LATENCY, Happening::Arrival(worker, lease, id));
        }
        self.rank_0_busy += self.rank_0_is_free_at - begin;
    }

    fn work(&mut self, now: Time, id: WorkerId) {
        let worker = &mut self.workers[id.0 as usize];
        if worker.is_busy {
            return;
        }
        let Some((lease, block)) = worker.ahead.pop_front() else { return };
        worker.is_busy = true;
        if !std::mem::replace(&mut worker.has_begun, true) {
            self.outcome.n_started += 1;
            if self.outcome.n_started == self.workers.len() as u64 {
                self.outcome.all_started = now;
            }
        }
        let takes = self.durations.of(lease, block);
        self.outcome.processing += takes;
        self.happen(now + takes, Happening::Done(id, lease));
    }

    fn happen(&mut self, at: Time, happening: Happening) {
        self.n_happenings += 1;
        self.heap.push(Reverse((at, self.n_happenings, happening)));
    }
}

impl Measured {
    /// The share of all workers' time, from the first hello to the end of the last block, that went into blocks.
    fn efficiency(&self, n_workers: u32) -> f64 {
        self.processing as f64 / (self.end as f64 * f64::from(n_workers))
    }
}

/// `n_blocks` blocks in a volume of 3-D, as cubic as may be, with a context of a fifth of a block around each.
fn task(name: &str, n_blocks: i64) -> Result<Task, Error> {
    let side = n_blocks.isqrt().isqrt().max(1) * 2;
    let shape = [side, side, n_blocks / (side * side)];
    Ok(Task::builder(name)
        .total_write_roi(Roi::new([0; 3], shape.map(|n| n * 10))?)
        .block_shape([10; 3])
        .context([2; 3], [2; 3])
        .read_write_conflict(false)
        .build()?)
}

/// What a block costs rank 0 in messages, as the dispatch bench measured it on this machine; and whether it did.
fn cost_per_block() -> (Time, bool) {
    let measured = common::read("dispatch", "blocks_per_s").filter(|value| *value > 0.0);
    match measured {
        Some(value) => ((1e9 / value) as Time, true),
        None => (DEFAULT_COST_PER_BLOCK, false),
    }
}

fn main() -> Result<(), Error> {
    let sizes: &[(u32, &str)] = if common::is_short() {
        &[(1_000, "1k")]
    } else {
        &[(1_000, "1k"), (10_000, "10k"), (100_000, "100k")]
    };
    let (cost, is_measured) = cost_per_block();
    let mut figures = Figures::of("scale");
    figures.add(
        "cost_per_block",
        cost as f64 / 1e3,
        if is_measured { "us, measured" } else { "us, assumed" },
    );
    for (n_workers, size) in sizes.iter().copied() {
        let n_blocks = i64::from(n_workers) * BLOCKS_PER_WORKER;
        let plain = || -> Result<Pipeline, Error> { Ok(task("a", n_blocks)?.into()) };
        let chain = || -> Result<Pipeline, Error> { Ok(task("a", n_blocks / 2)? + task("b", n_blocks / 2)?) };
        let equal = World::run(plain()?, n_workers, Durations::Equal, cost)?;
        let random = World::run(plain()?, n_workers, Durations::Random, cost)?;
        let chain_equal = World::run(chain()?, n_workers, Durations::Equal, cost)?;
        let chain_random = World::run(chain()?, n_workers, Durations::Random, cost)?;
        figures.add(&format!("efficiency_{size}"), equal.efficiency(n_workers), "busy share");
        for (name, run) in [("random", random), ("chain", chain_equal), ("chain_random", chain_random)] {
            figures.add(&format!("efficiency_{name}_{size}"), run.efficiency(n_workers), "busy share");
        }
        let all = [equal, random, chain_equal, chain_random];
        let sum = |of: fn(&Measured) -> Time| all.iter().map(of).sum::<Time>() as f64;
        figures.add(&format!("all_started_{size}"), equal.all_started as f64 / 1e9, "s");
        figures.add(
            &format!("rank_0_busy_{size}"),
            equal.rank_0_busy as f64 / equal.end as f64,
            "busy share",
        );
        let longest = all.iter().map(|run| run.longest_call).max().unwrap_or(0);
        figures.add(&format!("longest_call_{size}"), longest as f64 / 1e9, "s");
        let events_per_s = sum(|run| run.n_events) * 1e9 / sum(|run| run.handling);
        let last = sizes.last().is_some_and(|(_, last)| *last == size);
        figures.add(&format!("events_per_s_{size}"), events_per_s, "events/s");
        if last {
            figures.add("events_per_s", events_per_s, "events/s");
        }
    }
    figures.write()?;
    Ok(())
}
