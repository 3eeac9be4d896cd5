//! Smooths a volume with a Gaussian, block by block: a task whose blocks read more than they write.
//!
//! ```text
//! smooth --input volume.zarr/raw --output smooth.zarr --sigma 2
//! mpirun -n 4 smooth --input made-up --output demo-out/smooth.zarr --sigma 2 --png demo-out
//! ```
//!
//! The volume has any number of axes, and channels before them, which are smoothed each on its own. The output does not
//! depend on the shape of the blocks or on the number of ranks, bit by bit.

mod cells;
mod check;
#[path = "../common/mod.rs"]
mod common;
mod gaussian;
mod picture;
mod volume;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bellis::{Array, ArraySpec, BoxError, Coordinate, Fit, Pipeline, Report, Task};
use clap::value_parser;

use gaussian::Gaussian;
use volume::Volume;

/// Smooths a volume with a Gaussian, block by block.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    /// The array to smooth, such as volume.zarr/raw, or made-up: cells, written to made-up.zarr beside the output
    #[arg(long, value_name = "PATH")]
    input: PathBuf,
    /// The array of float32 that is made or, if it is there and fits, written over
    #[arg(long, value_name = "PATH")]
    output: PathBuf,
    /// Standard deviation of the Gaussian in voxels; it is cut off at 4 of them, and continued past the border with
    /// the nearest voxel
    #[arg(long, default_value = "2", value_parser = sigma, allow_negative_numbers = true)]
    sigma: f64,
    /// Shape of a block in voxels [default: at most 2^18 voxels, 64,64,64 in 3-D]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    block: Option<Vec<u64>>,
    /// Shape of the output's chunks in voxels, of which a block must be a multiple [default: the shape of a block]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    chunks: Option<Vec<u64>>,
    /// Shape of the made-up volume
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent(), default_value = "256,256,256")]
    shape: Vec<u64>,
    /// Writes before.png and after.png, the slice in the middle, to this folder
    #[arg(long, value_name = "FOLDER")]
    png: Option<PathBuf>,
}

fn sigma(text: &str) -> Result<f64, &'static str> {
    let sigma = text.parse().ok().filter(|sigma| *sigma > 0.0 && *sigma <= 1000.0);
    sigma.ok_or("use a number of voxels above 0 and up to 1000")
}

fn extent() -> clap::builder::RangedU64ValueParser {
    value_parser!(u64).range(1..=1 << 40)
}

fn main() -> ExitCode {
    bellis::main(|| match common::arguments()? {
        Some(arguments) => run(&arguments),
        None => Ok(()),
    })
}

fn run(arguments: &Arguments) -> bellis::Result {
    let Arguments { output, .. } = arguments;
    let is_made_up = arguments.input.as_os_str() == "made-up";
    let path = if is_made_up { output.with_file_name("made-up.zarr") } else { arguments.input.clone() };
    let make = if is_made_up { Some(make_up(&path, &arguments.shape)?) } else { None };
    let input = Arc::new(Volume::open(&path)?);
    if let Some(folder) = &arguments.png {
        prepare_pictures(folder, &input)?;
    }

    let gaussian = Gaussian::new(arguments.sigma);
    let block = block_shape(&input, arguments.block.as_deref())?;
    let output = create_output(output, &input, arguments.chunks.as_deref().unwrap_or(&block))?;
    let smooth = smooth(input.clone(), &output, &gaussian, &block)?;
    let pipeline = match make {
        Some(make) => make + smooth,
        None => Pipeline::from(smooth),
    };
    let report = bellis::run(pipeline)?;
    report.clone().into_result()?;

    if bellis::is_coordinator() {
        check::check(&input, &output, &gaussian)?;
        if let Some(folder) = &arguments.png {
            picture::write_both(folder, &input, &output)?;
        }
        show_figures(&report, &input, &output);
    }
    Ok(())
}

/// The task that writes a volume of cells.
fn make_up(path: &Path, shape: &[u64]) -> bellis::Result<Task> {
    if shape.len() != 3 {
        return Err(format!("--shape has {} numbers: the made-up volume needs 3", shape.len()).into());
    }
    let cells = Array::<u8>::create(path, &ArraySpec::new(shape).axis_names(["z", "y", "x"]))?;
    let task = Task::builder("make up").total_roi(cells.roi()).block_shape([64, 64, 64]).fit(Fit::Shrink);
    let output = cells.clone();
    let task = task.writes(&cells).process(move |block| {
        output.write(&block.write_roi, &cells::voxels(&block.write_roi)?)?;
        Ok(())
    });
    Ok(task.build()?)
}

/// The task that smooths.
fn smooth(
    input: Arc<Volume>,
    output: &Array<f32>,
    gaussian: &Gaussian,
    block: &[u64],
) -> bellis::Result<Task> {
    let voxel_size = output.voxel_size();
    let voxels = Coordinate::from_fn(block.len(), |axis| i64::try_from(block[axis]).unwrap_or(i64::MAX));
    let context = gaussian.context(voxel_size)?;
    let n_channel_axes = input.info.n_channel_axes();
    let (gaussian, target) = (gaussian.clone(), output.clone());
    let task = Task::builder("smooth")
        .total_write_roi(output.roi())
        .block_shape(voxels.checked_mul(voxel_size)?)
        .context(context, context)
        .fit(Fit::Shrink)
        // Another array is read than written.
        .read_write_conflict(false)
        .writes(output)
        .process(move |block| {
            let data = input.read(&block.read_roi)?;
            target.write(&block.write_roi, &gaussian.smooth(data, n_channel_axes)?)?;
            Ok(())
        });
    Ok(task.build()?)
}

/// The block shape that was asked for, or the largest power of two along every axis that makes 2^18 voxels at most.
fn block_shape(input: &Volume, asked: Option<&[u64]>) -> Result<Vec<u64>, BoxError> {
    let n_axes = input.roi.n_axes();
    match asked {
        None => Ok(vec![1 << (18 / n_axes); n_axes]),
        Some(block) => require_axes("--block", block, input).map(|()| block.to_vec()),
    }
}

fn require_axes(option: &str, given: &[u64], input: &Volume) -> bellis::Result {
    let n_axes = input.roi.n_axes();
    if given.len() == n_axes {
        return Ok(());
    }
    let (n_given, path) = (given.len(), input.info.path.display());
    Err(format!("{option} has {n_given} numbers, but {path} has {n_axes} axes: give one for each").into())
}

fn create_output(path: &Path, input: &Volume, chunks: &[u64]) -> bellis::Result<Array<f32>> {
    require_axes("--chunks", chunks, input)?;
    let is_input =
        path.canonicalize().is_ok_and(|path| input.info.path.canonicalize().is_ok_and(|i| i == path));
    if is_input {
        return Err(format!("{} is input and output: choose another output", path.display()).into());
    }
    let n_channel_axes = input.info.n_channel_axes();
    let spatial =
        chunks.iter().zip(&input.info.shape[n_channel_axes..]).map(|(chunk, extent)| *chunk.min(extent));
    let chunks: Vec<u64> = input.info.channel_shape().iter().copied().chain(spatial).collect();
    Ok(Array::create(path, &input.spec.clone().chunks(chunks))?)
}

/// Refuses now what would only be found wrong after the run.
fn prepare_pictures(folder: &Path, input: &Volume) -> bellis::Result {
    if input.roi.n_axes() < 2 {
        let path = input.info.path.display();
        return Err(format!("--png shows a slice of 2 axes, and {path} has 1: leave it out").into());
    }
    let make = || std::fs::create_dir_all(folder);
    make().map_err(|error| format!("cannot make the folder {}: {error}", folder.display()).into())
}

fn show_figures(report: &Report, input: &Volume, output: &Array<f32>) {
    let n_voxels: u64 = input.info.shape.iter().product();
    let million_voxels = n_voxels as f64 / 1e6;
    let Report { elapsed_s, n_workers, n_slots, .. } = report;
    let busy: Vec<String> =
        report.tasks.iter().map(|task| format!("{} {:.2} s", task.name, task.busy_s)).collect();
    common::say(format!(
        "{} ({million_voxels:.1} million voxels): {elapsed_s:.2} s on {n_workers} workers with {n_slots} slots, \
         {:.1} million voxels/s; busy, all slots together: {}",
        output.path().display(),
        million_voxels / elapsed_s.max(1e-9),
        busy.join(", "),
    ));
}
