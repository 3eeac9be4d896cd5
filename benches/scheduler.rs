//! How fast the scheduler decides, alone: no messages, no workers, no clock.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bellis::plan::Plan;
use bellis::scheduler::{Actions, Assignment, Config, Event, Scheduler, WorkerId};
use bellis::{Coordinate, Outcome, Pipeline, Roi, Task};
use common::Figures;

/// The system's allocator, with a count of the bytes in use and of the most there ever were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = IN_USE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

type Error = Box<dyn std::error::Error>;

/// Blocks in flight at any time.
const WINDOW: u32 = 64;

/// A task of `blocks` blocks of 10 along each axis, with `context` around each.
fn task(name: &str, blocks: [i64; 3], context: i64, is_conflicting: bool) -> Result<Task, Error> {
    let total = Roi::new([0, 0, 0], blocks.map(|n| n * 10))?;
    let context = Coordinate::splat(3, context);
    Ok(Task::builder(name)
        .total_write_roi(total)
        .block_shape([10, 10, 10])
        .context(context, context)
        .read_write_conflict(is_conflicting)
        .process(|_| Ok(()))
        .build()?)
}

fn scheduler(pipeline: impl Into<Pipeline>) -> Result<Scheduler, Error> {
    let plan = Plan::new(&pipeline.into())?;
    Ok(Scheduler::new(Arc::new(plan), Config { credits: WINDOW - 1, ..Config::default() }))
}

/// Hands out and finishes `n_blocks` blocks with one worker that holds the whole window; returns blocks per second.
fn drive(scheduler: &mut Scheduler, n_blocks: u64) -> Result<f64, Error> {
    let worker = WorkerId(0);
    let mut actions = Actions::default();
    let mut in_flight: VecDeque<Assignment> = VecDeque::new();
    let begin = Instant::now();
    scheduler.handle(0, Event::WorkerJoined { worker, slots: 1 }, &mut actions);
    scheduler.handle(0, Event::Tick, &mut actions);
    in_flight.extend(actions.assignments.drain(..));
    for _ in 0..n_blocks {
        let next = in_flight.pop_front().ok_or("the scheduler ran dry")?;
        let event = Event::BlockFinished { worker, lease: next.lease, outcome: Outcome::Success };
        scheduler.handle(0, event, &mut actions);
        actions.ended.clear();
        in_flight.extend(actions.assignments.drain(..));
    }
    Ok(n_blocks as f64 / begin.elapsed().as_secs_f64())
}

/// The best of a few runs: what the code costs, less what else the machine did.
fn best_of(runs: usize, mut run: impl FnMut() -> Result<f64, Error>) -> Result<f64, Error> {
    (0..runs).try_fold(0f64, |best, _| Ok(best.max(run()?)))
}

fn main() -> Result<(), Error> {
    let (side, runs, huge) = if common::is_short() { (20, 1, 100) } else { (100, 5, 1000) };
    let n_blocks = (side * side * side) as u64;
    let mut figures = Figures::of("scheduler");
    let shape = [side; 3];
    figures.add(
        "plain",
        best_of(runs, || drive(&mut scheduler(task("a", shape, 0, false)?)?, n_blocks))?,
        "blocks/s",
    );
    figures.add(
        "conflict",
        best_of(runs, || drive(&mut scheduler(task("a", shape, 2, true)?)?, n_blocks))?,
        "blocks/s",
    );
    let chain = || -> Result<f64, Error> {
        let pipeline = task("a", shape, 0, false)? + task("b", shape, 2, false)?;
        drive(&mut scheduler(pipeline)?, 2 * n_blocks)
    };
    figures.add("chain", best_of(runs, chain)?, "blocks/s");

    let n_processed = (huge * huge * huge / 100) as u64;
    let before = IN_USE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut plain = scheduler(task("a", [huge; 3], 0, false)?)?;
    drive(&mut plain, n_processed)?;
    let peak = PEAK.load(Ordering::Relaxed) - before;
    figures.add("bytes_per_block", peak as f64 / n_processed as f64, "bytes per block processed");

    let begin = Instant::now();
    let mut first = scheduler(task("a", [huge; 3], 2, true)?)?;
    let mut actions = Actions::default();
    first.handle(0, Event::WorkerJoined { worker: WorkerId(0), slots: 1 }, &mut actions);
    let elapsed = begin.elapsed().as_secs_f64();
    assert_eq!(actions.assignments.len(), 1, "the first worker gets a block at once");
    figures.add("first_assignment_s", elapsed, "s");
    figures.write()?;
    Ok(())
}
