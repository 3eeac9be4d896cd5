//! A run, from a pipeline to a report, wherever the process stands.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::coordinator::Coordinator;
use super::error::RunError;
use super::greeting::{await_stop, brought, cut, gather, introduce, stop};
use super::interrupt::Interrupt;
use super::options::Options;
#[cfg(all(feature = "hdf5", feature = "mpi"))]
use super::place::ranks;
use super::place::{Comm, Place};
use super::program::{note_leader, note_run};
use super::worker::{Loop, Setup, Worker, process_all, work};
use crate::observe::{Progress, Report};
use crate::plan::{BoxError, Pipeline, Plan};
use crate::scheduler::{Config, Scheduler};
use crate::storage;
#[cfg(all(feature = "hdf5", feature = "mpi"))]
use crate::storage::MpiIo;
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

    /// Runs on the ranks of this communicator instead of MPI's world. All of them call [`run`](Self::run), and no
    /// others; messages travel on a duplicate, which never meets the program's own.
    ///
    /// For programs that initialize MPI themselves. Any thread level will do: with `MPI_THREAD_MULTIPLE`, workers
    /// answer status checks while they process a block; with less, between blocks, so that a closure may call MPI on
    /// its own. Where one rank processes several blocks at once ([`slots`](Self::slots)), closures that call MPI need
    /// `MPI_THREAD_MULTIPLE`.
    ///
    /// ```no_run
    /// use bellis::{Roi, Runner, Task};
    /// use mpi::topology::{Color, Communicator};
    ///
    /// let (universe, _) = mpi::initialize_with_threading(mpi::Threading::Multiple).expect("MPI starts here");
    /// let world = universe.world();
    /// // One half of the ranks runs the pipeline, the other half does something else.
    /// let half = world.split_by_color(Color::with_value(world.rank() % 2)).expect("every rank has a color");
    /// if world.rank() % 2 == 0 {
    ///     let total = Roi::new([0], [1000])?;
    ///     let task = Task::builder("even").total_roi(total).block_shape([10]).process(|_| Ok(())).build()?;
    ///     Runner::new().communicator(&half).run(task)?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "mpi")]
    #[must_use]
    pub fn communicator<C>(mut self, communicator: &'c C) -> Self
    where
        C: mpi::traits::Communicator + mpi::traits::AsRaw<Raw = mpi::ffi::MPI_Comm>,
    {
        self.communicator = Some(Comm::of(communicator));
        self
    }

    /// The ranks that [`run`](Self::run) would have, for HDF5 files that they open together with MPI-IO; `None` for one
    /// that is alone. Initializes MPI where a launcher started several ranks, which otherwise waits for the run.
    ///
    /// Collective on a [communicator](Self::communicator) that was given: it is duplicated, for as long as MPI lives.
    ///
    /// ```no_run
    /// use bellis::{Array, ArraySpec, Runner};
    ///
    /// let (path, spec) = ("a.h5/raw", ArraySpec::new([1000, 1000]));
    /// let array = match Runner::new().mpi_io()? {
    ///     Some(ranks) => Array::<u8>::create_mpio(path, &spec, ranks)?,
    ///     None => Array::create(path, &spec)?,
    /// };
    /// # Ok::<(), bellis::BoxError>(())
    /// ```
    ///
    /// # Errors
    /// MPI is finalized; the launcher and the MPI library do not belong together.
    #[cfg(all(feature = "hdf5", feature = "mpi"))]
    pub fn mpi_io(&self) -> Result<Option<MpiIo>, RunError> {
        let Some((comm, _)) = ranks(self.communicator)? else { return Ok(None) };
        Ok(match self.communicator {
            // SAFETY: MPI is initialized, and the communicator is borrowed for as long as the runner lives.
            Some(_) => Some(unsafe { MpiIo::duplicate_of(comm.raw()) }),
            // The world is never freed.
            None => MpiIo::world(),
        })
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

    /// [`Options::cache_mib`].
    #[must_use]
    pub fn cache_mib(mut self, mib: u64) -> Self {
        self.options.cache_mib = mib;
        self
    }

    /// [`Options::sync`].
    #[must_use]
    pub fn sync(mut self, sync: bool) -> Self {
        self.options.sync = sync;
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
        let options = self.options.over(environment())?;
        storage::set_cache_capacity(options.cache_mib << 20);
        storage::set_sync(options.sync);
        Ok((Arc::new(Plan::new(pipeline)?), options))
    }

    fn run_prepared(&self, prepared: Prepared, body: &Loop<'_>) -> Result<Report, RunError> {
        note_leader(true);
        let report = match Place::find(self.communicator)? {
            Place::Alone => {
                let (plan, options) = prepared?;
                alone(&plan, options, body)
            }
            Place::Rank { transport, .. } if transport.rank() == 0 => coordinate(transport, prepared, body),
            Place::Rank { transport, may_share } => {
                note_leader(false);
                join(transport, may_share, prepared, body)
            }
        };
        // A loop that failed at its very end failed after a run.
        if matches!(report, Ok(_) | Err(RunError::Loop(_))) {
            note_run();
        }
        report
    }
}

/// The environment as text: a variable that is none cannot be an option with a good value.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// Rank 0 of several.
fn coordinate(
    mut transport: Box<dyn Transport>,
    prepared: Prepared,
    body: &Loop<'_>,
) -> Result<Report, RunError> {
    let idle = prepared.as_ref().map_or(Idle::default(), |(_, options)| options.idle);
    let mine = prepared.as_ref().map_or_else(|error| Err(cut(error.to_string())), |(plan, _)| brought(plan));
    let gathered = gather(&mut *transport, &mine, idle);
    let (mut slots, (plan, options)) = match (gathered, prepared) {
        (Ok(slots), Ok(prepared)) => (slots, prepared),
        (Err(error), _) if !matches!(error, RunError::Refused { .. }) => {
            // Not everybody was heard, but everybody waits for an answer.
            let told = stop(&mut *transport, Stop::Refused(error.to_string()));
            transport.abandon();
            told?;
            return Err(error);
        }
        (gathered, prepared) => {
            transport.close()?;
            gathered?;
            return Err(prepared.err().unwrap_or(RunError::WithoutMpi));
        }
    };
    let n_working = slots.len() + usize::from(options.rank0_slots > 0);
    if let Some(error) = one_process_only(&plan, n_working) {
        stop(&mut *transport, Stop::Refused(error.to_string()))?;
        transport.close()?;
        return Err(error);
    }
    if options.rank0_slots == 0 {
        return schedule(transport, &plan, &slots, options);
    }
    slots.extend((0..options.rank0_slots).map(|_| 1));
    with_threads(options.rank0_slots, options, &plan, body, |threads| match threads {
        Ok(threads) => schedule(Box::new(Joined::new(transport, threads)), &plan, &slots, options),
        Err(error) => {
            stop(&mut *transport, Stop::Refused(error.to_string()))?;
            transport.close()?;
            Err(error)
        }
    })
}

/// What keeps `n_ranks` ranks from processing the plan's blocks: an output that only one process can write.
fn one_process_only(plan: &Plan, n_ranks: usize) -> Option<RunError> {
    let mut tasks = plan.tasks().iter().map(|planned| &planned.task).filter(|_| n_ranks > 1);
    tasks.find_map(|task| {
        let (output, why) = task.one_process_only()?;
        Some(RunError::OneProcessOnly {
            task: task.name().to_owned(),
            output: output.to_owned(),
            n_ranks,
            why: why.to_owned(),
        })
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
    // Not 0: this rank's program has not ended, whatever keeps it from running.
    let slots = prepared.as_ref().map_or(1, |(_, options)| options.slots.unwrap_or(1));
    introduce(&mut *transport, slots, mine)?;
    let stopped = match prepared {
        Ok((plan, options)) => {
            let setup = Setup { rank: transport.rank(), slots, idle: options.idle, may_share };
            work(transport, setup, &plan, body)?
        }
        Err(_) => {
            let stopped = await_stop(&mut *transport, Idle::default())?;
            transport.close()?;
            stopped
        }
    };
    match stopped {
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
    with_threads(n_threads, options, plan, body, |threads| {
        schedule(Box::new(threads?), plan, &slots, options)
    })
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

/// Runs `lead` on this thread beside `n_threads` threads that work for it, if they can be started.
fn with_threads(
    n_threads: u32,
    options: Options,
    plan: &Arc<Plan>,
    body: &Loop<'_>,
    lead: impl FnOnce(Result<LocalTransport, RunError>) -> Result<Report, RunError>,
) -> Result<Report, RunError> {
    let mut endpoints = network(n_threads as usize + 1).into_iter();
    let mut mine = endpoints.next().expect("a network has an endpoint 0");
    thread::scope(|scope| {
        let start = |endpoint: LocalTransport| {
            let setup = Setup { rank: endpoint.rank(), slots: 1, idle: options.idle, may_share: false };
            let name = format!("worker {}", setup.rank);
            let work = move || work(Box::new(endpoint), setup, plan, body);
            thread::Builder::new().name(name).spawn_scoped(scope, work)
        };
        let mut workers = Vec::new();
        for endpoint in endpoints {
            match start(endpoint) {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    let error = RunError::Thread(error.to_string());
                    // It fails at the endpoints without a thread, which come last.
                    let _ = stop(&mut mine, Stop::Refused(error.to_string()));
                    return lead(Err(error));
                }
            }
        }
        let report = lead(Ok(mine))?;
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(report)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::Task;
    use crate::run::greeting::tag;
    use crate::wire::MessageKind;

    /// Runs rank 0 of three beside ranks 1 and 2, each of which sends what it is given and then waits for the end.
    fn beside(says: impl Fn(&mut LocalTransport, &Plan) + Sync) -> (Result<Report, RunError>, Vec<Stop>) {
        let total = Roi::new([0], [10]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape([1]).process(|_| Ok(()));
        let plan =
            Arc::new(Plan::new(&Pipeline::from(task.build().expect("a task"))).expect("one task is a plan"));
        let mut ranks = network(3).into_iter();
        let rank0 = ranks.next().expect("there are three");
        thread::scope(|scope| {
            let start = |mut rank: LocalTransport| {
                let (says, plan) = (&says, &plan);
                scope.spawn(move || {
                    says(&mut rank, plan);
                    await_stop(&mut rank, Idle::Sleep).expect("rank 0 says stop")
                })
            };
            let others: Vec<_> = ranks.map(start).collect();
            let options = Options { progress: Progress::Off, ..Options::default() };
            let report = coordinate(Box::new(rank0), Ok((plan.clone(), options)), &process_all);
            (report, others.into_iter().map(|rank| rank.join().expect("it does not panic")).collect())
        })
    }

    #[test]
    fn whoever_cannot_be_understood_keeps_nobody_waiting() {
        for is_greeted in [false, true] {
            let (report, stops) = beside(|rank, plan| {
                // Rank 0 may have gone already, and has said stop before.
                if is_greeted || rank.rank() == 1 {
                    let _ = introduce(rank, 1, brought(plan));
                }
                if rank.rank() == 2 {
                    rank.send(0, tag(MessageKind::Hello), &[77]).expect("rank 0 waits for it");
                }
            });
            assert!(matches!(report, Err(RunError::Wire(_))), "{report:?}");
            let is_refused =
                |stop: &Stop| matches!(stop, Stop::Refused(why) if why.contains("speaks protocol 77"));
            assert!(stops.iter().all(is_refused), "{stops:?}");
        }
    }

    #[test]
    fn a_worker_that_cannot_go_on_ends_the_run_for_all() {
        let (report, stops) = beside(|rank, plan| {
            introduce(rank, 1, brought(plan)).expect("rank 0 is there");
            if rank.rank() == 2 {
                introduce(rank, 0, Err("no more threads".to_owned())).expect("rank 0 is there");
            }
        });
        // Rank 0 hears of it while it greets the others, or later.
        let is_told = |why: &str| why.contains("2") && why.ends_with(": no more threads");
        assert!(matches!(&report, Err(RunError::Refused { message }) if is_told(message)), "{report:?}");
        assert!(stops.iter().all(|stop| matches!(stop, Stop::Refused(why) if is_told(why))), "{stops:?}");
    }
}
