//! Heartbeats: each worker is asked every few seconds how it is doing, and its answer shows that it lives.

use std::time::Duration;

use super::clock::micros;
use crate::run::topology::{index_of, worker_number};
use crate::scheduler::{Time, WorkerId};
use crate::wire::Status;

/// Maximum number of workers asked at once, so that a large run does not stop to hear them all.
const MAX_ASKED: usize = 256;

/// What is known of one worker's heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heartbeat {
    /// It is asked at this time.
    DueAt(Time),
    /// It was asked, and has not answered.
    Awaited,
    /// It is lost.
    Stopped,
}

#[derive(Debug)]
pub(super) struct Heartbeats {
    interval: Time,
    /// For each worker from the first.
    beats: Vec<Heartbeat>,
    /// Where the search for the next worker to ask goes on.
    cursor: usize,
    n_awaited: usize,
    most_memory: Option<u64>,
}

impl Heartbeats {
    /// The first heartbeat is due one interval after the start, at time 0; an interval of zero means none.
    pub fn new(n_workers: usize, interval: Duration) -> Self {
        let interval = micros(interval);
        let n_asked = if interval == 0 { 0 } else { n_workers };
        Self {
            interval,
            beats: vec![Heartbeat::DueAt(interval); n_asked],
            cursor: 0,
            n_awaited: 0,
            most_memory: None,
        }
    }

    /// The workers to ask now; their answers are awaited from here on.
    pub fn take_due(&mut self, now: Time) -> Vec<WorkerId> {
        let mut due = Vec::new();
        for _ in 0..self.beats.len().min(MAX_ASKED) {
            let index = self.cursor;
            self.cursor = (index + 1) % self.beats.len();
            if matches!(self.beats[index], Heartbeat::DueAt(at) if at <= now) {
                self.beats[index] = Heartbeat::Awaited;
                self.n_awaited += 1;
                due.push(worker_number(index));
            }
        }
        due
    }

    /// Records the answer of a worker.
    pub fn record(&mut self, now: Time, worker: WorkerId, status: Status) {
        log::debug!("{worker}: {status:?}");
        self.most_memory = self.most_memory.max(status.memory);
        self.set(worker, Heartbeat::DueAt(now.saturating_add(self.interval)), |beat| {
            beat == Heartbeat::Awaited
        });
    }

    /// Asks a worker no more, and awaits nothing of it.
    pub fn stop(&mut self, worker: WorkerId) {
        self.set(worker, Heartbeat::Stopped, |_| true);
    }

    fn set(&mut self, worker: WorkerId, to: Heartbeat, is_wanted: impl FnOnce(Heartbeat) -> bool) {
        let beat = index_of(worker).and_then(|index| self.beats.get_mut(index));
        if let Some(beat) = beat.filter(|beat| is_wanted(**beat)) {
            self.n_awaited -= usize::from(*beat == Heartbeat::Awaited);
            *beat = to;
        }
    }

    /// Returns whether an answer is awaited.
    pub fn is_any_awaited(&self) -> bool {
        self.n_awaited > 0
    }

    /// The most memory, in bytes, that any worker said to use.
    pub fn most_memory(&self) -> Option<u64> {
        self.most_memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(heartbeats: &mut Heartbeats, now: Time) -> Vec<u32> {
        heartbeats.take_due(now).iter().map(|worker| worker.0).collect()
    }

    fn status() -> Status {
        Status { n_finished: 0, n_waiting: 0, busy_ms: None, memory: Some(7) }
    }

    #[test]
    fn a_worker_is_asked_again_an_interval_after_its_answer() {
        let mut heartbeats = Heartbeats::new(2, Duration::from_micros(10));
        assert!(due(&mut heartbeats, 9).is_empty());
        assert_eq!(due(&mut heartbeats, 10), [1, 2]);
        assert!(due(&mut heartbeats, 100).is_empty());
        heartbeats.record(100, WorkerId(2), status());
        assert!(due(&mut heartbeats, 109).is_empty() && heartbeats.is_any_awaited());
        assert_eq!(due(&mut heartbeats, 110), [2]);
    }

    #[test]
    fn nothing_is_awaited_of_a_lost_worker() {
        let mut heartbeats = Heartbeats::new(2, Duration::from_micros(10));
        due(&mut heartbeats, 10);
        heartbeats.record(11, WorkerId(1), status());
        heartbeats.stop(WorkerId(2));
        heartbeats.stop(WorkerId(2));
        assert!(!heartbeats.is_any_awaited());
        heartbeats.record(12, WorkerId(2), status());
        assert_eq!(due(&mut heartbeats, 1000), [1]);
    }

    #[test]
    fn an_interval_of_zero_asks_nobody() {
        let mut heartbeats = Heartbeats::new(3, Duration::ZERO);
        assert!(due(&mut heartbeats, Time::MAX).is_empty());
        heartbeats.record(1, WorkerId(1), status());
        assert_eq!(heartbeats.most_memory(), Some(7));
    }

    #[test]
    fn many_workers_are_asked_bit_by_bit() {
        let mut heartbeats = Heartbeats::new(600, Duration::from_micros(1));
        let n_asked: Vec<usize> = (0..4).map(|_| due(&mut heartbeats, 1).len()).collect();
        assert_eq!(n_asked, [256, 256, 88, 0]);
    }
}
