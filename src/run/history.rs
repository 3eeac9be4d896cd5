//! What this process has done so far, for the way its program ends.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a run took place in this process.
static HAS_RUN: AtomicBool = AtomicBool::new(false);

/// Whether this process was rank 0 of its last run, or alone.
static IS_LEADER: AtomicBool = AtomicBool::new(true);

/// Records that a run took place.
pub(super) fn record_run() {
    HAS_RUN.store(true, Ordering::Relaxed);
}

/// Returns whether a run took place.
pub(super) fn has_run() -> bool {
    HAS_RUN.load(Ordering::Relaxed)
}

/// Records whether this process is rank 0 of the run that begins, or alone.
pub(super) fn record_leader(is_leader: bool) {
    IS_LEADER.store(is_leader, Ordering::Relaxed);
}

/// Returns whether this process was rank 0 of its last run, or alone.
pub(super) fn is_leader() -> bool {
    IS_LEADER.load(Ordering::Relaxed)
}
