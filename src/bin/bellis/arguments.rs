//! The command line of every command: mistakes in one line, and what several commands take.

use std::ops::Range;

use bellis::storage::{Compression, DataType, OpenOptions, ZarrVersion};
use bellis::tools;
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use clap::error::ErrorKind;
use clap::value_parser;
use thiserror::Error;

use super::print;

/// A mistake in the command line.
#[derive(Debug, Error)]
pub enum CommandLineError {
    /// No command is named.
    #[error("a command is missing: --help lists them")]
    NoCommand,
    /// An option or an argument is wrong.
    #[error("{what}; --help lists the options")]
    Wrong {
        /// What is wrong, in clap's words.
        what: String,
    },
}

/// The command line, or `None` where only help or the version was asked for, which rank 0 then prints.
///
/// `Parser::parse` would print a mistake once for each rank and end each on its own: here it becomes the program's
/// error, in one line, which [`bellis::main`] prints once.
///
/// # Errors
/// A mistake in the command line.
pub fn parse<A: Parser>() -> bellis::Result<Option<A>> {
    let error = match A::try_parse() {
        Ok(arguments) => return Ok(Some(arguments)),
        Err(error) => error,
    };
    let is_asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    if is_asked_for && !error.use_stderr() {
        print::line(error.to_string().trim_end())?;
        return Ok(None);
    }
    if is_asked_for {
        return Err(CommandLineError::NoCommand.into());
    }
    let text = error.to_string();
    // What is wrong comes first, then hints and usage.
    let wrong: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let what = wrong.join(" ").trim_start_matches("error: ").to_owned();
    Err(CommandLineError::Wrong { what }.into())
}

/// A number of voxels.
pub fn extent() -> RangedU64ValueParser {
    value_parser!(u64).range(1..=1 << 40)
}

/// A type of element by numpy's or Rust's name.
pub fn data_type(text: &str) -> Result<DataType, <DataType as std::str::FromStr>::Err> {
    text.parse()
}

/// What is said of the input.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What SRC does not say itself, or says wrongly")]
pub struct Input {
    /// World units per voxel, along the spatial axes
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = value_parser!(i64).range(1..))]
    voxel_size: Option<Vec<i64>>,
    /// Where voxel 0 begins, in world units, along the spatial axes
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', allow_hyphen_values = true)]
    offset: Option<Vec<i64>>,
    /// Name of the world unit, such as nm, along all spatial axes or along each; converts no number
    #[arg(long, value_name = "UNIT", value_delimiter = ',')]
    units: Option<Vec<String>>,
    /// How many axes are channels or time points, the first ones; all others are spatial
    #[arg(long, value_name = "N")]
    channel_axes: Option<usize>,
    /// Of each channel axis only these: 2 for one, 2:5 for 2, 3 and 4, : for all
    #[arg(long, value_name = "C", value_delimiter = ',', value_parser = channels)]
    channels: Option<Vec<Range<u64>>>,
}

/// Channels along one axis. What ends nowhere ends with the axis.
fn channels(text: &str) -> Result<Range<u64>, &'static str> {
    let number = |text: &str, default| if text.is_empty() { Some(default) } else { text.parse::<u64>().ok() };
    let range = match text.split_once(':') {
        Some((begin, end)) => number(begin, 0).zip(number(end, u64::MAX)).map(|(begin, end)| begin..end),
        None => text.parse::<u64>().ok().and_then(|only| Some(only..only.checked_add(1)?)),
    };
    range.filter(|range| !range.is_empty()).ok_or("use a number, such as 2, or a range, such as 2:5 or :")
}

/// The blocks that write an output.
#[derive(Debug, Clone, clap::Args)]
pub struct Blocks {
    /// Shape of a block in voxels, a multiple of the output's chunks, or shards [default: whole ones, about 2 million
    /// voxels]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    block: Option<Vec<u64>>,
    /// Take any --block: those that write parts of one chunk, or shard, wait for each other, and each reads and writes all
    /// of it
    #[arg(long)]
    share_chunks: bool,
}

/// How the output is stored.
#[derive(Debug, Clone, clap::Args)]
pub struct Output {
    /// Shape of the output's chunks in voxels [default: the input's, or several together where those are tiny]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    chunks: Option<Vec<u64>>,
    /// Without chunks, all voxels in one piece: HDF5 without compression [default: as the input]
    #[arg(long, conflicts_with_all = ["chunks", "shards"])]
    contiguous: bool,
    /// Shape of the output's shards in voxels, of whole chunks: few files of many chunks, in Zarr v3 [default: no shards]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    shards: Option<Vec<u64>>,
    /// How chunks are compressed: none, zstd, gzip or blosc in Zarr; these, bzip2, lz4 or xz in N5; none or gzip in
    /// HDF5; with a level behind a colon (zstd:5) [default: the format's]
    #[arg(long, value_name = "CODEC")]
    compression: Option<Compression>,
    /// Version of the Zarr format, 2 or 3 [default: that of the group the array lies in, or 3]
    #[arg(long, value_name = "VERSION")]
    zarr_version: Option<ZarrVersion>,
}

impl From<Input> for OpenOptions {
    fn from(Input { voxel_size, offset, units, channel_axes, channels }: Input) -> Self {
        let mut options = Self::new();
        if let Some(voxel_size) = voxel_size {
            options = options.voxel_size(voxel_size);
        }
        if let Some(offset) = offset {
            options = options.offset(offset);
        }
        if let Some(units) = units {
            options = options.units_per_axis(units);
        }
        if let Some(n_channel_axes) = channel_axes {
            options = options.channel_axes(n_channel_axes);
        }
        if let Some(channels) = channels {
            options = options.channels(channels);
        }
        options
    }
}

impl From<Blocks> for tools::Blocks {
    fn from(Blocks { block, share_chunks }: Blocks) -> Self {
        Self { block, share_chunks }
    }
}

impl From<Output> for tools::Output {
    fn from(Output { chunks, contiguous, shards, compression, zarr_version }: Output) -> Self {
        Self { chunks, contiguous, shards, compression, zarr_version }
    }
}
