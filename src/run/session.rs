//! What starts and ends a run, wherever the process stands: rank 0, any other rank, or alone.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::coordinator::event_loop::{Begun, Coordinator};
use super::coordinator::outputs::Outputs;
use super::deadline::record_begin;
use super::error::RunError;
use super::history::{record_leader, record_run};
use super::interrupt::Interrupt;
use super::local_workers::with_threads;
use super::messages::{abandon, close};
use super::options::{Durability, Options};
use super::program::leaving::leave_at_once;
use super::protection::Protection;
use super::resuming::{Resumption, lock_outputs};
use super::selecting::{leave_out, selection};
use super::shutdown::{stop_all, wait_for_stop};
use super::startup::handshake::{gather, ready, send_hello, unable};
use super::startup::membership::Membership;
use super::survivors::lay_aside;
use super::topology::{COORDINATOR, Peer};
use super::worker::block_source::Setup;
use super::worker::body::Body;
use super::worker::work::work;
use crate::mpi::Comm;
use crate::observe::Report;
use crate::plan::{Pipeline, Plan, PlanError, Task};
use crate::scheduler::{Config, Scheduler, Time};
use crate::storage::Context;
use crate::transport::{Idle, Joined, Transport};
use crate::wire::{Stop, WireError};

/// Rank 0 is lost after so many times the silence that makes a worker lost: nobody can replace it, and its disk may keep it
/// busy for minutes.
const PATIENCE_FACTOR: u32 = 20;

/// What a rank needs to run.
pub(super) struct Prepared {
    /// What is scheduled.
    pub plan: Arc<Plan>,
    /// The tasks of the plan, in its order, with the closures that the workers call.
    pub tasks: Arc<[Task]>,
    pub options: Options,
    /// The context whose reads are reported.
    pub storage: Context,
}

impl Prepared {
    /// Checks a pipeline.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(pipeline: &Pipeline, options: Options, storage: Context) -> Result<Self, PlanError> {
        Ok(Self { plan: Arc::new(Plan::new(pipeline)?), tasks: pipeline.tasks().into(), options, storage })
    }
}

/// Runs what was prepared, on the ranks that there are.
pub(super) fn run(
    communicator: Option<Comm<'_>>,
    prepared: Result<Prepared, RunError>,
    body: Body<'_>,
) -> Result<Report, RunError> {
    record_begin();
    record_leader(true);
    let report = match Membership::find(communicator)? {
        Membership::Alone => alone(prepared?, body),
        // It was told so in a former run, and others go on without it.
        Membership::Rank { transport, .. } if transport.is_lost(transport.rank()) => {
            lay_aside(transport);
            Err(RunError::Lost)
        }
        Membership::Rank { transport, .. } if transport.rank() == COORDINATOR => {
            coordinate(transport, prepared, body)
        }
        Membership::Rank { transport, may_share } => {
            record_leader(false);
            join(transport, may_share, prepared, body)
        }
    };
    // A loop that failed at its very end failed after a run.
    if matches!(report, Ok(_) | Err(RunError::Loop(_))) {
        record_run();
    }
    report
}

/// Rank 0 of several.
fn coordinate(
    mut transport: Box<dyn Transport>,
    prepared: Result<Prepared, RunError>,
    body: Body<'_>,
) -> Result<Report, RunError> {
    let (local, idle) = match &prepared {
        Ok(Prepared { plan, options, .. }) => (ready(plan, options.rank0_slots, true), options.idle),
        Err(error) => (unable(error), Idle::default()),
    };
    let gathered = gather(&mut *transport, local, idle);
    let (mut peers, Prepared { plan, tasks, options, storage }) = match (gathered, prepared) {
        (Ok(peers), Ok(prepared)) => (peers, prepared),
        (Err(error), _) if !matches!(error, RunError::Refused { .. }) => {
            // Not everybody was heard, but everybody waits for an answer.
            let stopped = stop_all(&mut *transport, refusal(&error));
            abandon(transport);
            stopped?;
            return Err(error);
        }
        (gathered, prepared) => {
            close(transport)?;
            gathered?;
            return Err(prepared.err().unwrap_or(RunError::WithoutMpi));
        }
    };
    tell_doubts(&plan);
    tell_protection(&options, transport.size());
    let n_working = peers.len() + usize::from(options.rank0_slots > 0);
    let refused = one_process_refusal(&plan, n_working).map_or(Ok(()), Err);
    let begun = refused.and_then(|()| begin(&plan, &tasks, &peers, &options, &storage));
    let begun = match begun {
        Ok(begun) => begun,
        Err(error) => {
            stop_all(&mut *transport, refusal(&error))?;
            close(transport)?;
            return Err(error);
        }
    };
    if options.rank0_slots == 0 {
        return schedule(transport, begun, peers, options);
    }
    peers.extend((0..options.rank0_slots).map(|_| Peer::here(1)));
    with_threads(options.rank0_slots, options.idle, &storage, &tasks, body, |threads| match threads {
        Ok(threads) => schedule(Box::new(Joined::new(transport, threads)), begun, peers, options),
        Err(error) => {
            stop_all(&mut *transport, refusal(&error))?;
            close(transport)?;
            Err(error)
        }
    })
}

/// What keeps `n_ranks` ranks from processing the plan's blocks: an output that only one process can write.
fn one_process_refusal(plan: &Plan, n_ranks: usize) -> Option<RunError> {
    let mut tasks = plan.tasks().iter().map(|planned| &planned.spec).filter(|_| n_ranks > 1);
    tasks.find_map(|task| {
        let (output, why) = task.one_process_output()?;
        Some(RunError::OneProcessOnly {
            task: task.name().to_owned(),
            output: output.to_owned(),
            n_ranks,
            why: why.to_owned(),
        })
    })
}

/// No more than this many things that look like mistakes are told.
const MAX_DOUBTS: usize = 10;

/// Says what looks like a mistake in the plan: once for each run, on the rank that schedules.
fn tell_doubts(plan: &Plan) {
    let doubts = plan.warnings();
    doubts.iter().take(MAX_DOUBTS).for_each(|doubt| log::warn!("{doubt}"));
    if doubts.len() > MAX_DOUBTS {
        log::warn!("{} more of the kind", doubts.len() - MAX_DOUBTS);
    }
}

/// Says what protects the run, on the rank that schedules.
fn tell_protection(options: &Options, n_ranks: usize) {
    if log::log_enabled!(log::Level::Info) {
        log::info!("{}", Protection::find(options, n_ranks));
    }
}

/// Any other rank.
fn join(
    mut transport: Box<dyn Transport>,
    may_share: bool,
    prepared: Result<Prepared, RunError>,
    body: Body<'_>,
) -> Result<Report, RunError> {
    // A signal to the whole job is rank 0's to answer.
    let _interrupt = Interrupt::listen();
    let slots = prepared.as_ref().map_or(1, |prepared| prepared.options.slots.unwrap_or(1));
    let hello = match &prepared {
        // Several slots leave a thread to talk, and one has a helper where MPI allows that.
        Ok(Prepared { plan, .. }) => ready(plan, slots, may_share || slots > 1),
        Err(error) => unable(error),
    };
    send_hello(&mut *transport, hello)?;
    let stopped = match prepared {
        Ok(Prepared { tasks, options, storage, .. }) => {
            // Rank 0 asks those who answer at any time, so that they hear of it. It may take its time.
            let is_asked = may_share || slots > 1;
            let rank0_patience = if is_asked { options.lost_after * PATIENCE_FACTOR } else { Duration::ZERO };
            let (rank, idle, block_timeout) = (transport.rank(), options.idle, options.block_timeout);
            let setup = Setup {
                rank,
                slots,
                idle,
                may_share,
                shared_helper: None,
                block_timeout,
                rank0_patience,
                storage,
            };
            work(transport, setup, &tasks, body.as_loop())?
        }
        Err(_) => {
            let stopped = wait_for_stop(&mut *transport, Idle::default())?;
            close(transport)?;
            stopped
        }
    };
    match stopped {
        Stop::Finished(report) => {
            Ok(serde_json::from_str(&report).map_err(|e| WireError::Unreadable(e.to_string()))?)
        }
        Stop::Refused(problem) => Err(problem.into()),
        Stop::Lost => Err(RunError::Lost),
        Stop::AllEnded { .. } => {
            Err(WireError::Unexpected("the end of all programs within a run".to_owned()).into())
        }
    }
}

/// What rank 0 tells the others when the run cannot begin, or go on.
fn refusal(error: &RunError) -> Stop {
    Stop::Refused(error.into())
}

/// No other ranks: threads.
fn alone(prepared: Prepared, body: Body<'_>) -> Result<Report, RunError> {
    let Prepared { plan, tasks, options, storage } = prepared;
    tell_doubts(&plan);
    tell_protection(&options, 1);
    let n_cores = thread::available_parallelism().map_or(1, usize::from);
    let n_threads = options.slots.unwrap_or_else(|| u32::try_from(n_cores).unwrap_or(1));
    // Threads of this process need no checking.
    let options = Options { status_interval: Duration::ZERO, ..options };
    let peers = vec![Peer::here(1); n_threads as usize];
    let begun = begin(&plan, &tasks, &peers, &options, &storage)?;
    with_threads(n_threads, options.idle, &storage, &tasks, body, |threads| {
        schedule(Box::new(threads?), begun, peers, options)
    })
}

/// A scheduler that knows which blocks are left out and which are done, and what remembers them.
fn begin(
    plan: &Arc<Plan>,
    tasks: &[Task],
    peers: &[Peer],
    options: &Options,
    storage: &Context,
) -> Result<Begun, RunError> {
    // The first loss is none that follows another.
    let max_crashes = options.max_crashes.saturating_sub(1);
    let awaits_sync = options.run_dir.is_some() && options.durability == Durability::Epoch;
    let place_pause = options.place_pause.as_micros().try_into().unwrap_or(Time::MAX);
    let block_timeout = match options.block_timeout {
        Duration::ZERO => Time::MAX,
        timeout => Time::try_from(timeout.as_micros()).unwrap_or(Time::MAX),
    };
    let credits = options.credits;
    let config = Config { credits, max_crashes, awaits_sync, place_pause, block_timeout };
    let mut scheduler = Scheduler::new(plan.clone(), config);
    let selection = selection(plan, tasks, options, storage)?;
    if let Some(selection) = &selection {
        leave_out(&mut scheduler, plan, selection);
    }
    let mut outputs = Outputs::of(plan);
    let locks = lock_outputs(&outputs.to_lock(selection.as_ref()), peers)?;
    let resume = |dir: &Path| {
        let run = Resumption { plan, peers, options, selection: selection.as_ref() };
        run.resume(dir, &mut outputs, &mut scheduler)
    };
    let recorder = options.run_dir.as_deref().map(resume).transpose()?;
    Ok(Begun { scheduler, recorder, outputs, locks })
}

fn schedule(
    transport: Box<dyn Transport>,
    begun: Begun,
    peers: Vec<Peer>,
    options: Options,
) -> Result<Report, RunError> {
    match Coordinator::new(transport, begun, peers, options).run() {
        // Workers are in the middle of blocks, and nobody waits for those.
        Err(error @ (RunError::Interrupted { .. } | RunError::GivenUp { .. })) => leave_at_once(&error),
        report => report,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::observe::Progress;
    use crate::run::messages::tag;
    use crate::transport::local::{LocalTransport, network};
    use crate::wire::{Hello, MessageKind};

    /// Runs rank 0 of three beside ranks 1 and 2, each of which sends what it is given and then waits for the end.
    fn beside(says: impl Fn(&mut LocalTransport, &Plan) + Sync) -> (Result<Report, RunError>, Vec<Stop>) {
        let total = Roi::new([0], [10]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape([1]).process(|_| Ok(()));
        let options = Options { progress: Progress::Off, ..Options::default() };
        let pipeline = Pipeline::from(task.build().expect("a task"));
        let prepared = Prepared::new(&pipeline, options, Context::new()).expect("one task is a plan");
        let plan = prepared.plan.clone();
        let mut ranks = network(3).into_iter();
        let rank0 = ranks.next().expect("there are three");
        thread::scope(|scope| {
            let start = |mut rank: LocalTransport| {
                let (says, plan) = (&says, &plan);
                scope.spawn(move || {
                    says(&mut rank, plan);
                    wait_for_stop(&mut rank, Idle::Sleep).expect("rank 0 says stop")
                })
            };
            let others: Vec<_> = ranks.map(start).collect();
            let report = coordinate(Box::new(rank0), Ok(prepared), Body::Tasks);
            (report, others.into_iter().map(|rank| rank.join().expect("it does not panic")).collect())
        })
    }

    #[test]
    fn whoever_cannot_be_understood_keeps_nobody_waiting() {
        for is_welcomed in [false, true] {
            let (report, stops) = beside(|rank, plan| {
                // Rank 0 may have gone already, and has said stop before.
                if is_welcomed || rank.rank() == 1 {
                    let _ = send_hello(rank, ready(plan, 1, true));
                }
                if rank.rank() == 2 {
                    rank.send(0, tag(MessageKind::Hello), &[77]).expect("rank 0 waits for it");
                }
            });
            assert!(matches!(report, Err(RunError::Wire(_))), "{report:?}");
            let is_refused = |stop: &Stop| matches!(stop, Stop::Refused(problem) if problem.why.contains("speaks protocol 77"));
            assert!(stops.iter().all(is_refused), "{stops:?}");
        }
    }

    #[test]
    fn a_worker_that_cannot_go_on_ends_the_run_for_all() {
        let (report, stops) = beside(|rank, plan| {
            send_hello(rank, ready(plan, 1, true)).expect("rank 0 is there");
            if rank.rank() == 2 {
                send_hello(rank, Hello::Unable { why: "no more threads".to_owned() })
                    .expect("rank 0 is there");
            }
        });
        // Rank 0 hears of it in the handshake, or later.
        let is_told = |why: &str| why.contains("2") && why.ends_with(": no more threads");
        assert!(matches!(&report, Err(RunError::Refused { why, .. }) if is_told(why)), "{report:?}");
        assert!(
            stops.iter().all(|stop| matches!(stop, Stop::Refused(problem) if is_told(&problem.why))),
            "{stops:?}"
        );
    }

    /// Runs rank 0 of three, of which `n_gone` say hello and leave, and the others work.
    fn beside_leavers(n_gone: usize) -> Result<Report, RunError> {
        let total = Roi::new([0], [10]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape([1]).process(|_| Ok(()));
        let pipeline = Pipeline::from(task.build().expect("a task"));
        let options = Options { progress: Progress::Off, ..Options::default() };
        let prepare =
            || Prepared::new(&pipeline, options.clone(), Context::new()).expect("one task is a plan");
        let mut ranks = network(3).into_iter();
        let rank0 = ranks.next().expect("there are three");
        thread::scope(|scope| {
            for mut rank in ranks {
                let Prepared { plan, tasks, .. } = prepare();
                send_hello(&mut rank, ready(&plan, 1, true)).expect("rank 0 is there");
                let storage = Context::new();
                let setup = Setup {
                    rank: rank.rank(),
                    slots: 1,
                    idle: Idle::Sleep,
                    may_share: false,
                    shared_helper: None,
                    block_timeout: Duration::ZERO,
                    rank0_patience: Duration::ZERO,
                    storage,
                };
                if setup.rank > n_gone {
                    scope.spawn(move || work(Box::new(rank), setup, &tasks, Body::Tasks.as_loop()));
                }
            }
            coordinate(Box::new(rank0), Ok(prepare()), Body::Tasks)
        })
    }

    #[test]
    fn a_worker_that_cannot_be_reached_leaves_its_blocks_to_others() {
        let report = beside_leavers(1).expect("one worker is enough");
        assert!(report.all_completed(), "{report}");
        assert_eq!(beside_leavers(2), Err(RunError::NoWorkers { remaining: 10, n_lost: 2 }));
    }
}
