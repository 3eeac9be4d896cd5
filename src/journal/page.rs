//! Pages of a done map, each with a checksum, and how a commit changes one.

use std::ops::Range;

use super::state::BlockState;

/// Blocks in a page: what one checksum covers, and what a flipped byte costs.
pub(super) const PAGE_BLOCKS: u64 = 4096;
/// The same, for memory.
pub(super) const PAGE_LEN: usize = PAGE_BLOCKS as usize;

/// A change of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageEdit {
    /// The task, by its position in the layout.
    pub task: u32,
    /// The page.
    pub page: u64,
    /// The checksum of the page after the change.
    pub sum: u32,
    /// What changes, from the first block on.
    pub edits: Vec<Edit>,
}

/// Blocks in a row within a page that take one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    /// The first of them, counted from the page's begin.
    pub offset: u16,
    /// How many: 1 to [`PAGE_BLOCKS`].
    pub length: u16,
    /// What they become.
    pub state: BlockState,
}

impl Edit {
    /// The blocks within the page.
    pub fn range(&self) -> Range<usize> {
        usize::from(self.offset)..usize::from(self.offset) + usize::from(self.length)
    }
}

/// Number of pages of so many blocks.
pub(super) fn n_pages(n_blocks: u64) -> u64 {
    n_blocks.div_ceil(PAGE_BLOCKS)
}

/// The blocks of a page; the last one may be short.
pub(super) fn blocks_of(page: u64, n_blocks: u64) -> Range<u64> {
    let begin = page * PAGE_BLOCKS;
    begin..(begin + PAGE_BLOCKS).min(n_blocks)
}

/// The checksum of a page's bytes.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// What turns one page into another, as runs of blocks. Both hold states only, and are as long as each other.
pub(super) fn difference(old: &[u8], new: &[u8]) -> Vec<Edit> {
    let mut edits: Vec<Edit> = Vec::new();
    for (offset, (old, new)) in old.iter().zip(new).enumerate() {
        let Some(state) = BlockState::of(*new).filter(|_| old != new) else { continue };
        match edits.last_mut() {
            Some(last) if last.range().end == offset && last.state == state => last.length += 1,
            _ => edits.push(Edit { offset: offset as u16, length: 1, state }),
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_few_runs() {
        let old = [0, 0, 0, 1, 1, 2, 0];
        let new = [1, 1, 0, 1, 3, 3, 1];
        let edit = |offset, length, state| Edit { offset, length, state };
        let expected =
            [edit(0, 2, BlockState::Done), edit(4, 2, BlockState::Orphaned), edit(6, 1, BlockState::Done)];
        assert_eq!(difference(&old, &new), expected);
        assert_eq!(difference(&new, &new), []);
        assert_eq!(difference(&[0; PAGE_LEN], &[1; PAGE_LEN]), [edit(0, 4096, BlockState::Done)]);
    }

    #[test]
    fn the_last_page_is_short() {
        assert_eq!((n_pages(1), n_pages(4096), n_pages(4097)), (1, 1, 2));
        assert_eq!(blocks_of(1, 4097), 4096..4097);
    }
}
