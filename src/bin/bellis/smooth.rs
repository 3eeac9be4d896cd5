//! `bellis smooth`.

use std::path::PathBuf;

use bellis::tools::{Smooth, Smoothed};
use bellis::{Report, TaskReport};
use serde_json::json;

use super::arguments::{Input, extent};
use super::print;
use super::run_options::RunFlags;

/// Smooths a volume with a Gaussian, block by block
#[derive(clap::Args)]
pub struct Arguments {
    /// As --input
    #[arg(value_name = "SRC", conflicts_with = "input", requires = "dst")]
    src: Option<PathBuf>,
    /// As --output
    #[arg(value_name = "DST", conflicts_with = "output")]
    dst: Option<PathBuf>,
    /// The array to smooth, such as volume.zarr/raw, or made-up: cells, written to made-up.zarr beside the output
    #[arg(long, value_name = "PATH", required_unless_present = "src")]
    input: Option<PathBuf>,
    /// The array of float32 that is made or, if it is there and fits, written over
    #[arg(long, value_name = "PATH", required_unless_present = "dst")]
    output: Option<PathBuf>,
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
    #[command(flatten)]
    of_input: Input,
    #[command(flatten)]
    run: RunFlags,
}

/// Text that is no standard deviation.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("use a number of voxels above 0 and up to 1000")]
struct ParseSigmaError;

fn sigma(text: &str) -> Result<f64, ParseSigmaError> {
    let sigma = text.parse().ok().filter(|sigma| *sigma > 0.0 && *sigma <= 1000.0);
    sigma.ok_or(ParseSigmaError)
}

impl Arguments {
    /// Runs the command.
    pub fn run(self, json: bool) -> bellis::Result {
        let Self { src, dst, input, output, sigma, block, chunks, shape, png, of_input, run } = self;
        let (input, output) = (src.or(input).unwrap_or_default(), dst.or(output).unwrap_or_default());
        let (open, runner) = (of_input.into(), run.runner()?);
        let smooth = Smooth { input, open, output, sigma, block, chunks, shape, png, runner };
        let Some(smoothed) = smooth.run()? else { return Ok(()) };
        let Smoothed { input, output, pictures, report } = smoothed;
        let n_voxels: u64 = input.shape.iter().product();
        let pictures: Vec<String> = pictures.iter().map(|path| path.display().to_string()).collect();
        let path = output.path.display().to_string();
        print::either(
            json,
            || {
                let figures = figures(&path, n_voxels, &report);
                pictures.iter().map(|picture| format!("{picture}\n")).collect::<String>() + &figures
            },
            || json!({"path": path, "voxels": n_voxels, "elapsed_s": report.elapsed_s, "pictures": pictures}),
        )?;
        Ok(())
    }
}

/// How fast it went.
fn figures(path: &str, n_voxels: u64, report: &Report) -> String {
    let million_voxels = n_voxels as f64 / 1e6;
    let Report { elapsed_s, n_workers, n_slots, .. } = report;
    let busy = |task: &TaskReport| format!("{} {:.2} s", task.name, task.busy_s);
    format!(
        "{path} ({million_voxels:.1} million voxels): {elapsed_s:.2} s on {n_workers} workers with {n_slots} slots, \
         {:.1} million voxels/s; busy, all slots together: {}",
        million_voxels / elapsed_s.max(1e-9),
        report.tasks.iter().map(busy).collect::<Vec<_>>().join(", "),
    )
}
