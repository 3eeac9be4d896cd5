//! How a shard is put together: its chunks, each coded on its own, one after the other, and an index of where they are.
//!
//! zarrs does so too; here each chunk goes through one buffer into the file's, by [`Coding`], and where only some chunks
//! change, the others are taken over as they are.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::Value;
use zarrs::array::codec::CodecChain;
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits, CodecMetadataOptions, CodecOptions, DataType, FillValue, data_type,
};
use zarrs::metadata::v3::MetadataV3;

use super::codec::Coding;
use super::library::one_line;
use crate::geometry::{VoxelBox, VoxelGrid};
use crate::storage::chunked::codec::{CodecError, PartialEncoder};
use crate::storage::chunked::partial_write::{Coverage, PartialWrite};
use crate::storage::voxels::buffer::Voxels;
use crate::storage::voxels::{scratch, uninit};

/// What the index says of a chunk that is not stored.
const NOT_STORED: [u64; 2] = [u64::MAX; 2];

/// How the shards of an array are made.
pub(super) struct Shards {
    chunk: Coding,
    /// The chunks of a shard.
    grid: VoxelGrid,
    index: Arc<CodecChain>,
    /// Chunks along each axis, and two numbers for each chunk: where it begins, and how long it is.
    index_shape: Vec<NonZeroU64>,
    is_index_last: bool,
    options: CodecOptions,
}

impl Shards {
    /// The codec, if these codecs make shards and do nothing else.
    pub(super) fn of(
        chain: &CodecChain,
        shape: &[NonZeroU64],
        data_type: &DataType,
        fill_value: &FillValue,
        options: &CodecOptions,
    ) -> Option<Self> {
        let codecs = chain.create_metadatas(&CodecMetadataOptions::default());
        let [codec] = codecs.as_slice() else { return None };
        let codec = serde_json::to_value(codec).ok()?;
        if codec["name"] != "sharding_indexed" {
            return None;
        }
        let configuration = &codec["configuration"];
        let chunk_shape: Vec<NonZeroU64> =
            serde_json::from_value(configuration["chunk_shape"].clone()).ok()?;
        let inner = chain_of(&configuration["codecs"])?;
        let n_chunks =
            |(shard, chunk): (&NonZeroU64, &NonZeroU64)| NonZeroU64::new(shard.get() / chunk.get());
        let mut index_shape: Vec<NonZeroU64> =
            shape.iter().zip(&chunk_shape).map(n_chunks).collect::<Option<_>>()?;
        index_shape.push(NonZeroU64::MIN.saturating_add(1));
        Some(Self {
            grid: VoxelGrid::new(&numbers(shape), &numbers(&chunk_shape)),
            chunk: Coding::new(inner, chunk_shape, data_type, fill_value, options),
            index: chain_of(&configuration["index_codecs"])?,
            index_shape,
            is_index_last: configuration["index_location"].as_str().is_none_or(|place| place == "end"),
            options: *options,
        })
    }

    /// Puts a shard's file into an empty buffer.
    pub(super) fn encode(&self, voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        let range = VoxelBox::of_shape(self.grid.array_shape());
        let voxels = Voxels { range: &range, bytes: voxels, element: self.chunk.element() };
        scratch::with(|chunk| {
            chunk.resize(self.chunk_bytes(), 0);
            self.assemble(file, |_, range, file| {
                voxels.copy_to(range, range, chunk);
                self.append_chunk(chunk, file)
            })
        })
        .map(drop)
    }

    /// Appends a chunk with what is written of it, where it holds something.
    fn rewrite_chunk(
        &self,
        stored: Option<&[u8]>,
        range: &VoxelBox,
        write: &PartialWrite<'_>,
        file: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        scratch::with(|chunk| {
            let n_bytes = self.chunk_bytes();
            match stored {
                Some(stored) => {
                    write.context.count_decoded(n_bytes);
                    // SAFETY: decoding writes all of it.
                    unsafe { uninit::fill_up(chunk, n_bytes, |to| self.chunk.decode(stored, to)) }?;
                }
                None => chunk.extend(self.chunk.empty_element().iter().copied().cycle().take(n_bytes)),
            }
            write.overlay(range, chunk);
            self.append_chunk(chunk, file)
        })
    }

    /// Appends a chunk to a file, unless nothing of it need be stored.
    fn append_chunk(&self, voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.chunk.is_empty(voxels) {
            return Ok(());
        }
        scratch::with(|coded| {
            self.chunk.encode(voxels, coded)?;
            file.extend_from_slice(coded);
            Ok(())
        })
    }

    /// Assembles a file of what `add` adds to it for each chunk, by position and box, and the index. Returns whether
    /// there is any chunk in it.
    fn assemble(
        &self,
        file: &mut Vec<u8>,
        mut add: impl FnMut(usize, &VoxelBox, &mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<bool, CodecError> {
        if !self.is_index_last {
            file.resize(self.index_length()?, 0);
        }
        let mut index = Vec::with_capacity(self.n_chunks());
        for (position, chunk) in self.grid.chunks().enumerate() {
            let begin = file.len();
            add(position, &self.grid.chunk(&chunk), file)?;
            let length = file.len() - begin;
            index.push(if length > 0 { [begin as u64, length as u64] } else { NOT_STORED });
        }
        let has_chunks = index.iter().any(|stored| *stored != NOT_STORED);
        let index = self.encode_index(&index)?;
        if self.is_index_last {
            file.extend_from_slice(&index);
        } else {
            file[..index.len()].copy_from_slice(&index);
        }
        Ok(has_chunks)
    }

    /// Bytes of a decoded chunk, which fits into memory.
    fn chunk_bytes(&self) -> usize {
        let n_voxels: u64 = self.grid.chunk_shape().iter().product();
        n_voxels as usize * self.chunk.element()
    }

    fn n_chunks(&self) -> usize {
        // A shard fits into memory.
        self.grid.shape().iter().product::<u64>() as usize
    }

    /// Bytes of the index in a file: the same whatever it says.
    fn index_length(&self) -> Result<usize, CodecError> {
        Ok(self.encode_index(&vec![NOT_STORED; self.n_chunks()])?.len())
    }

    /// Where the chunks are in a file of so many bytes: begin and length of each, within the file.
    fn read_index(&self, file: &File, length: u64) -> Result<Vec<[u64; 2]>, CodecError> {
        let index_length = self.index_length()? as u64;
        let begin = if self.is_index_last { length.checked_sub(index_length) } else { Some(0) };
        let begin = begin.ok_or_else(|| CodecError::Corrupt("it is cut short".to_owned()))?;
        let bytes = uninit::read_range(file, begin, index_length)?;
        let (data_type, fill_value) = (data_type::uint64(), FillValue::from(u64::MAX));
        let decoded =
            self.index.decode(bytes.into(), &self.index_shape, &data_type, &fill_value, &self.options)?;
        let decoded = decoded.into_fixed().map_err(|error| CodecError::Corrupt(one_line(&error)))?;
        let index: Vec<[u64; 2]> = bytemuck::pod_collect_to_vec(&decoded);
        let is_within = |[begin, n]: &[u64; 2]| begin.checked_add(*n).is_some_and(|end| end <= length);
        if index.len() != self.n_chunks()
            || !index.iter().all(|stored| *stored == NOT_STORED || is_within(stored))
        {
            return Err(CodecError::Corrupt("its index names a place past its end".to_owned()));
        }
        Ok(index)
    }

    fn encode_index(&self, index: &[[u64; 2]]) -> Result<Vec<u8>, CodecError> {
        let numbers = ArrayBytes::new_flen(Cow::Borrowed(bytemuck::cast_slice(index)));
        let (data_type, fill_value) = (data_type::uint64(), FillValue::from(u64::MAX));
        let encoded =
            self.index.encode(numbers, &self.index_shape, &data_type, &fill_value, &self.options)?;
        Ok(encoded.into_owned())
    }
}

impl PartialEncoder for Shards {
    /// Chunks that do not change stay as they are.
    fn encode_partially(
        &self,
        former: &File,
        length: u64,
        write: &PartialWrite<'_>,
        file: &mut Vec<u8>,
    ) -> Result<bool, CodecError> {
        let index = self.read_index(former, length)?;
        // Large enough for most, so that it need not grow and move.
        let likely = usize::try_from(length).unwrap_or(0).saturating_add(self.chunk_bytes());
        file.try_reserve_exact(likely).map_err(io::Error::other)?;
        self.assemble(file, |position, range, file| {
            let stored = Some(index[position]).filter(|stored| *stored != NOT_STORED);
            match (write.coverage_of(range), stored) {
                (Coverage::None, None) => Ok(()),
                (Coverage::None, Some(stored)) => Ok(uninit::append_range(former, stored, file)?),
                (Coverage::Part, Some(stored)) => scratch::with(|coded| {
                    uninit::append_range(former, stored, coded)?;
                    self.rewrite_chunk(Some(coded), range, write, file)
                }),
                (Coverage::Part, None) | (Coverage::All, _) => self.rewrite_chunk(None, range, write, file),
            }
        })
    }
}

fn numbers(shape: &[NonZeroU64]) -> Vec<u64> {
    shape.iter().map(|extent| extent.get()).collect()
}

fn chain_of(codecs: &Value) -> Option<Arc<CodecChain>> {
    let codecs: Vec<MetadataV3> = serde_json::from_value(codecs.clone()).ok()?;
    CodecChain::from_metadata(&codecs).ok().map(Arc::new)
}
