//! How a program runs a pipeline: the options, and the calls.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::error::RunError;
use super::options::{Durability, Options, OptionsError, RunOption};
use super::protection::Protection;
use super::session::{self, Prepared};
use super::startup::membership::ranks;
use super::topology;
use super::worker::body::Body;
use super::worker::slot::Worker;
use crate::geometry::Roi;
use crate::mpi::Comm;
use crate::observe::{Progress, Report};
use crate::plan::{BoxError, Pipeline};
#[cfg(all(feature = "hdf5", feature = "mpi"))]
use crate::storage::MpiIo;
use crate::storage::{Context, SyncBy};
use crate::transport::Idle;

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
    /// What wins over the environment.
    told: Vec<(&'static RunOption, String)>,
    communicator: Option<Comm<'c>>,
    /// `None`: the process's.
    storage: Option<Context>,
}

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
    ///     Runner::new().communicator(&half).run(task)?.into_result()?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "mpi")]
    #[must_use]
    pub fn communicator(mut self, communicator: impl Into<Comm<'c>>) -> Self {
        self.communicator = Some(communicator.into());
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

    /// How many processes would process the blocks of a run: all ranks but rank 0, and rank 0 where it has
    /// [slots](Self::rank0_slots); 1 where a process is alone. Initializes MPI where a launcher started several ranks, which
    /// otherwise waits for the run.
    ///
    /// ```
    /// assert_eq!(bellis::Runner::new().n_processes()?, 1);
    /// # Ok::<(), bellis::RunError>(())
    /// ```
    ///
    /// # Errors
    /// An option of the environment is wrong; MPI is finalized; the launcher and the MPI library do not belong together.
    pub fn n_processes(&self) -> Result<usize, RunError> {
        let options = self.resolved()?;
        let Some((comm, _)) = ranks(self.communicator)? else { return Ok(1) };
        let (_, size) = comm.rank_and_size().map_err(|error| RunError::Transport(error.into()))?;
        Ok(topology::workers(size).len() + usize::from(options.rank0_slots > 0))
    }

    /// What would protect a run, and what to change for more: on the ranks that it would have, which initializes MPI where a
    /// launcher started several. On rank 0 it tries whether the run directory's lock works.
    ///
    /// ```
    /// let protection = bellis::Runner::new().protection()?;
    /// assert!(protection.advice().iter().any(|advice| advice.contains("--run-dir")));
    /// # Ok::<(), bellis::RunError>(())
    /// ```
    ///
    /// # Errors
    /// As [`n_processes`](Self::n_processes).
    pub fn protection(&self) -> Result<Protection, RunError> {
        let options = self.resolved()?;
        let (rank, n_ranks) = match ranks(self.communicator)? {
            Some((comm, _)) => comm.rank_and_size().map_err(|error| RunError::Transport(error.into()))?,
            None => (0, 1),
        };
        let mut protection = Protection::find(&options, n_ranks);
        if rank == 0 {
            protection.try_lock();
        }
        Ok(protection)
    }

    /// The context of the arrays that tasks read and write, the process's unless set. What is said of
    /// [`cache_mib`](Self::cache_mib), here or by the environment, is set in it, and stays; its reads are what the report
    /// counts.
    ///
    /// ```
    /// # use bellis::{Progress, Roi, Runner, Task};
    /// use bellis::storage::Context;
    /// let context = Context::new();
    /// let task = Task::builder("t").total_roi(Roi::new([0], [10])?).block_shape([1]).process(|_| Ok(())).build()?;
    /// Runner::new().storage(&context).cache_mib(64).progress(Progress::Off).run(task)?.into_result()?;
    /// assert_eq!(context.cache_bytes(), 64 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn storage(mut self, context: &Context) -> Self {
        self.storage = Some(context.clone());
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

    /// [`Options::cache_mib`].
    #[must_use]
    pub fn cache_mib(mut self, mib: u64) -> Self {
        self.options.cache_mib = Some(mib);
        self
    }

    /// [`Options::durability`]: see [`Durability`].
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// [`Options::run_dir`]: the same pipeline on the same directory goes on where it ended. Blocks that are done count as
    /// skipped; those that failed, and what waited for them, are tried again. A block is done once what it wrote to arrays is
    /// on the disk; closures that write files of their own say so by
    /// [`Context::note_written`](crate::storage::Context::note_written).
    ///
    /// Blocks that a mask excludes are recorded as such. Under another mask, or none, those that it no longer excludes are
    /// processed, and blocks of other tasks that were done without them are processed again. What [`only`](Self::only) and
    /// [`blocks`](Self::blocks) leave out is left for a later run, and so are the blocks that ran before one of those that
    /// they wait for.
    ///
    /// ```
    /// # use bellis::{Progress, Roi, Runner, Task};
    /// # let dir = tempfile::tempdir()?;
    /// let task = Task::builder("t").total_roi(Roi::new([0], [10])?).block_shape([1]).process(|_| Ok(())).build()?;
    /// let runner = Runner::new().run_dir(dir.path().join("run")).progress(Progress::Off);
    /// assert_eq!(runner.run(task.clone())?.tasks[0].counts.skipped, 0);
    /// assert_eq!(runner.run(task)?.tasks[0].counts.skipped, 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn run_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.run_dir = Some(dir.into());
        self
    }

    /// [`Options::epoch`].
    #[must_use]
    pub fn epoch(mut self, interval: Duration) -> Self {
        self.options.epoch = interval;
        self
    }

    /// [`Options::status_interval`].
    #[must_use]
    pub fn status_interval(mut self, interval: Duration) -> Self {
        self.options.status_interval = interval;
        self
    }

    /// [`Options::lost_after`].
    #[must_use]
    pub fn lost_after(mut self, silence: Duration) -> Self {
        self.options.lost_after = silence;
        self
    }

    /// [`Options::time_limit`].
    ///
    /// ```
    /// # use bellis::{Progress, Roi, Runner, Task};
    /// # use std::time::Duration;
    /// let task = Task::builder("t").total_roi(Roi::new([0], [10])?).block_shape([1]).process(|_| Ok(())).build()?;
    /// let runner = Runner::new().time_limit(Duration::ZERO).progress(Progress::Off);
    /// let error = runner.run(task)?.into_result().expect_err("there is no time for it");
    /// assert!(error.is_resumable());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.options.time_limit = Some(limit);
        self
    }

    /// [`Options::deadline`].
    #[must_use]
    pub fn deadline(mut self, end: SystemTime) -> Self {
        self.options.deadline = Some(end);
        self
    }

    /// [`Options::grace`].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.grace = Some(grace);
        self
    }

    /// [`Options::max_crashes`].
    #[must_use]
    pub fn max_crashes(mut self, crashes: u32) -> Self {
        self.options.max_crashes = crashes;
        self
    }

    /// [`Options::block_timeout`].
    #[must_use]
    pub fn block_timeout(mut self, timeout: Duration) -> Self {
        self.options.block_timeout = timeout;
        self
    }

    /// [`Options::only`].
    #[must_use]
    pub fn only(mut self, roi: Roi) -> Self {
        self.options.only = Some(roi);
        self
    }

    /// [`Options::blocks`].
    #[must_use]
    pub fn blocks(mut self, list: impl Into<String>) -> Self {
        self.options.blocks = Some(list.into());
        self
    }

    /// [`Options::mask`].
    #[must_use]
    pub fn mask(mut self, path: impl Into<PathBuf>) -> Self {
        self.options.mask = Some(path.into());
        self
    }

    /// Sets an option of a run over the environment: what the program was told when it was started, such as a flag on its
    /// command line. The last value that an option was given holds.
    ///
    /// ```
    /// use bellis::{RunOption, Runner};
    ///
    /// let mut runner = Runner::new();
    /// for option in RunOption::all().iter().filter(|option| option.name() == "slots") {
    ///     runner = runner.over_environment(option, "2")?;
    ///     let error = runner.clone().over_environment(option, "0").expect_err("no block would be processed");
    ///     assert_eq!(error.to_string(), "--slots=\"0\" is not possible: use a whole number from 1 to 4096");
    /// }
    /// # Ok::<(), bellis::OptionsError>(())
    /// ```
    ///
    /// # Errors
    /// A value that the option does not take. The message names the option as a flag.
    pub fn over_environment(mut self, option: &'static RunOption, value: &str) -> Result<Self, OptionsError> {
        Options::default().with(option, value)?;
        self.told.push((option, value.to_owned()));
        Ok(self)
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
        session::run(self.communicator, prepared, Body::Tasks)
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
        session::run(self.communicator, self.prepare(&pipeline.into()), Body::Loop(&body))
    }

    /// The options of a run: the program's, over them the environment's, over them what the program was told.
    fn resolved(&self) -> Result<Options, OptionsError> {
        let options = self.options.clone().over(environment())?;
        self.told.iter().try_fold(options, |options, (option, value)| options.with(option, value))
    }

    /// The run directory that a run would have, whoever named it: for programs that keep something beside it.
    ///
    /// # Errors
    /// An option of the environment is wrong.
    pub fn resolved_run_dir(&self) -> Result<Option<PathBuf>, OptionsError> {
        Ok(self.resolved()?.run_dir)
    }

    fn prepare(&self, pipeline: &Pipeline) -> Result<Prepared, RunError> {
        let options = self.resolved()?;
        let storage = self.storage.as_ref().unwrap_or_else(|| Context::process());
        if let Some(mib) = options.cache_mib {
            storage.set_cache_bytes(mib << 20);
        }
        storage.keep_note(match options.durability {
            Durability::Epoch if options.run_dir.is_some() => Some(SyncBy::Asking),
            Durability::Block => Some(SyncBy::Block),
            Durability::Epoch | Durability::None => None,
        });
        Ok(Prepared::new(pipeline, options, storage.clone())?)
    }
}

/// The environment as text: a variable that is none cannot be an option with a good value.
fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Task;

    #[test]
    fn only_what_is_said_is_set_and_only_in_its_context() {
        let total = Roi::new([0], [4]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape([1]).process(|_| Ok(()));
        let pipeline = Pipeline::from(task.build().expect("a task"));
        let settings = |context: &Context| (context.cache_bytes(), context.is_synced());
        let (mine, process) = (Context::new(), settings(Context::process()));
        mine.set_cache_bytes(3 << 20);
        mine.set_sync(true);
        let silent = Runner::new().storage(&mine).progress(Progress::Off);
        let options = Options::default().over([("HOME".to_owned(), "x".to_owned())]);
        assert_eq!(options.map(|options| options.cache_mib), Ok(None));
        silent.run(pipeline.clone()).expect("it runs").into_result().expect("all blocks do");
        assert_eq!(settings(&mine), (3 << 20, true));
        silent
            .clone()
            .cache_mib(5)
            .run(pipeline.clone())
            .expect("it runs")
            .into_result()
            .expect("all blocks do");
        assert_eq!(settings(&mine), (5 << 20, true));
        let durable = silent.durability(Durability::Block);
        durable.run(pipeline).expect("it runs").into_result().expect("all blocks do");
        assert_eq!(settings(&mine), (5 << 20, true));
        assert_eq!(settings(Context::process()), process);
    }
}
