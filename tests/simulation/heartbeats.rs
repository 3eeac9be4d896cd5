//! What the heartbeats of very many ranks cost rank 0, apart from MPI.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bellis::bare::{Desk, Outbox, Peer};
use bellis::plan::{Pipeline, Plan};
use bellis::scheduler::{Config, Scheduler, WorkerId};
use bellis::wire::{FromWorker, Status, ToWorker, decode, encode};
use bellis::{Roi, Task};

/// A hundred thousand workers, each in the middle of a block of hours: all of them are silent, and answer when asked.
#[test]
fn a_hundred_thousand_silent_workers_cost_rank_0_little() {
    const N_WORKERS: u32 = 100_000;
    const N_SECONDS: u64 = 60;
    let total = Roi::new([0], [i64::from(N_WORKERS)]).expect("a box");
    let task = Task::builder("long").total_roi(total).block_shape([1]).build().expect("a task");
    let plan = Arc::new(Plan::new(&Pipeline::from(task)).expect("a plan"));
    let peer = |_| Peer { slots: 1, host: "node".to_owned(), pid: 1, answers_always: true };
    let peers = (0..N_WORKERS).map(peer).collect();
    let (never, lost_after) = (Duration::ZERO, Duration::from_secs(15));
    let mut desk = Desk::new(Scheduler::new(plan, Config::default()), peers, never, lost_after, never);
    let mut outbox = Outbox::default();
    desk.start(0, &mut outbox).expect("messages can be written");
    outbox.clear();
    while desk.has_backlog() {
        desk.tick(0, &mut outbox).expect("messages can be written");
        outbox.clear();
    }
    let status = Status { n_finished: 0, n_waiting: 0, busy_ms: Some(1), memory: Some(1 << 30) };
    let mut answer = Vec::new();
    encode(&FromWorker::Status(status), &mut answer).expect("it can be written");
    let (mut asked, mut n_asked) = (Vec::new(), 0);
    let mut busy = Duration::ZERO;
    for now in (0..N_SECONDS * 10).map(|tick| tick * 100_000) {
        let begin = Instant::now();
        desk.tick(now, &mut outbox).expect("messages can be written");
        busy += begin.elapsed();
        let recorded = outbox.record(|_| Ok::<(), ()>(())).expect("nothing fails");
        for message in recorded.messages() {
            assert_eq!(decode(message.bytes), Ok(ToWorker::Status));
            asked.push(message.to);
        }
        outbox.clear();
        n_asked += asked.len();
        let begin = Instant::now();
        for worker in asked.drain(..) {
            let message = decode(&answer).expect("a message");
            desk.receive(now, worker, message, &mut outbox).expect("it can be taken in");
        }
        busy += begin.elapsed();
        assert_eq!(desk.next_silent(), None);
    }
    let share = busy.as_secs_f64() / N_SECONDS as f64;
    eprintln!("{n_asked} questions in {N_SECONDS} s");
    crate::figures::add("faults", "heartbeat_cost_100k", share, "of rank 0's time");
    assert!(n_asked >= 9 * N_WORKERS as usize, "each is asked every five or six seconds: {n_asked}");
    assert!(!desk.is_lost(WorkerId(1)));
    // Far more than it is, for a build without optimisation on a busy machine.
    assert!(share < 0.25, "{share}");
}
