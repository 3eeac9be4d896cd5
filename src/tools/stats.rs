//! What a volume holds: minimum, maximum, mean, sum, sum of squares and a histogram, as JSON.
//!
//! ```text
//! bellis stats volume.zarr/raw
//! mpirun -n 4 bellis stats volume.zarr/raw --block 128,128,128 --bins 100
//! ```
//!
//! Map and reduce: blocks measure and leave their figures in a scratch folder, and one block that covers everything waits
//! for all of them and adds up. Values of 8 and 16 bits are counted one by one, and all figures follow from the counts.
//! For wider ones `--bins` takes two more tasks, since the bins lie between minimum and maximum.
//!
//! Integers are exact: sums have 128 bits. Sums of floating-point numbers are compensated, and added up in the order of
//! the blocks: the number of ranks changes nothing, the shape of the blocks perhaps the last digit. What is not a number
//! or infinite is counted and left out of all else.

pub mod bins;
pub mod error;
pub mod figures;
pub mod long_numbers;
pub mod measure;
pub mod summary;

use std::path::{Path, PathBuf};

use super::common::blocks::block_shape;
use super::common::exchange::Exchange;
use super::common::number::{Loss, with_type};
use super::common::scratch::Scratch;
use super::common::source::Source;
use super::error::Result;
use crate::geometry::{Coordinate, Roi};
use crate::plan::{Fit, Pipeline, Task};
use crate::run::Runner;
use crate::storage::{OpenOptions, describe_with};
use measure::Measured;
use summary::Summary;

/// Minimum, maximum, mean, sum, sum of squares and a histogram of a volume.
#[derive(Debug, Clone)]
pub struct Stats {
    /// The array, such as `volume.zarr/raw`; channels are measured together.
    pub src: PathBuf,
    /// What is said of `src` that its file does not say, or over what it says.
    pub open: OpenOptions,
    /// Shape of a block in voxels; whole chunks, about 2 million voxels, where `None`.
    pub block: Option<Vec<u64>>,
    /// Bins of the histogram, between minimum and maximum. Where `None`, one for each value of 8 or 16 bits, none for wider
    /// ones.
    pub bins: Option<u64>,
    /// The folder in which a scratch folder is made; all ranks have to see it. The current one where `None`.
    pub scratch: Option<PathBuf>,
    /// How the blocks are run.
    pub runner: Runner<'static>,
}

impl Stats {
    /// The figures of `src`.
    pub fn new(src: impl Into<PathBuf>) -> Self {
        let (src, open) = (src.into(), OpenOptions::new());
        Self { src, open, block: None, bins: None, scratch: None, runner: Runner::new() }
    }

    /// Measures. All ranks call it with the same; rank 0 gets the figures, `None` all others.
    ///
    /// # Errors
    /// An input that cannot be read, a scratch folder that cannot be made, blocks that failed.
    pub fn run(&self) -> Result<Option<Summary>> {
        let info = describe_with(&self.src, &self.open)?;
        with_type!(info.data_type, T => self.run_as::<T>())
    }

    fn run_as<T: Measured>(&self) -> Result<Option<Summary>> {
        let source = Source::<T>::open(&self.src, &self.open, Loss::default())?;
        let voxel_size = source.info.voxel_size;
        // Without voxels one place is looked at, where there is none.
        let (roi, block) = match source.roi.is_empty() {
            true => (Roi::new(source.info.offset, voxel_size)?, voxel_size),
            false => {
                let asked = self.block.as_deref();
                (source.roi, block_shape(asked, &source.info, &voxel_size, &source.chunk_grid)?)
            }
        };
        let folder = self.scratch.as_deref().unwrap_or(Path::new(""));
        let run_dir = self.runner.resolved_run_dir()?;
        let scratch = Scratch::inside(folder, &self.src, "stats").or_in_run_dir(run_dir.as_deref(), "stats");
        let n_bins = self.bins.map(usize::try_from).transpose()?;

        let (total, measured) = (scratch.exchange("total"), scratch.exchange("measured"));
        let mut pipeline = scratch.prepare(&roi)?
            + map("measure", &roi, block, &measured, {
                let source = source.clone();
                move |roi| Ok(T::measure(&source.read(roi)?))
            })?
            + reduce("add up", &roi, block, &measured, &total, T::merge)?;
        let (counted, histogram) = (scratch.exchange("counted"), scratch.exchange("histogram"));
        if let Some(n_bins) = n_bins.filter(|_| T::N_VALUES == 0) {
            pipeline = pipeline
                + map("count", &roi, block, &counted, {
                    let (source, total) = (source.clone(), total.clone());
                    move |roi| T::count(&source.read(roi)?, &total.get(0)?, n_bins)
                })?
                + reduce("add up counts", &roi, block, &counted, &histogram, bins::add)?;
        }
        let report = self.runner.run(pipeline)?;
        scratch.conclude(report, || {
            let counts = if T::N_VALUES == 0 && n_bins.is_some() { Some(histogram.get(0)?) } else { None };
            T::summary(&total.get(0)?, counts, n_bins, &source.info)
        })
    }
}

/// The task whose blocks leave what `figures` says of them.
fn map(
    name: &str,
    roi: &Roi,
    block: Coordinate,
    to: &Exchange,
    figures: impl Fn(&Roi) -> Result<Vec<u64>> + Send + Sync + 'static,
) -> Result<Task> {
    let to = to.clone();
    let task = Task::builder(name).total_roi(*roi).block_shape(block).fit(Fit::Shrink);
    Ok(task.process(move |block| Ok(to.put(block.index(), &figures(&block.read_roi)?)?)).build()?)
}

/// The task of one block that merges what the `block`s of the task before left.
fn reduce(
    name: &str,
    roi: &Roi,
    block: Coordinate,
    from: &Exchange,
    to: &Exchange,
    merge: impl Fn(&mut Vec<u64>, &[u64]) -> Result + Send + Sync + 'static,
) -> Result<Pipeline> {
    let (from, to) = (from.clone(), to.clone());
    let n_blocks = roi.shape().div_ceil(&block)?.product()?.unsigned_abs();
    let task = Task::builder(name).total_roi(*roi).block_shape(*roi.shape()).fit(Fit::Shrink);
    let process = move || -> Result {
        let mut all = from.get(0)?;
        for index in 1..n_blocks {
            merge(&mut all, &from.get(index)?)?;
        }
        to.put(0, &all)
    };
    Ok(task.process(move |_| Ok(process()?)).build()?.into())
}
