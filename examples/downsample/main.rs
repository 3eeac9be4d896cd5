//! A pyramid of a volume: each level half as large as the one before, or as the factors say.
//!
//! ```text
//! mpirun -n 4 downsample volume.zarr/raw pyramid.zarr --levels 4
//! downsample labels.zarr pyramid.zarr --method mode --factor 1,2,2
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

#[path = "../common/mod.rs"]
mod common;
mod level;
mod metadata;
mod method;
#[path = "../common/tool/mod.rs"]
mod tool;
mod windows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bellis::storage::{DataType, describe};
use bellis::{Array, Fit, Pipeline, Task, TaskBuilder};

use level::{Odd, Step};
use method::{Method, Reduce};
use tool::blocks::Blocks;
use tool::number::{Loss, cast_one, with_type};
use tool::options::{Output, data_type};
use tool::place::{is_in_n5, is_same};
use tool::source::Source;

/// Makes a pyramid of a volume.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    /// The array, such as volume.zarr/raw
    src: PathBuf,
    /// The group whose arrays 0, 1, 2, ... are made or, if they are there and fit, written over
    dst: PathBuf,
    /// How many levels follow level 0 [default: until the volume is one chunk, or 64 voxels along an
    /// axis where it has no chunks]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=40))]
    levels: Option<u32>,
    /// What a voxel becomes: mean for intensities, mode for labels, max
    #[arg(long, default_value = "mean")]
    method: Method,
    /// How many voxels become one, along all axes or along each
    #[arg(long, value_name = "F or Z,Y,X", value_delimiter = ',', default_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=1024))]
    factor: Vec<u64>,
    /// What becomes of the voxels left over where an extent is no multiple of the factor
    #[arg(long, default_value = "keep")]
    odd: Odd,
    /// Type of the elements, on all levels [default: the input's]
    #[arg(long, value_parser = data_type)]
    dtype: Option<DataType>,
    #[command(flatten)]
    blocks: Blocks,
    #[command(flatten)]
    output: Output,
}

fn main() -> ExitCode {
    bellis::main(|| {
        let Some(arguments) = common::arguments::<Arguments>()? else { return Ok(()) };
        let data_type = match arguments.dtype {
            Some(data_type) => data_type,
            None => describe(&arguments.src)?.data_type,
        };
        with_type!(data_type, &arguments.dst, T => run::<T>(&arguments))
    })
}

fn run<T: Reduce>(arguments: &Arguments) -> bellis::Result {
    let Arguments { src, dst, method, blocks, .. } = arguments;
    let source = Source::<T>::open(src, Loss::default())?;
    let step = Step::new(&arguments.factor, arguments.odd, &source.info)?;
    if let Some(n_levels) = arguments.levels {
        step.require_levels(&source.info, n_levels)?;
    }
    let first = level_path(dst, 0);
    let (top, mut pipeline) = match is_same(&first, src) {
        true => (source.clone(), Pipeline::new()),
        false => copy(arguments, &source, &first)?,
    };
    let n_levels = arguments.levels.unwrap_or_else(|| step.n_levels(&top.info));
    let mut levels = vec![top.info.clone()];
    let mut above = top;
    for number in 1..=n_levels {
        let (spec, to) = (step.spec(&above.info)?.fill_value(above.info.fill_value), level_path(dst, number));
        let (output, block) = blocks.create::<T>(&to, spec, &arguments.output, &source.info)?;
        let task =
            Task::builder(format!("level {number}")).block_shape(block).share_chunks(blocks.share_chunks);
        let task = downsample(task, above, &output, &step, *method)?;
        pipeline = if pipeline.n_tasks() == 0 { task.into() } else { pipeline + task };
        above = Source::of(output, Loss::default());
        levels.push(above.info.clone());
    }
    if n_levels == 0 && pipeline.n_tasks() == 0 {
        return Err(format!("{} is one chunk already: say how many --levels", src.display()).into());
    }
    let report = bellis::run(pipeline)?;
    let elapsed_s = report.elapsed_s;
    report.into_result()?;
    if bellis::is_coordinator() {
        metadata::write(dst, &levels)?;
    }
    let shapes: Vec<String> = levels.iter().map(|level| format!("{:?}", level.shape)).collect();
    common::say(format!("{}: {} ({elapsed_s:.2} s)", dst.display(), shapes.join(" ")));
    Ok(())
}

/// Where a level lies.
fn level_path(dst: &Path, number: u32) -> PathBuf {
    dst.join(format!("{}{number}", if is_in_n5(dst) { "s" } else { "" }))
}

/// The task that copies the input to level 0.
fn copy<T: Reduce>(
    arguments: &Arguments,
    source: &Source<T>,
    to: &Path,
) -> bellis::Result<(Source<T>, Pipeline)> {
    let mut spec = source.spec.clone();
    // N5 keeps none but 0.
    if !is_in_n5(to) {
        spec = spec.fill_value(cast_one::<T>(source.info.fill_value, Loss::default())?);
    }
    let (output, block) = arguments.blocks.create::<T>(to, spec, &arguments.output, &source.info)?;
    let level: Source<T> = Source::of(output.clone(), Loss::default());
    let task = Task::builder("level 0").total_roi(level.roi).block_shape(block).fit(Fit::Shrink);
    let (source, task) = (source.clone(), task.writes(&output).share_chunks(arguments.blocks.share_chunks));
    let task = task.process(move |block| {
        output.write(&block.write_roi, &source.read(&block.read_roi)?)?;
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
) -> bellis::Result<Task> {
    let (to, factors) = (output.clone(), step.all_factors(&above.info));
    let task = task.total_roi(output.roi()).fit(Fit::Shrink).writes(output).process(move |block| {
        let data = above.read(&block.read_roi)?;
        to.write(&block.write_roi, &windows::reduce(&data, &factors, method))?;
        Ok(())
    });
    Ok(task.build()?)
}
