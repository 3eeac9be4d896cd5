//! Messages to bytes and back.

use bincode::{BorrowDecode, Encode};

use super::error::WireError;
use super::format::{CONFIG, PROTOCOL};

/// Replaces the content of `buffer` with a message.
///
/// # Errors
/// The message cannot be encoded.
pub fn encode<T: Encode>(message: &T, buffer: &mut Vec<u8>) -> Result<(), WireError> {
    buffer.clear();
    append(message, buffer)
}

/// Adds a message to what `buffer` holds.
///
/// # Errors
/// The message cannot be encoded.
#[inline]
pub fn append<T: Encode>(message: &T, buffer: &mut Vec<u8>) -> Result<(), WireError> {
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
