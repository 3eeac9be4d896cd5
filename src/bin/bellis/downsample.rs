//! `bellis downsample`.

use std::path::PathBuf;

use bellis::storage::DataType;
use bellis::tools::{self, Downsampled};
use clap::ValueEnum;
use serde_json::json;

use super::arguments::{Blocks, Input, Output, data_type};
use super::print;
use super::run_options::RunFlags;

/// Makes a pyramid of a volume
#[derive(clap::Args)]
pub struct Arguments {
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
    #[command(flatten)]
    of_input: Input,
    #[command(flatten)]
    run: RunFlags,
}

/// What several voxels become.
#[derive(Clone, Copy, ValueEnum)]
enum Method {
    /// Their mean.
    Mean,
    /// The most frequent of them, the smallest of several.
    Mode,
    /// The largest of them.
    Max,
}

/// What becomes of the voxels left over where an extent is no multiple of the factor.
#[derive(Clone, Copy, ValueEnum)]
enum Odd {
    /// One more voxel is made of them.
    Keep,
    /// They are left out.
    Crop,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self, json: bool) -> bellis::Result {
        let Self { src, dst, levels, method, factor, odd, dtype, blocks, output, of_input, run } = self;
        let method = match method {
            Method::Mean => tools::Method::Mean,
            Method::Mode => tools::Method::Mode,
            Method::Max => tools::Method::Max,
        };
        let odd = match odd {
            Odd::Keep => tools::Odd::Keep,
            Odd::Crop => tools::Odd::Crop,
        };
        let (blocks, output, runner) = (blocks.into(), output.into(), run.runner()?);
        let open = of_input.into();
        let downsample =
            tools::Downsample { src, open, dst, levels, method, factor, odd, dtype, blocks, output, runner };
        let Downsampled { levels, elapsed_s } = downsample.run()?;
        let path = downsample.dst.display().to_string();
        print::either(
            json,
            || {
                let shapes: Vec<String> = levels.iter().map(|level| format!("{:?}", level.shape)).collect();
                format!("{path}: {} ({elapsed_s:.2} s)", shapes.join(" "))
            },
            || {
                let level = |level: &bellis::storage::ArrayInfo| json!({"path": level.path.display().to_string(), "shape": level.shape});
                json!({"path": path, "levels": levels.iter().map(level).collect::<Vec<_>>(), "elapsed_s": elapsed_s})
            },
        )?;
        Ok(())
    }
}
