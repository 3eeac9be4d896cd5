//! The directory of one Zarr array, from which zarrs reads the metadata. Chunks go past it.

use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use zarrs::storage::byte_range::{ByteRange, ByteRangeIterator, InvalidByteRangeError};
use zarrs::storage::{Bytes, MaybeBytesIterator, ReadableStorageTraits, StorageError, StoreKey};

use crate::storage::disk::json;

/// The directory of one array.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf() }
    }

    pub(super) fn path_of(&self, key: &StoreKey) -> PathBuf {
        self.directory.join(key.as_str())
    }
}

impl ReadableStorageTraits for Files {
    fn get_partial_many<'a>(
        &'a self,
        key: &StoreKey,
        ranges: ByteRangeIterator<'a>,
    ) -> Result<MaybeBytesIterator<'a>, StorageError> {
        let content = match fs::read(self.path_of(key)) {
            // All that is asked for here is metadata; what is no JSON is named by whoever parses it.
            Ok(content) => Bytes::from(json::parse(&content).map_or(content, |json| json.to_string().into())),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let length = content.len() as u64;
        // Both ends are at most the length of `content`.
        let part = |range: Range<u64>| content.slice(range.start as usize..range.end as usize);
        let parts = ranges.map(|range| bounds(range, length).map(part)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Box::new(parts.into_iter().map(Ok))))
    }

    fn size_key(&self, key: &StoreKey) -> Result<Option<u64>, StorageError> {
        match fs::metadata(self.path_of(key)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn supports_get_partial(&self) -> bool {
        true
    }
}

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
