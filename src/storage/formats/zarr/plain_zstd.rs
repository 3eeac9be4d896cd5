//! Bytes in this machine's order under Zstandard: what bellis writes unless told otherwise, and zarr-python 3 too.
//!
//! zarrs would do it as well. Here the library's contexts are made once for each thread, chunks are decoded right to
//! where they belong, and encoded into memory that is there already: a tenth of a copy's time.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;

use serde_json::Value;
use zarrs::array::CodecMetadataOptions;
use zarrs::array::codec::CodecChain;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{CParameter, WriteBuf, compress_bound};

use crate::storage::chunked::codec::CodecError;

/// How chunks are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlainZstd {
    level: i32,
    has_checksum: bool,
}

thread_local! {
    static COMPRESSOR: RefCell<Option<(PlainZstd, Compressor<'static>)>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

impl PlainZstd {
    /// The codec, if these codecs are just that.
    pub(super) fn of(chain: &CodecChain) -> Option<Self> {
        let codecs = chain.create_metadatas(&CodecMetadataOptions::default());
        let codecs: Vec<Value> = codecs.iter().map(serde_json::to_value).collect::<Result<_, _>>().ok()?;
        let [bytes, zstd] = codecs.as_slice() else { return None };
        let order = if cfg!(target_endian = "little") { "little" } else { "big" };
        // Elements of one byte have no order; a codec without configuration may be just its name.
        let is_native = bytes["configuration"]["endian"].as_str().is_none_or(|endian| endian == order);
        let is_bytes = bytes["name"] == "bytes" || *bytes == "bytes";
        if !(is_bytes && is_native && zstd["name"] == "zstd") {
            return None;
        }
        let configuration = &zstd["configuration"];
        Some(Self {
            level: i32::try_from(configuration["level"].as_i64()?).ok()?,
            has_checksum: configuration["checksum"].as_bool().unwrap_or(false),
        })
    }

    /// Puts the coded bytes into an empty buffer.
    pub(super) fn encode(self, voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        file.reserve(compress_bound(voxels.len()));
        COMPRESSOR.with_borrow_mut(|kept| {
            if kept.as_ref().is_none_or(|(of, _)| *of != self) {
                let mut compressor = Compressor::new(self.level)?;
                compressor.set_parameter(CParameter::ChecksumFlag(self.has_checksum))?;
                *kept = Some((self, compressor));
            }
            let Some((_, compressor)) = kept else { return Ok(()) };
            compressor.compress_to_buffer(voxels, file).map(drop)
        })?;
        Ok(())
    }

    /// Decodes to all of `voxels`.
    pub(super) fn decode(self, file: &[u8], voxels: &mut [MaybeUninit<u8>]) -> Result<(), CodecError> {
        let expected = voxels.len();
        let corrupt = |error: io::Error| CodecError::Corrupt(error.to_string());
        let n_bytes = DECOMPRESSOR.with_borrow_mut(|kept| {
            if kept.is_none() {
                *kept = Some(Decompressor::new()?);
            }
            let Some(decompressor) = kept else { return Ok(0) };
            decompressor
                .decompress_to_buffer(file, &mut Output { bytes: voxels, n_filled: 0 })
                .map_err(corrupt)
        })?;
        if n_bytes == expected {
            Ok(())
        } else {
            Err(CodecError::Corrupt(format!("{n_bytes} bytes where {expected} should be")))
        }
    }
}

/// Memory that decoded bytes go to.
struct Output<'a> {
    bytes: &'a mut [MaybeUninit<u8>],
    n_filled: usize,
}

// SAFETY: pointer and capacity are those of one slice, and only what was filled is shown.
unsafe impl WriteBuf for Output<'_> {
    fn as_slice(&self) -> &[u8] {
        // SAFETY: so many bytes were filled.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.n_filled) }
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr().cast()
    }

    unsafe fn filled_until(&mut self, n: usize) {
        self.n_filled = n;
    }
}
