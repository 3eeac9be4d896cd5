//! Messages to bytes and back.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Decode, Encode};
use thiserror::Error;

use super::message::Assigned;
use crate::geometry::{Coordinate, MAX_AXES, Roi};
use crate::plan::{BlockId, TaskId};

/// The version of what ranks say to each other: the first byte of every message.
pub const PROTOCOL: u8 = 1;

/// No message is larger, in bytes.
const LIMIT: usize = 16 << 20;

pub(super) const CONFIG: Configuration<LittleEndian, Varint, Limit<LIMIT>> =
    bincode::config::standard().with_limit::<LIMIT>();

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

/// Replaces the content of `buffer` with a message.
///
/// # Errors
/// The message cannot be encoded.
pub fn encode<T: Encode>(message: &T, buffer: &mut Vec<u8>) -> Result<(), WireError> {
    buffer.clear();
    buffer.push(PROTOCOL);
    bincode::encode_into_std_write(message, buffer, CONFIG)?;
    Ok(())
}

/// Reads a message.
///
/// # Errors
/// Another protocol version, bytes that are no such message, or bytes behind it.
pub fn decode<'a, T: BorrowDecode<'a, ()>>(bytes: &'a [u8]) -> Result<T, WireError> {
    let (&version, rest) = bytes.split_first().ok_or(WireError::Empty)?;
    if version != PROTOCOL {
        return Err(WireError::Protocol { theirs: version });
    }
    let (message, length) = bincode::borrow_decode_from_slice(rest, CONFIG)?;
    if length == rest.len() {
        Ok(message)
    } else {
        Err(WireError::Unreadable(format!("{} bytes are left over", rest.len() - length)))
    }
}

impl Encode for Assigned {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.block.task.0.encode(encoder)?;
        self.block.index.encode(encoder)?;
        self.lease.encode(encoder)?;
        // Read and write ROI have the same number of axes, which every ROI of a task has.
        (self.read_roi.n_axes() as u8).encode(encoder)?;
        for coordinate in
            [self.read_roi.offset(), self.read_roi.shape(), self.write_roi.offset(), self.write_roi.shape()]
        {
            for value in coordinate.as_slice() {
                value.encode(encoder)?;
            }
        }
        Ok(())
    }
}

impl<Context> Decode<Context> for Assigned {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let task = TaskId(u32::decode(decoder)?);
        let block = BlockId { task, index: u64::decode(decoder)? };
        let lease = u64::decode(decoder)?;
        let n_axes = usize::from(u8::decode(decoder)?);
        if !(1..=MAX_AXES).contains(&n_axes) {
            return Err(DecodeError::Other("a ROI has 1 to 8 axes"));
        }
        let mut coordinate = || -> Result<Coordinate, DecodeError> {
            let mut values = Coordinate::zeros(n_axes);
            for value in values.as_mut_slice() {
                *value = i64::decode(decoder)?;
            }
            Ok(values)
        };
        let mut roi = || {
            let (offset, shape) = (coordinate()?, coordinate()?);
            Roi::new(offset, shape).map_err(|_| DecodeError::Other("a ROI is not a box"))
        };
        Ok(Self { block, lease, read_roi: roi()?, write_roi: roi()? })
    }
}

bincode::impl_borrow_decode!(Assigned);
