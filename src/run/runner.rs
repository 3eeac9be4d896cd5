//! A run, from a pipeline to a report, wherever the process stands.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::coordinator::Coordinator;
use super::error::RunError;
use super::greeting::{await_stop, brought, gather, introduce};
use super::interrupt::Interrupt;
use super::options::Options;
use super::place::{Comm, Place};
use super::worker::{Loop, Setup, Worker, process_all, work};
use crate::observe::{Progress, Report};
use crate::plan::{BoxError, Pipeline, Plan};
use crate::scheduler::{Config, Scheduler};
use crate::transport::local::{LocalTransport, network};
use crate::transport::{Idle, Joined, Transport};
use crate::wire::{Stop, WireError};

/// Runs a pipeline with the [options](Options) of the environment: [`Runner::new`]`.run(pipeline)`.
///
/// # Errors
/// As [`Runner::run`].
pub fn run(pipeline: impl Into<Pipeline>) -> Result<Report, RunError> {
    Runner::new().run(pipeline)
}

/// How to run pipelines.
///
/// Every rank makes the same calls with the same pipeline (SPMD). Rank 0 schedules and every other rank works; a
/// process that is alone does it all with threads and does not initialize MPI. MPI is initialized only if nobody has,
/// and then finalized when the program ends, so that one pipeline can be run after another.
#[derive(Debug, Clone, Default)]
pub struct Runner<'c> {
    options: Options,
    communicator: Option<Comm<'c>>,
}

/// What a rank needs to run.
type Prepared = Result<(Arc<Plan>, Options), RunError>;

impl<'c> Runner<'c> {
    /// A runner with default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs on the ranks of this communicator instead of MPI's world. All of them call [`run`](Self::run); messages
    /// travel on a duplicate.
    #[cfg(feature = "mpi")]
    #[must_use]
    pub fn communicator<C>(mut self, communicator: &'c C) -> Self
    where
        C: mpi::traits::Communicator + mpi::traits::AsRaw<Raw = mpi::ffi::MPI_Comm>,
    {
        self.communicator = Some(Comm::of(communicator));
        self
    }

    /// [`Options::credits`].
    #[must_use]
    pub fn credits(mut self, credits: u32) -> Self {
        self.options.credits = credits;
        self
    }

    /// [`Options::slots`].
    #[must_use]
    pub fn slots(mut self, slots: u32) -> Self {
        self.options.slots = Some(slots);
        self
    }

    /// [`Options::rank0_slots`].
    #[must_use]
    pub fn rank0_slots(mut self, slots: u32) -> Self {
        self.options.rank0_slots = slots;
        self
    }

    /// [`Options::idle`].
    #[must_use]
    pub fn idle(mut self, idle: Idle) -> Self {
        self.options.idle = idle;
        self
    }

    /// [`Options::progress`].
    #[must_use]
    pub fn progress(mut self, progress: Progress) -> Self {
        self.options.progress = progress;
        self
    }

    /// [`Options::status_interval`].
    #[must_use]
    pub fn status_interval(mut self, interval: Duration) -> Self {
        self.options.status_interval = interval;
        self
    }

    /// Runs a pipeline and returns, on every rank, how it went. Blocks that fail make no error here but in
    /// [`Report::into_result`].
    ///
    /// # Errors
    /// The pipeline or an option is wrong on any rank, ranks built different pipelines, or messages failed: then no
    /// rank ran anything, or all broke off. The message is the same on every rank.
    pub fn run(&self, pipeline: impl Into<Pipeline>) -> Result<Report, RunError> {
        let pipeline = pipeline.into();
        let without = pipeline.tasks().iter().find(|task| !task.body().has_process());
        let prepared = match without {
            Some(task) => Err(RunError::NoProcess { task: task.name().to_owned() }),
            None => self.prepare(&pipeline),
        };
        self.run_prepared(prepared, &process_all)
    }

    /// Runs a pipeline with a loop of the program's own on each slot of each worker. It should
    /// [`acquire`](Worker::acquire) blocks until there are none; what it leaves behind fails.
    ///
    /// ```
    /// # use bellis::{Progress, Roi, Runner, Task};
    /// let task = Task::builder("own loop").total_roi(Roi::new([0], [10])?).block_shape([1]).build()?;
    /// let report = Runner::new().progress(Progress::Off).run_with(task, |worker| {
    ///     while let Some(block) = worker.acquire()? {
    ///         let outcome = if block.index() == 3 { Err("no luck".into()) } else { Ok(()) };
    ///         worker.release(block, outcome)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert_eq!(report.tasks[0].counts.failed, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_with(
        &self,
        pipeline: impl Into<Pipeline>,
        body: impl Fn(&mut Worker) -> Result<(), BoxError> + Sync,
    ) -> Result<Report, RunError> {
        self.run_prepared(self.prepare(&pipeline.into()), &body)
    }

    fn prepare(&self, pipeline: &Pipeline) -> Prepared {
        let options = self.options.over(std::env::vars())?;
        Ok((Arc::new(Plan::new(pipeline)?), options))
    }

    fn run_prepared(&self, prepared: Prepared, body: &Loop<'_>) -> Result<Report, RunError> {
        let result = self.run_in_place(prepared, body);
        super::program::note_run(&result);
        result
    }

    fn run_in_place(&self, prepared: Prepared, body: &Loop<'_>) -> Result<Report, RunError> {
        match Place::find(self.communicator)? {
            Place::Alone => {
                let (plan, options) = prepared?;
                alone(&plan, options, body)
            }
            Place::Rank { transport, .. } if transport.rank() == 0 => coordinate(transport, prepared, body),
            Place::Rank { transport, may_share } => join(transport, may_share, prepared, body),
        }
    }
}

/// Rank 0 of several.
fn coordinate(
    mut transport: Box<dyn Transport>,
    prepared: Prepared,
    body: &Loop<'_>,
) -> Result<Report, RunError> {
    let idle = prepared.as_ref().map_or(Idle::default(), |(_, options)| options.idle);
    let mine = prepared.as_ref().map_or_else(|error| Err(error.to_string()), |(plan, _)| brought(plan));
    let gathered = gather(&mut *transport, &mine, idle);
    let (mut slots, (plan, options)) = match (gathered, prepared) {
        (Ok(slots), Ok(prepared)) => (slots, prepared),
        (gathered, prepared) => {
            transport.close()?;
            gathered?;
            return Err(prepared.err().unwrap_or(RunError::WithoutMpi));
        }
    };
    if options.rank0_slots == 0 {
        return schedule(transport, &plan, &slots, options);
    }
    slots.extend((0..options.rank0_slots).map(|_| 1));
    with_threads(options.rank0_slots, options, &plan, body, |threads| {
        schedule(Box::new(Joined::new(transport, threads)), &plan, &slots, options)
    })
}

/// Any other rank.
fn join(
    mut transport: Box<dyn Transport>,
    may_share: bool,
    prepared: Prepared,
    body: &Loop<'_>,
) -> Result<Report, RunError> {
    // A signal to the whole job is rank 0's to answer.
    let _interrupt = Interrupt::listen();
    let mine = prepared.as_ref().map_or_else(|error| Err(error.to_string()), |(plan, _)| brought(plan));
    let slots = prepared.as_ref().map_or(1, |(_, options)| options.slots.unwrap_or(1));
    introduce(&mut *transport, slots, mine)?;
    let stop = match prepared {
        Ok((plan, options)) => {
            let setup = Setup { rank: transport.rank(), slots, idle: options.idle, may_share };
            work(transport, setup, &plan, body)?
        }
        Err(_) => {
            let stop = await_stop(&mut *transport, Idle::default())?;
            transport.close()?;
            stop
        }
    };
    match stop {
        Stop::Ended(report) => {
            Ok(serde_json::from_str(&report).map_err(|e| WireError::Unreadable(e.to_string()))?)
        }
        Stop::Refused(message) => Err(RunError::Refused { message }),
    }
}

/// No other ranks: threads.
fn alone(plan: &Arc<Plan>, options: Options, body: &Loop<'_>) -> Result<Report, RunError> {
    let n_cores = thread::available_parallelism().map_or(1, usize::from);
    let n_threads = options.slots.unwrap_or_else(|| u32::try_from(n_cores).unwrap_or(1));
    // Threads of this process need no checking.
    let options = Options { status_interval: Duration::ZERO, ..options };
    let slots = vec![1; n_threads as usize];
    with_threads(n_threads, options, plan, body, |threads| schedule(Box::new(threads), plan, &slots, options))
}

fn schedule(
    transport: Box<dyn Transport>,
    plan: &Arc<Plan>,
    slots: &[u32],
    options: Options,
) -> Result<Report, RunError> {
    let config = Config { credits: options.credits, ..Config::default() };
    Coordinator::new(transport, Scheduler::new(plan.clone(), config), slots, options).run(slots)
}

/// Runs `lead` on this thread beside `n_threads` threads that work for it.
fn with_threads(
    n_threads: u32,
    options: Options,
    plan: &Arc<Plan>,
    body: &Loop<'_>,
    lead: impl FnOnce(LocalTransport) -> Result<Report, RunError>,
) -> Result<Report, RunError> {
    let mut endpoints = network(n_threads as usize + 1).into_iter();
    let mine = endpoints.next().expect("a network has an endpoint 0");
    thread::scope(|scope| {
        let start = |endpoint: LocalTransport| {
            let setup = Setup { rank: endpoint.rank(), slots: 1, idle: options.idle, may_share: false };
            let name = format!("worker {}", setup.rank);
            let work = move || work(Box::new(endpoint), setup, plan, body);
            thread::Builder::new().name(name).spawn_scoped(scope, work)
        };
        let started = endpoints.map(start).collect::<Result<Vec<_>, _>>();
        let mut mine = mine;
        if let Err(error) = started {
            let error = RunError::Thread(error.to_string());
            super::greeting::stop(&mut mine, Stop::Refused(error.to_string()))?;
            return Err(error);
        }
        lead(mine)
    })
}
