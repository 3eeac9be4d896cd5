//! What a volume holds: minimum, maximum, mean, sum, sum of squares and a histogram, as JSON.
//!
//! ```text
//! stats volume.zarr/raw
//! mpirun -n 4 stats volume.zarr/raw --block 128,128,128 --bins 100
//! ```
//!
//! Map and reduce: blocks measure and leave their figures in a scratch folder, and one block that covers everything waits
//! for all of them and adds up. Values of 8 and 16 bits are counted one by one, and all figures follow from the counts.
//! For wider ones `--bins` takes two more tasks, since the bins lie between minimum and maximum.
//!
//! Integers are exact: sums have 128 bits. Sums of floating-point numbers are compensated, and added up in the order of
//! the blocks: the number of ranks changes nothing, the shape of the blocks perhaps the last digit. What is not a number
//! or infinite is counted and left out of all else.

mod bins;
#[path = "../common/mod.rs"]
mod common;
mod figures;
mod measure;
mod summary;
#[path = "../common/tool/mod.rs"]
mod tool;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bellis::storage::describe;
use bellis::{BoxError, Coordinate, Fit, Pipeline, Roi, Task};

use measure::Measured;
use tool::blocks::block_shape;
use tool::exchange::Exchange;
use tool::number::{Loss, with_type};
use tool::options::extent;
use tool::scratch::Scratch;
use tool::source::Source;

/// Prints minimum, maximum, mean, sum, sum of squares and a histogram of a volume as JSON.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    /// The array, such as volume.zarr/raw; channels are measured together
    src: PathBuf,
    /// Shape of a block in voxels [default: whole chunks, about 2 million voxels]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    block: Option<Vec<u64>>,
    /// Bins of the histogram, between minimum and maximum [default: one for each value of 8 or 16 bits, none for wider
    /// ones]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    bins: Option<u64>,
    /// The folder in which a scratch folder is made; all ranks have to see it [default: the current one]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
}

fn main() -> ExitCode {
    bellis::main(|| match common::arguments::<Arguments>()? {
        Some(arguments) => {
            let path = arguments.src.clone();
            with_type!(describe(&path)?.data_type, &path, T => run::<T>(&arguments))
        }
        None => Ok(()),
    })
}

fn run<T: Measured>(arguments: &Arguments) -> bellis::Result {
    let source = Source::<T>::open(&arguments.src, Loss::default())?;
    let block =
        block_shape(arguments.block.as_deref(), &source.info, &source.info.voxel_size, &source.chunk_grid)?;
    let folder = arguments.scratch.as_deref().unwrap_or(Path::new(""));
    let scratch = Scratch::inside(folder, &arguments.src, "stats");
    let n_bins = arguments.bins.map(usize::try_from).transpose()?;

    let (roi, total) = (source.roi, scratch.exchange("total"));
    let measured = scratch.exchange("measured");
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
    let report = bellis::run(pipeline)?;
    let summary = scratch.conclude(report, || {
        let counts = if T::N_VALUES == 0 && n_bins.is_some() { Some(histogram.get(0)?) } else { None };
        Ok(T::summary(&total.get(0)?, counts, n_bins, &source.info)?.to_json())
    })?;
    summary.into_iter().for_each(common::say);
    Ok(())
}

/// The task whose blocks leave what `figures` says of them.
fn map(
    name: &str,
    roi: &Roi,
    block: Coordinate,
    to: &Exchange,
    figures: impl Fn(&Roi) -> bellis::Result<Vec<u64>> + Send + Sync + 'static,
) -> bellis::Result<Task> {
    let to = to.clone();
    let task = Task::builder(name).total_roi(*roi).block_shape(block).fit(Fit::Shrink);
    Ok(task.process(move |block| to.put(block.index(), &figures(&block.read_roi)?)).build()?)
}

/// The task of one block that merges what the `block`s of the task before left.
fn reduce(
    name: &str,
    roi: &Roi,
    block: Coordinate,
    from: &Exchange,
    to: &Exchange,
    merge: impl Fn(&mut Vec<u64>, &[u64]) -> bellis::Result + Send + Sync + 'static,
) -> bellis::Result<Pipeline> {
    let (from, to) = (from.clone(), to.clone());
    let n_blocks = roi.shape().div_ceil(&block)?.product()?.unsigned_abs();
    let task = Task::builder(name).total_roi(*roi).block_shape(*roi.shape()).fit(Fit::Shrink);
    let process = move || -> Result<(), BoxError> {
        let mut all = from.get(0)?;
        for index in 1..n_blocks {
            merge(&mut all, &from.get(index)?)?;
        }
        to.put(0, &all)
    };
    Ok(task.process(move |_| process()).build()?.into())
}
