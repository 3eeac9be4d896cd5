//! The files of one Zarr array: read in ranges, replaced as a whole.
//!
//! zarrs' own store for file systems writes in place, so that a process that is killed leaves half a chunk, and keeps a
//! lock for each file it ever touched. This one writes beside the file and renames, and keeps nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use zarrs::storage::byte_range::{ByteRange, ByteRangeIterator, InvalidByteRangeError};
use zarrs::storage::{
    Bytes, MaybeBytesIterator, OffsetBytesIterator, ReadableStorageTraits, StorageError, StoreKey,
    StorePrefix, WritableStorageTraits, store_set_partial_many,
};

use crate::storage::files::{remove, replace};

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
        let mut file = match File::open(self.path_of(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let size = file.metadata()?.len();
        let ranges = ranges.map(|range| bounds(range, size)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(Box::new(read_ranges(&mut file, size, &ranges)?.into_iter().map(Ok))))
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

impl WritableStorageTraits for Files {
    fn set(&self, key: &StoreKey, value: Bytes) -> Result<(), StorageError> {
        Ok(replace(&self.path_of(key), &value)?)
    }

    fn set_partial_many(&self, key: &StoreKey, values: OffsetBytesIterator) -> Result<(), StorageError> {
        store_set_partial_many(self, key, values)
    }

    fn erase(&self, key: &StoreKey) -> Result<(), StorageError> {
        Ok(remove(&self.path_of(key))?)
    }

    fn erase_prefix(&self, prefix: &StorePrefix) -> Result<(), StorageError> {
        Err(StorageError::Unsupported(format!("bellis never removes all files below {prefix}")))
    }

    fn supports_set_partial(&self) -> bool {
        false
    }
}

/// Where a range begins and ends in a file of `size` bytes, without trust in what a spoilt shard index says.
fn bounds(range: ByteRange, size: u64) -> Result<Range<u64>, StorageError> {
    let bounds = match range {
        ByteRange::FromStart(start, Some(length)) => start.checked_add(length).map(|end| start..end),
        ByteRange::FromStart(start, None) => Some(start..size),
        ByteRange::Suffix(length) => size.checked_sub(length).map(|start| start..size),
    };
    bounds
        .filter(|bounds| bounds.start <= bounds.end && bounds.end <= size)
        .ok_or_else(|| InvalidByteRangeError::new(range, size).into())
}

/// Reads ranges of a file, which lie inside it: all at once where they make up much of it, as the rows of a box in an
/// uncompressed chunk do.
fn read_ranges(file: &mut File, size: u64, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
    const MUCH: u64 = 4;
    let wanted: u64 = ranges.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add);
    if ranges.len() > 1 && wanted >= size / MUCH {
        let all = read_range(file, &(0..size))?;
        // Both ends are at most the length of `all`.
        return Ok(ranges.iter().map(|range| all.slice(range.start as usize..range.end as usize)).collect());
    }
    ranges.iter().map(|range| read_range(file, range)).collect()
}

fn read_range(file: &mut File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = range.end - range.start;
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    file.seek(SeekFrom::Start(range.start))?;
    file.take(length).read_to_end(&mut bytes)?;
    // Nobody shortens a file in place; somebody else's program may.
    if bytes.len() as u64 == length { Ok(bytes.into()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
