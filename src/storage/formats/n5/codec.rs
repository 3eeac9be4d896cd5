//! The codecs of N5: those that the library has, and what else is met in files of Java, zarr-python and tensorstore.

use std::io::{self, Read, Write};

use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use n5::compression::{Compression as _, CompressionType};
use serde::Deserialize;
use serde_json::Value;
use zarrs::array::codec::{
    BloscCompressionLevel, BloscCompressor, BloscShuffleMode, blosc_compress_bytes, blosc_decompress_bytes,
    blosc_validate,
};

use super::lz4_blocks;

/// How the voxels of a block are compressed.
#[derive(Debug)]
pub(super) enum Codec {
    /// raw, gzip, bzip2, lz4 or xz, which the library reads and writes.
    Library(CompressionType),
    /// What gzip is with `useZlib`.
    Zlib(flate2::Compression),
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
    #[serde(default)]
    shuffle: i64,
    #[serde(default, alias = "blockSize")]
    blocksize: usize,
}

const KNOWN: &str = "raw, gzip, bzip2, lz4, xz, zstd, blosc";

impl Codec {
    /// The codec that a dataset's metadata name, or why it cannot be used.
    pub(super) fn of(metadata: &Value) -> Result<Self, String> {
        let within = |name: &str, range: std::ops::RangeInclusive<i64>, rule: &str| match metadata.get(name) {
            Some(value) if !value.as_i64().is_some_and(|value| range.contains(&value)) => {
                Err(format!("{} of {name} {value}, not {rule}", metadata["type"]))
            }
            _ => Ok(()),
        };
        let Some(name) = metadata["type"].as_str() else {
            return Err(format!("a compression without a type: {metadata}"));
        };
        match name {
            "gzip" if metadata["useZlib"] == true => {
                // As Java has it: any other level is the default.
                let level = metadata["level"].as_u64().filter(|level| *level <= 9).map(|level| level as u32);
                return Ok(Self::Zlib(level.map_or_else(Default::default, flate2::Compression::new)));
            }
            "zstd" => {
                within("level", -131_072..=22, "-131072 to 22")?;
                let level = metadata["level"].as_i64().and_then(|level| i32::try_from(level).ok());
                return Ok(Self::Zstd(level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL)));
            }
            "blosc" => {
                within("shuffle", -1..=2, "-1 to 2")?;
                let blosc = serde_json::from_value(metadata.clone());
                return blosc.map(Self::Blosc).map_err(|error| format!("blosc: {error}"));
            }
            // Beyond these the library would panic on the first block.
            "bzip2" => within("blockSize", 1..=9, "1 to 9")?,
            "xz" => within("preset", 0..=9, "0 to 9")?,
            "lz4" if metadata.get("acceleration").is_some() => {
                return Err(format!(
                    "lz4 as numcodecs writes it is not supported: of N5's codecs bellis has {KNOWN}"
                ));
            }
            "raw" | "gzip" | "lz4" => {}
            other => return Err(format!("{other} is not supported: of N5's codecs bellis has {KNOWN}")),
        }
        serde_json::from_value(metadata.clone()).map(Self::Library).map_err(|error| error.to_string())
    }

    /// Fills `voxels`, or says why the bytes are no such block.
    pub(super) fn decode(&self, bytes: &[u8], voxels: &mut [u8]) -> Result<(), String> {
        match self {
            Self::Library(CompressionType::Lz4(_)) if lz4_blocks::is(bytes) => {
                lz4_blocks::decode(bytes, voxels)
            }
            Self::Library(codec) => fill(codec.decoder(bytes), voxels),
            Self::Zlib(_) => fill(ZlibDecoder::new(bytes), voxels),
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
            // Encoders of the library finish when they are dropped.
            Self::Library(codec) => codec.encoder(bytes).write_all(voxels),
            Self::Zlib(level) => {
                let mut encoder = ZlibEncoder::new(bytes, *level);
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
    use serde_json::json;

    use super::*;

    #[test]
    fn every_codec_there_and_back() {
        let voxels: Vec<u8> = (0..4096).map(|n: u32| (n / 100) as u8).collect();
        for metadata in [
            json!({"type": "raw"}),
            json!({"type": "gzip"}),
            json!({"type": "gzip", "level": 3, "useZlib": true}),
            json!({"type": "gzip", "level": -1, "useZlib": true}),
            json!({"type": "bzip2", "blockSize": 9}),
            json!({"type": "lz4", "blockSize": 65536}),
            json!({"type": "xz", "preset": 6}),
            json!({"type": "zstd"}),
            json!({"type": "zstd", "level": -5}),
            json!({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": -1, "blocksize": 0, "nthreads": 1}),
            json!({"type": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 2}),
            json!({"type": "blosc", "cname": "blosclz", "clevel": 0, "shuffle": 0}),
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

    #[test]
    fn what_cannot_be_used_is_named() {
        for (metadata, named) in [
            (json!({"type": "jpeg"}), "jpeg is not supported: of N5's codecs bellis has raw, gzip"),
            (json!({"type": "lz4", "id": "lz4", "acceleration": 1}), "lz4 as numcodecs writes it"),
            (json!({"level": 1}), "without a type"),
            (json!({"type": "bzip2", "blockSize": 0}), "blockSize 0, not 1 to 9"),
            (json!({"type": "xz", "preset": 10}), "preset 10, not 0 to 9"),
            (json!({"type": "zstd", "level": 23}), "level 23, not -131072 to 22"),
            (json!({"type": "blosc", "cname": "lz5", "clevel": 5}), "lz5"),
            (json!({"type": "blosc", "cname": "lz4", "clevel": 10}), "between 0 and 9"),
            (json!({"type": "blosc", "cname": "lz4", "clevel": 1, "shuffle": 3}), "shuffle 3, not -1 to 2"),
        ] {
            let message = Codec::of(&metadata).expect_err("must be refused");
            assert!(message.contains(named), "{message}");
        }
    }
}
