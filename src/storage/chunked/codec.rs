//! What a format says of its cells: which file each is in, and how its content is coded.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::partial_write::Change;
use crate::storage::error::StorageError;

/// How a format keeps a cell in a file.
///
/// Decoded voxels are bytes in C order and in this machine's byte order, at the cell's full shape also where it reaches
/// past the array.
pub trait CellCodec: Send + Sync {
    /// The file of the cell at this position in the grid.
    fn path_of(&self, cell: &[u64]) -> PathBuf;

    /// A file of so many bytes, which is not looked into before something in it is decoded.
    fn content(&self, file: File, length: u64) -> impl Content;

    /// Puts what the file of a cell is to hold into an empty buffer.
    fn encode(&self, cell: &[u64], voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError>;

    /// What changes a part of a cell, where cells have several chunks.
    fn patcher(&self) -> Option<&dyn Patch> {
        None
    }
}

/// What is in a cell's file.
///
/// # Safety
/// Where [`decode`](Self::decode) returns `Ok`, it has written every byte that it was given.
pub unsafe trait Content {
    /// The voxels of a box, counted from the cell's begin, of as many bytes as are given.
    fn decode(&self, part: &[Range<u64>], voxels: &mut [MaybeUninit<u8>]) -> Result<(), CodecError>;
}

/// Why a cell cannot be decoded or encoded.
#[derive(Debug)]
pub enum CodecError {
    /// The file cannot be read.
    Io(io::Error),
    /// It can, but its content makes no sense.
    Corrupt(String),
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Corrupt("it is cut short".to_owned()),
            _ => Self::Io(error),
        }
    }
}

impl CodecError {
    pub fn at(self, action: &'static str, path: &Path) -> StorageError {
        match self {
            Self::Io(source) => StorageError::io(action, path)(source),
            Self::Corrupt(reason) => StorageError::CorruptChunk { path: path.to_path_buf(), reason },
        }
    }

    /// Nothing on disk is wrong.
    pub fn of_encoding(self, path: &Path) -> StorageError {
        let source = match self {
            Self::Io(source) => source,
            Self::Corrupt(reason) => io::Error::other(reason),
        };
        StorageError::io("encode chunk", path)(source)
    }
}

/// How cells of several chunks are changed without coding all of them anew.
pub trait Patch {
    /// Puts what becomes of a cell's file, which is so long, into an empty buffer: whether any voxels are stored in it.
    fn patch(
        &self,
        former: &File,
        length: u64,
        change: &Change<'_>,
        file: &mut Vec<u8>,
    ) -> Result<bool, CodecError>;
}
