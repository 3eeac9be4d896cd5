//! How much work a call does, by counting what it looks at: time would depend on the machine.

use std::collections::VecDeque;
use std::sync::Arc;

use super::event::{Actions, Assignment, Event, WorkerId};
use super::machine::{Config, Scheduler};
use crate::geometry::Roi;
use crate::plan::{Outcome, Pipeline, Plan, Task, TaskBuilder};

fn line(name: String, n_blocks: i64) -> TaskBuilder {
    let total = Roi::new([0], [n_blocks]).expect("fits");
    Task::builder(name).total_write_roi(total).block_shape([1]).read_write_conflict(false)
}

/// Runs a pipeline to its end with a few workers; the number of calls, and how often they looked at a task.
fn run(pipeline: &Pipeline) -> (u64, u64) {
    let plan = Plan::new(pipeline).expect("a good pipeline");
    let mut scheduler = Scheduler::new(Arc::new(plan), Config::default());
    let mut actions = Actions::default();
    let mut in_flight: VecDeque<Assignment> = VecDeque::new();
    let mut n_calls = 0;
    let n_looks = scheduler.tasks.n_looks();
    for worker in (0..5).map(WorkerId) {
        scheduler.handle(0, Event::WorkerJoined { worker, slots: 2 }, &mut actions);
        n_calls += 1;
        in_flight.extend(actions.assignments.drain(..));
    }
    while let Some(Assignment { worker, lease, .. }) = in_flight.pop_front() {
        let event = Event::BlockFinished { worker, lease, outcome: Outcome::Success };
        scheduler.handle(0, event, &mut actions);
        n_calls += 1;
        in_flight.extend(actions.assignments.drain(..));
        assert!(in_flight.is_empty() == scheduler.is_finished());
    }
    let n_looks = scheduler.tasks.n_looks() - n_looks;
    scheduler.sanity_check_blocks().expect("the books agree");
    (n_calls, n_looks)
}

#[test]
fn an_event_looks_at_no_more_tasks_when_there_are_more() {
    let chain = |n_tasks: i64, limit: Option<u32>| {
        let name = |task: i64| format!("task {task}");
        let task = |task: i64| {
            let task = line(name(task), 20);
            let task = if let Some(limit) = limit { task.max_workers(limit) } else { task };
            task.build().expect("a good task")
        };
        let tasks = (0..n_tasks).fold(Pipeline::new(), |pipeline, which| pipeline.task(task(which)));
        (1..n_tasks).fold(tasks, |pipeline, which| pipeline.edge(name(which - 1), name(which)))
    };
    let side_by_side = |n_tasks: i64| {
        (0..n_tasks).fold(Pipeline::new(), |pipeline, which| {
            pipeline.task(line(format!("task {which}"), 20).build().expect("a good task"))
        })
    };
    for n_tasks in [10, 1000] {
        for pipeline in [chain(n_tasks, None), chain(n_tasks, Some(2)), side_by_side(n_tasks)] {
            let (n_calls, n_looks) = run(&pipeline);
            assert!(n_looks <= 5 * n_calls, "{n_tasks} tasks: {n_looks} looks in {n_calls} calls");
        }
    }
}
