//! Workers that are threads of this process, beside the one that schedules.
//!
//! The run returns when all of them have ended, but for those that hang in a block for longer than it may take: they are
//! left to themselves, which is safe where they run the closures of tasks. A loop of the program's borrows from it, so that
//! a process in which such a loop hangs has to end.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::error::RunError;
use super::program::leaving::leave_hung;
use super::shutdown::stop_all;
use super::worker::block_source::Setup;
use super::worker::body::Body;
use super::worker::shared_helper::SharedHelper;
use super::worker::slot::Loop;
use super::worker::work::work;
use crate::observe::Report;
use crate::plan::Task;
use crate::storage::Context;
use crate::transport::local::{Forgotten, LocalTransport, network};
use crate::transport::{Idle, Transport};
use crate::wire::Stop;

/// How long threads that hang have to come back at the end of a run.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a worker thread ended.
type Ended = Result<Stop, RunError>;

/// A thread that was started.
trait Started {
    fn is_over(&self) -> bool;
    fn wait(self: Box<Self>) -> thread::Result<Ended>;
}

impl Started for JoinHandle<Ended> {
    fn is_over(&self) -> bool {
        self.is_finished()
    }

    fn wait(self: Box<Self>) -> thread::Result<Ended> {
        self.join()
    }
}

impl Started for ScopedJoinHandle<'_, Ended> {
    fn is_over(&self) -> bool {
        self.is_finished()
    }

    fn wait(self: Box<Self>) -> thread::Result<Ended> {
        self.join()
    }
}

/// Runs `lead` on this thread beside `n_threads` threads that work for it, if they can be started.
pub(super) fn with_threads(
    n_threads: u32,
    idle: Idle,
    storage: &Context,
    tasks: &Arc<[Task]>,
    body: Body<'_>,
    lead: impl FnOnce(Result<LocalTransport, RunError>) -> Result<Report, RunError>,
) -> Result<Report, RunError> {
    let shared_helper = Arc::new(SharedHelper::default());
    let setup = |rank| Setup {
        rank,
        slots: 1,
        idle,
        may_share: false,
        shared_helper: Some(shared_helper.clone()),
        // Rank 0 sees how long a single slot takes.
        block_timeout: Duration::ZERO,
        rank0_patience: Duration::ZERO,
        storage: storage.clone(),
    };
    let thread = |rank: usize| thread::Builder::new().name(format!("worker {rank}"));
    match body {
        Body::Tasks => lead_threads(n_threads, &shared_helper, lead, true, |endpoint| {
            let (rank, setup, tasks) = (endpoint.rank(), setup(endpoint.rank()), tasks.clone());
            let work = move || work(Box::new(endpoint), setup, &tasks, body_of_tasks());
            Ok(Box::new(thread(rank).spawn(work)?))
        }),
        Body::Loop(body) => thread::scope(|scope| {
            lead_threads(n_threads, &shared_helper, lead, false, |endpoint| {
                let (rank, setup) = (endpoint.rank(), setup(endpoint.rank()));
                let work = move || work(Box::new(endpoint), setup, tasks, body);
                Ok(Box::new(thread(rank).spawn_scoped(scope, work)?))
            })
        }),
    }
}

fn body_of_tasks() -> &'static Loop<'static> {
    Body::Tasks.as_loop()
}

/// Runs `lead` beside threads that `start` starts; those that hang are left to themselves if they `may_stay`.
fn lead_threads<'scope>(
    n_threads: u32,
    shared_helper: &Arc<SharedHelper>,
    lead: impl FnOnce(Result<LocalTransport, RunError>) -> Result<Report, RunError>,
    may_stay: bool,
    start: impl Fn(LocalTransport) -> io::Result<Box<dyn Started + 'scope>>,
) -> Result<Report, RunError> {
    let mut endpoints = network(n_threads as usize + 1).into_iter();
    let mut mine = endpoints.next().expect("a network has a first endpoint");
    let forgotten = mine.forgotten();
    let mut workers = Vec::new();
    let mut refused = None;
    for endpoint in endpoints {
        match start(endpoint) {
            Ok(worker) => workers.push(worker),
            Err(error) => {
                let error = RunError::Thread(error.to_string());
                // It fails at the endpoints without a thread, which come last.
                let _ = stop_all(&mut mine, Stop::Refused((&error).into()));
                refused = Some(error);
                break;
            }
        }
    }
    // Without it, blocks that were sent ahead are given back between blocks alone.
    let help = shared_helper.clone();
    let helper = thread::Builder::new().name("local helper".to_owned()).spawn(move || help.help()).ok();
    let report = lead(refused.map_or(Ok(mine), Err));
    if let Some(helper) = helper {
        shared_helper.end(helper.thread());
        // It does not panic.
        drop(helper.join());
    }
    let (ended, hung) = wait_for(workers, &forgotten);
    if hung > 0 && !may_stay {
        leave_hung(hung, report.as_ref().err());
    }
    // Also after an error: nobody works for a run that has returned.
    let join = |worker: Box<dyn Started + 'scope>| {
        worker.wait().unwrap_or_else(|panic| std::panic::resume_unwind(panic)).map(drop)
    };
    let joined = ended.into_iter().map(join).fold(Ok(()), Result::and);
    let report = report?;
    joined?;
    Ok(report)
}

/// Waits until all workers are over but those that hang, for which it waits a moment: those that are over, and how many hang.
fn wait_for<'scope>(
    workers: Vec<Box<dyn Started + 'scope>>,
    forgotten: &Forgotten,
) -> (Vec<Box<dyn Started + 'scope>>, usize) {
    let end = Instant::now() + PATIENCE;
    let (mut over, mut hung) = (Vec::new(), 0);
    for (worker, endpoint) in workers.into_iter().zip(1..) {
        while !worker.is_over() && forgotten.contains(endpoint) && Instant::now() < end {
            thread::sleep(Duration::from_millis(1));
        }
        if worker.is_over() || !forgotten.contains(endpoint) {
            over.push(worker);
        } else {
            hung += 1;
        }
    }
    (over, hung)
}
