//! A few bits for each block of one task, kept only where the work is.
//!
//! Blocks are grouped by index into chunks. A chunk exists from the first time one of its blocks is touched until the
//! last of them has ended, and holds: which blocks have ended, which are ready, and for blocks whose dependencies are
//! partly done, how many are left. A directory of two levels finds the chunk in O(1).

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::counters::{CounterPool, Counters};

/// Blocks in a chunk.
const CHUNK: u64 = 4096;
/// Chunks in a page of the directory, at least.
const PAGE: u64 = 1024;
/// Words of 64 bits that hold one bit for each block of a chunk.
const WORDS: usize = (CHUNK / 64) as usize;

/// In the directory: no block of the chunk was touched yet.
const UNTOUCHED: u32 = 0;
/// In the directory: all blocks of the chunk have ended.
const ENDED: u32 = u32::MAX;

#[derive(Debug)]
struct Chunk {
    ended: [u64; WORDS],
    ready: [u64; WORDS],
    /// Which words of `ready` hold a bit.
    ready_words: u64,
    n_ended: u64,
    /// Whether the chunk stands in the queue of chunks with ready blocks.
    is_queued: bool,
    counters: Counters,
}

/// The states of all blocks of one task.
#[derive(Debug)]
pub(super) struct States {
    n_blocks: u64,
    pool: CounterPool,
    /// For each chunk [`UNTOUCHED`], [`ENDED`], or 1 more than its index in `chunks`. Pages are empty, and the last ones
    /// missing, until one of their chunks is touched.
    directory: Vec<Box<[u32]>>,
    /// A page holds 2 to the power of this many chunks.
    page_bits: u32,
    chunks: Vec<Chunk>,
    free: Vec<u32>,
    /// Chunks with ready blocks, lowest first; a chunk without any may stand here until it comes to the front.
    ready_chunks: BinaryHeap<Reverse<u64>>,
    n_ready: u64,
}

impl States {
    /// The states of `n_blocks` blocks none of which waits for more than `max_dependencies` others.
    pub fn new(n_blocks: u64, max_dependencies: u64) -> Self {
        // About as many pages as chunks in a page: neither grows beyond the root of their number.
        let n_chunks = n_blocks.div_ceil(CHUNK);
        let page = n_chunks.isqrt().max(PAGE).next_power_of_two();
        Self {
            n_blocks,
            pool: CounterPool::new(CHUNK as usize, max_dependencies),
            directory: Vec::new(),
            page_bits: page.trailing_zeros(),
            chunks: Vec::new(),
            free: Vec::new(),
            ready_chunks: BinaryHeap::new(),
            n_ready: 0,
        }
    }

    /// Number of blocks marked ready.
    #[inline]
    pub fn n_ready(&self) -> u64 {
        self.n_ready
    }

    /// Returns whether a block has ended.
    pub fn has_ended(&self, index: u64) -> bool {
        match self.entry(index / CHUNK) {
            UNTOUCHED => false,
            ENDED => true,
            entry => bit(&self.chunks[entry as usize - 1].ended, index % CHUNK),
        }
    }

    /// How many dependencies of a block are left, when some are done and some are not.
    pub fn counter(&self, index: u64) -> Option<u64> {
        match self.entry(index / CHUNK) {
            UNTOUCHED | ENDED => None,
            entry => self.chunks[entry as usize - 1].counters.get((index % CHUNK) as usize),
        }
    }

    /// Marks a block that has not ended as ended.
    #[inline]
    pub fn end(&mut self, index: u64) {
        let number = index / CHUNK;
        let length = CHUNK.min(self.n_blocks - number * CHUNK);
        let chunk = self.chunk(number);
        debug_assert!(!bit(&chunk.ended, index % CHUNK), "a block ends once");
        set_bit(&mut chunk.ended, index % CHUNK);
        chunk.n_ended += 1;
        if chunk.n_ended == length {
            self.recycle(number);
        }
    }

    /// Marks blocks as ended whatever they waited for, but for those that have ended. Calls `found` with each range of
    /// blocks that had not, and how many of them were marked ready. Each chunk and each range costs 1 of `budget`;
    /// returns where it was used up, or the end of the range.
    pub fn end_range(
        &mut self,
        indices: Range<u64>,
        budget: &mut u64,
        mut found: impl FnMut(Range<u64>, u64),
    ) -> u64 {
        let mut next = indices.start;
        // Whole chunks in a row that no block was touched of.
        let mut untouched = next..next;
        let mut tell = |range: Range<u64>, n_ready| {
            if !range.is_empty() {
                found(range, n_ready);
            }
        };
        while next < indices.end && *budget > 0 {
            *budget -= 1;
            let number = next / CHUNK;
            let bounds = number * CHUNK..(number + 1).saturating_mul(CHUNK).min(self.n_blocks);
            let within = next..bounds.end.min(indices.end);
            next = within.end;
            let entry = self.entry(number);
            if entry == UNTOUCHED && within == bounds {
                *self.entry_mut(number) = ENDED;
                untouched.end = next;
                continue;
            }
            tell(std::mem::replace(&mut untouched, next..next), 0);
            if entry != ENDED {
                self.end_within(&bounds, &within, budget, &mut tell);
            }
        }
        tell(untouched, 0);
        next
    }

    /// The part of [`end_range`](Self::end_range) within one chunk.
    fn end_within(
        &mut self,
        bounds: &Range<u64>,
        within: &Range<u64>,
        budget: &mut u64,
        tell: &mut impl FnMut(Range<u64>, u64),
    ) {
        let number = bounds.start / CHUNK;
        let chunk = self.chunk(number);
        let mut n_no_longer_ready = 0;
        for word in within.start / 64..within.end.div_ceil(64) {
            let begin = word * 64;
            let word = (word % WORDS as u64) as usize;
            let asked = ones(within.start.max(begin) - begin, within.end.min(begin + 64) - begin);
            let mut new = asked & !chunk.ended[word];
            let ready = new & chunk.ready[word];
            chunk.ended[word] |= new;
            chunk.ready[word] &= !new;
            if chunk.ready[word] == 0 {
                chunk.ready_words &= !(1 << word);
            }
            chunk.n_ended += u64::from(new.count_ones());
            n_no_longer_ready += u64::from(ready.count_ones());
            while new != 0 {
                let from = u64::from(new.trailing_zeros());
                let to = from + u64::from((new >> from).trailing_ones());
                new &= !ones(from, to);
                *budget = budget.saturating_sub(1);
                tell(begin + from..begin + to, u64::from((ready & ones(from, to)).count_ones()));
            }
        }
        let is_over = chunk.n_ended == bounds.end - bounds.start;
        self.n_ready -= n_no_longer_ready;
        if is_over {
            self.recycle(number);
        }
    }

    /// Looks for the first block from `index` on that has not ended, at a cost of 1 of `budget` for each chunk. Returns
    /// where it came to, and whether that is the block looked for (or the end).
    pub fn next_open(&self, mut index: u64, budget: &mut u64) -> (u64, bool) {
        while index < self.n_blocks {
            if *budget == 0 {
                return (index, false);
            }
            *budget -= 1;
            let number = index / CHUNK;
            let chunk = match self.entry(number) {
                UNTOUCHED => return (index, true),
                ENDED => None,
                entry => Some(&self.chunks[entry as usize - 1]),
            };
            let first = number * CHUNK;
            let open = |word: u64| {
                let begin = first + word * 64;
                let open = !chunk?.ended[word as usize] & ones(index.max(begin) - begin, 64);
                (open != 0).then(|| begin + u64::from(open.trailing_zeros()))
            };
            if let Some(open) = ((index - first) / 64..CHUNK / 64).find_map(open) {
                return (open.min(self.n_blocks), true);
            }
            index = first.saturating_add(CHUNK);
        }
        (self.n_blocks, true)
    }

    /// One dependency fewer for each of these blocks; marks those that have none left as ready and returns their
    /// number. `first_count` computes how many dependencies a block has in all, when it is counted down for the
    /// first time. Neighbours in the sequence that share a chunk cost one look for it.
    #[inline]
    pub fn count_down(
        &mut self,
        mut indices: impl Iterator<Item = u64>,
        mut first_count: impl FnMut(u64) -> u64,
    ) -> u64 {
        let mut n_released = 0;
        let mut next = indices.next();
        while let Some(first) = next {
            debug_assert!(first < self.n_blocks, "a block of this task");
            let number = first / CHUNK;
            if self.entry(number) == ENDED {
                // The block was restored, or is an orphan: this one of its upstream blocks completed, another one
                // failed before.
                next = indices.next();
                continue;
            }
            let at = self.chunk_at(number);
            let Self { chunks, pool, .. } = self;
            let chunk = &mut chunks[at];
            let mut released_here = 0;
            while let Some(index) = next.filter(|index| index / CHUNK == number) {
                // A block that was restored is counted down like any other, and never ready.
                let within = (index % CHUNK) as usize;
                if chunk.counters.count_down(pool, within, || first_count(index))
                    && !bit(&chunk.ended, index % CHUNK)
                {
                    chunk.set_ready(index % CHUNK);
                    released_here += 1;
                }
                next = indices.next();
            }
            chunk.counters.release(pool);
            if released_here > 0 && !std::mem::replace(&mut chunk.is_queued, true) {
                self.ready_chunks.push(Reverse(number));
            }
            n_released += released_here;
        }
        self.n_ready += n_released;
        n_released
    }

    /// The ready block of lowest index.
    #[inline]
    pub fn peek_ready(&mut self) -> Option<u64> {
        if self.n_ready == 0 { None } else { self.find_ready() }
    }

    fn find_ready(&mut self) -> Option<u64> {
        while let Some(&Reverse(number)) = self.ready_chunks.peek() {
            let entry = self.entry(number);
            if entry != UNTOUCHED && entry != ENDED {
                let chunk = &mut self.chunks[entry as usize - 1];
                if chunk.ready_words != 0 {
                    let word = chunk.ready_words.trailing_zeros();
                    let bit = chunk.ready[word as usize].trailing_zeros();
                    return Some(number * CHUNK + u64::from(word * 64 + bit));
                }
                chunk.is_queued = false;
            }
            self.ready_chunks.pop();
        }
        None
    }

    /// Takes the ready block that [`peek_ready`](Self::peek_ready) shows.
    #[inline]
    pub fn pop_ready(&mut self) -> Option<u64> {
        let index = self.peek_ready()?;
        let chunk = self.chunk(index / CHUNK);
        let word = (index % CHUNK / 64) as usize;
        chunk.ready[word] &= !(1 << (index % 64));
        if chunk.ready[word] == 0 {
            chunk.ready_words &= !(1 << word);
        }
        self.n_ready -= 1;
        Some(index)
    }

    #[inline]
    fn entry(&self, number: u64) -> u32 {
        let (page, within) = self.page_and_offset(number);
        self.directory.get(page).and_then(|page| page.get(within)).copied().unwrap_or(UNTOUCHED)
    }

    fn entry_mut(&mut self, number: u64) -> &mut u32 {
        let (page, within) = self.page_and_offset(number);
        if page >= self.directory.len() {
            self.directory.resize_with(page + 1, Box::default);
        }
        let page = &mut self.directory[page];
        if page.is_empty() {
            *page = vec![UNTOUCHED; 1 << self.page_bits].into();
        }
        &mut page[within]
    }

    #[inline]
    fn page_and_offset(&self, number: u64) -> (usize, usize) {
        // A number of 64 bits fits into a usize of the machines this runs on; an offset within a page anyway.
        ((number >> self.page_bits) as usize, (number & ((1 << self.page_bits) - 1)) as usize)
    }

    /// A chunk some of whose blocks have not ended.
    #[inline]
    fn chunk(&mut self, number: u64) -> &mut Chunk {
        let at = self.chunk_at(number);
        &mut self.chunks[at]
    }

    /// Where in `chunks` a chunk is some of whose blocks have not ended.
    #[inline]
    fn chunk_at(&mut self, number: u64) -> usize {
        let mut entry = self.entry(number);
        debug_assert_ne!(entry, ENDED, "a block that has ended is not touched again");
        if entry == UNTOUCHED {
            entry = self.new_chunk();
            *self.entry_mut(number) = entry;
        }
        entry as usize - 1
    }

    #[cold]
    fn new_chunk(&mut self) -> u32 {
        if let Some(entry) = self.free.pop() {
            return entry;
        }
        self.chunks.push(Chunk::new());
        u32::try_from(self.chunks.len()).unwrap_or(ENDED)
    }

    /// Gives up a chunk all of whose blocks have ended.
    #[cold]
    fn recycle(&mut self, number: u64) {
        let entry = std::mem::replace(self.entry_mut(number), ENDED);
        let chunk = &mut self.chunks[entry as usize - 1];
        chunk.counters.reset(&mut self.pool);
        *chunk = Chunk::new();
        self.free.push(entry);
    }
}

impl Chunk {
    #[inline]
    fn set_ready(&mut self, within: u64) {
        debug_assert!(!bit(&self.ready, within), "a block is marked ready once");
        set_bit(&mut self.ready, within);
        self.ready_words |= 1 << (within / 64);
    }

    fn new() -> Self {
        Self {
            ended: [0; WORDS],
            ready: [0; WORDS],
            ready_words: 0,
            n_ended: 0,
            is_queued: false,
            counters: Counters::default(),
        }
    }
}

#[inline]
fn bit(words: &[u64; WORDS], within: u64) -> bool {
    words[(within / 64) as usize] >> (within % 64) & 1 == 1
}

/// The bits from `begin` up to but not including `end`, which is at most 64.
#[inline]
fn ones(begin: u64, end: u64) -> u64 {
    if begin >= end { 0 } else { u64::MAX >> (64 - (end - begin)) << begin }
}

#[inline]
fn set_bit(words: &mut [u64; WORDS], within: u64) {
    words[(within / 64) as usize] |= 1 << (within % 64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make_ready(states: &mut States, index: u64) {
        assert_eq!(states.count_down(std::iter::once(index), |_| 1), 1);
    }

    #[test]
    fn ready_blocks_come_lowest_first() {
        let mut states = States::new(3 * CHUNK + 5, 1);
        let pushed = [CHUNK * 2 + 1, 7, CHUNK, 3 * CHUNK + 4, 70];
        pushed.iter().for_each(|index| make_ready(&mut states, *index));
        let mut expected = pushed;
        expected.sort_unstable();
        assert_eq!(states.n_ready(), 5);
        assert_eq!(std::iter::from_fn(|| states.pop_ready()).collect::<Vec<_>>(), expected);
        make_ready(&mut states, 3);
        assert_eq!((states.pop_ready(), states.pop_ready()), (Some(3), None));
    }

    #[test]
    fn counting_down_releases_exactly_once() {
        for max in [3, 1000] {
            let mut states = States::new(2 * CHUNK, max);
            let run = CHUNK - 2..CHUNK + 2;
            for left in (0..max).rev() {
                let n_released = states.count_down(run.clone(), |_| max);
                assert_eq!(n_released, if left == 0 { 4 } else { 0 });
                assert_eq!(states.counter(CHUNK), (left > 0).then_some(left));
            }
            assert_eq!(
                std::iter::from_fn(|| states.pop_ready()).collect::<Vec<_>>(),
                run.collect::<Vec<_>>()
            );
        }
    }

    /// Numbers that repeat themselves in every run of the tests.
    fn numbers(below: u64) -> impl FnMut() -> u64 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    #[test]
    fn ranges_end_as_their_blocks_do() {
        let n_blocks = 5 * CHUNK + 100;
        let mut number = numbers(n_blocks + 1);
        for round in 0..60 {
            let mut states = States::new(n_blocks, 1);
            let (mut has_ended, mut is_ready) =
                (vec![false; n_blocks as usize], vec![false; n_blocks as usize]);
            for _ in 0..12 {
                let index = number().min(n_blocks - 1);
                if !is_ready[index as usize] && !has_ended[index as usize] {
                    make_ready(&mut states, index);
                    is_ready[index as usize] = true;
                }
                let (a, b) = (number(), number());
                let mut next = a.min(b);
                while next < a.max(b) {
                    // In steps, as the budget has it.
                    let mut budget = 1 + round % 3;
                    let begin = next;
                    next = states.end_range(begin..a.max(b), &mut budget, |range, n_ready| {
                        let own = range.start as usize..range.end as usize;
                        assert!(has_ended[own.clone()].iter().all(|ended| !ended), "each ends once");
                        has_ended[own.clone()].fill(true);
                        assert_eq!(is_ready[own.clone()].iter().filter(|is| **is).count() as u64, n_ready);
                        is_ready[own].fill(false);
                    });
                    assert!(next > begin, "it goes on");
                    assert!(has_ended[begin as usize..next as usize].iter().all(|ended| *ended));
                }
                let from = number();
                let next_open = (from..n_blocks).find(|index| !has_ended[*index as usize]);
                let (mut reached, mut is_open) = (from, false);
                while !is_open {
                    let mut budget = 1 + round % 3;
                    (reached, is_open) = states.next_open(reached, &mut budget);
                }
                assert_eq!(reached, next_open.unwrap_or(from.max(n_blocks)));
            }
            assert!((0..n_blocks).all(|index| states.has_ended(index) == has_ended[index as usize]));
            let ready: Vec<u64> = (0..n_blocks).filter(|index| is_ready[*index as usize]).collect();
            assert_eq!(states.n_ready(), ready.len() as u64);
            assert_eq!(std::iter::from_fn(|| states.pop_ready()).collect::<Vec<_>>(), ready);
        }
    }

    #[test]
    fn blocks_that_are_ready_need_no_counters() {
        let mut states = States::new(20 * CHUNK, 2);
        let all = || 0..20 * CHUNK;
        assert_eq!(states.count_down(all(), |_| 2), 0);
        assert!(states.chunks.iter().all(|chunk| chunk.counters.exist()));
        assert_eq!(states.count_down(all(), |_| 2), 20 * CHUNK);
        assert!(!states.chunks.iter().any(|chunk| chunk.counters.exist()));
    }

    #[test]
    fn a_chunk_that_has_ended_is_given_up() {
        let mut states = States::new(CHUNK + 10, 1);
        (0..CHUNK).for_each(|index| states.end(index));
        assert_eq!(states.free.len(), 1);
        assert!(states.has_ended(5) && !states.has_ended(CHUNK));
        make_ready(&mut states, CHUNK + 3);
        assert_eq!(states.chunks.len(), 1, "the next chunk takes over the memory of the first");
        assert!(!states.has_ended(CHUNK + 3) && states.counter(CHUNK + 3).is_none());
        (CHUNK..CHUNK + 10).for_each(|index| states.end(index));
        assert!(states.has_ended(CHUNK + 9));
    }
}
