//! Ranges of the bytes of a chunk's file, as zarrs asks for them.

use std::ops::Range;

use zarrs::storage::StorageError;
use zarrs::storage::byte_range::{ByteRange, InvalidByteRangeError};

/// Where a range begins and ends in `length` bytes, without trust in what a spoilt shard index says.
pub(super) fn bounds(range: ByteRange, length: u64) -> Result<Range<u64>, StorageError> {
    let bounds = match range {
        ByteRange::FromStart(start, Some(n_bytes)) => start.checked_add(n_bytes).map(|end| start..end),
        ByteRange::FromStart(start, None) => Some(start..length),
        ByteRange::Suffix(n_bytes) => length.checked_sub(n_bytes).map(|start| start..length),
    };
    bounds
        .filter(|bounds| bounds.start <= bounds.end && bounds.end <= length)
        .ok_or_else(|| InvalidByteRangeError::new(range, length).into())
}
