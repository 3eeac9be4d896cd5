//! Compressors. What decoding does not need (levels, and what else there is to tune) is taken as it can be.

use std::io::{self, Read, Write};

use bzip2::read::MultiBzDecoder;
use bzip2::write::BzEncoder;
use flate2::Compression;
use flate2::bufread::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use liblzma::read::XzDecoder;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;
use serde_json::{Map, Value};

/// What an LZMA stream may ask for: four times what preset 9 does.
const MAX_LZMA_MEMORY: u64 = 256 << 20;
/// That several streams may follow each other.
const CONCATENATED: u32 = 0x08;

/// A compressor with its parameters.
#[derive(Debug, Clone)]
pub(super) enum Compressor {
    Gzip(Compression),
    Zlib(Compression),
    Bzip2(bzip2::Compression),
    /// A block, behind the length of its content.
    Lz4,
    Lzma(Lzma),
}

/// The parameters of Python's `lzma`.
#[derive(Debug, Clone)]
pub(super) struct Lzma {
    container: Container,
    check: Check,
    preset: u32,
    filters: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Xz,
    Alone,
    Raw,
}

impl Compressor {
    /// The compressor called `id`, if it is one, or what cannot be meant.
    pub(super) fn of(id: &str, configuration: &Map<String, Value>) -> Option<Result<Self, String>> {
        let number = |name: &str| configuration.get(name).and_then(Value::as_i64);
        let level = |default| match number("level") {
            Some(level @ 0..=9) => level as u32,
            Some(10..) => 9,
            // -1 is zlib's word for its default.
            Some(_) => 6,
            None => default,
        };
        Some(match id {
            "gzip" => Ok(Self::Gzip(Compression::new(level(1)))),
            "zlib" => Ok(Self::Zlib(Compression::new(level(1)))),
            "bz2" => Ok(Self::Bzip2(bzip2::Compression::new(level(1).max(1)))),
            "lz4" => Ok(Self::Lz4),
            "lzma" => Lzma::of(configuration).map(Self::Lzma),
            _ => return None,
        })
    }

    pub(super) fn encode(&self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let encoded = Vec::new();
        match self {
            Self::Gzip(level) => {
                let mut encoder = GzEncoder::new(encoded, *level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zlib(level) => {
                let mut encoder = ZlibEncoder::new(encoded, *level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Bzip2(level) => {
                let mut encoder = BzEncoder::new(encoded, *level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Lz4 if i32::try_from(bytes.len()).is_err() => {
                Err(io::Error::other(format!("{} bytes, and lz4 takes less than 2^31", bytes.len())))
            }
            Self::Lz4 => Ok(lz4_flex::block::compress_prepend_size(bytes)),
            Self::Lzma(lzma) => {
                let mut encoder = XzEncoder::new_stream(encoded, lzma.encoder()?);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
        }
    }

    /// What was encoded, which should be so many bytes, if that is known; or why it is corrupt.
    pub(super) fn decode(&self, bytes: &[u8], expected: Option<u64>) -> Result<Vec<u8>, String> {
        match self {
            Self::Gzip(_) => gunzip(bytes, expected),
            Self::Zlib(_) => read(ZlibDecoder::new(bytes), expected, Vec::new()),
            Self::Bzip2(_) => read(MultiBzDecoder::new(bytes), expected, Vec::new()),
            Self::Lz4 => lz4(bytes, expected),
            Self::Lzma(lzma) => {
                let stream = lzma.decoder().map_err(|error| error.to_string())?;
                read(XzDecoder::new_stream(bytes, stream), expected, Vec::new())
            }
        }
    }
}

/// Gzip may be several members, one behind the other, and zeros between and behind them.
fn gunzip(mut bytes: &[u8], expected: Option<u64>) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::new();
    loop {
        let mut member = GzDecoder::new(bytes);
        decoded = read(&mut member, expected, decoded)?;
        bytes = member.into_inner();
        let n_zeros = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
        bytes = &bytes[n_zeros..];
        if bytes.is_empty() {
            return Ok(decoded);
        }
    }
}

fn lz4(bytes: &[u8], expected: Option<u64>) -> Result<Vec<u8>, String> {
    let (length, block) =
        bytes.split_first_chunk::<4>().ok_or("shorter than the length before an lz4 block")?;
    let length = u32::from_le_bytes(*length);
    if expected.is_some_and(|expected| expected != u64::from(length)) {
        return Err(format!("an lz4 block of {length} bytes, not {}", expected.unwrap_or_default()));
    }
    // No block is 255 times as small as what it holds, so no more memory is asked for than the file may need.
    if u64::from(length) > 255 * bytes.len() as u64 {
        return Err(format!("an lz4 block of {} bytes that claims to hold {length}", block.len()));
    }
    let decoded = lz4_flex::block::decompress(block, length as usize).map_err(|error| error.to_string())?;
    if decoded.len() == length as usize {
        Ok(decoded)
    } else {
        Err(format!("an lz4 block of {} bytes that claims to hold {length}", decoded.len()))
    }
}

/// Appends all that there is to read, and refuses what goes on past its end.
fn read(reader: impl Read, expected: Option<u64>, mut decoded: Vec<u8>) -> Result<Vec<u8>, String> {
    let most = expected.map(|expected| expected.saturating_sub(decoded.len() as u64));
    let n_read = match most {
        Some(most) => reader.take(most.saturating_add(1)).read_to_end(&mut decoded),
        None => { reader }.read_to_end(&mut decoded),
    };
    let n_read = n_read.map_err(|error| error.to_string())?;
    if most.is_some_and(|most| n_read as u64 > most) {
        return Err(format!("more than {} bytes", expected.unwrap_or_default()));
    }
    Ok(decoded)
}

impl Lzma {
    fn of(configuration: &Map<String, Value>) -> Result<Self, String> {
        let number = |name: &str| configuration.get(name).and_then(Value::as_i64);
        let container = match number("format").unwrap_or(1) {
            1 => Container::Xz,
            2 => Container::Alone,
            3 => Container::Raw,
            other => return Err(format!("lzma of format {other}, not 1 to 3")),
        };
        let check = match number("check") {
            Some(0) => Check::None,
            Some(1) => Check::Crc32,
            Some(10) => Check::Sha256,
            _ => Check::Crc64,
        };
        let preset = number("preset").and_then(|preset| u32::try_from(preset).ok()).unwrap_or(6);
        let filters = configuration.get("filters").and_then(Value::as_array).cloned();
        let lzma = Self { container, check, preset, filters };
        if container == Container::Raw {
            // Its decoder is made of them, so it is known now whether they make sense.
            lzma.decoder().map_err(|error| error.to_string())?;
        }
        Ok(lzma)
    }

    fn decoder(&self) -> io::Result<Stream> {
        Ok(match self.container {
            Container::Xz => Stream::new_stream_decoder(MAX_LZMA_MEMORY, CONCATENATED)?,
            Container::Alone => Stream::new_lzma_decoder(MAX_LZMA_MEMORY)?,
            Container::Raw => Stream::new_raw_decoder(&self.filters()?)?,
        })
    }

    fn encoder(&self) -> io::Result<Stream> {
        Ok(match (self.container, &self.filters) {
            (Container::Xz, None) => Stream::new_easy_encoder(self.preset, self.check)?,
            (Container::Xz, Some(_)) => Stream::new_stream_encoder(&self.filters()?, self.check)?,
            (Container::Alone, None) => Stream::new_lzma_encoder(&LzmaOptions::new_preset(self.preset)?)?,
            (Container::Alone, Some(filters)) => {
                let options = filters
                    .first()
                    .map_or_else(|| LzmaOptions::new_preset(self.preset).map_err(io::Error::from), options)?;
                Stream::new_lzma_encoder(&options)?
            }
            (Container::Raw, _) => Stream::new_raw_encoder(&self.filters()?)?,
        })
    }

    /// The filters by the numbers that the format has for them.
    fn filters(&self) -> io::Result<Filters> {
        const LZMA1: u64 = 0x4000_0000_0000_0001;
        let mut filters = Filters::new();
        for filter in self.filters.iter().flatten() {
            match filter["id"].as_u64() {
                Some(LZMA1) => filters.lzma1(&options(filter)?),
                Some(0x21) => filters.lzma2(&options(filter)?),
                Some(0x03) => {
                    let distance = filter["dist"].as_u64().unwrap_or(1).saturating_sub(1);
                    filters.delta_properties(&[u8::try_from(distance).map_err(io::Error::other)?])?
                }
                Some(0x04) => filters.x86(),
                _ => return Err(io::Error::other(format!("lzma with filter {}", filter["id"]))),
            };
        }
        Ok(filters)
    }
}

/// What a dictionary of Python's says of LZMA's parameters.
fn options(filter: &Value) -> io::Result<LzmaOptions> {
    let number = |name: &str| filter[name].as_u64().and_then(|value| u32::try_from(value).ok());
    let mut options = LzmaOptions::new_preset(number("preset").unwrap_or(6))?;
    if let Some(size) = number("dict_size") {
        options.dict_size(size);
    }
    if let Some(bits) = number("lc") {
        options.literal_context_bits(bits);
    }
    if let Some(bits) = number("lp") {
        options.literal_position_bits(bits);
    }
    if let Some(bits) = number("pb") {
        options.position_bits(bits);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compressor(id: &str, configuration: Value) -> Compressor {
        let Value::Object(configuration) = configuration else { panic!("the test's own") };
        Compressor::of(id, &configuration).expect("known").expect("valid")
    }

    fn all() -> Vec<Compressor> {
        vec![
            compressor("gzip", json!({"level": -1})),
            compressor("gzip", json!({})),
            compressor("zlib", json!({"level": 77})),
            compressor("bz2", json!({"level": 0})),
            compressor("lz4", json!({"acceleration": 1})),
            compressor("lzma", json!({"format": 1, "check": -1, "preset": null, "filters": null})),
            compressor("lzma", json!({"format": 2, "preset": 1})),
            compressor("lzma", json!({"filters": [{"id": 3, "dist": 4}, {"id": 0x21, "preset": 1}]})),
            compressor("lzma", json!({"format": 3, "filters": [{"id": 0x21, "dict_size": 65536}]})),
        ]
    }

    #[test]
    fn round_trips_and_what_is_spoilt() {
        let voxels: Vec<u8> = (0..5000u32).map(|n| (n * n / 700) as u8).collect();
        for compressor in all() {
            let encoded = compressor.encode(&voxels).expect("has room");
            let decode = |bytes: &[u8], expected| compressor.decode(bytes, expected);
            assert_eq!(decode(&encoded, Some(5000)).as_deref(), Ok(&voxels[..]), "{compressor:?}");
            assert_eq!(decode(&encoded, None).as_deref(), Ok(&voxels[..]), "{compressor:?}");
            assert!(decode(&encoded, Some(4999)).is_err(), "{compressor:?}");
            for length in [0, 3, encoded.len() / 2] {
                assert!(decode(&encoded[..length], None).is_err(), "{compressor:?} {length}");
            }
        }
        assert!(lz4(&[255, 255, 255, 127, 1, 2], None).is_err_and(|reason| reason.contains("claims")));
    }

    #[test]
    fn gzip_of_several_members() {
        let gzip = compressor("gzip", json!({"level": 5}));
        let [first, second] = [&b"vox"[..], b"els"].map(|part| gzip.encode(part).expect("has room"));
        for between in [&[][..], &[0, 0]] {
            let both = [&first, between, &second, between].concat();
            assert_eq!(gzip.decode(&both, Some(6)).as_deref(), Ok(&b"voxels"[..]));
            assert!(gzip.decode(&both, Some(5)).is_err());
        }
        assert!(gzip.decode(&[&first[..], b"junk"].concat(), None).is_err());
    }

    #[test]
    fn nonsense_is_named() {
        let refused = |configuration: Value| {
            let Value::Object(configuration) = configuration else { panic!("the test's own") };
            Compressor::of("lzma", &configuration).expect("known").expect_err("must be refused")
        };
        assert!(refused(json!({"format": 7})).contains("format 7"));
        assert!(refused(json!({"format": 3, "filters": [{"id": 99}]})).contains("filter 99"));
        assert!(Compressor::of("zfpy", &Map::new()).is_none());
    }
}
