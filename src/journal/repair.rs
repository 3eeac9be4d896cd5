//! What was found damaged when a run directory was opened, and what was done about it.

use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;

/// Damage that was found and mended. Nothing is mended in the other direction: no block becomes done by it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Repair {
    /// The log of commits does not end with a whole commit, as after a crash in the middle of one.
    #[error("{path} ends in the middle of a commit: its last {n_bytes} bytes, from byte {at}, are cut off")]
    TornLog {
        /// The log.
        path: PathBuf,
        /// Where the whole commits end.
        at: u64,
        /// Bytes after that.
        n_bytes: u64,
    },
    /// The log of commits is not there.
    #[error(
        "{path} was missing and is made again: commits of the last moments of the former run may be lost"
    )]
    MissingLog {
        /// The log.
        path: PathBuf,
    },
    /// Blocks of a done map whose checksum does not agree.
    #[error(
        "{path} disagrees with its checksums at bytes {} to {}{}: these blocks count as not done and are processed again",
        .blocks.start, .blocks.end, found(*.invalid)
    )]
    Blocks {
        /// The done map's chunk.
        path: PathBuf,
        /// The blocks, which are also the bytes of the file.
        blocks: Range<u64>,
        /// The first of the bytes that stands for no state, and where it is.
        invalid: Option<(u64, u8)>,
    },
    /// A file that is too short.
    #[error("{path} has {actual} bytes and should have {expected}: what is missing counts as not done")]
    Short {
        /// The file.
        path: PathBuf,
        /// Bytes that it should have.
        expected: u64,
        /// Bytes that it has.
        actual: u64,
    },
    /// The metadata of a done map are not there.
    #[error("{path} was missing and is written again")]
    MissingMetadata {
        /// The metadata file.
        path: PathBuf,
    },
    /// The last line of the events is not whole.
    #[error("{path} ends in the middle of a line: its last {n_bytes} bytes are cut off")]
    TornEvents {
        /// The file.
        path: PathBuf,
        /// Bytes that were cut off.
        n_bytes: u64,
    },
}

impl Repair {
    /// Returns whether blocks that were done may have to be processed again. (A torn log is what each crash may leave,
    /// and then holds nothing that was confirmed.)
    pub fn may_lose_work(&self) -> bool {
        !matches!(self, Self::MissingMetadata { .. } | Self::TornEvents { .. })
    }
}

fn found(invalid: Option<(u64, u8)>) -> String {
    invalid
        .map_or_else(String::new, |(offset, value)| format!(" (byte {offset} is {value}, which is no state)"))
}
