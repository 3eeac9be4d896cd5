//! What a format says of its write chunks: which file each is in, and how its content is coded.
//!
//! A write chunk is what one writer must own: a chunk, or a shard of several chunks.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use super::partial_write::PartialWrite;
use crate::geometry::VoxelBox;
use crate::storage::error::StorageError;

/// How a format keeps a write chunk in a file.
///
/// Decoded voxels are bytes in C order and in this machine's byte order, at the write chunk's full shape also where it
/// reaches past the array.
pub trait ChunkCodec: Send + Sync {
    /// The file of the write chunk at this index.
    fn path_of(&self, index: &[u64]) -> PathBuf;

    /// A file of so many bytes, which is not looked into before something in it is decoded.
    fn content(&self, file: File, length: u64) -> impl ChunkContent;

    /// Puts what the file of a write chunk is to hold into an empty buffer.
    fn encode(&self, index: &[u64], voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError>;

    /// What changes a part of a write chunk, where it has several chunks.
    fn partial_encoder(&self) -> Option<&dyn PartialEncoder> {
        None
    }
}

/// What is in a write chunk's file.
///
/// # Safety
/// Where [`decode`](Self::decode) returns `Ok`, it has written every byte that it was given.
pub unsafe trait ChunkContent {
    /// Decodes a box, counted from the write chunk's begin, to as many bytes as it takes.
    fn decode(&self, part: &VoxelBox, voxels: &mut [MaybeUninit<u8>]) -> Result<(), CodecError>;
}

/// How write chunks of several chunks are changed without coding all of these anew.
pub trait PartialEncoder {
    /// Puts what becomes of a write chunk's file, which is so long, into an empty buffer. Returns whether any voxels are
    /// stored in it.
    fn encode_partially(
        &self,
        former: &File,
        length: u64,
        write: &PartialWrite<'_>,
        file: &mut Vec<u8>,
    ) -> Result<bool, CodecError>;
}

/// Why a chunk cannot be decoded or encoded.
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
    /// The error of a chunk's file that was to be read.
    pub fn of_decoding(self, path: &Path) -> StorageError {
        match self {
            Self::Io(source) => StorageError::io("read chunk", path)(source),
            Self::Corrupt(reason) => StorageError::CorruptChunk { path: path.to_path_buf(), reason },
        }
    }

    /// The error of a chunk that was to be written: nothing on disk is wrong.
    pub fn of_encoding(self, path: &Path) -> StorageError {
        let source = match self {
            Self::Io(source) => source,
            Self::Corrupt(reason) => io::Error::other(reason),
        };
        StorageError::io("encode chunk", path)(source)
    }
}
