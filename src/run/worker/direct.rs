//! One slot: the thread that processes blocks also talks to rank 0.
//!
//! While it is busy with a block, a small helper thread looks in every few milliseconds: it answers status checks,
//! takes in blocks sent ahead and sends answers that wait. Where MPI lets only one thread call it, there is no
//! helper: then every answer leaves at once, and status checks wait for the block to end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use super::link::Link;
use super::{Loop, Port, Setup, Worker};
use crate::plan::{Plan, WorkerInfo};
use crate::run::error::RunError;
use crate::transport::{Idle, Transport, Waiting};
use crate::wire::{Assigned, Finished, Stop};

/// How often the helper looks in.
const LOOKING_IN: Duration = Duration::from_millis(5);

struct Direct {
    link: Arc<Mutex<Link>>,
    idle: Idle,
    has_helper: bool,
}

fn lock(link: &Mutex<Link>) -> MutexGuard<'_, Link> {
    // Closures run outside the lock; a panic under it would be a bug, and leaves the link as it was between messages.
    link.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Port for Direct {
    fn next(&mut self) -> Result<(Option<Assigned>, bool), RunError> {
        let mut link = lock(&self.link);
        if let Some(assigned) = link.inbox.pop()? {
            return Ok((Some(assigned), false));
        }
        if let Some(trouble) = link.trouble.take() {
            return Err(trouble);
        }
        link.flush()?;
        link.busy_since = None;
        let mut waiting = Waiting::new(self.idle);
        loop {
            link.pump()?;
            if let Some(assigned) = link.inbox.pop()? {
                link.busy_since = Some(Instant::now());
                return Ok((Some(assigned), true));
            }
            if link.stop.is_some() {
                return Ok((None, true));
            }
            waiting.pause(|limit| link.transport().sleep(limit));
        }
    }

    fn done(&mut self, finished: Finished, is_urgent: bool) -> Result<(), RunError> {
        let mut link = lock(&self.link);
        link.answer(&finished)?;
        // Half of what was sent ahead is answered before the other half runs out: neither side waits.
        if is_urgent || !self.has_helper || link.n_answers() >= link.inbox.len() {
            link.flush()?;
        }
        Ok(())
    }
}

pub(super) fn work(
    transport: Box<dyn Transport>,
    setup: Setup,
    plan: &Arc<Plan>,
    body: &Loop<'_>,
) -> Result<Stop, RunError> {
    let link = Arc::new(Mutex::new(Link::new(transport)));
    let port = Direct { link: link.clone(), idle: setup.idle, has_helper: setup.may_share };
    let info = WorkerInfo { rank: setup.rank, slot: 0 };
    let mut worker = Worker::new(Box::new(port), info, plan.clone());
    let is_over = AtomicBool::new(false);
    let driven = thread::scope(|scope| {
        let help = || help(&link, &is_over);
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
        driven.or_else(|error| lock(&link).give_up(&error).and(Err(error)))
    });
    drop(worker);
    let link = Arc::into_inner(link).map(|link| link.into_inner().unwrap_or_else(PoisonError::into_inner));
    let link = link.expect("the helper and the worker are gone, and held the only other references");
    let stop = link.close()?;
    driven?;
    Ok(stop.expect("the loop ends when rank 0 says stop"))
}

/// Looks in while the other thread is busy.
fn help(link: &Mutex<Link>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        thread::park_timeout(LOOKING_IN);
        match link.try_lock() {
            Ok(mut link) => {
                link.look_in();
                if let Err(error) = link.flush().and_then(|()| link.pump().map(drop)) {
                    link.trouble = Some(error);
                    return;
                }
            }
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => {}
        }
    }
}
