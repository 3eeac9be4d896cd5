//! `bellis label`.

use std::path::PathBuf;

use bellis::storage::DataType;
use bellis::tools::{Connectivity, Label, Labelled, Threshold};
use serde_json::json;

use super::arguments::{Blocks, Input, Output, data_type};
use super::print;
use super::run_options::RunFlags;

/// Labels the connected components of what is brighter than a threshold
///
/// What came out is shown as JSON.
#[derive(clap::Args)]
pub struct Arguments {
    /// The array, such as volume.zarr/raw
    src: PathBuf,
    /// The array of labels that is made or, if it is there and fits, written over
    dst: PathBuf,
    /// A voxel belongs to a component if it is larger than this [default: 0 of masks, which are bool or uint8]
    #[arg(long, allow_hyphen_values = true)]
    threshold: Option<Threshold>,
    #[command(flatten)]
    blocks: Blocks,
    /// Which voxels are neighbours: faces or all; or how many each has, such as 6 or 26 in 3-D
    #[arg(long, default_value = "faces")]
    connectivity: Connectivity,
    /// Type of the labels: an unsigned or signed integer
    #[arg(long, default_value = "uint64", value_parser = data_type)]
    dtype: DataType,
    #[command(flatten)]
    output: Output,
    /// The folder in which a scratch folder is made; all ranks have to see it [default: beside DST]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    #[command(flatten)]
    of_input: Input,
    #[command(flatten)]
    run: RunFlags,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self, _json: bool) -> bellis::Result {
        let Self { src, dst, threshold, blocks, connectivity, dtype, output, scratch, of_input, run } = self;
        let (blocks, output, runner) = (blocks.into(), output.into(), run.runner()?);
        let open = of_input.into();
        let threshold = threshold.map_or_else(|| Threshold::of_mask(&src, &open), Ok)?;
        let label = Label { src, open, dst, threshold, blocks, connectivity, dtype, output, scratch, runner };
        if let Some(Labelled { components, largest, voxels, elapsed_s }) = label.run()? {
            let shown = json!({
                "path": label.dst.display().to_string(),
                "components": components,
                "largest": largest,
                "voxels": voxels,
                "elapsed_s": (elapsed_s * 1000.0).round() / 1000.0,
            });
            print::line(&shown.to_string())?;
        }
        Ok(())
    }
}
