//! Locks between the threads of one process, chunk by chunk.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lets threads that write parts of one chunk take turns. Few locks serve all chunks, so they need no clearing up.
pub(super) struct Locks {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Locks {
    pub(super) fn new() -> Self {
        const N_LOCKS: usize = 64;
        Self { locks: (0..N_LOCKS).map(|_| Mutex::new(())).collect(), hasher: RandomState::new() }
    }

    /// Waits for this chunk's turn, which lasts as long as the result is held.
    pub(super) fn of(&self, chunk: &[u64]) -> MutexGuard<'_, ()> {
        let index = self.hasher.hash_one(chunk) % self.locks.len() as u64;
        // A thread that panicked while it held the lock left no state behind: files are replaced as a whole.
        self.locks[index as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
