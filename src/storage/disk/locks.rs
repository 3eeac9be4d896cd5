//! Locks between the threads of one process, chunk by chunk.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Lets threads that write parts of one chunk take turns. Few locks serve all chunks, so they need no clearing up.
pub struct Locks {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Locks {
    pub fn new() -> Self {
        const N_LOCKS: usize = 64;
        Self { locks: (0..N_LOCKS).map(|_| Mutex::new(())).collect(), hasher: RandomState::new() }
    }

    /// Waits for this chunk's turn, which lasts as long as the result is held.
    pub fn of(&self, chunk: &[u64]) -> MutexGuard<'_, ()> {
        // A thread that panicked while it held the lock left no state behind: files are replaced as a whole.
        self.lock(chunk).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This chunk's turn, unless somebody else has it, or that of a chunk with the same lock.
    pub fn try_of(&self, chunk: &[u64]) -> Option<MutexGuard<'_, ()>> {
        match self.lock(chunk).try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self, chunk: &[u64]) -> &Mutex<()> {
        let index = self.hasher.hash_one(chunk) % self.locks.len() as u64;
        &self.locks[index as usize]
    }
}
