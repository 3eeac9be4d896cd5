//! `bellis convert`.

use std::path::PathBuf;

use bellis::storage::DataType;
use bellis::tools::{Convert, Converted};
use serde_json::json;

use super::arguments::{Blocks, Input, Output, data_type};
use super::print;
use super::run_options::RunFlags;

/// Copies an array into another format, chunking, compression or type of element
#[derive(clap::Args)]
pub struct Arguments {
    /// The array, such as volume.n5/raw
    src: PathBuf,
    /// The array that is made, such as volume.zarr/raw, or, if it is there and fits, written over
    dst: PathBuf,
    #[command(flatten)]
    blocks: Blocks,
    /// Type of the output's elements [default: the input's]
    #[arg(long, value_parser = data_type)]
    dtype: Option<DataType>,
    /// Beyond the range of the type: take its nearest end, and 0 for what is not a number
    #[arg(long)]
    clip: bool,
    /// Between two values of the type: take the nearer one, halfway the even one
    #[arg(long)]
    round: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    of_input: Input,
    #[command(flatten)]
    run: RunFlags,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self, json: bool) -> bellis::Result {
        let Self { src, dst, blocks, dtype, clip, round, output, of_input, run } = self;
        let (blocks, output, runner) = (blocks.into(), output.into(), run.runner()?);
        let open = of_input.into();
        let convert = Convert { src, open, dst, blocks, dtype, clip, round, output, runner };
        let Converted { info, elapsed_s } = convert.run()?;
        let (path, n_voxels) = (convert.dst.display().to_string(), info.shape.iter().product::<u64>());
        print::either(
            json,
            || format!("{path}: {n_voxels} voxels of {}, {} ({elapsed_s:.2} s)", info.data_type, info.format),
            || {
                let data_type = info.data_type.name();
                json!({"path": path, "voxels": n_voxels, "data_type": data_type, "format": info.format, "elapsed_s": elapsed_s})
            },
        )?;
        Ok(())
    }
}
