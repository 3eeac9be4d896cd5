//! Reads a done map from end to end, in pieces: whether it is what was recorded, and which blocks are in which state.

use std::iter::FusedIterator;
use std::ops::Range;

use super::done_map::DoneMap;
use super::error::JournalError;
use super::page::{self, PAGE_BLOCKS, PAGE_LEN};
use super::repair::Repair;
use super::state::{BlockState, StateCounts};

/// Bytes that are read at once: whole pages.
const PIECE_LEN: usize = 256 * PAGE_LEN;

/// Compares each page with its checksum. Pages that disagree become not done, and are reported.
///
/// # Errors
/// A byte that is no state, in a page whose checksum is right; files that cannot be read or written.
pub(super) fn verify(map: &mut DoneMap, repairs: &mut Vec<Repair>) -> Result<StateCounts, JournalError> {
    let mut counts = StateCounts::default();
    let mut bad: Vec<(u64, Option<(u64, u8)>)> = Vec::new();
    let mut piece = vec![0; PIECE_LEN];
    let mut begin = 0;
    while begin < map.n_blocks() {
        let length = piece_len(begin, map.n_blocks());
        map.read(begin, &mut piece[..length])?;
        for (at, bytes) in piece[..length].chunks(PAGE_LEN).enumerate() {
            let page = begin / PAGE_BLOCKS + at as u64;
            let problem = tally(bytes, &mut counts);
            let invalid = problem.map(|offset| (page * PAGE_BLOCKS + offset as u64, bytes[offset]));
            if page::sum(bytes) != map.sum(page) {
                bad.push((page, invalid));
                untally(bytes, problem, &mut counts);
            } else if let Some((offset, value)) = invalid {
                return Err(JournalError::UnknownState { path: map.chunk_path().into(), offset, value });
            }
        }
        begin += length as u64;
    }
    for pages in bad.chunk_by(|a, b| a.0 + 1 == b.0) {
        let blocks = pages[0].0 * PAGE_BLOCKS..page::blocks_of(pages[pages.len() - 1].0, map.n_blocks()).end;
        let invalid = pages.iter().find_map(|(_, invalid)| *invalid);
        repairs.push(Repair::Blocks { path: map.chunk_path().into(), blocks, invalid });
        pages.iter().try_for_each(|(page, _)| map.blank(*page))?;
    }
    Ok(counts)
}

/// Counts the states in a page, all of them or up to the first byte that is none, whose position is returned.
pub(super) fn tally(bytes: &[u8], counts: &mut StateCounts) -> Option<usize> {
    // Most pages are all of one state.
    if let Some(state) = uniform(bytes) {
        *counts.of_mut(state) += bytes.len() as u64;
        return None;
    }
    let known = bytes.iter().position(|byte| BlockState::of(*byte).is_none());
    let mut histogram = [0u64; 256];
    bytes[..known.unwrap_or(bytes.len())].iter().for_each(|byte| histogram[usize::from(*byte)] += 1);
    for state in BlockState::ALL {
        *counts.of_mut(state) += histogram[usize::from(state.byte())];
    }
    known
}

/// Takes back what [`tally`] counted, and counts the page as not done.
fn untally(bytes: &[u8], problem: Option<usize>, counts: &mut StateCounts) {
    let mut counted = StateCounts::default();
    tally(&bytes[..problem.unwrap_or(bytes.len())], &mut counted);
    for state in BlockState::ALL {
        *counts.of_mut(state) -= counted.of(state);
    }
    counts.not_done += bytes.len() as u64;
}

/// The state that all of these bytes are, if there is one.
fn uniform(bytes: &[u8]) -> Option<BlockState> {
    let first = *bytes.first()?;
    (bytes[1..] == bytes[..bytes.len() - 1]).then(|| BlockState::of(first)).flatten()
}

fn piece_len(begin: u64, n_blocks: u64) -> usize {
    usize::try_from(n_blocks - begin).unwrap_or(PIECE_LEN).min(PIECE_LEN)
}

/// The blocks of a task as runs of one state each, from the first block to the last: see [`Journal::ranges`].
///
/// [`Journal::ranges`]: super::Journal::ranges
#[derive(Debug)]
pub struct Ranges<'a> {
    map: &'a DoneMap,
    piece: Vec<u8>,
    /// Where the piece begins, and how much of it is walked over.
    begin: u64,
    walked: usize,
}

impl<'a> Ranges<'a> {
    pub(super) fn new(map: &'a DoneMap) -> Self {
        Self { map, piece: Vec::new(), begin: 0, walked: 0 }
    }

    /// Reads on, when the piece is used up. Returns whether there is more.
    fn refill(&mut self) -> Result<bool, JournalError> {
        if self.walked < self.piece.len() {
            return Ok(true);
        }
        self.begin += self.piece.len() as u64;
        self.piece.resize(piece_len(self.begin, self.map.n_blocks()), 0);
        self.walked = 0;
        self.map.read(self.begin, &mut self.piece)?;
        Ok(!self.piece.is_empty())
    }

    fn advance(&mut self) -> Result<Option<(BlockState, Range<u64>)>, JournalError> {
        if !self.refill()? {
            return Ok(None);
        }
        let (start, byte) = (self.begin + self.walked as u64, self.piece[self.walked]);
        let Some(state) = BlockState::of(byte) else {
            let path = self.map.chunk_path().into();
            return Err(JournalError::UnknownState { path, offset: start, value: byte });
        };
        while self.refill()? {
            self.walked += length_of_run(&self.piece[self.walked..], byte);
            if self.walked < self.piece.len() {
                break;
            }
        }
        Ok(Some((state, start..self.begin + self.walked as u64)))
    }
}

/// How many bytes at the begin are this one.
fn length_of_run(bytes: &[u8], byte: u8) -> usize {
    const STEP: usize = 256;
    let same = [byte; STEP];
    let steps = bytes.chunks_exact(STEP).take_while(|step| *step == same).count() * STEP;
    steps + bytes[steps..].iter().take_while(|other| **other == byte).count()
}

impl Iterator for Ranges<'_> {
    type Item = Result<(BlockState, Range<u64>), JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            // Nothing follows an error.
            self.begin = self.map.n_blocks();
            self.piece.clear();
            self.walked = 0;
        }
        next.transpose()
    }
}

impl FusedIterator for Ranges<'_> {}
