//! Single situations, each as small or as large as it needs to be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bellis::Outcome;
use bellis::geometry::{ChunkGrid, WriteTarget};
use bellis::plan::{BlockId, Fault, Plan, TaskId};
use bellis::scheduler::{
    Actions, Assignment, Cause, Config, Disposition, Event, Failure, Lease, Scheduler, Time, WorkerId,
};
use bellis::{Pipeline, Roi, Task, TaskBuilder};

const MILLION: i64 = 1_000_000;

fn line(name: &str, extent: i64, block: i64) -> TaskBuilder {
    let total = Roi::new([0], [extent]).expect("small numbers");
    Task::builder(name).total_write_roi(total).block_shape([block]).read_write_conflict(false)
}

/// A scheduler whose books are checked after every call, and what it said last.
struct Run {
    scheduler: Scheduler,
    actions: Actions,
    now: Time,
}

impl Run {
    fn of(pipeline: impl Into<Pipeline>, config: Config) -> Self {
        let plan = Plan::new(&pipeline.into()).expect("a good pipeline");
        Self { scheduler: Scheduler::new(Arc::new(plan), config), actions: Actions::default(), now: 0 }
    }

    fn handle(&mut self, event: Event) {
        self.actions.clear();
        self.scheduler.handle(self.now, event, &mut self.actions);
        self.scheduler.sanity_check().expect("the books agree");
    }

    fn join(&mut self, worker: u32, slots: u32) -> Vec<Assignment> {
        self.handle(Event::WorkerJoined { worker: WorkerId(worker), slots });
        self.actions.assignments.clone()
    }

    fn end(&mut self, of: Assignment, outcome: Outcome) -> Vec<Assignment> {
        self.handle(Event::BlockFinished { worker: of.worker, lease: of.lease, outcome });
        self.actions.assignments.clone()
    }

    fn fail(&mut self, of: Assignment) -> Vec<Assignment> {
        self.end(of, Outcome::failed("no"))
    }

    fn succeed(&mut self, of: Assignment) -> Vec<Assignment> {
        self.end(of, Outcome::Success)
    }

    fn lose(&mut self, worker: u32) -> Vec<Assignment> {
        self.handle(Event::WorkerLost { worker: WorkerId(worker) });
        self.actions.assignments.clone()
    }

    /// Ticks as long as there is backlog; how often.
    fn tick(&mut self) -> usize {
        let mut n_ticks = 0;
        while self.scheduler.has_backlog() {
            self.handle(Event::Tick);
            n_ticks += 1;
        }
        n_ticks
    }
}

fn without_credits() -> Config {
    Config { credits: 0, ..Config::default() }
}

fn build(builder: TaskBuilder) -> Task {
    builder.build().expect("a good task")
}

fn indices(assignments: &[Assignment]) -> Vec<(u32, u64)> {
    assignments.iter().map(|assignment| (assignment.block.task.0, assignment.block.index)).collect()
}

#[test]
fn a_reduce_block_counts_a_million_upstream_blocks_down() {
    let pipeline = build(line("map", MILLION, 1)) + build(line("reduce", MILLION, MILLION));
    let mut run = Run::of(pipeline, Config { credits: 99, ..Config::default() });
    let began = Instant::now();
    let mut waiting = run.join(0, 1);
    let mut n_done = 0;
    while let Some(next) = waiting.pop() {
        assert_eq!(next.block.task.0, u32::from(n_done == MILLION), "the reduce block comes last");
        // Without the check of the books, which looks at all blocks in flight.
        let event =
            Event::BlockFinished { worker: next.worker, lease: next.lease, outcome: Outcome::Success };
        run.actions.clear();
        run.scheduler.handle(0, event, &mut run.actions);
        waiting.append(&mut run.actions.assignments);
        n_done += 1;
    }
    assert_eq!(n_done, MILLION + 1);
    assert!(run.scheduler.is_finished());
    assert!(began.elapsed() < Duration::from_secs(20), "each of them in O(1): {:?}", began.elapsed());
}

#[test]
fn a_block_with_a_million_dependents_releases_them_in_bounded_calls() {
    let pipeline = build(line("one", MILLION, MILLION)) + build(line("many", MILLION, 1));
    let mut run = Run::of(pipeline, without_credits());
    let first = run.join(0, 1)[0];
    let next = run.succeed(first);
    assert_eq!(indices(&next), [(1, 0)], "work begins before all are released");
    assert!(run.scheduler.has_backlog());
    assert!(run.scheduler.counts(TaskId(1)).ready < 100_000);
    let n_ticks = run.tick();
    assert!((10..100).contains(&n_ticks), "{n_ticks}");
    let counts = run.scheduler.counts(TaskId(1));
    assert_eq!((counts.ready, counts.in_flight, counts.pending), (999_999, 1, 0));
}

#[test]
fn a_cascade_orphans_a_million_blocks_once_each_in_bounded_calls() {
    let conflicting = line("rest", MILLION, 1).context([1], [1]).read_write_conflict(true);
    let pipeline = build(line("one", MILLION, MILLION).max_retries(0))
        + build(line("many", MILLION, 1).context([2], [2]))
        + build(conflicting)
        + build(line("last", MILLION, MILLION));
    let mut run = Run::of(pipeline, without_credits());
    let first = run.join(0, 1)[0];
    assert!(run.fail(first).is_empty());
    assert!(run.scheduler.has_backlog() && !run.scheduler.is_finished());
    run.tick();
    assert!(run.scheduler.is_finished());
    for (task, orphaned) in [(0, 0), (1, 1_000_000), (2, 1_000_000), (3, 1)] {
        let counts = run.scheduler.counts(TaskId(task));
        assert_eq!((counts.orphaned, counts.open()), (orphaned, 0));
    }
}

#[test]
fn conflicts_that_reach_everywhere_are_walked_in_bounded_calls() {
    // Every block conflicts with all others: one after the other, and still no call does it all.
    let task = line("all", 100_000, 1).context([100_000], [100_000]).read_write_conflict(true);
    let mut run = Run::of(build(task), without_credits());
    let began = Instant::now();
    let first = run.join(0, 4);
    assert_eq!(indices(&first), [(0, 0)]);
    run.succeed(first[0]);
    assert!(run.scheduler.has_backlog());
    assert_eq!(run.tick(), 1);
    assert_eq!(run.scheduler.counts(TaskId(0)).in_flight, 1);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn plans_of_any_size_start_at_once() {
    for side in [1000, 100_000, 1_000_000] {
        let cube = |name: &str, context: i64, is_conflicting: bool| {
            let total = Roi::new([0; 3], [side; 3]).expect("fits");
            let task = Task::builder(name).total_write_roi(total).block_shape([1; 3]);
            build(task.context([context; 3], [context; 3]).read_write_conflict(is_conflicting))
        };
        let began = Instant::now();
        let pipeline = cube("first", 1, true) + cube("second", 2, false) + cube("third", 3, true);
        let mut run = Run::of(pipeline, Config::default());
        let mut waiting = run.join(0, 2);
        assert_eq!(waiting.len(), 2);
        for _ in 0..200 {
            let next = waiting.remove(0);
            waiting.extend(run.succeed(next));
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{side}: {:?}", began.elapsed());
        let n_blocks = side.unsigned_abs().pow(3);
        assert_eq!(run.scheduler.counts(TaskId(2)).total, n_blocks);
    }
}

#[test]
fn the_most_downstream_task_goes_first_then_the_lowest_index() {
    let pipeline = build(line("a", 4, 1)) + build(line("b", 4, 1));
    let mut run = Run::of(pipeline, without_credits());
    let begun = run.join(0, 3);
    assert_eq!(indices(&begun), [(0, 0), (0, 1), (0, 2)]);
    assert_eq!(indices(&run.succeed(begun[2])), [(1, 2)]);
    assert_eq!(indices(&run.succeed(begun[0])), [(1, 0)]);
    assert_eq!(indices(&run.succeed(begun[1])), [(1, 1)]);
}

#[test]
fn a_late_answer_is_dropped() {
    let mut run = Run::of(build(line("a", 1, 1)), without_credits());
    let first = run.join(0, 1)[0];
    run.join(1, 1);
    let second = run.lose(0)[0];
    assert_eq!((second.worker, second.block), (WorkerId(1), first.block));
    assert!(run.succeed(first).is_empty());
    assert_eq!((run.scheduler.n_late(), run.scheduler.counts(TaskId(0)).completed), (1, 0));
    run.succeed(second);
    run.succeed(second);
    assert_eq!((run.scheduler.n_late(), run.scheduler.counts(TaskId(0)).completed), (2, 1));
    assert!(run.scheduler.is_finished());
}

#[test]
fn crashes_count_apart_from_retries() {
    let config = Config { credits: 0, max_crashes: 1, ..Config::default() };
    let mut run = Run::of(build(line("a", 1, 1).max_retries(1)), config);
    let block = BlockId { task: TaskId(0), index: 0 };
    let first = run.join(0, 1)[0];
    run.join(1, 1);
    let second = run.fail(first)[0];
    assert_eq!(second.worker, WorkerId(1), "on another worker");
    let third = run.lose(1)[0];
    let retried = Failure {
        block,
        worker: WorkerId(1),
        cause: Cause::WorkerLost,
        disposition: Disposition::Retry { attempts: 2 },
    };
    assert_eq!(run.actions.failures, [retried]);
    run.fail(third);
    assert_eq!(run.actions.failures[0].disposition, Disposition::GiveUp { attempts: 3 });
    assert_eq!(run.scheduler.counts(TaskId(0)).failed, 1);

    let mut run = Run::of(build(line("a", 1, 1).max_retries(9)), config);
    run.join(0, 1);
    run.join(1, 1);
    run.lose(0);
    run.lose(1);
    assert_eq!(run.actions.failures[0].disposition, Disposition::GiveUp { attempts: 2 });
    assert!(run.scheduler.is_finished());
}

#[test]
fn a_failed_block_waits_for_another_worker() {
    let mut run = Run::of(build(line("a", 3, 1)), without_credits());
    let begun = [run.join(0, 1)[0], run.join(1, 1)[0]];
    // Worker 0 goes on with the next block; worker 1 gets the failed one although it is free later.
    assert_eq!(indices(&run.fail(begun[0])), [(0, 2)]);
    let again = run.succeed(begun[1]);
    assert_eq!((again[0].worker, again[0].block), (WorkerId(1), begun[0].block));
}

#[test]
fn a_newcomer_is_not_refused_because_another_is() {
    // Worker 0 failed all that is left, and stands first in the queue: all of it goes to the one with many slots.
    let mut run = Run::of(build(line("a", 3, 1)), without_credits());
    let begun = run.join(0, 3);
    run.join(1, 1);
    let busy = run.fail(begun[0]);
    assert_eq!(indices(&busy), [(0, 0)], "to worker 1");
    run.fail(begun[1]);
    run.fail(begun[2]);
    assert_eq!(indices(&run.join(2, 5)), [(0, 1), (0, 2)]);
}

#[test]
fn a_worker_alone_tries_again_itself() {
    let mut run = Run::of(build(line("a", 1, 1).max_retries(2)), without_credits());
    let mut next = run.join(0, 1)[0];
    for attempts in 1..=2 {
        next = run.fail(next)[0];
        assert_eq!(run.actions.failures[0].disposition, Disposition::Retry { attempts });
    }
    run.fail(next);
    assert!(run.scheduler.is_finished());
    // Also when the other one is lost while the block waits for it.
    let mut run = Run::of(build(line("a", 2, 1)), without_credits());
    let begun = [run.join(0, 1)[0], run.join(1, 1)[0]];
    assert!(run.fail(begun[0]).is_empty());
    assert_eq!(indices(&run.lose(1)), [(0, 0)]);
}

#[test]
fn drain_hands_out_nothing_more() {
    let mut run = Run::of(build(line("a", 10, 1)), Config::default());
    let begun = run.join(0, 2);
    run.handle(Event::Drain);
    assert!(!run.scheduler.is_finished());
    assert!(run.succeed(begun[0]).is_empty());
    assert!(run.join(1, 1).is_empty());
    assert!(run.fail(begun[1]).is_empty());
    run.tick();
    assert!(run.scheduler.is_finished());
    assert_eq!(run.scheduler.counts(TaskId(0)).ready, 9);
}

#[test]
fn a_drain_has_what_was_sent_ahead_come_back() {
    let mut run = Run::of(build(line("a", 10, 1)), Config::default());
    run.join(0, 1);
    run.handle(Event::Tick);
    let held = run.scheduler.counts(TaskId(0)).in_flight;
    assert_eq!(held, 3, "one block at work, two ahead");
    let leases: Vec<Lease> = run.actions.assignments.iter().map(|assignment| assignment.lease).collect();
    run.handle(Event::Drain);
    assert_eq!(run.actions.recalls, [WorkerId(0)]);
    assert!(!run.scheduler.is_finished());
    let worker = WorkerId(0);
    run.handle(Event::Returned { worker, leases: leases.clone() });
    let counts = run.scheduler.counts(TaskId(0));
    assert_eq!((counts.ready, counts.in_flight), (9, 1), "what was begun is waited for");
    // Answers of a worker that had begun one after all are late; what is given back twice changes nothing.
    run.handle(Event::BlockFinished { worker, lease: leases[0], outcome: Outcome::Success });
    run.handle(Event::Returned { worker, leases });
    assert_eq!(run.scheduler.counts(TaskId(0)), counts);
    assert_eq!(run.scheduler.n_late(), 1);
}

#[test]
fn a_drain_asks_many_workers_a_bounded_number_at_a_time() {
    let mut run = Run::of(build(line("a", 100_000, 1)), Config::default());
    for worker in 0..5000 {
        run.join(worker, 1);
    }
    run.handle(Event::Tick);
    run.tick();
    run.handle(Event::Drain);
    let mut n_asked = vec![run.actions.recalls.len()];
    while run.scheduler.has_backlog() {
        run.handle(Event::Tick);
        n_asked.push(run.actions.recalls.len());
    }
    assert_eq!(n_asked, [1024, 1024, 1024, 1024, 904]);
}

/// Two workers, of which the first has begun the first block of two tasks and holds two more, and the second has ended
/// all others: what that one gets once the first has been looked at after `elapsed`.
fn held_up(elapsed: Time) -> (Run, Vec<Lease>) {
    let mut run = Run::of(build(line("a", 12, 1)) + build(line("b", 12, 11)), Config::default());
    let first = run.join(0, 1);
    let mut waiting = run.join(1, 1);
    run.handle(Event::Tick);
    let mut ahead = Vec::new();
    waiting.append(&mut run.actions.assignments);
    while let Some(next) = waiting.pop() {
        if next.worker == WorkerId(0) {
            ahead.push(next.lease);
        } else {
            waiting.extend(run.succeed(next));
        }
    }
    assert_eq!((first.len(), ahead.len()), (1, 2));
    assert!(!run.scheduler.has_backlog() && run.scheduler.counts(TaskId(0)).in_flight == 3);
    run.now += elapsed;
    run.handle(Event::Tick);
    (run, ahead)
}

#[test]
fn an_idle_worker_gets_what_is_held_up_behind_a_long_block() {
    assert!(held_up(99_999).0.actions.recalls.is_empty(), "it may be about to end");
    let (mut run, leases) = held_up(100_000);
    assert_eq!(run.actions.recalls, [WorkerId(0)]);
    run.now += 1_000_000;
    run.handle(Event::Tick);
    assert!(run.actions.recalls.is_empty(), "once is enough");
    run.handle(Event::Returned { worker: WorkerId(0), leases });
    let [next] = run.actions.assignments[..] else { panic!("one block: {:?}", run.actions) };
    assert_eq!(next.worker, WorkerId(1));
    let second = run.succeed(next);
    assert_eq!((second.len(), second[0].worker), (1, WorkerId(1)));
    run.succeed(second[0]);
    assert_eq!(run.scheduler.counts(TaskId(0)).completed, 11, "all but the long one");
}

#[test]
fn a_block_that_failed_and_was_given_back_still_avoids_its_worker() {
    let mut run = Run::of(build(line("a", 12, 1)), Config { credits: 4, ..Config::default() });
    let first = run.join(0, 1)[0];
    run.join(1, 1);
    let again = run.fail(first);
    let on_other = again.iter().find(|assignment| assignment.block == first.block).copied();
    let on_other = on_other.expect("it is tried again, ahead");
    assert_eq!(on_other.worker, WorkerId(1));
    run.handle(Event::Drain);
    run.handle(Event::Returned { worker: WorkerId(1), leases: vec![on_other.lease] });
    assert_eq!(run.scheduler.counts(TaskId(0)).failed, 0);
}

/// Ticks ten times a second for so long, which adds to what was handed out.
fn wait(run: &mut Run, seconds: u64, assignments: &mut Vec<Assignment>) -> Vec<Failure> {
    let mut failures = Vec::new();
    for _ in 0..seconds * 10 {
        run.now += 100_000;
        run.handle(Event::Tick);
        assignments.append(&mut run.actions.assignments);
        failures.append(&mut run.actions.failures);
    }
    failures
}

fn with_timeout(seconds: u64) -> Config {
    Config { block_timeout: seconds * 1_000_000, ..Config::default() }
}

#[test]
fn a_block_that_hangs_is_tried_again_when_all_others_are_done() {
    let mut run = Run::of(build(line("a", 12, 1)), with_timeout(5));
    let hanging = run.join(0, 1)[0];
    let mut waiting = run.join(1, 1);
    run.handle(Event::Tick);
    waiting.append(&mut run.actions.assignments);
    // What the first worker holds ahead is not lost with it.
    waiting.retain(|assignment| assignment.worker == WorkerId(1));
    assert!(wait(&mut run, 4, &mut waiting).is_empty());
    // A worker that is heard of has just begun its next block.
    let first = waiting.remove(0);
    waiting.extend(run.succeed(first));
    let failures = wait(&mut run, 2, &mut waiting);
    let [Failure { block, worker: WorkerId(0), cause: Cause::TimedOut { busy }, .. }] = failures[..] else {
        panic!("{failures:?}");
    };
    assert!(block == hanging.block && (5_000_000..5_200_000).contains(&busy));
    let mut order = Vec::new();
    while order.len() < 11 {
        let next = waiting.remove(0);
        assert_eq!(next.worker, WorkerId(1));
        order.push(next.block.index);
        waiting.extend(run.succeed(next));
    }
    assert_eq!(order.last(), Some(&0), "the block that hung goes last: {order:?}");
    assert!(run.scheduler.is_finished() && run.scheduler.hung_slots().len() == 1);
    assert!(run.scheduler.counts(TaskId(0)).all_completed());
}

#[test]
fn a_slot_that_answers_after_all_is_back() {
    let mut run = Run::of(build(line("a", 30, 1)), with_timeout(1));
    let hanging = run.join(0, 1)[0];
    let mut waiting = Vec::new();
    assert_eq!(wait(&mut run, 2, &mut waiting).len(), 1);
    assert!(run.scheduler.is_hung());
    assert_eq!((run.scheduler.n_workers(), run.scheduler.counts(TaskId(0)).in_flight), (1, 0));
    let again = run.succeed(hanging);
    assert!(!run.scheduler.is_hung() && again[0].worker == WorkerId(0));
    assert_eq!((run.scheduler.n_late(), run.scheduler.counts(TaskId(0)).completed), (1, 0));
}

#[test]
fn one_of_several_slots_hangs() {
    let mut run = Run::of(build(line("a", 9, 1).max_retries(0)), with_timeout(1));
    let begun = run.join(0, 3);
    assert!(
        wait(&mut run, 5, &mut Vec::new()).is_empty(),
        "which of them began when is the worker's to know"
    );
    let (worker, lease) = (WorkerId(0), begun[1].lease);
    run.handle(Event::TimedOut { worker, lease, busy: 7 });
    assert_eq!(run.actions.failures[0].disposition, Disposition::GiveUp { attempts: 1 });
    run.handle(Event::TimedOut { worker, lease, busy: 8 });
    assert!(run.actions.failures.is_empty(), "told twice");
    assert_eq!(run.scheduler.counts(TaskId(0)).failed, 1);
    run.lose(0);
    assert!(run.scheduler.hung_slots().is_empty() && run.scheduler.n_workers() == 0);
}

#[test]
fn a_task_says_how_long_its_blocks_may_take() {
    let second = Duration::from_secs(1);
    for (timeout, n_failures) in
        [(None, 1), (Some(2 * second), 1), (Some(9 * second), 0), (Some(Duration::ZERO), 0)]
    {
        let task = line("a", 1, 1).max_retries(0);
        let task = if let Some(timeout) = timeout { task.timeout(timeout) } else { task };
        let mut run = Run::of(build(task), with_timeout(3));
        run.join(0, 1);
        assert_eq!(wait(&mut run, 4, &mut Vec::new()).len(), n_failures, "{timeout:?}");
    }
}

#[test]
fn nobody_hangs_while_rank_0_does_not_listen() {
    let mut run = Run::of(build(line("a", 1, 1)), with_timeout(1));
    run.join(0, 1);
    for _ in 0..5 {
        run.now += 2_000_000;
        run.handle(Event::Tick);
        assert!(run.actions.failures.is_empty());
    }
}

#[test]
fn a_task_of_few_workers_has_its_turn_among_others() {
    let mut run =
        Run::of(build(line("a", 2000, 1)) + build(line("b", 2000, 1).max_workers(1)), Config::default());
    let mut waiting = Vec::new();
    for worker in 0..4 {
        waiting.extend(run.join(worker, 1));
    }
    run.handle(Event::Tick);
    waiting.append(&mut run.actions.assignments);
    let mut order = Vec::new();
    while order.len() < 400 {
        // Workers take turns, and each processes its blocks in order.
        let next = waiting.remove(0);
        order.push(next.block.task);
        waiting.extend(run.succeed(next));
    }
    let first = order.iter().position(|task| *task == TaskId(1));
    assert!(first.is_some_and(|first| first < 20), "{first:?}");
    let n_done = order.iter().filter(|task| **task == TaskId(1)).count();
    assert!(n_done > 20, "{n_done} of 400");
}

#[test]
fn only_blocks_being_processed_count_a_crash() {
    let mut run =
        Run::of(build(line("a", 10, 1)), Config { credits: 2, max_crashes: 0, ..Config::default() });
    run.join(0, 2);
    run.handle(Event::Tick);
    assert_eq!(run.scheduler.counts(TaskId(0)).in_flight, 4, "two busy slots and two credits");
    run.lose(0);
    let counts = run.scheduler.counts(TaskId(0));
    assert_eq!((counts.failed, counts.ready, counts.in_flight), (2, 8, 0));
    assert_eq!(indices(&run.join(1, 1)), [(0, 2)], "what was sent ahead goes first");
}

#[test]
fn with_nobody_left_the_run_waits() {
    let mut run = Run::of(build(line("a", 3, 1)), Config::default());
    run.join(0, 1);
    run.lose(0);
    assert_eq!(run.scheduler.n_workers(), 0);
    assert!(!run.scheduler.is_finished() && !run.scheduler.has_backlog());
    let mut waiting = run.join(1, 1);
    while let Some(next) = waiting.pop() {
        waiting.extend(run.succeed(next));
    }
    assert!(run.scheduler.is_finished() && run.scheduler.counts(TaskId(0)).all_completed());
}

#[test]
fn an_upstream_block_that_completes_after_its_dependents_were_orphaned_changes_nothing() {
    // All dependents of both are orphaned, so that their states are given up before the second block completes.
    let pipeline = build(line("two", 10, 5).max_retries(0)) + build(line("one", 10, 10));
    let mut run = Run::of(pipeline, without_credits());
    let begun = run.join(0, 2);
    run.fail(begun[0]);
    assert_eq!(run.scheduler.counts(TaskId(1)).orphaned, 1);
    run.succeed(begun[1]);
    assert!(run.scheduler.is_finished());
}

/// An output in chunks of this many voxels.
struct Chunks<const N: usize>([i64; N]);

impl<const N: usize> WriteTarget for Chunks<N> {
    fn chunk_grid(&self) -> ChunkGrid {
        ChunkGrid { extent: Roi::new([0; N], [MILLION; N]).expect("fits"), chunk_shape: self.0.into() }
    }

    fn label(&self) -> String {
        "output".to_owned()
    }
}

#[test]
fn a_failed_block_lets_go_of_those_that_share_its_chunk() {
    let sharing = line("sharing", 4, 1).writes(&Chunks([4])).share_chunks(true).max_retries(0);
    let mut run = Run::of(build(sharing) + build(line("after", 4, 1)), without_credits());
    let first = run.join(0, 4);
    assert_eq!(indices(&first), [(0, 0)], "all four share a chunk");
    let second = run.fail(first[0]);
    assert_eq!(indices(&second), [(0, 1)], "the failed one keeps nobody from running");
    assert_eq!(run.scheduler.counts(TaskId(0)).orphaned, 0);
    assert_eq!(run.scheduler.counts(TaskId(1)).orphaned, 1, "its own dependent in the next task");
    assert_eq!(indices(&run.succeed(second[0])), [(1, 1), (0, 2)]);
}

#[test]
fn a_block_both_let_go_and_orphaned_is_an_orphan() {
    // Each block reads one to the right and shares a chunk with two to either side: 0 fails, which 1 reads or is read
    // by, and 2 only shares with. Block 2 then waits for 1, which is an orphan: so is it.
    let task = |context: i64| {
        let task = line("both", 3, 1).context([0], [context]).read_write_conflict(true);
        build(task.writes(&Chunks([3])).share_chunks(true).max_retries(0))
    };
    for budget in [1, 2, 1000] {
        let mut run = Run::of(task(1), without_credits());
        run.scheduler = run.scheduler.with_budget(budget);
        let first = run.join(0, 4);
        assert_eq!(indices(&first), [(0, 0)]);
        run.fail(first[0]);
        run.tick();
        assert!(run.scheduler.is_finished());
        let counts = run.scheduler.counts(TaskId(0));
        assert_eq!((counts.failed, counts.orphaned, counts.open()), (1, 2, 0));
    }
}

#[test]
fn shared_chunks_as_large_as_the_volume_are_walked_in_bounded_calls() {
    let sharing = line("all", 100_000, 1).writes(&Chunks([100_000])).share_chunks(true).max_retries(0);
    let mut run = Run::of(build(sharing), without_credits());
    let first = run.join(0, 1);
    run.fail(first[0]);
    assert!(run.scheduler.has_backlog());
    assert_eq!(run.tick(), 1);
    let counts = run.scheduler.counts(TaskId(0));
    assert_eq!((counts.failed, counts.orphaned, counts.in_flight), (1, 0, 1));
}

#[test]
fn conflicts_of_all_kinds_that_are_too_many_to_keep_are_looked_up() {
    // Blocks conflict in three boxes, none of which lies in another; 2856 levels, 650 differences.
    let total = Roi::new([0, 0], [60, 60]).expect("fits");
    let sharing = Task::builder("all").total_write_roi(total).block_shape([1, 1]).context([0, 0], [50, 0]);
    let task = build(sharing.writes(&Chunks([3, 56])).share_chunks(true).max_retries(0));
    let conflicts = task.conflicts().cloned().expect("they conflict");
    assert_eq!((conflicts.n_levels(), conflicts.n_differences()), (51 * 56, 650));
    let position = |of: &Assignment| task.grid().position(of.block.index);
    for budget in [7, 1 << 16] {
        let mut run = Run::of(task.clone(), without_credits());
        run.scheduler = run.scheduler.with_budget(budget);
        let mut waiting = run.join(0, 8);
        let mut has_failed = false;
        while let Some(next) = waiting.pop() {
            let together = waiting.iter().map(position);
            assert!(
                conflicts.upstream(&position(&next)).all(|other| !together.clone().any(|at| at == other))
            );
            let is_unlucky = next.block.index == 5 * 60 + 59;
            has_failed |= is_unlucky;
            waiting.extend(if is_unlucky { run.fail(next) } else { run.succeed(next) });
            while run.scheduler.has_backlog() {
                run.handle(Event::Tick);
                waiting.extend(run.actions.assignments.iter().copied());
            }
        }
        let counts = run.scheduler.counts(TaskId(0));
        assert!(has_failed && run.scheduler.is_finished(), "{counts:?}");
        assert_eq!((counts.failed, counts.open()), (1, 0));
        // What waits for the data of the failed block, or of an orphan, lies in its column: nothing else is lost.
        assert!((1..60).contains(&counts.orphaned), "{counts:?}");
    }
}

fn failed(fault: Fault) -> Outcome {
    Outcome::Failed { fault, message: "no".to_owned() }
}

#[test]
fn a_place_that_refuses_is_asked_again_by_one_block_and_then_no_more() {
    let mut run = Run::of(build(line("t", 100, 1)), without_credits());
    let mut begun = run.join(0, 2);
    begun.append(&mut run.join(1, 1));
    let [first, second, third] = begun[..] else { panic!("three slots") };
    assert!(run.end(first, failed(Fault::Place)).is_empty() && run.scheduler.is_held(TaskId(0)));
    // What was in flight may end as it likes: nothing is handed out.
    assert!(run.succeed(second).is_empty() && run.end(third, failed(Fault::Place)).is_empty());
    let dispositions = |run: &Run| run.actions.failures.iter().map(|f| f.disposition).collect::<Vec<_>>();
    assert_eq!(dispositions(&run), [Disposition::Hold { attempts: 0 }]);
    let pause = run.scheduler.config().place_pause;
    let tick = |run: &mut Run, now| {
        run.actions.clear();
        run.scheduler.handle(now, Event::Tick, &mut run.actions);
        run.actions.assignments.clone()
    };
    assert!(tick(&mut run, pause - 1).is_empty());
    let [tried] = tick(&mut run, pause)[..] else { panic!("one block") };
    let failed_before = if tried.block == first.block { first.worker } else { third.worker };
    assert_ne!(tried.worker, failed_before, "elsewhere, if possible");
    // Its worker is lost: another tries.
    let other = WorkerId(1 - tried.worker.0);
    let [tried] = run.lose(tried.worker.0)[..] else { panic!("one block") };
    assert_eq!((tried.worker, run.actions.failures.len()), (other, 1));
    assert!(run.end(tried, failed(Fault::Place)).is_empty());
    assert!(matches!(dispositions(&run)[..], [Disposition::Stuck { .. }]));
    // Somebody made room.
    let [tried] = tick(&mut run, pause)[..] else { panic!("one block") };
    let next = run.succeed(tried);
    assert!(!next.is_empty() && !run.scheduler.is_held(TaskId(0)), "{next:?}");
}

#[test]
fn a_worker_that_cannot_be_prepared_gets_no_more_blocks_unless_it_is_the_last() {
    let mut run = Run::of(build(line("t", 300, 1).max_retries(1)), without_credits());
    let mut waiting = Vec::new();
    (0..3).for_each(|worker| waiting.append(&mut run.join(worker, 1)));
    let mut n_failures = 0;
    while let Some(next) = waiting.pop() {
        // Two of three have no GPU.
        let is_broken = next.worker != WorkerId(2);
        let mut more = if is_broken { run.end(next, failed(Fault::Worker)) } else { run.succeed(next) };
        n_failures += u32::from(is_broken);
        waiting.append(&mut more);
    }
    assert_eq!((n_failures, run.scheduler.counts(TaskId(0)).completed), (2, 300));
    assert!(run.scheduler.is_suspended(WorkerId(0)) && run.scheduler.is_suspended(WorkerId(1)));

    // The last one fails its blocks, as nobody else can be tried.
    let mut run = Run::of(build(line("t", 2, 1).max_retries(1)), without_credits());
    let [first] = run.join(0, 1)[..] else { panic!("one block") };
    let [again] = run.end(first, failed(Fault::Worker))[..] else { panic!("the same block") };
    assert_eq!(again.block, first.block);
    run.end(again, failed(Fault::Worker));
    assert_eq!(run.scheduler.counts(TaskId(0)).failed, 1);
}

#[test]
fn a_worker_whose_blocks_succeed_elsewhere_is_taken_out_of_service_and_no_block_fails() {
    let mut run = Run::of(build(line("t", 1000, 1)), without_credits());
    let mut waiting = std::collections::VecDeque::new();
    (0..4).for_each(|worker| waiting.extend(run.join(worker, 1)));
    let mut n_failures = 0;
    while let Some(next) = waiting.pop_front() {
        // Two of four are broken, and are free for the next block sooner than the others.
        let is_broken = next.worker.0 < 2;
        let more = if is_broken { run.fail(next) } else { run.succeed(next) };
        n_failures += u32::from(is_broken);
        for next in more {
            if next.worker.0 < 2 { waiting.push_front(next) } else { waiting.push_back(next) }
        }
    }
    let counts = run.scheduler.counts(TaskId(0));
    assert_eq!((counts.completed, counts.failed), (1000, 0));
    assert!(n_failures <= 8, "{n_failures}");
    assert!(run.scheduler.is_suspended(WorkerId(0)) && run.scheduler.is_suspended(WorkerId(1)));
    // When the others are lost, they are better than nobody.
    run.lose(2);
    run.lose(3);
    assert!(!run.scheduler.is_suspended(WorkerId(0)));
}

#[test]
fn blocks_that_fail_everywhere_are_no_workers_fault() {
    let mut run = Run::of(build(line("t", 400, 1)), without_credits());
    let mut waiting = std::collections::VecDeque::new();
    (0..4).for_each(|worker| waiting.extend(run.join(worker, 1)));
    while let Some(next) = waiting.pop_front() {
        let is_poison = (100..200).contains(&next.block.index);
        waiting.extend(if is_poison { run.fail(next) } else { run.succeed(next) });
        assert!(run.actions.retired.is_empty(), "{:?}", run.actions.retired);
    }
    let counts = run.scheduler.counts(TaskId(0));
    assert_eq!((counts.completed, counts.failed), (300, 100));
    assert!((0..4).map(WorkerId).all(|worker| !run.scheduler.is_suspended(worker)));
}
