//! A task as the user describes it.

// A length of time, and no clock.
use core::time::Duration;
use std::fmt;
use std::sync::Arc;

use super::block::{Block, BlockId, TaskId};
use super::body::{BlockResult, Body, BoxError, WorkerInfo};
use super::conflict::Conflicts;
use super::error::{PlanError, ProcessBlockError, TaskProblem};
use super::fit::Fit;
use super::grid::Grid;
use super::input::{Input, require_readable};
use super::output::Output;
use super::spec::TaskSpec;
use crate::geometry::{Coordinate, GeometryError, MaskSource, ReadSource, Roi, WriteTarget};

/// A function mapped over the blocks that tile a total ROI. Cheap to clone: clones are the same task.
///
/// ```
/// use bellis::{Roi, Task};
/// let task = Task::builder("smooth")
///     .total_roi(Roi::new([0, 0, 0], [100, 100, 100])?)
///     .block_shape([20, 20, 20])
///     .context([2, 2, 2], [2, 2, 2])
///     .process(|block| {
///         println!("{} reads {}", block, block.read_roi);
///         Ok(())
///     })
///     .build()?;
/// assert_eq!(task.grid().n_blocks(), 64); // 96 voxels along each axis can be written: 4 whole blocks
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Task {
    spec: Arc<TaskSpec>,
    body: Body,
}

impl Task {
    /// Starts the description of a task. Its name must be its own within a pipeline.
    pub fn builder(name: impl Into<String>) -> TaskBuilder {
        TaskBuilder {
            name: name.into(),
            total_roi: None,
            total_write_roi: None,
            block_shape: None,
            context: None,
            block_rois: None,
            fit: Fit::default(),
            read_write_conflict: None,
            share_chunks: false,
            max_retries: 2,
            max_workers: None,
            timeout: None,
            outputs: Vec::new(),
            inputs: Vec::new(),
            body: Body::default(),
        }
    }

    /// The task without its closures.
    pub fn spec(&self) -> &Arc<TaskSpec> {
        &self.spec
    }

    /// The closures.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.spec.name()
    }

    /// The grid of blocks.
    pub fn grid(&self) -> &Grid {
        self.spec.grid()
    }

    /// Which blocks conflict, or `None` when all may run at the same time.
    pub fn conflicts(&self) -> Option<&Conflicts> {
        self.spec.conflicts()
    }

    /// Maximum number of times that a failed block is tried again.
    pub fn max_retries(&self) -> u32 {
        self.spec.max_retries()
    }

    /// Maximum number of blocks processed at the same time, or `None` for as many as there are slots.
    pub fn max_workers(&self) -> Option<u32> {
        self.spec.max_workers()
    }

    /// How long a block may take, zero for ever; `None` for as long as the run says.
    pub fn timeout(&self) -> Option<Duration> {
        self.spec.timeout()
    }

    /// The name of an output that only one process can write, and why, if there is one.
    pub fn one_process_output(&self) -> Option<(&str, &str)> {
        self.spec.one_process_output()
    }

    /// Processes one block on this thread, and nothing else: to look into it with a debugger, say. The state that
    /// [`process_with`](TaskBuilder::process_with) prepares is made for it and dropped; a check is not asked.
    ///
    /// ```
    /// # use bellis::{Roi, Task};
    /// let task = Task::builder("t").total_roi(Roi::new([0], [10])?).block_shape([2]).process(|block| {
    ///     if block.index() == 3 { Err(format!("no luck at {}", block.write_roi).into()) } else { Ok(()) }
    /// });
    /// let task = task.build()?;
    /// task.process_block(2)?;
    /// assert_eq!(task.process_block(3).map_err(|error| error.to_string()), Err("no luck at [6:8]".to_owned()));
    /// # Ok::<(), bellis::BoxError>(())
    /// ```
    ///
    /// # Errors
    /// What the closures return; an index that is none of the grid's; a task without a process closure.
    pub fn process_block(&self, index: u64) -> BlockResult {
        let (name, n_blocks) = (self.name(), self.grid().n_blocks());
        if index >= n_blocks {
            return Err(ProcessBlockError::NoBlock { task: name.to_owned(), index, n_blocks }.into());
        }
        let worker = WorkerInfo { rank: 0, slot: 0 };
        let Some(process) = self.body.prepare(&worker) else {
            return Err(ProcessBlockError::NoProcess(name.to_owned()).into());
        };
        let position = self.grid().position(index);
        let id = BlockId { task: TaskId(0), index };
        let (read_roi, write_roi) = (self.grid().read_roi(&position), self.grid().write_roi(&position));
        process?(&Block { id, read_roi, write_roi })
    }

    /// A number that clones of a task share, and no other task that there is.
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.spec).addr()
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("name", &self.name()).field("grid", self.grid()).finish_non_exhaustive()
    }
}

/// A coordinate that a builder was given; an error waits for [`TaskBuilder::build`].
type Given = Result<Coordinate, GeometryError>;

/// What [`Task::builder`] collects. Nothing is checked before [`build`](Self::build).
#[must_use = "a builder does nothing before build()"]
pub struct TaskBuilder {
    name: String,
    total_roi: Option<Roi>,
    total_write_roi: Option<Roi>,
    block_shape: Option<Given>,
    context: Option<(Given, Given)>,
    block_rois: Option<(Option<Roi>, Option<Roi>)>,
    fit: Fit,
    read_write_conflict: Option<bool>,
    share_chunks: bool,
    max_retries: u32,
    max_workers: Option<u32>,
    timeout: Option<Duration>,
    outputs: Vec<Output>,
    inputs: Vec<Input>,
    body: Body,
}

fn given(value: impl TryInto<Coordinate, Error: Into<GeometryError>>) -> Given {
    value.try_into().map_err(Into::into)
}

/// A shape in voxels of an array, in world units.
fn given_voxels(
    array: &impl ReadSource,
    value: impl TryInto<Coordinate, Error: Into<GeometryError>>,
) -> Given {
    given(value)?.checked_mul(&array.source().voxel_size)
}

impl TaskBuilder {
    /// The total **read** ROI, in world units; blocks write it less the context. Either this or
    /// [`total_write_roi`](Self::total_write_roi).
    pub fn total_roi(mut self, roi: Roi) -> Self {
        self.total_roi = Some(roi);
        self
    }

    /// The total **write** ROI, in world units; blocks read it and the context around it.
    pub fn total_write_roi(mut self, roi: Roi) -> Self {
        self.total_write_roi = Some(roi);
        self
    }

    /// What each block writes, in world units; with [`context`](Self::context), what it reads. Either this or
    /// [`read_roi`](Self::read_roi) and [`write_roi`](Self::write_roi).
    pub fn block_shape(mut self, shape: impl TryInto<Coordinate, Error: Into<GeometryError>>) -> Self {
        self.block_shape = Some(given(shape));
        self
    }

    /// What each block writes, in voxels of an array: [`block_shape`](Self::block_shape) in world units.
    ///
    /// ```
    /// # use bellis::geometry::{ReadSource, Source};
    /// use bellis::{Coordinate, Roi, Task};
    /// # struct Raw;
    /// # impl ReadSource for Raw {
    /// #     fn source(&self) -> Source {
    /// #         let extent = Roi::new([0, 0], [4000, 4000]).expect("fits");
    /// #         let (label, identity) = ("raw".to_owned(), "raw".to_owned());
    /// #         Source { label, identity, extent, voxel_size: Coordinate::from([40, 4]) }
    /// #     }
    /// # }
    /// # let raw = Raw; // 100 x 1000 voxels of 40 x 4 nm
    /// let total = Roi::new([0, 0], [4000, 4000])?;
    /// let task = Task::builder("t").total_write_roi(total).reads(&raw);
    /// let task = task.block_voxels(&raw, [10, 100]).context_voxels(&raw, [1, 10], [1, 10]).build()?;
    /// assert_eq!(task.grid().write_shape(), &Coordinate::from([400, 400]));
    /// assert_eq!(task.grid().context_lo(), &Coordinate::from([40, 40]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn block_voxels(
        mut self,
        array: &impl ReadSource,
        shape: impl TryInto<Coordinate, Error: Into<GeometryError>>,
    ) -> Self {
        self.block_shape = Some(given_voxels(array, shape));
        self
    }

    /// How far a block reads before (`lo`) and past (`hi`) what it writes, in world units. None unless given.
    pub fn context(
        mut self,
        lo: impl TryInto<Coordinate, Error: Into<GeometryError>>,
        hi: impl TryInto<Coordinate, Error: Into<GeometryError>>,
    ) -> Self {
        self.context = Some((given(lo), given(hi)));
        self
    }

    /// How far a block reads before (`lo`) and past (`hi`) what it writes, in voxels of an array: [`context`](Self::context)
    /// in world units.
    pub fn context_voxels(
        mut self,
        array: &impl ReadSource,
        lo: impl TryInto<Coordinate, Error: Into<GeometryError>>,
        hi: impl TryInto<Coordinate, Error: Into<GeometryError>>,
    ) -> Self {
        self.context = Some((given_voxels(array, lo), given_voxels(array, hi)));
        self
    }

    /// What the first block reads; only its shape and its place around [`write_roi`](Self::write_roi) matter.
    pub fn read_roi(mut self, roi: Roi) -> Self {
        self.block_rois.get_or_insert_default().0 = Some(roi);
        self
    }

    /// What the first block writes; only its shape and its place within [`read_roi`](Self::read_roi) matter.
    pub fn write_roi(mut self, roi: Roi) -> Self {
        self.block_rois.get_or_insert_default().1 = Some(roi);
        self
    }

    /// What happens at the border: [`Fit::Valid`] unless given.
    pub fn fit(mut self, fit: Fit) -> Self {
        self.fit = fit;
        self
    }

    /// Whether the task reads what it writes, so that a block must not run beside one whose output it reads.
    ///
    /// It follows from what the task [`reads`](Self::reads) and [`writes`](Self::writes), where it says both: `true` when
    /// one array is among either. Otherwise `true` unless given, as in Daisy.
    pub fn read_write_conflict(mut self, conflict: bool) -> Self {
        self.read_write_conflict = Some(conflict);
        self
    }

    /// How often a failed block is tried again, on another worker where there is one: 2 unless given.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// At most this many blocks of the task are processed at the same time, as if by that many workers of one slot
    /// each. A block counts from when it is sent to a worker, which may be ahead of time.
    pub fn max_workers(mut self, workers: u32) -> Self {
        self.max_workers = Some(workers);
        self
    }

    /// How long a block may take, from when its worker begins it: as long as
    /// [`Options::block_timeout`](crate::Options::block_timeout) says unless given, and zero means for ever.
    ///
    /// A block that takes longer counts as failed, and is tried again elsewhere once there is nothing else to do, as often as
    /// [`max_retries`](Self::max_retries) allows. Its slot gets no more blocks before it has come back: nobody can end a
    /// closure that hangs. One that is merely slow may still write while the block is tried again, so be generous.
    ///
    /// ```
    /// # use bellis::{Roi, Task};
    /// # use std::time::Duration;
    /// let task = Task::builder("solve").total_roi(Roi::new([0], [10])?).block_shape([1]);
    /// let task = task.timeout(Duration::from_secs(3600)).process(|_| Ok(())).build()?;
    /// assert_eq!(task.timeout(), Some(Duration::from_secs(3600)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Declares an array that the blocks read, by their read ROI or their write ROI.
    ///
    /// [`build`](Self::build) refuses blocks that cut voxels of it, and those that read nothing of any array that the task
    /// reads: a total ROI in voxels, say, or of the wrong sign. Context may reach out of the array: there
    /// [`Border`](crate::Border) holds. In a pipeline, blocks of a task that comes before or after one that writes the array
    /// wait as they must; where neither comes first, the run warns of it.
    pub fn reads(mut self, input: &impl ReadSource) -> Self {
        self.inputs.push(Input::new(input));
        self
    }

    /// Declares an array that the blocks write. [`build`](Self::build) refuses a grid that reaches out of the array, or
    /// of which two blocks would write the same chunk (or shard) at the same time, and names a block shape that fits;
    /// unless the task may [`share_chunks`](Self::share_chunks). A run on several ranks is refused when only one process
    /// can write the array, as with compressed HDF5. In a pipeline, two tasks that write the same chunks are refused
    /// unless one comes after the other, or both may share chunks.
    pub fn writes(mut self, output: &impl WriteTarget) -> Self {
        self.outputs.push(Output::new(output));
        self
    }

    /// Whether blocks may write parts of the same chunk of an output that [`writes`](Self::writes) declares, one after
    /// the other. `false` unless given: whole chunks to each block are faster.
    ///
    /// Blocks that share a chunk are kept apart as those with a [conflict](Self::read_write_conflict) are: of two of
    /// them the one of lower level goes first. They do not depend on each other otherwise: when one fails, the others
    /// run. The cost is that fewer blocks run at once (one in two along each axis where blocks meet inside a chunk; one
    /// in as many as a shard has blocks), and that each chunk is read, decoded, encoded and written again by each of
    /// the blocks that write a part of it. A shard is read and written again by each, but decoded and encoded only
    /// in the chunks that change. Two tasks of one pipeline that may both share chunks of one array wait for each other
    /// likewise: the one that was added first goes first, and where one of its blocks fails, those that wait for it are
    /// orphaned.
    ///
    /// ```
    /// # use bellis::geometry::{ChunkGrid, WriteTarget};
    /// use bellis::{Coordinate, Roi, Task};
    /// # struct Output;
    /// # impl WriteTarget for Output {
    /// #     fn chunk_grid(&self) -> ChunkGrid {
    /// #         let extent = Roi::new([0, 0], [200, 200]).expect("fits");
    /// #         ChunkGrid { extent, chunk_shape: Coordinate::from([64, 64]) }
    /// #     }
    /// #     fn label(&self) -> String {
    /// #         "a.zarr".to_owned()
    /// #     }
    /// # }
    /// # let output = Output; // chunks of 64 x 64
    /// let task = || {
    ///     let task = Task::builder("quarters").total_roi(Roi::new([0, 0], [200, 200]).expect("it fits"));
    ///     task.block_shape([50, 50]).writes(&output)
    /// };
    /// let refusal = task().build().unwrap_err().to_string();
    /// assert!(refusal.contains("use a block shape of (64, 64)"), "{refusal}");
    /// let shared = task().share_chunks(true).build()?;
    /// assert_eq!(shared.conflicts().map(|conflicts| conflicts.n_levels()), Some(4));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn share_chunks(mut self, share: bool) -> Self {
        self.share_chunks = share;
        self
    }

    /// What to do with each block. Runs on the workers, on several threads at once when a worker has several slots.
    /// An error or a panic fails the block and nothing else.
    pub fn process(mut self, process: impl Fn(&Block) -> BlockResult + Send + Sync + 'static) -> Self {
        self.body.set_process(process);
        self
    }

    /// As [`process`](Self::process), with a state that `prepare` makes once for each slot of each worker, before
    /// its first block of this task: a loaded model, an open connection. The state never leaves its thread.
    pub fn process_with<S: 'static>(
        mut self,
        prepare: impl Fn(&WorkerInfo) -> Result<S, BoxError> + Send + Sync + 'static,
        process: impl Fn(&mut S, &Block) -> BlockResult + Send + Sync + 'static,
    ) -> Self {
        self.body.set_process_with(prepare, process);
        self
    }

    /// Whether a block is done already: asked on the worker before the block is processed. A `true` makes the block
    /// *skipped*, an error fails it.
    pub fn check(mut self, check: impl Fn(&Block) -> Result<bool, BoxError> + Send + Sync + 'static) -> Self {
        self.body.set_check(check);
        self
    }

    /// Where there is something to process: blocks whose write ROI meets no voxel of the mask that is not 0 are excluded.
    /// They do not run, blocks that wait for them do not wait, and they count as skipped. The mask may have voxels of any
    /// size; outside of it there is nothing. Rank 0 reads it before the first block runs.
    ///
    /// ```
    /// # #[cfg(feature = "zarr")] {
    /// use bellis::{Array, ArraySpec, Progress, Roi, Runner, Task};
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("mask.zarr");
    /// let mask = Array::<u8>::create(&path, &ArraySpec::new([10, 10]).voxel_size([100, 100]))?;
    /// mask.write(&Roi::new([300, 300], [100, 200])?, &ndarray::arr2(&[[1u8, 1]]))?;
    /// let task = Task::builder("t").total_roi(mask.roi()).block_shape([50, 50]).mask(&mask).process(|_| Ok(()));
    /// let report = Runner::new().progress(Progress::Off).run(task.build()?)?;
    /// assert_eq!((report.tasks[0].counts.total, report.tasks[0].counts.skipped), (400, 392));
    /// # }
    /// # Ok::<(), bellis::BoxError>(())
    /// ```
    pub fn mask(mut self, mask: &(impl MaskSource + Clone + 'static)) -> Self {
        self.body.set_mask(Arc::new(mask.clone()));
        self
    }

    /// The task.
    ///
    /// # Errors
    /// [`PlanError::Task`] with what is wrong: ROIs missing, given twice or of different numbers of axes, a write ROI
    /// outside the read ROI, shapes that are not positive, no block at all, an output that blocks would spoil.
    pub fn build(self) -> Result<Task, PlanError> {
        let name = self.name.clone();
        self.build_inner().map_err(|problem| PlanError::Task { task: name, problem: Box::new(problem) })
    }

    fn build_inner(self) -> Result<Task, TaskProblem> {
        if self.name.trim().is_empty() {
            return Err(TaskProblem::NoName);
        }
        if self.max_workers == Some(0) {
            return Err(TaskProblem::NoWorkers);
        }
        let total = self.any_total()?;
        let (write_shape, lo, hi) = self.block(total.n_axes())?;
        let total_read = if self.total_roi.is_some() { total } else { total.grow(&lo, &hi)? };
        let grid = Grid::new(total_read, write_shape, lo, hi, self.fit)?;
        require_readable(&self.inputs, &grid)?;
        let conflicts = self.conflicts(&grid)?;
        let Self { name, max_retries, max_workers, timeout, outputs, inputs, share_chunks, body, .. } = self;
        let spec = TaskSpec {
            name,
            grid,
            conflicts,
            max_retries,
            max_workers,
            timeout,
            outputs,
            inputs,
            share_chunks,
        };
        Ok(Task { spec: Arc::new(spec), body })
    }

    /// What keeps blocks apart that must not run together: conflicts of reading and writing and, if it may be, chunks
    /// that blocks share.
    fn conflicts(&self, grid: &Grid) -> Result<Option<Conflicts>, TaskProblem> {
        let reads_own_output = self.reads_own_output();
        let conflicts = if reads_own_output { Conflicts::of(grid) } else { None };
        let is_one_at_a_time = self.max_workers == Some(1);
        let mut apart = Coordinate::zeros(grid.n_axes());
        for output in &self.outputs {
            let together = output.farthest_together(grid)?;
            let is_shared = !together.all(|steps| steps == 0);
            let conflict = || conflicts.as_ref().is_some_and(|conflicts| conflicts.includes_box(&together));
            if !is_shared || is_one_at_a_time || conflict() {
                continue;
            }
            if !self.share_chunks {
                return Err(output.shared_chunk(grid, &together));
            }
            apart = Coordinate::from_fn(grid.n_axes(), |axis| apart[axis].max(together[axis]));
        }
        if apart.all(|steps| steps == 0) {
            return Ok(conflicts);
        }
        Ok(Conflicts::with_order_only(grid, reads_own_output, &apart))
    }

    /// Whether the task reads what it writes, as far as it says so.
    fn reads_own_output(&self) -> bool {
        let is_output =
            |input: &Input| self.outputs.iter().any(|output| output.identity == input.source.identity);
        let is_unknown = self.inputs.is_empty() || self.outputs.is_empty();
        self.read_write_conflict.unwrap_or_else(|| is_unknown || self.inputs.iter().any(is_output))
    }

    fn any_total(&self) -> Result<Roi, TaskProblem> {
        match (self.total_roi, self.total_write_roi) {
            (Some(total), None) | (None, Some(total)) => Ok(total),
            (None, None) => Err(TaskProblem::TotalRoi("none")),
            (Some(_), Some(_)) => Err(TaskProblem::TotalRoi("both")),
        }
    }

    /// Write shape and context (lo, hi) of a block.
    fn block(&self, n_axes: usize) -> Result<(Coordinate, Coordinate, Coordinate), TaskProblem> {
        match (&self.block_shape, self.block_rois) {
            (Some(shape), None) => {
                let none = || Ok(Coordinate::zeros(n_axes));
                let (lo, hi) = self.context.clone().unwrap_or_else(|| (none(), none()));
                Ok((shape.clone()?, lo?, hi?))
            }
            (None, Some((Some(read_roi), Some(write_roi)))) if self.context.is_none() => {
                if write_roi.is_empty() || !read_roi.contains(&write_roi)? {
                    write_roi.shape().require_positive("write ROI's shape")?;
                    return Err(TaskProblem::WriteOutsideRead { read_roi, write_roi });
                }
                let lo = write_roi.begin().checked_sub(read_roi.begin())?;
                let hi = read_roi.end().checked_sub(&write_roi.end())?;
                Ok((*write_roi.shape(), lo, hi))
            }
            (None, None) => Err(TaskProblem::BlockRoi("none")),
            (Some(_), Some(_)) => Err(TaskProblem::BlockRoi("both")),
            (None, Some(_)) => Err(TaskProblem::BlockRoi("a part of both")),
        }
    }
}
