//! Warnings about what is on disk, each once: arrays are opened many times, and by all ranks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The target of these records: whoever sets up a logger may show those of one rank alone.
pub const TARGET: &str = "bellis::notice";

/// Warns, unless this process has said the same before.
pub fn once(text: &str) {
    static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    // At worst a thread that panicked has said something that is said again.
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.get_or_insert_with(HashSet::new).insert(text.to_owned()) {
        log::warn!(target: TARGET, "{text}");
    }
}
