//! Rank 0's clock: microseconds since the run began, which is all that the desk knows of time.

use std::time::{Duration, Instant};

use crate::scheduler::Time;

/// A clock that began at 0.
#[derive(Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time.
    #[inline]
    pub fn now(&self) -> Time {
        micros(self.0.elapsed())
    }
}

/// A duration in microseconds; as good as forever where it is longer than they can count.
#[inline]
pub(super) fn micros(duration: Duration) -> Time {
    u64::try_from(duration.as_micros()).unwrap_or(Time::MAX)
}
