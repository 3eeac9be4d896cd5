//! How one chunk is coded: by bellis itself where it knows the codecs, or else by zarrs.

use std::borrow::Cow;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::sync::Arc;

use zarrs::array::codec::CodecChain;
use zarrs::array::{ArrayBytes, ArrayToBytesCodecTraits, CodecOptions, DataType, FillValue};

use super::library::one_line;
use super::plain_zstd::PlainZstd;
use crate::storage::chunked::codec::CodecError;
use crate::storage::voxels::{buffer, uninit};

/// The codecs of chunks of one shape.
pub(super) struct Coding {
    pub(super) chain: Arc<CodecChain>,
    pub(super) shape: Vec<NonZeroU64>,
    pub(super) data_type: DataType,
    pub(super) fill_value: FillValue,
    pub(super) options: CodecOptions,
    zstd: Option<PlainZstd>,
}

impl Coding {
    pub(super) fn new(
        chain: Arc<CodecChain>,
        shape: Vec<NonZeroU64>,
        data_type: &DataType,
        fill_value: &FillValue,
        options: &CodecOptions,
    ) -> Self {
        let zstd = PlainZstd::of(&chain);
        let (data_type, fill_value) = (data_type.clone(), fill_value.clone());
        Self { chain, shape, data_type, fill_value, options: *options, zstd }
    }

    /// Bytes of an element.
    pub(super) fn element(&self) -> usize {
        self.fill_value.as_ne_bytes().len()
    }

    /// A voxel that nobody wrote.
    pub(super) fn empty_element(&self) -> &[u8] {
        self.fill_value.as_ne_bytes()
    }

    /// Returns whether a chunk is as if nobody had written it.
    pub(super) fn is_empty(&self, voxels: &[u8]) -> bool {
        buffer::is_all(voxels, self.fill_value.as_ne_bytes())
    }

    /// Puts a coded chunk into an empty buffer.
    pub(super) fn encode(&self, voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        if let Some(zstd) = self.zstd {
            return zstd.encode(voxels, file);
        }
        let voxels = ArrayBytes::new_flen(voxels);
        let encoded =
            self.chain.encode(voxels, &self.shape, &self.data_type, &self.fill_value, &self.options)?;
        file.extend_from_slice(&encoded);
        Ok(())
    }

    /// Decodes a chunk to all of `voxels`.
    pub(super) fn decode(&self, file: &[u8], voxels: &mut [MaybeUninit<u8>]) -> Result<(), CodecError> {
        if let Some(zstd) = self.zstd {
            return zstd.decode(file, voxels);
        }
        let decoded = self.chain.decode(
            Cow::Borrowed(file),
            &self.shape,
            &self.data_type,
            &self.fill_value,
            &self.options,
        )?;
        copy_decoded(decoded, voxels)
    }
}

/// Copies what zarrs decoded, if it is as much as it should be.
pub(super) fn copy_decoded(
    decoded: ArrayBytes<'_>,
    voxels: &mut [MaybeUninit<u8>],
) -> Result<(), CodecError> {
    let decoded = decoded.into_fixed().map_err(|error| CodecError::Corrupt(one_line(&error)))?;
    if decoded.len() != voxels.len() {
        let (found, expected) = (decoded.len(), voxels.len());
        return Err(CodecError::Corrupt(format!("{found} bytes where {expected} should be")));
    }
    uninit::copy(&decoded, voxels);
    Ok(())
}
