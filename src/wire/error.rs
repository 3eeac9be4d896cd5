//! What is wrong with a message.

use bincode::error::{DecodeError, EncodeError};
use thiserror::Error;

use super::format::PROTOCOL;

/// Bytes that are no message, or a message that is none for the wire.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// A message of another version.
    #[error(
        "a message speaks protocol {theirs} and this program {PROTOCOL}: run the same build on all ranks"
    )]
    Protocol {
        /// The version of the message.
        theirs: u8,
    },
    /// No bytes at all.
    #[error("an empty message: run the same build on all ranks")]
    Empty,
    /// Bytes that make no sense.
    #[error("a message cannot be read ({0}): run the same build on all ranks")]
    Unreadable(String),
    /// A message that cannot be an answer to what was sent.
    #[error("a message makes no sense here ({0}): run the same build on all ranks")]
    Unexpected(String),
    /// A value that cannot be sent.
    #[error("a message cannot be written: {0}")]
    Unwritable(String),
}

impl From<DecodeError> for WireError {
    fn from(error: DecodeError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<EncodeError> for WireError {
    fn from(error: EncodeError) -> Self {
        Self::Unwritable(error.to_string())
    }
}
