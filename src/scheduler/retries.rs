//! The blocks of one task that wait to be tried again, each away from the workers where it did not succeed.

use std::collections::{BTreeMap, BTreeSet};

use super::event::WorkerId;

/// Maximum number of workers that are remembered for a block.
const MAX_REMEMBERED: usize = 4;

/// How often a block did not succeed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    pub failures: u32,
    pub crashes: u32,
    /// Where it did not succeed: each worker once, the last first.
    failed_on: [Option<WorkerId>; MAX_REMEMBERED],
}

impl Attempts {
    /// The block did not succeed on this worker.
    pub fn add(&mut self, worker: WorkerId) {
        let others = self.failed_on.into_iter().flatten().filter(|other| *other != worker);
        let mut all = std::iter::once(worker).chain(others);
        self.failed_on = std::array::from_fn(|_| all.next());
    }

    /// Failures and crashes.
    pub fn total(&self) -> u32 {
        self.failures + self.crashes
    }

    /// Returns whether the block is for others than this worker, of `n_workers`: one is left at least.
    fn is_avoiding(&self, worker: WorkerId, n_workers: usize) -> bool {
        self.failed_on.iter().take(n_workers.saturating_sub(1)).any(|other| *other == Some(worker))
    }
}

/// Among the workers to avoid: none.
const NOBODY: WorkerId = WorkerId(u32::MAX);

#[derive(Debug, Default)]
pub(super) struct Retries {
    attempts: BTreeMap<u64, Attempts>,
    /// Blocks that are ready again, by the worker that had them last.
    waiting: BTreeMap<WorkerId, BTreeSet<u64>>,
    n_waiting: u64,
}

impl Retries {
    /// Number of blocks that are ready again.
    pub fn n_waiting(&self) -> u64 {
        self.n_waiting
    }

    pub fn waiting(&self) -> impl Iterator<Item = u64> + '_ {
        self.waiting.values().flatten().copied()
    }

    /// Counts a failure or crash of a block.
    pub fn attempts_mut(&mut self, index: u64) -> &mut Attempts {
        self.attempts.entry(index).or_default()
    }

    /// How often a block did not succeed.
    pub fn attempts(&self, index: u64) -> Attempts {
        self.attempts.get(&index).copied().unwrap_or_default()
    }

    /// The workers where a block did not succeed, as far as they are remembered.
    pub fn failed_on(&self, index: u64) -> impl Iterator<Item = WorkerId> + use<> {
        self.attempts(index).failed_on.into_iter().flatten()
    }

    /// Forgets the attempts of a block that has ended.
    #[inline]
    pub fn forget(&mut self, index: u64) {
        if !self.attempts.is_empty() {
            self.attempts.remove(&index);
        }
    }

    /// Makes a block ready again, preferably not for `avoid`.
    pub fn push(&mut self, index: u64, avoid: WorkerId) {
        if self.waiting.entry(avoid).or_default().insert(index) {
            self.n_waiting += 1;
        }
    }

    /// Makes a block ready again that was handed out and not begun: still not for the worker where it did not succeed, if it
    /// was ever begun.
    pub fn push_again(&mut self, index: u64) {
        let last = self.attempts.get(&index).and_then(|attempts| attempts.failed_on[0]);
        self.push(index, last.unwrap_or(NOBODY));
    }

    /// Returns whether `worker` may try a block that did not succeed, of `n_workers`.
    pub fn may_try(&self, index: u64, worker: WorkerId, n_workers: usize) -> bool {
        self.attempts.get(&index).is_none_or(|attempts| !attempts.is_avoiding(worker, n_workers))
    }

    /// Takes a block that `worker` may try, of `n_workers`; when it is the only one, any.
    #[inline]
    pub fn pop(&mut self, worker: WorkerId, n_workers: usize) -> Option<u64> {
        if self.n_waiting == 0 {
            return None;
        }
        self.pop_for(worker, n_workers)
    }

    #[cold]
    fn pop_for(&mut self, worker: WorkerId, n_workers: usize) -> Option<u64> {
        let Self { attempts, waiting, n_waiting } = self;
        let is_avoiding =
            |index: &u64| attempts.get(index).is_some_and(|attempts| attempts.is_avoiding(worker, n_workers));
        let of_others = waiting.iter_mut().filter(|(last, _)| n_workers == 1 || **last != worker);
        let (last, index) = of_others.into_iter().find_map(|(last, blocks)| {
            Some((*last, blocks.iter().copied().find(|index| !is_avoiding(index))?))
        })?;
        let blocks = waiting.get_mut(&last)?;
        blocks.remove(&index);
        if blocks.is_empty() {
            waiting.remove(&last);
        }
        *n_waiting -= 1;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_tried_where_it_did_not_fail_as_long_as_there_are_others() {
        let mut retries = Retries::default();
        for worker in [3, 1, 2].map(WorkerId) {
            retries.attempts_mut(9).add(worker);
            retries.push(9, worker);
            assert_eq!(retries.pop(worker, 4), None);
            if worker != WorkerId(2) {
                assert_eq!(retries.pop(WorkerId(4), 4), Some(9));
            }
        }
        assert_eq!(retries.failed_on(9).collect::<Vec<_>>(), [2, 1, 3].map(WorkerId));
        // Of two workers one is left, of four all but one are avoided.
        assert_eq!([1, 2, 3].map(|worker| retries.pop(WorkerId(worker), 4)), [None; 3]);
        assert_eq!((retries.pop(WorkerId(2), 2), retries.pop(WorkerId(1), 2)), (None, Some(9)));
        retries.push(9, WorkerId(2));
        assert_eq!((retries.pop(WorkerId(2), 1), retries.n_waiting()), (Some(9), 0));
    }
}
