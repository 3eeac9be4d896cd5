//! The blocks that a worker finished and that do not count as completed yet: what it wrote may not be on the disk.
//!
//! They are kept by worker, in the order in which they were finished: a worker syncs all that it wrote so far, so that
//! what an answer covers is the first so many of them. Those wait in one queue, to be completed in steps of bounded size.

use std::collections::VecDeque;

use super::event::WorkerId;
use crate::plan::BlockId;

/// A block, and whether it was skipped.
type Entry = (BlockId, bool);

#[derive(Debug, Default)]
pub(super) struct Unsynced {
    by_worker: Vec<VecDeque<Entry>>,
    synced: VecDeque<Entry>,
    len: u64,
}

impl Unsynced {
    /// Number of blocks, with those that are synced and not completed yet.
    #[inline]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Number of blocks that a worker has not synced.
    pub fn len_of(&self, worker: WorkerId) -> u64 {
        self.by_worker.get(worker.0 as usize).map_or(0, |entries| entries.len() as u64)
    }

    /// Returns whether blocks that are synced wait to be completed.
    #[inline]
    pub fn has_synced(&self) -> bool {
        !self.synced.is_empty()
    }

    /// Adds a block that a worker finished.
    pub fn push(&mut self, worker: WorkerId, block: BlockId, is_skipped: bool) {
        let index = worker.0 as usize;
        if index >= self.by_worker.len() {
            self.by_worker.resize_with(index + 1, VecDeque::new);
        }
        self.by_worker[index].push_back((block, is_skipped));
        self.len += 1;
    }

    /// The first `n_blocks` blocks of a worker are synced.
    pub fn sync(&mut self, worker: WorkerId, n_blocks: u64) {
        let Self { by_worker, synced, .. } = self;
        synced.extend(first_of(by_worker, worker, n_blocks));
    }

    /// Takes a block that is synced.
    pub fn pop_synced(&mut self) -> Option<Entry> {
        let entry = self.synced.pop_front()?;
        self.len -= 1;
        Some(entry)
    }

    /// Takes the first `n_blocks` blocks of a worker, none of which is synced.
    pub fn take(&mut self, worker: WorkerId, n_blocks: u64) -> Vec<Entry> {
        let taken: Vec<Entry> = first_of(&mut self.by_worker, worker, n_blocks).collect();
        self.len -= taken.len() as u64;
        taken
    }

    /// All blocks.
    pub fn iter(&self) -> impl Iterator<Item = BlockId> + '_ {
        self.by_worker.iter().flatten().chain(&self.synced).map(|(block, _)| *block)
    }
}

fn first_of(
    by_worker: &mut [VecDeque<Entry>],
    worker: WorkerId,
    n_blocks: u64,
) -> impl Iterator<Item = Entry> + '_ {
    let entries = by_worker.get_mut(worker.0 as usize).into_iter();
    entries.flat_map(move |entries| {
        let n_taken = usize::try_from(n_blocks).unwrap_or(usize::MAX).min(entries.len());
        entries.drain(..n_taken)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TaskId;

    const fn block(index: u64) -> BlockId {
        BlockId { task: TaskId(0), index }
    }

    #[test]
    fn the_first_of_a_worker_come_first() {
        let (mut unsynced, worker, other) = (Unsynced::default(), WorkerId(1), WorkerId(3));
        (0..4).for_each(|index| unsynced.push(worker, block(index), index == 1));
        unsynced.push(other, block(9), false);
        assert_eq!((unsynced.len(), unsynced.len_of(worker), unsynced.len_of(WorkerId(7))), (5, 4, 0));
        unsynced.sync(worker, 2);
        unsynced.sync(WorkerId(8), 1);
        assert!(unsynced.has_synced());
        assert_eq!((unsynced.len(), unsynced.len_of(worker)), (5, 2));
        assert_eq!(unsynced.take(worker, u64::MAX), [(block(2), false), (block(3), false)]);
        assert_eq!(unsynced.iter().map(|block| block.index).collect::<Vec<_>>(), [9, 0, 1]);
        assert_eq!(unsynced.pop_synced(), Some((block(0), false)));
        assert_eq!(unsynced.pop_synced(), Some((block(1), true)));
        assert_eq!((unsynced.pop_synced(), unsynced.len()), (None, 1));
    }
}
