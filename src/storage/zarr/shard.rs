//! How a shard is put together: its chunks, each coded on its own, one after the other, and an index of where they are.
//!
//! zarrs does so too; here each chunk goes through one buffer into the file's, by [`Coding`].

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;
use zarrs::array::codec::CodecChain;
use zarrs::array::{
    ArrayBytes, ArrayToBytesCodecTraits, CodecMetadataOptions, CodecOptions, DataType, FillValue, data_type,
};
use zarrs::metadata::v3::MetadataV3;

use super::coding::Coding;
use crate::storage::chunked::CodecError;
use crate::storage::{boxes, runs, scratch};

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
        let n_chunks = &self.index_shape[..self.chunk_shape.len()];
        let grid: Vec<Range<u64>> = n_chunks.iter().map(|n| 0..n.get()).collect();
        let shard: Vec<Range<u64>> =
            grid.iter().zip(&self.chunk_shape).map(|(n, extent)| 0..n.end * extent).collect();
        if !self.is_index_last {
            // Its length does not depend on what it says.
            file.resize(self.encode_index(&vec![NOWHERE; self.n_chunks()])?.len(), 0);
        }
        let mut index = Vec::with_capacity(self.n_chunks());
        scratch::with(|chunk| {
            for position in boxes::positions(grid) {
                let part = boxes::chunk_box(&position, &self.chunk_shape);
                let element = self.chunk.element();
                chunk.resize(boxes::extents(&part).iter().product::<usize>() * element, 0);
                runs::cut(&part, &part, chunk, &shard, voxels, element as u64);
                let begin = file.len();
                let is_stored = !self.chunk.is_empty(chunk);
                if is_stored {
                    scratch::with(|coded| {
                        self.chunk.encode(chunk, coded)?;
                        file.extend_from_slice(coded);
                        Ok::<(), CodecError>(())
                    })?;
                }
                index.push(if is_stored { [begin as u64, (file.len() - begin) as u64] } else { NOWHERE });
            }
            Ok::<(), CodecError>(())
        })?;
        let index = self.encode_index(&index)?;
        if self.is_index_last {
            file.extend_from_slice(&index);
        } else {
            file[..index.len()].copy_from_slice(&index);
        }
        Ok(())
    }

    fn n_chunks(&self) -> usize {
        // A shard fits into memory.
        self.index_shape[..self.chunk_shape.len()].iter().map(|n| n.get() as usize).product()
    }

    fn encode_index(&self, index: &[[u64; 2]]) -> Result<Vec<u8>, CodecError> {
        let numbers = ArrayBytes::new_flen(Cow::Borrowed(bytemuck::cast_slice(index)));
        let (data_type, fill_value) = (data_type::uint64(), FillValue::from(u64::MAX));
        let encoded =
            self.index.encode(numbers, &self.index_shape, &data_type, &fill_value, &self.options)?;
        Ok(encoded.into_owned())
    }
}

fn chain_of(codecs: &Value) -> Option<Arc<CodecChain>> {
    let codecs: Vec<MetadataV3> = serde_json::from_value(codecs.clone()).ok()?;
    CodecChain::from_metadata(&codecs).ok().map(Arc::new)
}
