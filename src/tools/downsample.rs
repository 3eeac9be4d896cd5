//! A pyramid of a volume: each level half as large as the one before, or as the factors say.
//!
//! ```text
//! mpirun -n 4 bellis downsample volume.zarr/raw pyramid.zarr --levels 4
//! bellis downsample labels.zarr pyramid.zarr --method mode --factor 1,2,2
//! ```
//!
//! Level 0 is a copy of the input at `DST/0`, and level 1 and all further ones lie beside it (`s0`, `s1` in N5, as is usual
//! there). An input that is `DST/0` already is left alone. Each level is a task of one pipeline, chained block by block: a block
//! waits for those blocks of the level above that it reads, and for no others.
//!
//! * `mean`: of integers exact, then rounded to the nearest, halfway to the even one; of floats in double precision. Each
//!   level is the mean of the one above, so that integers are rounded once per level: `--dtype float32` avoids it.
//! * `mode`: the most frequent value, the smallest of several: for labels.
//! * `max`: the largest; not a number where there is one.
//!
//! Where an extent is no multiple of the factor, the last voxel is made of what is there (`--odd keep`), and reaches past
//! the end of the input; `--odd crop` leaves it out.
//!
//! **Where levels lie.** `offset` is where voxel 0 *begins*, and so it is the same at every level, always an integer, while
//! the voxel size grows by the factor. OME-NGFF instead keeps the *centre* of voxel 0, which moves by (factor - 1) / 2
//! voxels with each level: that is for its metadata to say, where a number may be half.

pub mod error;
pub mod level;
pub mod metadata;
pub mod method;
pub mod windows;

use std::path::{Path, PathBuf};

use super::common::blocks::Blocks;
use super::common::number::{Loss, cast_one, with_number};
use super::common::output::{Output, require_voxels};
use super::common::place::{data_type_at, is_in_n5, is_same};
use super::common::source::Source;
use super::error::{Result, ToolError};
use crate::plan::{Fit, Pipeline, Task, TaskBuilder};
use crate::run::{Runner, is_coordinator};
use crate::storage::{Array, ArrayInfo, DataType, OpenOptions, describe, describe_with};
use error::DownsampleError;
use level::{Odd, Step};
use method::{Method, Reduce};

/// Makes a pyramid of a volume.
#[derive(Debug, Clone)]
pub struct Downsample {
    /// The array, such as `volume.zarr/raw`.
    pub src: PathBuf,
    /// What is said of `src` that its file does not say, or over what it says.
    pub open: OpenOptions,
    /// The group whose arrays 0, 1, 2, ... are made or, if they are there and fit, written over.
    pub dst: PathBuf,
    /// How many levels follow level 0. Where `None`, until the volume is one chunk, or 64 voxels along an axis where it has
    /// no chunks.
    pub levels: Option<u32>,
    /// What a voxel becomes.
    pub method: Method,
    /// How many voxels become one, along all axes or along each.
    pub factor: Vec<u64>,
    /// What becomes of the voxels left over where an extent is no multiple of the factor.
    pub odd: Odd,
    /// Type of the elements, on all levels; the input's where `None`.
    pub dtype: Option<DataType>,
    /// The blocks that write each level.
    pub blocks: Blocks,
    /// How the levels are stored.
    pub output: Output,
    /// How the blocks are run.
    pub runner: Runner<'static>,
}

/// What was downsampled.
#[derive(Debug, Clone, PartialEq)]
pub struct Downsampled {
    /// What the levels are, the finest first.
    pub levels: Vec<ArrayInfo>,
    /// How long the run took, in seconds.
    pub elapsed_s: f64,
}

impl Downsample {
    /// A pyramid of `src` in the group `dst`: means of two voxels along each axis, until the volume is one chunk.
    pub fn new(src: impl Into<PathBuf>, dst: impl Into<PathBuf>) -> Self {
        Self {
            src: src.into(),
            open: OpenOptions::new(),
            dst: dst.into(),
            levels: None,
            method: Method::Mean,
            factor: vec![2],
            odd: Odd::Keep,
            dtype: None,
            blocks: Blocks::default(),
            output: Output::default(),
            runner: Runner::new(),
        }
    }

    /// Makes the pyramid. All ranks call it with the same, and all get the result.
    ///
    /// # Errors
    /// As [`Convert::run`](super::Convert::run); levels that would have no voxel.
    pub fn run(&self) -> Result<Downsampled> {
        let data_type = match self.dtype {
            Some(data_type) => data_type,
            None => data_type_at(&self.dst, describe_with(&self.src, &self.open)?.data_type),
        };
        with_number!(data_type, T => self.run_as::<T>())
    }

    fn run_as<T: Reduce>(&self) -> Result<Downsampled> {
        let Self { src, open, dst, method, blocks, .. } = self;
        let source = Source::<T>::open(src, open, Loss::default())?;
        require_voxels(&source.info)?;
        let step = Step::new(&self.factor, self.odd, &source.info)?;
        if let Some(n_levels) = self.levels {
            step.require_levels(&source.info, n_levels)?;
        }
        let first = level_path(dst, 0);
        let (top, mut pipeline) = match is_same(&first, src) {
            true => {
                require_said_there(&source.info)?;
                (source.clone(), Pipeline::new())
            }
            false => copy(self, &source, &first)?,
        };
        let n_levels = self.levels.unwrap_or_else(|| step.n_levels(&top.info));
        let mut levels = vec![top.info.clone()];
        let mut above = top;
        for number in 1..=n_levels {
            let name = format!("level {number}");
            let (spec, to) =
                (step.spec(&above.info)?.fill_value(above.info.fill_value), level_path(dst, number));
            let (output, block) = blocks.create::<T>(&name, &to, spec, &self.output, &source.info)?;
            let task = Task::builder(name).block_shape(block).share_chunks(blocks.share_chunks);
            let task = downsample(task, above, &output, &step, *method)?;
            pipeline = if pipeline.n_tasks() == 0 { task.into() } else { pipeline + task };
            above = Source::of(output, Loss::default());
            levels.push(above.info.clone());
        }
        if n_levels == 0 && pipeline.n_tasks() == 0 {
            return Err(DownsampleError::OneChunk { path: src.clone() }.into());
        }
        let report = self.runner.run(pipeline)?;
        let elapsed_s = report.elapsed_s;
        report.into_result()?;
        if is_coordinator() {
            metadata::write(dst, &levels)?;
        }
        Ok(Downsampled { levels, elapsed_s })
    }
}

/// Refuses an input that is level 0 and lies elsewhere than it says itself: it stays as it is, and the levels would not fit.
fn require_said_there(info: &ArrayInfo) -> Result {
    let path = &info.path;
    if describe(path)?.is_placed_as(info) {
        return Ok(());
    }
    Err(DownsampleError::SaidOfLevel0 { path: path.clone() }.into())
}

/// Where a level lies.
fn level_path(dst: &Path, number: u32) -> PathBuf {
    dst.join(format!("{}{number}", if is_in_n5(dst) { "s" } else { "" }))
}

/// The task that copies the input to level 0.
fn copy<T: Reduce>(asked: &Downsample, source: &Source<T>, to: &Path) -> Result<(Source<T>, Pipeline)> {
    let mut spec = source.spec.clone();
    // N5 keeps none but 0.
    if !is_in_n5(to) {
        spec = spec.fill_value(cast_one::<T>(source.info.fill_value, Loss::default())?);
    }
    let (output, block) = asked.blocks.create::<T>("level 0", to, spec, &asked.output, &source.info)?;
    let level: Source<T> = Source::of(output.clone(), Loss::default());
    let task = Task::builder("level 0").total_roi(level.roi).block_shape(block).fit(Fit::Shrink);
    let (source, task) = (source.clone(), task.writes(&output).share_chunks(asked.blocks.share_chunks));
    let task = task.process(move |block| {
        let voxels = source.read(&block.read_roi).map_err(ToolError::of_block)?;
        output.write(&block.write_roi, &voxels)?;
        Ok(())
    });
    Ok((level, task.build()?.into()))
}

/// The task that makes a level from the one above, of what `task` says of blocks.
fn downsample<T: Reduce>(
    task: TaskBuilder,
    above: Source<T>,
    output: &Array<T>,
    step: &Step,
    method: Method,
) -> Result<Task> {
    let (to, factors) = (output.clone(), step.all_factors(&above.info));
    let task = task.total_roi(output.roi()).fit(Fit::Shrink).writes(output).process(move |block| {
        let data = above.read(&block.read_roi)?;
        to.write(&block.write_roi, &windows::reduce(&data, &factors, method))?;
        Ok(())
    });
    Ok(task.build()?)
}
