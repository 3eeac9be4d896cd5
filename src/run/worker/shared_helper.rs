//! One helper for all worker threads of a process: while they process blocks, it takes in what rank 0 says to them, and gives
//! back what they have not begun, if rank 0 wants it back.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::uplink::Uplink;

/// Time between two rounds: a recall may take so long. A round costs a few nanoseconds a thread.
const ROUND_INTERVAL: Duration = Duration::from_millis(20);

/// The uplinks of the threads that are helped.
#[derive(Default)]
pub(in crate::run) struct SharedHelper {
    uplinks: Mutex<Vec<Arc<Mutex<Uplink>>>>,
    is_over: AtomicBool,
}

impl SharedHelper {
    /// Helps a thread from now on.
    pub(super) fn add(&self, uplink: &Arc<Mutex<Uplink>>) {
        self.lock().push(uplink.clone());
    }

    /// Lets go of a thread's uplink.
    pub(super) fn remove(&self, uplink: &Arc<Mutex<Uplink>>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, uplink));
    }

    /// Helps on this thread until it [ends](Self::end), which unparks the thread.
    pub(in crate::run) fn help(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            thread::park_timeout(ROUND_INTERVAL);
            // A thread that talks to rank 0 itself needs no help.
            for mut uplink in self.lock().iter().filter_map(|uplink| uplink.try_lock().ok()) {
                if uplink.error.is_none() {
                    uplink.error = uplink.receive().err();
                }
            }
        }
    }

    /// Ends the helping, on that thread.
    pub(in crate::run) fn end(&self, thread: &thread::Thread) {
        self.is_over.store(true, Ordering::Relaxed);
        thread.unpark();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Mutex<Uplink>>>> {
        // It is whole between any two operations.
        self.uplinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SharedHelper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHelper").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}
