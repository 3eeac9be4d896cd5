//! One N5 block: a header with its actual size, then its voxels, big endian and compressed.
//!
//! [The specification](https://github.com/saalfeldlab/n5#file-system-specification): mode (0: plain), number of axes,
//! the extents from the fastest axis to the slowest.

use std::io;

use super::codec::Codec;
use crate::storage::schema::element::DataType;
use crate::storage::voxels::plain;

/// The shape of a block, which may be smaller than `chunk`, and its voxels in this machine's byte order; or why it is
/// corrupt.
pub(super) fn decode(
    bytes: &[u8],
    chunk: &[u64],
    data_type: DataType,
    codec: &Codec,
) -> Result<(Vec<usize>, Vec<u8>), String> {
    let (shape, payload) = header(bytes, chunk)?;
    let n_elements: usize = shape.iter().product();
    let n_bytes = n_elements * data_type.size();
    let mut voxels = Vec::new();
    voxels.try_reserve_exact(n_bytes).map_err(|_| format!("no memory for its {n_bytes} bytes"))?;
    voxels.resize(n_bytes, 0);
    codec.decode(payload, &mut voxels)?;
    swap_bytes(&mut voxels, data_type);
    Ok((shape, voxels))
}

/// The extents in C order, and what follows the header.
fn header<'a>(bytes: &'a [u8], chunk: &[u64]) -> Result<(Vec<usize>, &'a [u8]), String> {
    let short = || "shorter than its header".to_owned();
    let u16_at =
        |at: usize| bytes.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]])).ok_or_else(short);
    let u32_at = |at: usize| {
        bytes.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]])).ok_or_else(short)
    };
    let (mode, n_axes) = (u16_at(0)?, usize::from(u16_at(2)?));
    if mode > 1 {
        return Err(format!("block mode {mode}, which is neither 0 nor 1"));
    }
    if n_axes != chunk.len() {
        return Err(format!("{n_axes} axes in its header, {} in the dataset", chunk.len()));
    }
    let mut shape = vec![0; n_axes];
    for axis in 0..n_axes {
        shape[n_axes - 1 - axis] = u32_at(4 + 4 * axis)?;
    }
    if shape.iter().zip(chunk).any(|(&extent, &most)| u64::from(extent) > most) {
        return Err(format!("{shape:?} voxels in its header, chunks have {chunk:?}"));
    }
    let shape: Vec<usize> = shape.into_iter().map(|extent| extent as usize).collect();
    let end = 4 + 4 * n_axes;
    if mode == 0 {
        return Ok((shape, &bytes[end..]));
    }
    let n_elements = u32_at(end)? as usize;
    if n_elements != shape.iter().product::<usize>() {
        return Err(format!("{n_elements} elements in a block of {shape:?}"));
    }
    Ok((shape, &bytes[end + 4..]))
}

/// Puts a block's file into an empty buffer. The voxels are in C order and in this machine's byte order.
pub(super) fn encode(
    mut voxels: Vec<u8>,
    shape: &[usize],
    data_type: DataType,
    codec: &Codec,
    bytes: &mut Vec<u8>,
) -> io::Result<()> {
    bytes.extend(0u16.to_be_bytes());
    let number = |value: usize| u32::try_from(value).map_err(io::Error::other);
    bytes.extend(u16::try_from(shape.len()).map_err(io::Error::other)?.to_be_bytes());
    for &extent in shape.iter().rev() {
        bytes.extend(number(extent)?.to_be_bytes());
    }
    swap_bytes(&mut voxels, data_type);
    codec.encode(&voxels, data_type.size(), bytes)
}

/// From big endian to this machine's order, or back.
fn swap_bytes(voxels: &mut [u8], data_type: DataType) {
    if cfg!(target_endian = "little") {
        plain::swap_bytes(voxels, data_type.size_of_part());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block of the specification: a 1 x 2 x 3 block of int16, x fastest.
    const HEADER: [u8; 16] = [0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];

    #[test]
    fn the_block_of_the_specification() {
        let raw = Codec::of(&serde_json::json!({"type": "raw"})).expect("known");
        let bytes = [&HEADER[..], &[0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6]].concat();
        let (shape, voxels) = decode(&bytes, &[3, 2, 1], DataType::I16, &raw).expect("as specified");
        assert_eq!(shape, [3, 2, 1]);
        assert_eq!(voxels, [1i16, 2, 3, 4, 5, 6].map(i16::to_ne_bytes).concat());
        let mut encoded = Vec::new();
        encode(voxels, &shape, DataType::I16, &raw, &mut encoded).expect("fits");
        assert_eq!(encoded, bytes);
    }

    /// The same block, compressed by the reference implementation.
    #[test]
    fn the_compressed_blocks_of_the_specification() {
        const GZIP: &str = "1f8b08000000000000006360646062606660616065600300aaea6dbf0c000000";
        const BZIP2: &str =
            "425a6839314159265359023e0dd200000040007f002000310c010d31a87394337c5dc914e1424008f83748";
        const LZ4: &str = "04224d186440a70c0000800001000200030004000500060000000041373308";
        const XZ: &str = "fd377a585a000004e6d6b4460200210116000000742fe5a301000b000100020003000400050006000d0309ca34\
            ec15a70001240ca618d8d81fb6f37d010000000004595a";
        let bytes_of = |text: &str| -> Vec<u8> {
            let digits: Vec<u8> = text.chars().filter_map(|c| Some(c.to_digit(16)? as u8)).collect();
            digits.chunks(2).map(|pair| 16 * pair[0] + pair[1]).collect()
        };
        for (name, payload) in [("gzip", GZIP), ("bzip2", BZIP2), ("lz4", LZ4), ("xz", XZ)] {
            let codec = Codec::of(&serde_json::json!({"type": name})).expect("known");
            let bytes = [&HEADER[..], &bytes_of(payload)].concat();
            let (_, voxels) = decode(&bytes, &[3, 2, 1], DataType::I16, &codec).expect(name);
            assert_eq!(voxels, [1i16, 2, 3, 4, 5, 6].map(i16::to_ne_bytes).concat(), "{name}");
        }
    }

    /// Mode 1 says the number of elements once more.
    #[test]
    fn blocks_of_variable_length() {
        let raw = Codec::of(&serde_json::json!({"type": "raw"})).expect("known");
        let mut bytes = [&HEADER[..], &6u32.to_be_bytes(), &[1, 2, 3, 4, 5, 6]].concat();
        bytes[1] = 1;
        let decoded = decode(&bytes, &[3, 2, 1], DataType::U8, &raw);
        assert_eq!(decoded, Ok((vec![3, 2, 1], vec![1, 2, 3, 4, 5, 6])));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &[3, 2, 1], DataType::U8, &raw).is_err(), "{length}");
        }
        bytes[19] = 7;
        let refused = decode(&bytes, &[3, 2, 1], DataType::U8, &raw);
        assert!(refused.is_err_and(|reason| reason.contains("7 elements in a block of [3, 2, 1]")));
    }

    /// A dataset may claim blocks that no memory holds.
    #[test]
    fn no_more_memory_is_asked_for_than_there_is() {
        let raw = Codec::of(&serde_json::json!({"type": "raw"})).expect("known");
        let mut huge = HEADER;
        huge[4..12].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        huge[15] = 1;
        let most = u64::from(u32::MAX);
        let refused = decode(&huge, &[most, most, most], DataType::U8, &raw);
        assert!(refused.is_err_and(|reason| reason.contains("no memory for its")));
    }

    #[test]
    fn headers_are_not_trusted() {
        let raw = Codec::of(&serde_json::json!({"type": "raw"})).expect("known");
        let refused =
            |bytes: &[u8]| decode(bytes, &[3, 2, 1], DataType::U8, &raw).expect_err("must be refused");
        for length in 0..HEADER.len() {
            assert!(refused(&HEADER[..length]).contains("header"), "{length}");
        }
        assert!(
            decode(&HEADER, &[2, 2, 1], DataType::U8, &raw).is_err_and(|reason| reason.contains("[3, 2, 1]"))
        );
        let mut huge = HEADER;
        huge[4..8].fill(255);
        assert!(refused(&huge).contains("4294967295"));
        assert!(refused(&[&HEADER[..], &[0; 7]].concat()).contains("more than"));
    }
}
