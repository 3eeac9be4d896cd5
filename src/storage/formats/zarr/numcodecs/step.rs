//! One codec of numcodecs: a filter, a compressor or a checksum.

use serde_json::{Map, Value};

use super::checksum::Checksum;
use super::compressor::Compressor;
use super::filter::Filter;

/// A codec with its parameters.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Filter(Filter),
    Compressor(Compressor),
    Checksum(Checksum),
}

impl Step {
    /// The codec called `id`, if there is one, or what cannot be meant.
    pub(super) fn of(id: &str, configuration: &Map<String, Value>) -> Option<Result<Self, String>> {
        let filter = || Filter::of(id, configuration).map(|filter| filter.map(Self::Filter));
        let checksum = || Checksum::of(id, configuration).map(|checksum| checksum.map(Self::Checksum));
        let compressor = Compressor::of(id, configuration);
        compressor.map(|compressor| compressor.map(Self::Compressor)).or_else(filter).or_else(checksum)
    }

    pub(super) fn encode(&self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        match self {
            Self::Filter(filter) => filter.encode(bytes),
            Self::Compressor(compressor) => compressor.encode(bytes).map_err(|error| error.to_string()),
            Self::Checksum(checksum) => Ok(checksum.encode(bytes)),
        }
    }

    /// What was encoded, which should be so many bytes, if that is known; or why it is corrupt.
    pub(super) fn decode(&self, bytes: &[u8], expected: Option<u64>) -> Result<Vec<u8>, String> {
        match self {
            Self::Filter(filter) => filter.decode(bytes),
            Self::Compressor(compressor) => compressor.decode(bytes, expected),
            Self::Checksum(checksum) => checksum.decode(bytes),
        }
    }

    /// Bytes of what is encoded from so many; `None` where that depends on them.
    pub(super) fn encoded_length(&self, length: u64) -> Option<u64> {
        match self {
            Self::Filter(filter) => Some(filter.encoded_length(length)),
            Self::Compressor(_) => None,
            Self::Checksum(checksum) => Some(checksum.encoded_length(length)),
        }
    }
}
