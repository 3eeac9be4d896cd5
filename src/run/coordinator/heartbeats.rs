//! Heartbeats: each worker is asked every few seconds how it is doing, and its answer shows that it lives.

use std::time::{Duration, Instant};

use crate::scheduler::WorkerId;
use crate::wire::Status;

/// Maximum number of workers asked at once, so that a large run does not stop to hear them all.
const MAX_ASKED: usize = 256;
/// Maximum interval: as good as never, and the clock can count so far.
const MAX_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) struct Heartbeats {
    interval: Duration,
    /// For each worker from 1: when it is asked next, or `None` while its answer is awaited.
    next: Vec<Option<Instant>>,
    /// Where the search for the next worker to ask goes on.
    cursor: usize,
    n_open: usize,
    most_memory: Option<u64>,
}

impl Heartbeats {
    /// The first check comes one interval after the start; an interval of zero means no checks.
    pub fn new(n_workers: usize, interval: Duration) -> Self {
        let interval = interval.min(MAX_INTERVAL);
        let first = Instant::now() + interval;
        let n_asked = if interval.is_zero() { 0 } else { n_workers };
        Self { interval, next: vec![Some(first); n_asked], cursor: 0, n_open: 0, most_memory: None }
    }

    /// The workers to ask now; their answers are awaited from here on.
    pub fn take_due(&mut self, now: Instant) -> Vec<WorkerId> {
        let mut due = Vec::new();
        for _ in 0..self.next.len().min(MAX_ASKED) {
            let index = self.cursor;
            self.cursor = (index + 1) % self.next.len();
            if self.next[index].is_some_and(|next| next <= now) {
                self.next[index] = None;
                self.n_open += 1;
                // Ranks are counted by 32 bits.
                due.push(WorkerId(index as u32 + 1));
            }
        }
        due
    }

    /// Records the answer of a worker.
    pub fn record(&mut self, worker: WorkerId, status: Status) {
        log::debug!("{worker}: {status:?}");
        self.most_memory = self.most_memory.max(status.memory);
        let index = (worker.0 as usize).checked_sub(1);
        if let Some(next) = index.and_then(|index| self.next.get_mut(index)).filter(|next| next.is_none()) {
            *next = Some(Instant::now() + self.interval);
            self.n_open -= 1;
        }
    }

    /// Returns whether an answer is awaited.
    pub fn is_any_open(&self) -> bool {
        self.n_open > 0
    }

    /// The most memory, in bytes, that any worker said to use.
    pub fn most_memory(&self) -> Option<u64> {
        self.most_memory
    }
}
