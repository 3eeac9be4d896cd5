//! One slot: the thread that processes blocks also talks to rank 0.
//!
//! While it is busy with a block, a small helper thread polls every few milliseconds: it answers status checks,
//! takes in blocks sent ahead, gives them back if rank 0 wants them, and sends answers that wait. Where MPI lets only one
//! thread call it, there is no helper: then every answer leaves at once, and status checks wait for the block to end.
//! Many such threads of one process share a helper, which only takes in and gives back. In any case the thread looks for
//! messages of rank 0 before it begins a block that was sent ahead, unless the last one took next to no time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::block_source::{BlockSource, Setup};
use super::slot::{Loop, Worker};
use super::uplink::Uplink;
use crate::plan::{Task, WorkerInfo};
use crate::run::error::RunError;
use crate::transport::{Idle, Transport, Waiting};
use crate::wire::{Assigned, Finished, Stop};

/// Time between two polls of the helper.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

struct SingleSlot {
    uplink: Arc<Mutex<Uplink>>,
    idle: Idle,
    has_helper: bool,
    /// Whether so much time has passed that rank 0 may want back what was sent ahead.
    is_look_due: bool,
}

fn lock(uplink: &Mutex<Uplink>) -> MutexGuard<'_, Uplink> {
    // Closures run outside the lock; a panic under it would be a bug, and leaves the uplink as it was between messages.
    uplink.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlockSource for SingleSlot {
    fn next(&mut self) -> Result<(Option<Assigned>, bool), RunError> {
        let mut uplink = lock(&self.uplink);
        if std::mem::replace(&mut self.is_look_due, true) && uplink.error.is_none() {
            uplink.receive()?;
        }
        if let Some(assigned) = uplink.inbox.pop()? {
            return Ok((Some(assigned), false));
        }
        if let Some(error) = uplink.error.take() {
            return Err(error);
        }
        uplink.flush()?;
        uplink.busy_since = None;
        let mut waiting = Waiting::new(self.idle);
        loop {
            uplink.receive()?;
            if let Some(assigned) = uplink.inbox.pop()? {
                uplink.busy_since = Some(Instant::now());
                return Ok((Some(assigned), true));
            }
            if uplink.stop.is_some() {
                return Ok((None, true));
            }
            if waiting.is_long() {
                uplink.look_for_rank_0()?;
            }
            waiting.pause(|limit| uplink.transport().sleep(limit));
        }
    }

    fn try_next(&mut self) -> Result<Option<Assigned>, RunError> {
        let mut uplink = lock(&self.uplink);
        if let Some(error) = uplink.error.take() {
            return Err(error);
        }
        uplink.flush()?;
        uplink.receive()?;
        Ok(uplink.inbox.pop()?)
    }

    fn finish(&mut self, finished: Finished, is_urgent: bool) -> Result<(), RunError> {
        self.is_look_due = is_urgent;
        let mut uplink = lock(&self.uplink);
        uplink.answer(&finished)?;
        // Half of what was sent ahead is answered before the other half runs out: neither side waits.
        if is_urgent || !self.has_helper || uplink.n_answers() >= uplink.inbox.len() {
            uplink.flush()?;
        }
        Ok(())
    }
}

pub(super) fn work(
    transport: Box<dyn Transport>,
    setup: Setup,
    tasks: &Arc<[Task]>,
    body: &Loop<'_>,
) -> Result<Stop, RunError> {
    let mut uplink = Uplink::new(transport, setup.storage.clone());
    uplink.watch_rank_0(setup.rank0_patience);
    let uplink = Arc::new(Mutex::new(uplink));
    let source = SingleSlot {
        uplink: uplink.clone(),
        idle: setup.idle,
        has_helper: setup.may_share,
        is_look_due: false,
    };
    if let Some(helper) = &setup.shared_helper {
        helper.add(&uplink);
    }
    let info = WorkerInfo { rank: setup.rank, slot: 0 };
    let mut worker = Worker::new(Box::new(source), info, tasks.clone(), setup.storage.clone());
    let is_over = AtomicBool::new(false);
    let driven = thread::scope(|scope| {
        let help = || help(&uplink, &is_over);
        let start = || thread::Builder::new().name("bellis helper".to_owned()).spawn_scoped(scope, help);
        let driven = match setup.may_share.then(start).transpose() {
            Ok(helper) => {
                let driven = worker.drive(body);
                is_over.store(true, Ordering::Relaxed);
                if let Some(helper) = helper {
                    helper.thread().unpark();
                }
                driven
            }
            Err(error) => Err(RunError::Thread(error.to_string())),
        };
        driven.or_else(|error| lock(&uplink).give_up(&error).and(Err(error)))
    });
    drop(worker);
    if let Some(helper) = &setup.shared_helper {
        helper.remove(&uplink);
    }
    let uplink =
        Arc::into_inner(uplink).map(|uplink| uplink.into_inner().unwrap_or_else(PoisonError::into_inner));
    let uplink = uplink.expect("the helper and the worker are gone, and held the only other references");
    let stop = uplink.close()?;
    driven?;
    Ok(stop.expect("the loop ends when rank 0 says stop"))
}

/// Polls while the other thread is busy.
fn help(uplink: &Mutex<Uplink>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        thread::park_timeout(POLL_INTERVAL);
        match uplink.try_lock() {
            Ok(mut uplink) => {
                uplink.refresh_busy_since();
                let talked = uplink.flush().and_then(|()| uplink.receive().map(drop));
                if let Err(error) = talked.and_then(|()| uplink.look_for_rank_0()) {
                    uplink.error = Some(error);
                    return;
                }
            }
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => {}
        }
    }
}
