//! Which workers are to blame that blocks fail: those where blocks failed that others then processed.
//!
//! A node without its GPU, or with an output that only it cannot write, fails each block at once and is free for the next:
//! it would eat the run. One after which three blocks were tried again, and none succeeded there since, is *suspected*, and
//! gets no more blocks until it is known whose fault that was. When one of those blocks is given up, or fails on a worker
//! that is above suspicion, it is the block's; when as many succeed elsewhere, it is the worker's.

use super::event::WorkerId;

/// Number of blocks in a row that fail on a worker before it is suspected, and that then succeed elsewhere before it is known to
/// be broken.
const N_PROOFS: u32 = 3;

/// What speaks against a worker, since a block last succeeded there.
#[derive(Debug, Clone, Copy, Default)]
struct Record {
    /// Blocks that failed there and were tried again.
    n_failed: u32,
    /// Those of them that succeeded elsewhere.
    n_blamed: u32,
}

#[derive(Debug, Default)]
pub(super) struct Blame {
    /// By worker, as far as any block failed.
    records: Vec<Record>,
}

impl Blame {
    /// Returns whether nothing was ever held against anybody.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// A block failed on a worker, and is tried again. Returns whether the worker is suspected.
    pub fn fail(&mut self, worker: WorkerId) -> bool {
        let record = self.record(worker);
        record.n_failed += 1;
        record.n_failed >= N_PROOFS
    }

    /// A block that failed on a worker succeeded elsewhere. Returns whether the worker is broken.
    pub fn blame(&mut self, worker: WorkerId) -> bool {
        let record = self.record(worker);
        // Of what it failed since a block succeeded there, and nothing older.
        record.n_blamed = (record.n_blamed + 1).min(record.n_failed);
        record.n_blamed >= N_PROOFS
    }

    /// Returns whether nothing speaks against a worker.
    pub fn is_clear(&self, worker: WorkerId) -> bool {
        self.records.get(worker.0 as usize).is_none_or(|record| record.n_failed == 0)
    }

    /// Nothing speaks against a worker any more.
    pub fn clear(&mut self, worker: WorkerId) {
        if let Some(record) = self.records.get_mut(worker.0 as usize) {
            *record = Record::default();
        }
    }

    fn record(&mut self, worker: WorkerId) -> &mut Record {
        let index = worker.0 as usize;
        if index >= self.records.len() {
            self.records.resize(index + 1, Record::default());
        }
        &mut self.records[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_blocks_that_succeed_elsewhere_are_proof() {
        let (mut blame, worker) = (Blame::default(), WorkerId(2));
        assert!(blame.is_empty());
        assert!(!blame.fail(worker) && !blame.blame(worker) && !blame.fail(worker));
        // What it failed before it succeeded counts no more.
        blame.clear(worker);
        assert!(!blame.blame(worker) && !blame.blame(worker) && !blame.blame(worker));
        assert!(!blame.fail(worker) && !blame.fail(worker) && blame.fail(worker), "suspected");
        assert!(!blame.blame(worker) && !blame.blame(worker) && blame.blame(worker), "broken");
    }
}
