//! Workers whose uplink carries what makes no sense, and loops that fail.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::block_source::Setup;
use super::processing::process_all;
use super::slot::{Loop, Worker};
use super::work::work;
use crate::geometry::Roi;
use crate::plan::{BlockId, Pipeline, Plan, Task, TaskId};
use crate::run::error::RunError;
use crate::run::messages::tag;
use crate::run::shutdown::stop_all;
use crate::storage::Context;
use crate::transport::local::{LocalTransport, network};
use crate::transport::{Idle, Transport};
use crate::wire::{
    Assigned, BatchWriter, FromWorker, Hello, MessageKind, PROTOCOL, Problem, Stop, ToWorker, decode, encode,
};

fn task() -> Task {
    let total = Roi::new([0], [10]).expect("a box");
    Task::builder("t").total_roi(total).block_shape([1]).process(|_| Ok(())).build().expect("a task")
}

/// Runs a worker beside `rank0`, which must tell it to stop; how the worker ended.
fn with_worker(
    slots: u32,
    may_share: bool,
    body: &Loop<'_>,
    rank0: impl FnOnce(&mut LocalTransport),
) -> Result<Stop, RunError> {
    let mut endpoints = network(2);
    let worker = endpoints.pop().expect("there are two");
    let mut mine = endpoints.pop().expect("there are two");
    let (block_timeout, rank0_patience, storage) = (Duration::ZERO, Duration::ZERO, Context::new());
    let setup = Setup {
        rank: 1,
        slots,
        idle: Idle::Sleep,
        may_share,
        shared_helper: None,
        block_timeout,
        rank0_patience,
        storage,
    };
    let tasks: Arc<[Task]> = [task()].into();
    thread::scope(|scope| {
        let worker = scope.spawn(|| work(Box::new(worker), setup, &tasks, body));
        rank0(&mut mine);
        worker.join().expect("a worker does not panic")
    })
}

fn refused(why: &str) -> Stop {
    Stop::Refused(Problem::new(why.to_owned()))
}

/// Waits for the worker's next message and reads it.
fn hear<T>(mine: &mut LocalTransport, read: impl FnOnce(FromWorker<'_>) -> T) -> T {
    let mut buffer = Vec::new();
    while mine.try_receive(&mut buffer).expect("threads always receive").is_none() {
        mine.sleep(Duration::from_secs(1));
    }
    read(decode(&buffer).expect("a message"))
}

#[test]
fn nonsense_from_rank_0_is_answered_and_ends_the_worker() {
    for (slots, may_share) in [(1, false), (1, true), (3, false)] {
        let ended = with_worker(slots, may_share, &process_all, |mine| {
            mine.send(1, tag(MessageKind::Assign), &[PROTOCOL, 99]).expect("the worker is there");
            let why = hear(mine, |message| match message {
                FromWorker::Hello(Hello::Unable { why }) => why,
                other => panic!("{other:?} instead of a hello"),
            });
            assert!(why.contains("run the same build on all ranks"), "{why}");
            stop_all(mine, refused(&why)).expect("the worker is there");
        });
        assert!(matches!(ended, Err(RunError::Wire(_))), "{slots} slots: {ended:?}");
    }
}

#[test]
fn nonsense_while_a_block_is_processed_is_not_lost() {
    let slow: &Loop<'_> = &|worker| {
        while let Some(block) = worker.acquire()? {
            thread::sleep(Duration::from_millis(50));
            worker.release(block, Ok(()))?;
        }
        Ok(())
    };
    let ended = with_worker(1, true, slow, |mine| {
        assign(mine, 1);
        // The helper takes this in while the block is processed.
        thread::sleep(Duration::from_millis(10));
        mine.send(1, tag(MessageKind::Assign), &[]).expect("the worker is there");
        assert!(hear(mine, |message| matches!(message, FromWorker::Finished(_))));
        assert!(hear(mine, |message| matches!(message, FromWorker::Hello(Hello::Unable { .. }))));
        stop_all(mine, refused("nonsense")).expect("the worker is there");
    });
    assert!(matches!(ended, Err(RunError::Wire(_))), "{ended:?}");
}

/// Sends the first `n` blocks of the task, the block of index i under lease i.
fn assign(mine: &mut LocalTransport, n: u64) {
    let plan = Plan::new(&Pipeline::from(task())).expect("a plan");
    let mut batch = BatchWriter::default();
    for index in 0..n {
        let block = plan.block(BlockId { task: TaskId(0), index });
        let (read_roi, write_roi) = (block.read_roi, block.write_roi);
        batch.push(&Assigned { block: block.id, lease: index, read_roi, write_roi }).expect("it fits");
    }
    let mut buffer = Vec::new();
    encode(&ToWorker::Assign(batch.batch()), &mut buffer).expect("it fits");
    mine.send(1, tag(MessageKind::Assign), &buffer).expect("the worker is there");
}

#[test]
fn what_is_recalled_comes_back_unless_it_was_begun() {
    for (slots, may_share) in [(1, false), (1, true), (2, false)] {
        let n_begun = AtomicU64::new(0);
        let (begin, end) = (Barrier::new(slots as usize + 1), Barrier::new(slots as usize + 1));
        let slow = |worker: &mut Worker| {
            while let Some(block) = worker.acquire()? {
                n_begun.fetch_add(1, Ordering::Relaxed);
                begin.wait();
                end.wait();
                worker.release(block, Ok(()))?;
            }
            Ok(())
        };
        let ended = with_worker(slots, may_share, &slow, |mine| {
            assign(mine, 5);
            begin.wait();
            let mut buffer = Vec::new();
            encode(&ToWorker::Recall, &mut buffer).expect("it fits");
            mine.send(1, tag(MessageKind::Status), &buffer).expect("the worker is there");
            let next = |mine: &mut LocalTransport| {
                hear(mine, |message| match message {
                    FromWorker::Returned { leases } => Some(leases),
                    _ => None,
                })
            };
            // Without a helper it answers between blocks: the one at work is over.
            let mut returned = if may_share || slots > 1 { next(mine) } else { None };
            thread::sleep(Duration::from_millis(1));
            end.wait();
            while returned.is_none() {
                returned = next(mine);
            }
            assert_eq!(returned, Some((u64::from(slots)..5).collect()), "{slots} slots");
            stop_all(mine, refused("enough")).expect("the worker is there");
        });
        assert_eq!(ended, Ok(refused("enough")));
        assert_eq!(n_begun.into_inner(), u64::from(slots));
    }
}

#[test]
fn blocks_left_when_rank_0_breaks_off_are_not_processed() {
    for (slots, may_share) in [(1, false), (1, true), (2, false)] {
        let none: &Loop<'_> = &|worker| match worker.acquire()? {
            None => Ok(()),
            Some(block) => Err(format!("{block} came after the end").into()),
        };
        let ended = with_worker(slots, may_share, none, |mine| {
            stop_all(mine, refused("broken off")).expect("the worker is there");
        });
        assert_eq!(ended, Ok(refused("broken off")));
    }
}

#[test]
fn a_loop_that_fails_at_its_end_is_told() {
    for slots in [1, 2] {
        let late: &Loop<'_> = &|worker| {
            while worker.acquire()?.is_some() {}
            Err("the last flush failed".into())
        };
        let ended = with_worker(slots, false, late, |mine| {
            stop_all(mine, Stop::Finished(String::new())).expect("the worker is there");
        });
        assert_eq!(ended, Err(RunError::Loop("the last flush failed".to_owned())));
    }
}
