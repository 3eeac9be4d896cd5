//! Runs that go on where a former one ended: whatever part of its blocks was restored, the end is the same.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellis::plan::{BlockId, Outcome, Plan, TaskId};
use bellis::scheduler::{Actions, Assignment, Config, Event, FinalState, Scheduler, WorkerId};
use bellis::{Pipeline, Roi, Task, TaskBuilder};

use crate::oracle::{Number, Oracle};
use crate::pipelines;
use crate::rng::Rng;

const N_SEEDS: u64 = 4_000;

/// How each block of a plan ended, or `None` for one that was restored.
type Ends = Vec<Option<FinalState>>;

/// One run of a plan in which some blocks always fail.
struct Run<'a> {
    oracle: &'a Oracle,
    scheduler: Scheduler,
    is_restored: &'a [bool],
    is_poison: &'a [bool],
    in_flight: Vec<Assignment>,
    ends: Ends,
    n_calls: u64,
}

impl<'a> Run<'a> {
    fn new(
        plan: &Arc<Plan>,
        oracle: &'a Oracle,
        is_restored: &'a [bool],
        is_poison: &'a [bool],
        budget: u64,
    ) -> Self {
        Self {
            oracle,
            scheduler: Scheduler::new(plan.clone(), Config::default()).with_budget(budget),
            is_restored,
            is_poison,
            in_flight: Vec::new(),
            ends: vec![None; oracle.n_blocks()],
            n_calls: 0,
        }
    }

    /// Restores what was, in ranges in any order that may overlap, and then runs everything.
    fn go(mut self, rng: &mut Rng) -> (Scheduler, Ends) {
        for (task, blocks) in self.ranges(rng) {
            self.handle(Event::Restored { task, blocks });
            while self.scheduler.has_backlog() && rng.chance(50) {
                self.handle(Event::Tick);
            }
        }
        for worker in (0..rng.range(1, 4) as u32).map(WorkerId) {
            self.handle(Event::WorkerJoined { worker, slots: rng.range(1, 3) as u32 });
        }
        while !self.scheduler.is_finished() {
            if self.scheduler.has_backlog() && (self.in_flight.is_empty() || rng.chance(50)) {
                self.handle(Event::Tick);
                continue;
            }
            assert!(!self.in_flight.is_empty(), "the run stalls");
            let next = rng.range(0, self.in_flight.len() as u64 - 1) as usize;
            let Assignment { worker, lease, block } = self.in_flight.swap_remove(next);
            let is_poison = self.is_poison[self.oracle.number(block)];
            let outcome = if is_poison { Outcome::failed("poison") } else { Outcome::Success };
            self.handle(Event::BlockFinished { worker, lease, outcome });
        }
        (self.scheduler, self.ends)
    }

    fn ranges(&self, rng: &mut Rng) -> Vec<(TaskId, Range<u64>)> {
        let mut ranges = Vec::new();
        for (task, bounds) in (0..).map(TaskId).zip(self.oracle.first.windows(2)) {
            let restored = &self.is_restored[bounds[0]..bounds[1]];
            let mut begin = 0;
            while begin < restored.len() {
                let length = restored[begin..].iter().take_while(|is| **is).count();
                if length > 0 {
                    ranges.push((task, begin as u64..(begin + length) as u64));
                    if rng.chance(20) {
                        let from = rng.range(0, length as u64 - 1);
                        ranges.push((task, begin as u64 + from..(begin + length) as u64));
                    }
                }
                begin += length.max(1);
            }
        }
        for last in (1..ranges.len()).rev() {
            ranges.swap(last, rng.range(0, last as u64) as usize);
        }
        ranges
    }

    fn handle(&mut self, event: Event) {
        self.n_calls += 1;
        assert!(self.n_calls < 1_000_000, "the run does not end");
        let mut actions = Actions::default();
        self.scheduler.handle(0, event, &mut actions);
        self.scheduler.sanity_check_blocks().expect("the books agree");
        for ended in actions.ended {
            for index in ended.blocks {
                let block = self.oracle.number(BlockId { task: ended.task, index });
                assert!(!self.is_restored[block], "a restored block ends");
                assert_eq!(self.ends[block].replace(ended.how), None, "a block ends once");
            }
        }
        for assignment in actions.assignments {
            let block = self.oracle.number(assignment.block);
            assert!(!self.is_restored[block], "{} was restored and is handed out", assignment.block);
            for up in &self.oracle.upstream[block] {
                let is_over = self.is_done(*up)
                    || self.oracle.only_apart.contains(&(*up, block)) && self.ends[*up].is_some();
                assert!(is_over, "{} starts before what it waits for", assignment.block);
            }
            for other in self.in_flight.iter().map(|other| self.oracle.number(other.block)) {
                assert!(!self.oracle.conflicting[block].contains(&other), "two that conflict in flight");
            }
            self.in_flight.push(assignment);
        }
    }

    fn is_done(&self, block: Number) -> bool {
        self.is_restored[block] || self.ends[block] == Some(FinalState::Completed)
    }
}

/// Some blocks: none, all, whole tasks, ranges or any.
fn any_blocks(rng: &mut Rng, oracle: &Oracle) -> Vec<bool> {
    let kind = rng.range(0, 4);
    let mut chosen = vec![false; oracle.n_blocks()];
    for bounds in oracle.first.windows(2) {
        let own = &mut chosen[bounds[0]..bounds[1]];
        match kind {
            0 => {}
            1 => own.fill(true),
            2 => own.fill(rng.chance(50)),
            3 => {
                let (a, b) = (rng.range(0, own.len() as u64), rng.range(0, own.len() as u64));
                own[a.min(b) as usize..a.max(b) as usize].fill(true);
            }
            _ => own.iter_mut().for_each(|is| *is = rng.chance(60)),
        }
    }
    chosen
}

fn check(seed: u64) {
    let mut rng = Rng::new(seed);
    let max_blocks = rng.pick(&[4, 12, 40, 120]);
    let (plan, told) = pipelines::random(&mut rng, max_blocks);
    let plan = Arc::new(plan);
    let oracle = Oracle::of(&plan, &told);
    let mut budget = || rng.pick(&[1, 2, 7, 50, 1 << 16]);
    let (budget, later_budget) = (budget(), budget());
    let n_poison = rng.pick(&[0, 0, 3, 10]);
    let poison: Vec<bool> = (0..oracle.n_blocks()).map(|_| rng.chance(n_poison)).collect();
    let nothing = vec![false; oracle.n_blocks()];
    let (whole, ends) = Run::new(&plan, &oracle, &nothing, &poison, budget).go(&mut rng);
    assert!(ends.iter().all(Option::is_some), "every block ended");

    // A part of what completed: all else ends as before.
    let mut restored = any_blocks(&mut rng, &oracle);
    (0..ends.len()).for_each(|block| restored[block] &= ends[block] == Some(FinalState::Completed));
    let (resumed, later) = Run::new(&plan, &oracle, &restored, &poison, later_budget).go(&mut rng);
    for (block, end) in ends.iter().enumerate() {
        assert_eq!(later[block], if restored[block] { None } else { *end }, "block {block}");
    }
    for (task, bounds) in (0..).map(TaskId).zip(oracle.first.windows(2)) {
        let n_restored = restored[bounds[0]..bounds[1]].iter().filter(|is| **is).count() as u64;
        let (before, after) = (whole.counts(task), resumed.counts(task));
        assert_eq!(
            (after.completed, after.failed, after.orphaned),
            (before.completed, before.failed, before.orphaned)
        );
        assert_eq!((after.skipped, after.open()), (n_restored, 0));
    }

    // Any part at all, as when results were deleted: what is left runs once, and nothing else.
    let restored = any_blocks(&mut rng, &oracle);
    let (resumed, later) = Run::new(&plan, &oracle, &restored, &nothing, budget).go(&mut rng);
    assert!((0..later.len()).all(|block| later[block].is_none() == restored[block]));
    assert!((0..).map(TaskId).take(plan.tasks().len()).all(|task| resumed.counts(task).all_completed()));
}

#[test]
fn seeds() {
    let seeds = crate::number_from_env("BELLIS_SIM_SEED").map_or(0..N_SEEDS, |seed| seed..seed + 1);
    for seed in seeds {
        if std::panic::catch_unwind(|| check(seed)).is_err() {
            panic!(
                "seed {seed} failed; alone: BELLIS_SIM_SEED={seed} cargo test --test simulation restored::seeds"
            );
        }
    }
}

fn cube(name: &str, side: i64, context: i64) -> TaskBuilder {
    let total = Roi::new([0; 3], [side; 3]).expect("fits");
    Task::builder(name).total_write_roi(total).block_shape([1; 3]).context([context; 3], [context; 3])
}

/// Restores ranges, in this order, of a scheduler without workers; how many calls it took.
fn restore(pipeline: &Pipeline, ranges: &[(u32, Range<u64>)]) -> (Scheduler, u64) {
    let mut scheduler =
        Scheduler::new(Arc::new(Plan::new(pipeline).expect("a good plan")), Config::default());
    let mut actions = Actions::default();
    let mut n_calls = 0;
    for (task, blocks) in ranges.iter().cloned() {
        scheduler.handle(0, Event::Restored { task: TaskId(task), blocks }, &mut actions);
        n_calls += 1;
    }
    while scheduler.has_backlog() {
        scheduler.handle(0, Event::Tick, &mut actions);
        n_calls += 1;
    }
    assert_eq!(actions, Actions::default(), "nothing is handed out, and nothing ends");
    (scheduler, n_calls)
}

#[test]
fn long_ranges_cost_calls_by_chunks_and_not_by_blocks() {
    let side: i64 = 1000;
    let n = side.unsigned_abs().pow(3);
    let build = |builder: TaskBuilder| builder.build().expect("a good task");
    // 10^9 blocks that nothing waits for: 250,000 chunks.
    let alone = Pipeline::from(build(cube("alone", side, 0)));
    let began = Instant::now();
    let (mut scheduler, n_calls) = restore(&alone, &[(0, 5..n / 3), (0, n / 3..n - 1)]);
    assert!(n_calls <= 2 + n / 4096 / 65_536 + 2, "{n_calls}");
    let mut actions = Actions::default();
    scheduler.handle(0, Event::WorkerJoined { worker: WorkerId(0), slots: 9 }, &mut actions);
    let mut handed_out: VecDeque<u64> = actions.assignments.iter().map(|a| a.block.index).collect();
    while scheduler.has_backlog() {
        actions.clear();
        scheduler.handle(0, Event::Tick, &mut actions);
        handed_out.extend(actions.assignments.iter().map(|a| a.block.index));
    }
    assert_eq!(handed_out, [0, 1, 2, 3, 4, n - 1]);
    // A chain with conflicts of which all is restored, in either order.
    let chain = build(cube("first", side, 1)) + build(cube("second", side, 1));
    for order in [[0, 1], [1, 0]] {
        let (scheduler, n_calls) = restore(&chain, &order.map(|task| (task, 0..n)));
        assert!(n_calls <= 2 * (n / 4096 / 65_536 + 4), "{n_calls}");
        assert!(scheduler.is_finished() && scheduler.counts(TaskId(1)).skipped == n);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_waited_for_restored_blocks_begins_at_once() {
    let build = |builder: TaskBuilder| builder.build().expect("a good task");
    let pipeline = build(cube("first", 10, 0)) + build(cube("second", 10, 1).read_write_conflict(false));
    // Two planes of the first task: the first plane of the second one has all that it reads.
    let (scheduler, _) = restore(&pipeline, &[(0, 0..200)]);
    let (first, second) = (scheduler.counts(TaskId(0)), scheduler.counts(TaskId(1)));
    assert_eq!((first.skipped, first.completed, first.ready), (200, 200, 800));
    assert_eq!((second.ready, second.pending), (100, 900));
}

#[test]
fn once_blocks_are_handed_out_it_is_too_late() {
    let plan = Plan::new(&cube("only", 2, 0).build().expect("a good task").into()).expect("a good plan");
    let mut scheduler = Scheduler::new(Arc::new(plan), Config::default());
    let mut actions = Actions::default();
    scheduler.handle(0, Event::WorkerJoined { worker: WorkerId(0), slots: 1 }, &mut actions);
    scheduler.handle(0, Event::Restored { task: TaskId(0), blocks: 0..8 }, &mut actions);
    assert_eq!(scheduler.counts(TaskId(0)).completed, 0);
    // Blocks and tasks that there are not are nothing to restore.
    let (scheduler, _) = restore(
        &cube("only", 2, 0).build().expect("a good task").into(),
        &[(0, 7..u64::MAX), (0, 9..12), (0, 3..3), (7, 0..8)],
    );
    assert_eq!(scheduler.counts(TaskId(0)).skipped, 1);
}
