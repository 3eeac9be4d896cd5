//! `bellis stats`.

use std::path::PathBuf;

use bellis::tools::Stats;

use super::arguments::{Input, extent};
use super::print;
use super::run_options::RunFlags;

/// Shows minimum, maximum, mean, sum, sum of squares and a histogram of a volume, as JSON
#[derive(clap::Args)]
pub struct Arguments {
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
    #[command(flatten)]
    of_input: Input,
    #[command(flatten)]
    run: RunFlags,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self, _json: bool) -> bellis::Result {
        let Self { src, block, bins, scratch, of_input, run } = self;
        let (open, runner) = (of_input.into(), run.runner()?);
        if let Some(summary) = (Stats { src, open, block, bins, scratch, runner }).run()? {
            print::line(&summary.to_json())?;
        }
        Ok(())
    }
}
