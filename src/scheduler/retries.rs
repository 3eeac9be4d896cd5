//! The blocks of one task that wait to be tried again, each away from the worker where it did not succeed.

use std::collections::{BTreeMap, BTreeSet};

use super::event::WorkerId;

/// How often a block did not succeed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attempts {
    pub failures: u32,
    pub crashes: u32,
    /// Where it did not succeed last.
    pub last: Option<WorkerId>,
}

/// Among the workers to avoid: none.
const NOBODY: WorkerId = WorkerId(u32::MAX);

#[derive(Debug, Default)]
pub(super) struct Retries {
    attempts: BTreeMap<u64, Attempts>,
    /// Blocks that are ready again, by the worker to avoid.
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
        let last = self.attempts.get(&index).and_then(|attempts| attempts.last);
        self.push(index, last.unwrap_or(NOBODY));
    }

    /// Takes a block that `worker` may try; when it is the only worker, any.
    #[inline]
    pub fn pop(&mut self, worker: WorkerId, is_only_worker: bool) -> Option<u64> {
        if self.n_waiting == 0 {
            return None;
        }
        let avoided = *self.waiting.keys().find(|avoided| is_only_worker || **avoided != worker)?;
        let blocks = self.waiting.get_mut(&avoided)?;
        let index = blocks.pop_first()?;
        if blocks.is_empty() {
            self.waiting.remove(&avoided);
        }
        self.n_waiting -= 1;
        Some(index)
    }
}
