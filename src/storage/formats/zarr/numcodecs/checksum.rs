//! Checksums of 32 bits before or behind the bytes that they are of, little endian.

use serde_json::{Map, Value};

const LENGTH: usize = 4;

/// Which checksum, and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checksum {
    of: fn(&[u8]) -> u32,
    is_first: bool,
}

impl Checksum {
    /// The checksum called `id`, if it is one.
    pub(super) fn of(id: &str, configuration: &Map<String, Value>) -> Option<Result<Self, String>> {
        let (of, is_first): (fn(&[u8]) -> u32, _) = match id {
            "crc32" => (crc32, true),
            "crc32c" => (crc32c::crc32c, false),
            "adler32" => (adler32, true),
            "fletcher32" => (fletcher32, false),
            _ => return None,
        };
        Some(match configuration.get("location") {
            None | Some(Value::Null) => Ok(Self { of, is_first }),
            Some(Value::String(place)) if place == "start" => Ok(Self { of, is_first: true }),
            Some(Value::String(place)) if place == "end" => Ok(Self { of, is_first: false }),
            Some(place) => Err(format!("{id} with location {place}, neither start nor end")),
        })
    }

    pub(super) fn encode(self, bytes: &[u8]) -> Vec<u8> {
        let sum = (self.of)(bytes).to_le_bytes();
        if self.is_first { [&sum, bytes].concat() } else { [bytes, &sum].concat() }
    }

    pub(super) fn decode(self, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let at = if self.is_first { Some(LENGTH) } else { bytes.len().checked_sub(LENGTH) };
        let parts = at.and_then(|at| bytes.split_at_checked(at)).ok_or("shorter than its checksum")?;
        let (sum, content) = if self.is_first { parts } else { (parts.1, parts.0) };
        if (self.of)(content).to_le_bytes() == sum {
            Ok(content.to_vec())
        } else {
            Err("its checksum differs".to_owned())
        }
    }

    /// Bytes of what is encoded from so many.
    pub(super) fn encoded_length(self, length: u64) -> u64 {
        length + LENGTH as u64
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// [RFC 1950](https://www.rfc-editor.org/rfc/rfc1950#page-6).
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    // As many as can be added up before the sums pass 32 bits.
    const AT_ONCE: usize = 5552;
    let (mut a, mut b) = (1u32, 0u32);
    for part in bytes.chunks(AT_ONCE) {
        for &byte in part {
            a += u32::from(byte);
            b += a;
        }
        (a, b) = (a % MODULUS, b % MODULUS);
    }
    b << 16 | a
}

/// [HDF5's](https://github.com/HDFGroup/hdf5/blob/develop/src/H5checksum.c): of big-endian words of 16 bits.
fn fletcher32(bytes: &[u8]) -> u32 {
    const AT_ONCE: usize = 360;
    let fold = |sum: u32| (sum & 0xFFFF) + (sum >> 16);
    let (words, odd) = bytes.as_chunks::<2>();
    let (mut a, mut b) = (0u32, 0u32);
    for part in words.chunks(AT_ONCE) {
        for word in part {
            a += u32::from(u16::from_be_bytes(*word));
            b += a;
        }
        (a, b) = (fold(a), fold(b));
    }
    for &byte in odd {
        a += u32::from(byte) << 8;
        b += a;
        (a, b) = (fold(a), fold(b));
    }
    fold(b) << 16 | fold(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `zlib` and numcodecs say.
    #[test]
    fn known_sums() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        assert_eq!(adler32(&[255; 10_000]), 0xB623_EB2B);
        assert_eq!(fletcher32(b"123456789"), 0x09DF_09D5);
        assert_eq!(fletcher32(&[255; 1000]), 0xFFFF_FFFF);
    }

    #[test]
    fn spoilt_bytes_are_told() {
        for id in ["crc32", "crc32c", "adler32", "fletcher32"] {
            for place in ["start", "end"] {
                let configuration = Map::from_iter([("location".to_owned(), place.into())]);
                let sum = Checksum::of(id, &configuration).expect("known").expect("valid");
                let encoded = sum.encode(b"voxels!");
                assert_eq!(sum.decode(&encoded).as_deref(), Ok(&b"voxels!"[..]));
                for at in 0..encoded.len() {
                    let mut spoilt = encoded.clone();
                    spoilt[at] ^= 4;
                    assert!(sum.decode(&spoilt).is_err(), "{id} {place} {at}");
                }
                assert!(sum.decode(&encoded[..3]).is_err());
            }
        }
    }
}
