//! How Zarr codes a chunk or a shard: by the codecs that the metadata list, which zarrs has.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zarrs::array::{
    Array, ArrayPartialDecoderTraits, ArraySubset, ArrayToBytesCodecTraits, BytesPartialDecoderTraits,
    CodecError as Refusal, CodecOptions,
};
use zarrs::storage::StorageError as StoreError;
use zarrs::storage::byte_range::{ByteRange, ByteRangeIterator};

use super::byte_range::bounds;
use super::codec::{Coding, copy_decoded};
use super::library::{one_line, without_global_pool};
use super::metadata::ZarrArray;
use super::shard::Shards;
use crate::geometry::VoxelBox;
use crate::storage::chunked::codec::{ChunkCodec, ChunkContent, CodecError, PartialEncoder};
use crate::storage::error::{Result, StorageError};
use crate::storage::voxels::{scratch, uninit};

/// The codecs of one array.
pub(super) struct ZarrCodec {
    array: Array<()>,
    directory: PathBuf,
    is_scalar: bool,
    /// Of a write chunk, which Zarr calls a chunk: of a shard, where there are shards.
    write_chunk: Coding,
    shards: Option<Shards>,
}

impl ZarrCodec {
    pub(super) fn of(path: &Path, zarr: ZarrArray) -> Result<Self> {
        let ZarrArray { array, is_scalar, .. } = zarr;
        let first = vec![0; array.shape().len()];
        let shape = array
            .chunk_shape(&first)
            .map_err(|error| StorageError::Metadata { path: path.to_path_buf(), reason: one_line(&error) })?;
        let (chain, options) = (array.codecs(), without_global_pool(options));
        let (data_type, fill_value) = (array.data_type(), array.fill_value());
        let shards = Shards::of(&chain, &shape, data_type, fill_value, &options);
        let write_chunk = Coding::new(chain, shape, data_type, fill_value, &options);
        Ok(Self { write_chunk, shards, array, directory: path.to_path_buf(), is_scalar })
    }
}

/// One thread: the caller's. `chunk_concurrent_minimum` outvotes `concurrent_target`, so both are set; at 1 zarrs
/// leaves rayon alone.
fn options() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1).with_chunk_concurrent_minimum(1)
}

impl ChunkCodec for ZarrCodec {
    fn path_of(&self, index: &[u64]) -> PathBuf {
        // The key of a single value has no index, which in Zarr v2 is spelled as the first one is.
        let is_v3 = self.array.chunk_key_encoding().metadata().name() == "default";
        match self.is_scalar && is_v3 {
            true => self.directory.join("c"),
            false => self.directory.join(self.array.chunk_key(index).as_str()),
        }
    }

    fn content(&self, file: File, length: u64) -> impl ChunkContent {
        ZarrContent { codec: self, file: Arc::new(ChunkFile { file, length }), decoder: OnceCell::new() }
    }

    fn encode(&self, _: &[u64], voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        match &self.shards {
            Some(shards) => shards.encode(voxels, file),
            None => self.write_chunk.encode(voxels, file),
        }
    }

    fn partial_encoder(&self) -> Option<&dyn PartialEncoder> {
        self.shards.as_ref().map(|shards| shards as &dyn PartialEncoder)
    }
}

/// A chunk's or a shard's file.
struct ZarrContent<'a> {
    codec: &'a ZarrCodec,
    file: Arc<ChunkFile>,
    /// Knows the index of a shard.
    decoder: OnceCell<Arc<dyn ArrayPartialDecoderTraits>>,
}

// SAFETY: both ways out write as many bytes as there are.
unsafe impl ChunkContent for ZarrContent<'_> {
    fn decode(&self, part: &VoxelBox, to: &mut [MaybeUninit<u8>]) -> Result<(), CodecError> {
        let coding = &self.codec.write_chunk;
        if part.ranges().iter().zip(&coding.shape).all(|(part, extent)| *part == (0..extent.get())) {
            let ChunkFile { file, length } = &*self.file;
            return scratch::with(|encoded| {
                uninit::read_range_to(file, 0, *length, encoded)?;
                coding.decode(encoded, to)
            });
        }
        copy_decoded(
            self.decoder()?.partial_decode(&ArraySubset::new_with_ranges(part.ranges()), &coding.options)?,
            to,
        )
    }
}

impl ZarrContent<'_> {
    fn decoder(&self) -> Result<&dyn ArrayPartialDecoderTraits, CodecError> {
        let Coding { chain, shape, data_type, fill_value, options, .. } = &self.codec.write_chunk;
        if self.decoder.get().is_none() {
            let (chain, file) = (chain.clone(), self.file.clone());
            let decoder = chain.partial_decoder(file, shape, data_type, fill_value, options)?;
            // Nobody else sets it: a content belongs to one thread.
            let _ = self.decoder.set(decoder);
        }
        let decoder = self.decoder.get();
        decoder.map(|decoder| &**decoder).ok_or_else(|| CodecError::Corrupt("no decoder".to_owned()))
    }
}

/// A file of so many bytes, of which zarrs reads ranges.
struct ChunkFile {
    file: File,
    length: u64,
}

impl BytesPartialDecoderTraits for ChunkFile {
    fn exists(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn size_held(&self) -> usize {
        0
    }

    fn partial_decode_many(
        &self,
        ranges: ByteRangeIterator<'_>,
        _: &CodecOptions,
    ) -> Result<Option<Vec<Cow<'_, [u8]>>>, Refusal> {
        let ranges = ranges.map(|range: ByteRange| bounds(range, self.length));
        let ranges = ranges.collect::<Result<Vec<_>, StoreError>>()?;
        Ok(Some(self.read(&ranges).map_err(StoreError::from)?))
    }

    fn supports_partial_decode(&self) -> bool {
        true
    }
}

impl ChunkFile {
    /// Reads ranges, which lie inside the file: all at once where they make up much of it, as the rows of a box in an
    /// uncompressed chunk do.
    fn read(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Cow<'_, [u8]>>> {
        const MUCH: u64 = 4;
        let wanted: u64 = ranges.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add);
        let read = |range: &Range<u64>| uninit::read_range(&self.file, range.start, range.end - range.start);
        if ranges.len() > 1 && wanted >= self.length / MUCH {
            let all = read(&(0..self.length))?;
            // Both ends are at most the length of `all`.
            let part = |range: &Range<u64>| all[range.start as usize..range.end as usize].to_vec().into();
            return Ok(ranges.iter().map(part).collect());
        }
        ranges.iter().map(|range| read(range).map(Cow::Owned)).collect()
    }
}
