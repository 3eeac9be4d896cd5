//! Locks between the threads of one process, chunk by chunk.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Lets threads that want the same chunk take turns. Few locks serve all chunks, so they need no clearing up.
pub struct Locks {
    locks: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Locks {
    pub fn new() -> Self {
        const N_LOCKS: usize = 64;
        Self { locks: (0..N_LOCKS).map(|_| Mutex::new(())).collect(), hasher: RandomState::new() }
    }

    /// Waits for the turn of `key`, which lasts as long as the result is held.
    pub fn lock(&self, key: &(impl Hash + ?Sized)) -> MutexGuard<'_, ()> {
        // A thread that panicked while it held the lock left no state behind: files are replaced as a whole.
        self.lock_of(key).lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn of `key`, unless somebody else has it, or that of another key with the same lock.
    pub fn try_lock(&self, key: &(impl Hash + ?Sized)) -> Option<MutexGuard<'_, ()>> {
        match self.lock_of(key).try_lock() {
            Ok(turn) => Some(turn),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock_of(&self, key: &(impl Hash + ?Sized)) -> &Mutex<()> {
        let index = self.hasher.hash_one(key) % self.locks.len() as u64;
        &self.locks[index as usize]
    }
}
