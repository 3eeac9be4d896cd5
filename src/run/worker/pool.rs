//! Several slots: threads that process blocks, and a communication thread that alone talks to rank 0.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::block_source::{BlockSource, Setup};
use super::slot::{Loop, Worker};
use super::timeouts::Timeouts;
use super::uplink::Uplink;
use crate::plan::{Task, WorkerInfo};
use crate::run::error::RunError;
use crate::transport::{Transport, Waiting};
use crate::wire::{Assigned, Finished, Stop};

/// Time between two looks for blocks that take too long.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// What the slots and the communication thread share.
struct Pool {
    shared: Mutex<Shared>,
    /// There are blocks, or the run is over.
    for_slots: Condvar,
    /// There are answers.
    for_uplink: Condvar,
}

struct Shared {
    inbox: VecDeque<Assigned>,
    answers: Vec<Finished>,
    is_over: bool,
    /// How many slots are busy, and since when at least one is.
    n_busy: u32,
    busy_since: Option<Instant>,
    timeouts: Timeouts,
}

impl Pool {
    fn new(timeouts: Timeouts) -> Self {
        let (inbox, answers) = (VecDeque::new(), Vec::new());
        let shared = Shared { inbox, answers, is_over: false, n_busy: 0, busy_since: None, timeouts };
        Self { shared: Mutex::new(shared), for_slots: Condvar::new(), for_uplink: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Closures run outside the lock, and the queues are whole between any two operations.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One slot's side.
struct Slot(Arc<Pool>);

impl BlockSource for Slot {
    fn next(&mut self) -> Result<(Option<Assigned>, bool), RunError> {
        let mut shared = self.0.lock();
        let mut has_waited = false;
        loop {
            if let Some(assigned) = shared.inbox.pop_front() {
                shared.n_busy += 1;
                shared.busy_since.get_or_insert_with(Instant::now);
                shared.timeouts.begin(&assigned);
                return Ok((Some(assigned), has_waited));
            }
            if shared.is_over {
                return Ok((None, true));
            }
            has_waited = true;
            shared = self.0.for_slots.wait(shared).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn try_next(&mut self) -> Result<Option<Assigned>, RunError> {
        let mut shared = self.0.lock();
        let Some(assigned) = shared.inbox.pop_front() else { return Ok(None) };
        shared.n_busy += 1;
        shared.busy_since.get_or_insert_with(Instant::now);
        shared.timeouts.begin(&assigned);
        Ok(Some(assigned))
    }

    fn finish(&mut self, finished: Finished, _is_urgent: bool) -> Result<(), RunError> {
        let mut shared = self.0.lock();
        shared.timeouts.end(finished.lease);
        shared.answers.push(finished);
        shared.n_busy = shared.n_busy.saturating_sub(1);
        if shared.n_busy == 0 {
            shared.busy_since = None;
        }
        drop(shared);
        self.0.for_uplink.notify_one();
        Ok(())
    }
}

/// The calling thread becomes the communication thread.
pub(super) fn work(
    transport: Box<dyn Transport>,
    setup: Setup,
    tasks: &Arc<[Task]>,
    body: &Loop<'_>,
) -> Result<Stop, RunError> {
    let pool = Arc::new(Pool::new(Timeouts::new(tasks, setup.block_timeout)));
    let mut uplink = Uplink::new(transport, setup.storage.clone());
    uplink.watch_rank_0(setup.rank0_patience);
    let driven = thread::scope(|scope| {
        let start = |slot| {
            let info = WorkerInfo { rank: setup.rank, slot };
            let (source, storage) = (Box::new(Slot(pool.clone())), setup.storage.clone());
            let mut worker = Worker::new(source, info, tasks.clone(), storage);
            let drive = move || worker.drive(body);
            thread::Builder::new().name(format!("slot {slot}")).spawn_scoped(scope, drive)
        };
        let started = (0..setup.slots as usize).map(start).collect::<Result<Vec<_>, _>>();
        let talked = match &started {
            Ok(_) => talk(&mut uplink, &pool, setup),
            Err(error) => Err(RunError::Thread(error.to_string())),
        };
        let talked = talked.or_else(|error| uplink.give_up(&error).and(Err(error)));
        // The slots end, whatever happened; blocks are left only when the run broke off.
        let mut shared = pool.lock();
        shared.is_over = true;
        shared.inbox.clear();
        drop(shared);
        pool.for_slots.notify_all();
        let driven = started.into_iter().flatten().map(join).fold(Ok(()), Result::and);
        talked.and(driven)
    });
    let stop = uplink.close()?;
    driven?;
    Ok(stop.expect("talking ends when rank 0 says stop"))
}

/// How a slot's loop ended.
fn join(slot: thread::ScopedJoinHandle<'_, Result<(), RunError>>) -> Result<(), RunError> {
    slot.join().unwrap_or_else(|_| Err(RunError::Loop("a slot panicked outside of its loop".to_owned())))
}

/// Carries blocks to the slots and answers to rank 0 until rank 0 says stop.
fn talk(uplink: &mut Uplink, pool: &Pool, setup: Setup) -> Result<(), RunError> {
    let mut waiting = Waiting::new(setup.idle);
    let mut answers = Vec::new();
    let mut next_look = Instant::now() + LOOK_INTERVAL;
    while uplink.stop.is_none() {
        let has_received = uplink.receive_beside(|leases| {
            // What no slot has begun.
            leases.extend(pool.lock().inbox.drain(..).map(|assigned| assigned.lease));
        })?;
        let mut shared = pool.lock();
        if !uplink.inbox.is_empty() {
            while let Some(assigned) = uplink.inbox.pop()? {
                shared.inbox.push_back(assigned);
            }
            pool.for_slots.notify_all();
        }
        std::mem::swap(&mut shared.answers, &mut answers);
        uplink.busy_since = shared.busy_since;
        drop(shared);
        if answers.is_empty() && !has_received {
            if waiting.is_long() {
                uplink.look_for_rank_0()?;
                let now = Instant::now();
                if now >= next_look {
                    next_look = now + LOOK_INTERVAL;
                    let overdue = pool.lock().timeouts.take_overdue(now);
                    overdue.iter().try_for_each(|(lease, busy)| uplink.send_timed_out(*lease, *busy))?;
                }
            }
            waiting.pause(|limit| {
                let shared = pool.lock();
                if shared.answers.is_empty() {
                    drop(pool.for_uplink.wait_timeout(shared, limit));
                }
            });
            continue;
        }
        waiting.reset();
        for finished in answers.drain(..) {
            uplink.answer(&finished)?;
        }
        uplink.flush()?;
    }
    Ok(())
}
