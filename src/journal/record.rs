//! A commit as bytes: little-endian integers, a length and a checksum before them. Decoding never panics.
//!
//! `length: u32, sum: u32 (of length and payload)`, then the payload: `sequence: u64, n_pages: u32`, and for each
//! page `task: u32, page: u64, sum: u32, n_edits: u16`, and for each edit `offset: u16, length: u16, state: u8`.

use super::page::{Edit, PAGE_LEN, PageEdit};
use super::state::BlockState;

/// Bytes before the payload.
pub(super) const HEAD_LEN: usize = 8;
/// A record takes more pages until it has so many bytes.
const TARGET_LEN: usize = 1 << 20;
/// No record is longer: what comes before the pages, the target, and one page of the most edits there can be.
pub(super) const MAX_LEN: usize = 12 + TARGET_LEN + PAGE_HEAD_LEN + PAGE_LEN * EDIT_LEN;
const PAGE_HEAD_LEN: usize = 18;
const EDIT_LEN: usize = 5;

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Its number; each record's is one more than that of the one before.
    pub sequence: u64,
    /// The pages that it changes.
    pub pages: Vec<PageEdit>,
}

/// Appends records that hold these pages to `bytes`, as many as it takes. Returns the next sequence number.
pub(super) fn encode(mut sequence: u64, pages: &[PageEdit], bytes: &mut Vec<u8>) -> u64 {
    let mut rest = pages;
    while !rest.is_empty() {
        let mut length = 0;
        let n_pages = rest
            .iter()
            .take_while(|page| {
                let fits = length < TARGET_LEN;
                length += PAGE_HEAD_LEN + page.edits.len() * EDIT_LEN;
                fits
            })
            .count();
        let (now, later) = rest.split_at(n_pages);
        encode_one(sequence, now, bytes);
        sequence += 1;
        rest = later;
    }
    sequence
}

fn encode_one(sequence: u64, pages: &[PageEdit], bytes: &mut Vec<u8>) {
    let begin = bytes.len();
    bytes.extend([0; HEAD_LEN]);
    bytes.extend(sequence.to_le_bytes());
    // The numbers are bounded by the target length and the size of a page.
    bytes.extend((pages.len() as u32).to_le_bytes());
    for page in pages {
        bytes.extend(page.task.to_le_bytes());
        bytes.extend(page.page.to_le_bytes());
        bytes.extend(page.sum.to_le_bytes());
        bytes.extend((page.edits.len() as u16).to_le_bytes());
        for edit in &page.edits {
            bytes.extend(edit.offset.to_le_bytes());
            bytes.extend(edit.length.to_le_bytes());
            bytes.push(edit.state.byte());
        }
    }
    let length = ((bytes.len() - begin - HEAD_LEN) as u32).to_le_bytes();
    let sum = sum(length, &bytes[begin + HEAD_LEN..]);
    bytes[begin..begin + 4].copy_from_slice(&length);
    bytes[begin + 4..begin + HEAD_LEN].copy_from_slice(&sum.to_le_bytes());
}

/// The length of the payload and the checksum that a head announces; `None` for a length that no record has.
pub(super) fn decode_head(head: [u8; HEAD_LEN]) -> Option<(usize, u32)> {
    let [a, b, c, d, e, f, g, h] = head;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    (length <= MAX_LEN).then_some((length, u32::from_le_bytes([e, f, g, h])))
}

/// The record with this payload; `None` when its checksum is another, or it makes no sense.
pub(super) fn decode(payload: &[u8], expected_sum: u32) -> Option<Record> {
    let length = u32::try_from(payload.len()).ok()?.to_le_bytes();
    if sum(length, payload) != expected_sum {
        return None;
    }
    let mut reader = Reader(payload);
    let sequence = u64::from_le_bytes(reader.take()?);
    let n_pages = u32::from_le_bytes(reader.take()?);
    let mut pages = Vec::new();
    for _ in 0..n_pages {
        let task = u32::from_le_bytes(reader.take()?);
        let page = u64::from_le_bytes(reader.take()?);
        let sum = u32::from_le_bytes(reader.take()?);
        let n_edits = u16::from_le_bytes(reader.take()?);
        let edits = (0..n_edits).map(|_| reader.edit()).collect::<Option<Vec<Edit>>>()?;
        pages.push(PageEdit { task, page, sum, edits });
    }
    reader.0.is_empty().then_some(Record { sequence, pages })
}

fn sum(length: [u8; 4], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), payload)
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn edit(&mut self) -> Option<Edit> {
        let offset = u16::from_le_bytes(self.take()?);
        let length = u16::from_le_bytes(self.take()?);
        let [state] = self.take()?;
        let edit = Edit { offset, length, state: BlockState::of(state)? };
        (length > 0 && edit.range().end <= PAGE_LEN).then_some(edit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: u64, n_edits: u16) -> PageEdit {
        let edits = (0..n_edits).map(|n| Edit { offset: n, length: 1, state: BlockState::Done }).collect();
        PageEdit { task: 7, page, sum: 99, edits }
    }

    fn decode_all(mut bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        while let Some((head, rest)) = bytes.split_first_chunk() {
            let (length, sum) = decode_head(*head).unwrap();
            records.push(decode(&rest[..length], sum).unwrap());
            bytes = &rest[length..];
        }
        records
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let pages: Vec<PageEdit> = (0..200).map(|n| page(n, 4096)).collect();
        let mut bytes = Vec::new();
        let next = encode(5, &pages, &mut bytes);
        let records = decode_all(&bytes);
        assert!(records.len() > 1, "more than one record is needed");
        assert_eq!(next, 5 + records.len() as u64);
        assert!(records.iter().enumerate().all(|(n, record)| record.sequence == 5 + n as u64));
        assert_eq!(records.into_iter().flat_map(|record| record.pages).collect::<Vec<_>>(), pages);
    }

    #[test]
    fn a_changed_bit_and_a_cut_are_noticed() {
        let mut bytes = Vec::new();
        encode(1, &[page(3, 2), page(4, 1)], &mut bytes);
        let decoded = |bytes: &[u8]| {
            let (head, payload) = bytes.split_first_chunk()?;
            let (length, sum) = decode_head(*head)?;
            decode(payload.get(..length)?, sum)
        };
        assert!(decoded(&bytes).is_some());
        for at in 0..bytes.len() {
            assert_eq!(decoded(&bytes[..at]), None);
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(decoded(&changed), None, "bit {bit} of byte {at}");
            }
        }
    }
}
