//! The command line of every command: mistakes in one line, and what several commands take.

use bellis::storage::{Compression, DataType, ZarrVersion};
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
