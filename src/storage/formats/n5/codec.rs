//! The codecs of N5, as they are met in files of Java, Rust, C++, zarr-python and tensorstore.

use std::io::{self, Read, Write};
use std::ops::RangeInclusive;

use bzip2::read::MultiBzDecoder;
use bzip2::write::BzEncoder;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use liblzma::read::XzDecoder;
use liblzma::stream::Stream;
use liblzma::write::XzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use serde::Deserialize;
use serde_json::{Value, json};
use zarrs::array::codec::{
    BloscCompressionLevel, BloscCompressor, BloscShuffleMode, blosc_compress_bytes, blosc_decompress_bytes,
    blosc_validate,
};

use super::lz4_blocks;

/// How the voxels of a block are compressed.
#[derive(Debug)]
pub(super) enum Codec {
    Raw,
    Gzip(flate2::Compression),
    /// What gzip is with `useZlib`.
    Zlib(flate2::Compression),
    Bzip2(bzip2::Compression),
    /// LZ4 in frames of blocks of a size. Java's blocks are read too.
    Lz4(BlockSize),
    /// A block of LZ4 behind its length, as numcodecs has it.
    Lz4Block,
    /// XZ of a preset.
    Xz(u32),
    /// Zstandard of a level.
    Zstd(i32),
    Blosc(Blosc),
}

/// The parameters of blosc, of which a reader needs none.
#[derive(Debug, Deserialize)]
pub(super) struct Blosc {
    cname: BloscCompressor,
    clevel: BloscCompressionLevel,
    /// None, by bytes, by bits; -1 is by bits for elements of one byte, else by bytes.
    shuffle: i64,
    blocksize: usize,
}

/// What an XZ stream may ask for: four times what preset 9 does.
const MAX_XZ_MEMORY: u64 = 256 << 20;
/// That several streams may follow each other.
const CONCATENATED: u32 = 0x08;

/// Why a compression cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// There is none of this name.
    Missing(String),
    /// The metadata make no sense.
    Nonsense(String),
}

impl Codec {
    /// The codec that a dataset's metadata name. What no reader needs, such as a level, may be missing or beyond what there
    /// is: then it is the default, or the nearest.
    pub(super) fn of(metadata: &Value) -> Result<Self, Unusable> {
        let Some(name) = metadata["type"].as_str() else {
            return Err(Unusable::Nonsense(format!("a compression without a type: {metadata}")));
        };
        let number = |name: &str, default: i32, range: RangeInclusive<i32>| {
            let number = metadata.get(name).and_then(Value::as_i64).unwrap_or(default.into());
            let within = number.clamp((*range.start()).into(), (*range.end()).into());
            i32::try_from(within).unwrap_or(default)
        };
        // As Java has it: any other level is the default.
        let deflate = || {
            let level = metadata["level"].as_u64().filter(|level| *level <= 9).map(|level| level as u32);
            level.map_or_else(flate2::Compression::default, flate2::Compression::new)
        };
        Ok(match name {
            "raw" => Self::Raw,
            "gzip" if metadata["useZlib"] == true => Self::Zlib(deflate()),
            "gzip" => Self::Gzip(deflate()),
            "bzip2" => Self::Bzip2(bzip2::Compression::new(number("blockSize", 9, 1..=9).unsigned_abs())),
            // As numcodecs names its parameters.
            "lz4" if metadata.get("acceleration").is_some() => Self::Lz4Block,
            "lz4" => Self::Lz4(match number("blockSize", 1 << 16, i32::MIN..=i32::MAX) {
                ..=0x1_0000 => BlockSize::Max64KB,
                0x1_0001..=0x4_0000 => BlockSize::Max256KB,
                0x4_0001..=0x10_0000 => BlockSize::Max1MB,
                _ => BlockSize::Max4MB,
            }),
            "xz" => Self::Xz(number("preset", 6, 0..=9).unsigned_abs()),
            "zstd" => Self::Zstd(number("level", zstd::DEFAULT_COMPRESSION_LEVEL, -131_072..=22)),
            "blosc" => {
                let name = metadata["cname"].as_str().unwrap_or("lz4");
                let block_size = metadata.get("blocksize").or(metadata.get("blockSize"));
                let parameters = json!({"cname": name, "clevel": number("clevel", 5, 0..=9),
                    "shuffle": number("shuffle", 0, -1..=2),
                    "blocksize": block_size.and_then(Value::as_u64).unwrap_or(0)});
                let blosc = serde_json::from_value(parameters);
                Self::Blosc(blosc.map_err(|_| Unusable::Missing(format!("blosc of {name}")))?)
            }
            other => return Err(Unusable::Missing(other.to_owned())),
        })
    }

    /// Fills `voxels`, or says why the bytes are no such block.
    pub(super) fn decode(&self, bytes: &[u8], voxels: &mut [u8]) -> Result<(), String> {
        match self {
            Self::Raw => fill(bytes, voxels),
            Self::Gzip(_) => fill(MultiGzDecoder::new(bytes), voxels),
            Self::Zlib(_) => fill(ZlibDecoder::new(bytes), voxels),
            Self::Bzip2(_) => fill(MultiBzDecoder::new(bytes), voxels),
            Self::Lz4Block => {
                let (length, block) =
                    bytes.split_first_chunk::<4>().ok_or("no length before an LZ4 block")?;
                if u32::from_le_bytes(*length) as usize != voxels.len() {
                    let length = u32::from_le_bytes(*length);
                    return Err(format!("an LZ4 block of {length} bytes, not {}", voxels.len()));
                }
                let decoded = lz4_flex::block::decompress_into(block, voxels);
                let n_bytes = decoded.map_err(|error| error.to_string())?;
                (n_bytes == voxels.len())
                    .then_some(())
                    .ok_or_else(|| format!("{n_bytes} bytes in an LZ4 block"))
            }
            Self::Lz4(_) if lz4_blocks::is(bytes) => lz4_blocks::decode(bytes, voxels),
            Self::Lz4(_) => {
                fill(FrameDecoder::new(bytes), voxels).map_err(|reason| format!("LZ4 frame: {reason}"))
            }
            Self::Xz(_) => {
                let stream = Stream::new_stream_decoder(MAX_XZ_MEMORY, CONCATENATED)
                    .map_err(|error| error.to_string())?;
                fill(XzDecoder::new_stream(bytes, stream), voxels)
            }
            Self::Zstd(_) => fill(zstd::Decoder::new(bytes).map_err(|error| error.to_string())?, voxels),
            Self::Blosc(_) => {
                let length = blosc_validate(bytes).ok_or("no blosc frame")?;
                if length != voxels.len() {
                    return Err(format!("a blosc frame of {length} bytes, not {}", voxels.len()));
                }
                if length > 0 {
                    let decoded = blosc_decompress_bytes(bytes, length, 1);
                    voxels.copy_from_slice(&decoded.map_err(|error| error.to_string())?);
                }
                Ok(())
            }
        }
    }

    /// Adds the compressed voxels, which have elements of so many bytes, to `bytes`.
    pub(super) fn encode(&self, voxels: &[u8], element: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Raw => bytes.write_all(voxels),
            Self::Gzip(level) => {
                let mut encoder = GzEncoder::new(bytes, *level);
                encoder.write_all(voxels)?;
                encoder.finish().map(drop)
            }
            Self::Zlib(level) => {
                let mut encoder = ZlibEncoder::new(bytes, *level);
                encoder.write_all(voxels)?;
                encoder.finish().map(drop)
            }
            Self::Bzip2(level) => {
                let mut encoder = BzEncoder::new(bytes, *level);
                encoder.write_all(voxels)?;
                encoder.finish().map(drop)
            }
            Self::Lz4Block => bytes.write_all(&lz4_flex::block::compress_prepend_size(voxels)),
            Self::Lz4(block_size) => {
                let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(*block_size);
                let mut encoder = FrameEncoder::with_frame_info(info.content_checksum(true), bytes);
                encoder.write_all(voxels)?;
                encoder.finish().map(drop).map_err(io::Error::other)
            }
            Self::Xz(preset) => {
                let mut encoder = XzEncoder::new(bytes, *preset);
                encoder.write_all(voxels)?;
                encoder.finish().map(drop)
            }
            Self::Zstd(level) => {
                let mut encoder = zstd::Encoder::new(bytes, *level)?;
                // So that a spoilt block is told from a good one.
                encoder.include_checksum(true)?;
                // zarr-python reads no frame without its length.
                encoder.set_pledged_src_size(Some(voxels.len() as u64))?;
                encoder.write_all(voxels)?;
                encoder.finish().map(drop)
            }
            Self::Blosc(Blosc { cname, clevel, shuffle, blocksize }) => {
                let shuffle = match (shuffle, element) {
                    (2, _) | (-1, 1) => BloscShuffleMode::BitShuffle,
                    (1 | -1, _) => BloscShuffleMode::Shuffle,
                    _ => BloscShuffleMode::NoShuffle,
                };
                let coded = blosc_compress_bytes(voxels, *clevel, shuffle, element, *cname, *blocksize, 1);
                bytes.extend(coded.map_err(io::Error::other)?);
                Ok(())
            }
        }
    }
}

/// Reads to the end, which is also what makes decoders look at their checksums.
fn fill(mut decoder: impl Read, voxels: &mut [u8]) -> Result<(), String> {
    decoder.read_exact(voxels).map_err(|error| error.to_string())?;
    match decoder.read(&mut [0]).map_err(|error| error.to_string())? {
        0 => Ok(()),
        _ => Err(format!("more than the {} bytes of voxels that its header says", voxels.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Valid streams may be made of several.
    #[test]
    fn streams_of_several_members() {
        for name in ["gzip", "bzip2", "xz", "zstd"] {
            let codec = Codec::of(&json!({"type": name})).expect("known");
            let (mut bytes, mut decoded) = (Vec::new(), [0; 6]);
            for part in [b"vox", b"els"] {
                let mut member = Vec::new();
                codec.encode(part, 1, &mut member).expect("fits");
                bytes.extend(member);
            }
            assert_eq!(codec.decode(&bytes, &mut decoded), Ok(()), "{name}");
            assert_eq!(&decoded, b"voxels", "{name}");
        }
    }

    #[test]
    fn every_codec_there_and_back() {
        let voxels: Vec<u8> = (0..4096).map(|n: u32| (n / 100) as u8).collect();
        for metadata in [
            json!({"type": "raw"}),
            json!({"type": "gzip"}),
            json!({"type": "gzip", "level": 3, "useZlib": true}),
            json!({"type": "gzip", "level": -1, "useZlib": true}),
            json!({"type": "bzip2", "blockSize": 9}),
            json!({"type": "gzip", "level": 0}),
            json!({"type": "bzip2"}),
            json!({"type": "lz4", "blockSize": 65536}),
            json!({"type": "lz4", "blockSize": 1 << 30}),
            json!({"type": "xz"}),
            json!({"type": "xz", "preset": 6}),
            json!({"type": "zstd"}),
            json!({"type": "zstd", "level": -5}),
            json!({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": -1, "blocksize": 0, "nthreads": 1}),
            json!({"type": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2}),
            json!({"type": "blosc", "cname": "blosclz", "clevel": 0, "shuffle": 0}),
            json!({"type": "blosc", "clevel": 10, "shuffle": 3}),
            json!({"type": "lz4", "acceleration": 1}),
            json!({"type": "bzip2", "blockSize": 0}),
            json!({"type": "xz", "preset": 10}),
            json!({"type": "zstd", "level": 23}),
        ] {
            let codec = Codec::of(&metadata).expect("known");
            let (mut bytes, mut decoded) = (Vec::new(), vec![0; voxels.len()]);
            codec.encode(&voxels, 2, &mut bytes).expect("fits");
            codec.decode(&bytes, &mut decoded).expect("what was written");
            assert!(decoded == voxels, "{metadata}");
            assert!(codec.decode(&bytes, &mut decoded[1..]).is_err(), "{metadata}: longer than asked for");
            decoded.push(0);
            assert!(codec.decode(&bytes, &mut decoded).is_err(), "{metadata}: shorter than asked for");
            assert!(codec.decode(&bytes[..bytes.len() / 2], &mut decoded[1..]).is_err(), "{metadata}: cut");
            assert!(codec.decode(&[], &mut decoded).is_err(), "{metadata}: nothing");
        }
    }

    /// A header may ask for gigabytes.
    #[test]
    fn xz_that_asks_for_too_much_is_refused() {
        let codec = Codec::of(&json!({"type": "xz"})).expect("known");
        let mut bytes = vec![0xfd, b'7', b'z', b'X', b'Z', 0, 0, 0, 0xff, 0x12, 0xd9, 0x41];
        // One filter, LZMA2, with a dictionary of 3 GiB.
        bytes.extend([2, 0, 0x21, 1, 39, 0, 0, 0]);
        let mut checksum = flate2::Crc::new();
        checksum.update(&bytes[12..]);
        bytes.extend(checksum.sum().to_le_bytes());
        bytes.extend([1, 0, 0, 7, 0]);
        let refused = codec.decode(&bytes, &mut [0]).expect_err("must be refused");
        assert!(refused.contains("memory"), "{refused}");
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (metadata, named) in [
            (json!({"type": "jpeg"}), "Missing(\"jpeg\")"),
            (json!({"type": "blosc", "cname": "lz5", "clevel": 5}), "Missing(\"blosc of lz5\")"),
            (json!({"level": 1}), "without a type"),
        ] {
            let refused = Codec::of(&metadata).expect_err("must be refused");
            assert!(format!("{refused:?}").contains(named), "{refused:?}");
        }
    }
}
