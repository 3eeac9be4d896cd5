//! LZ4 as N5's reference implementation has it: blocks of Java's `LZ4BlockOutputStream`, one after the other.
//!
//! Each begins with 21 bytes: `LZ4Block`; the method (raw or LZ4) and a level; compressed length, length and checksum of
//! the content, little endian. A block of no bytes ends the stream
//! ([lz4-java](https://github.com/lz4/lz4-java/blob/master/src/java/net/jpountz/lz4/LZ4BlockOutputStream.java)).
//!
//! The libraries for Rust and C++ write LZ4's own frames under the same name, and so does bellis. Both are read.

use twox_hash::XxHash32;

const MAGIC: &[u8] = b"LZ4Block";
const HEADER: usize = 21;
const RAW: u8 = 0x10;
const LZ4: u8 = 0x20;
/// What the checksum is seeded with, and how much of it is kept.
const SEED: u32 = 0x9747_B28C;
const KEPT: u32 = 0x0FFF_FFFF;

/// Whether these are such blocks, rather than a frame.
pub(super) fn is(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Fills `voxels`, or says why the bytes are no such stream.
pub(super) fn decode(mut bytes: &[u8], voxels: &mut [u8]) -> Result<(), String> {
    let mut done = 0;
    loop {
        let (header, rest) = bytes.split_at_checked(HEADER).ok_or("LZ4 blocks without an end")?;
        if !is(header) {
            return Err("no LZ4 block where one should begin".to_owned());
        }
        let [coded, length, checksum] = [9, 13, 17]
            .map(|at| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
        if length == 0 {
            break;
        }
        let (coded, rest) = rest.split_at_checked(coded as usize).ok_or("an LZ4 block cut short")?;
        let part = voxels.get_mut(done..done + length as usize).ok_or_else(|| too_long(done, length))?;
        let written = match header[8] & 0xF0 {
            RAW if coded.len() == part.len() => {
                part.copy_from_slice(coded);
                part.len()
            }
            LZ4 => lz4_flex::block::decompress_into(coded, part).map_err(|error| error.to_string())?,
            method => return Err(format!("an LZ4 block of method {method:#x}")),
        };
        if written != part.len() {
            return Err(format!("an LZ4 block of {written} bytes, not {length}"));
        }
        if XxHash32::oneshot(SEED, part) & KEPT != checksum {
            return Err("an LZ4 block's checksum differs".to_owned());
        }
        (bytes, done) = (rest, done + part.len());
    }
    if done == voxels.len() {
        Ok(())
    } else {
        Err(format!("LZ4 blocks of {done} bytes, not {}", voxels.len()))
    }
}

fn too_long(done: usize, length: u32) -> String {
    format!("more than {done} + {length} bytes in LZ4 blocks: longer than its header says")
}
