//! How a shard is put together: its chunks, each coded on its own, one after the other, and an index of where they are.
//!
//! zarrs does so too; here each chunk goes through one buffer into the file's, by [`Coding`], and where only some chunks
//! change, the others are taken over as they are.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use zarrs::array::codec::CodecChain;
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits, CodecMetadataOptions, CodecOptions, DataType, FillValue, data_type,
};
use zarrs::metadata::v3::MetadataV3;

use super::codec::Coding;
use super::library::one_line;
use crate::storage::chunked::cache::count_decoded;
use crate::storage::chunked::codec::{CodecError, Patch};
use crate::storage::chunked::partial_write::{Change, Share};
use crate::storage::voxels::{boxes, scratch, spans, uninit};

/// In the place of a chunk that nobody wrote.
const NOWHERE: [u64; 2] = [u64::MAX; 2];

/// How the shards of an array are made.
pub(super) struct Shards {
    chunk: Coding,
    chunk_shape: Vec<u64>,
    index: Arc<CodecChain>,
    /// Chunks along each axis, and two numbers for each chunk.
    index_shape: Vec<NonZeroU64>,
    is_index_last: bool,
    options: CodecOptions,
}

impl Shards {
    /// If these codecs make shards, and do nothing else.
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
            chunk_shape: chunk_shape.iter().map(|extent| extent.get()).collect(),
            chunk: Coding::new(inner, chunk_shape, data_type, fill_value, options),
            index: chain_of(&configuration["index_codecs"])?,
            index_shape,
            is_index_last: configuration["index_location"].as_str().is_none_or(|place| place == "end"),
            options: *options,
        })
    }

    /// Puts a shard's file into an empty buffer.
    pub(super) fn encode(&self, voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        let shard: Vec<Range<u64>> =
            self.grid().iter().zip(&self.chunk_shape).map(|(n, extent)| 0..n.end * extent).collect();
        scratch::with(|chunk| {
            chunk.resize(self.chunk_bytes(), 0);
            let element = self.chunk.element() as u64;
            self.put_together(file, |_, part, file| {
                spans::cut(part, part, chunk, &shard, voxels, element);
                self.add_chunk(chunk, file)
            })
        })
        .map(drop)
    }

    /// Adds a chunk with what changes of it, where it holds something.
    fn change_chunk(
        &self,
        stored: Option<&[u8]>,
        part: &[Range<u64>],
        change: &Change<'_>,
        file: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        scratch::with(|chunk| {
            let n_bytes = self.chunk_bytes();
            match stored {
                Some(stored) => {
                    count_decoded(n_bytes);
                    // SAFETY: decoding writes all of it.
                    unsafe { uninit::fill_up(chunk, n_bytes, |to| self.chunk.decode(stored, to)) }?;
                }
                None => chunk.extend(self.chunk.empty_element().iter().copied().cycle().take(n_bytes)),
            }
            change.put_over(part, chunk);
            self.add_chunk(chunk, file)
        })
    }

    /// Adds a chunk to a file, unless nothing of it need be stored.
    fn add_chunk(&self, voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        if self.chunk.is_empty(voxels) {
            return Ok(());
        }
        scratch::with(|coded| {
            self.chunk.encode(voxels, coded)?;
            file.extend_from_slice(coded);
            Ok(())
        })
    }

    /// Puts together a file of what `add` adds to it for each chunk, by number and box, and the index: whether there is
    /// any chunk in it.
    fn put_together(
        &self,
        file: &mut Vec<u8>,
        mut add: impl FnMut(usize, &[Range<u64>], &mut Vec<u8>) -> Result<(), CodecError>,
    ) -> Result<bool, CodecError> {
        if !self.is_index_last {
            file.resize(self.index_length()?, 0);
        }
        let mut index = Vec::with_capacity(self.n_chunks());
        for (number, position) in boxes::positions(self.grid()).enumerate() {
            let begin = file.len();
            add(number, &boxes::chunk_box(&position, &self.chunk_shape), file)?;
            let length = file.len() - begin;
            index.push(if length > 0 { [begin as u64, length as u64] } else { NOWHERE });
        }
        let has_chunks = index.iter().any(|place| *place != NOWHERE);
        let index = self.encode_index(&index)?;
        if self.is_index_last {
            file.extend_from_slice(&index);
        } else {
            file[..index.len()].copy_from_slice(&index);
        }
        Ok(has_chunks)
    }

    /// The positions of a shard's chunks.
    fn grid(&self) -> Vec<Range<u64>> {
        self.index_shape[..self.chunk_shape.len()].iter().map(|n| 0..n.get()).collect()
    }

    /// Of a decoded chunk, which fits into memory.
    fn chunk_bytes(&self) -> usize {
        self.chunk_shape.iter().map(|&extent| extent as usize).product::<usize>() * self.chunk.element()
    }

    fn n_chunks(&self) -> usize {
        // A shard fits into memory.
        self.index_shape[..self.chunk_shape.len()].iter().map(|n| n.get() as usize).product()
    }

    /// The same whatever it says.
    fn index_length(&self) -> Result<usize, CodecError> {
        Ok(self.encode_index(&vec![NOWHERE; self.n_chunks()])?.len())
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
        if index.len() != self.n_chunks() || !index.iter().all(|place| *place == NOWHERE || is_within(place))
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

impl Patch for Shards {
    /// Chunks that do not change stay as they are.
    fn patch(
        &self,
        former: &File,
        length: u64,
        change: &Change<'_>,
        file: &mut Vec<u8>,
    ) -> Result<bool, CodecError> {
        let index = self.read_index(former, length)?;
        // Large enough for most, so that it need not grow and move.
        let likely = usize::try_from(length).unwrap_or(0).saturating_add(self.chunk_bytes());
        file.try_reserve_exact(likely).map_err(io::Error::other)?;
        self.put_together(file, |number, part, file| {
            let stored = Some(index[number]).filter(|place| *place != NOWHERE);
            match (change.share_of(part), stored) {
                (Share::None, None) => Ok(()),
                (Share::None, Some(place)) => Ok(uninit::append_range(former, place, file)?),
                (Share::Part, Some(place)) => scratch::with(|coded| {
                    uninit::append_range(former, place, coded)?;
                    self.change_chunk(Some(coded), part, change, file)
                }),
                (Share::Part, None) | (Share::All, _) => self.change_chunk(None, part, change, file),
            }
        })
    }
}

fn chain_of(codecs: &Value) -> Option<Arc<CodecChain>> {
    let codecs: Vec<MetadataV3> = serde_json::from_value(codecs.clone()).ok()?;
    CodecChain::from_metadata(&codecs).ok().map(Arc::new)
}
