//! How much time a run has: when it begins to drain, and for how long a drain waits.
//!
//! A run that knows when its job ends drains early enough that the blocks in flight can end before that, as far as the longest
//! block so far tells. What does not end within the grace time is given up: it is not done, and runs again in the next run.

use std::time::Duration;

use super::clock::micros;
use crate::scheduler::Time;

/// What stays between the last block and the end of the job, to put on the disk and record what is finished, and to end the
/// ranks.
const RESERVE: Duration = Duration::from_secs(10);

/// A run begins to drain so much earlier than the longest block asks for: loops look at the clock now and then, messages
/// travel, and a block that was just sent is not the shortest.
const SLACK: Duration = Duration::from_secs(1);

/// A drain waits at least as long, unless it was told otherwise: blocks so far may all have been short ones.
const MIN_GRACE: Duration = Duration::from_secs(60);

/// The limits of a run, on its clock.
#[derive(Debug, Default)]
pub(in crate::run) struct Limits {
    /// When the job ends.
    end: Option<Time>,
    reserve: Time,
    /// For how long a drain waits, where that was said.
    grace: Option<Time>,
    /// How long the longest block so far took.
    longest: Time,
    /// How long it took at most until what was written was on the disk.
    longest_sync: Time,
    /// Since when the run drains.
    drains_since: Option<Time>,
}

impl Limits {
    /// For a run that begins at time 0, with so much time left.
    pub fn new(left: Option<Duration>, grace: Option<Duration>) -> Self {
        let reserve = left.map_or(RESERVE, |left| RESERVE.min(left / 10));
        Self { end: left.map(micros), reserve: micros(reserve), grace: grace.map(micros), ..Self::default() }
    }

    /// A block took so long.
    #[inline]
    pub fn see_block(&mut self, busy_us: u64) {
        self.longest = self.longest.max(busy_us);
    }

    /// It took so long until all that was written was on the disk.
    pub fn see_sync(&mut self, duration: Time) {
        self.longest_sync = self.longest_sync.max(duration);
    }

    /// The run drains from now on.
    pub fn begin_drain(&mut self, now: Time) {
        self.drains_since.get_or_insert(now);
    }

    /// When the last block has to have ended, where that is known: a disk that is slow to sync gets more time, up to a quarter.
    fn last_block(&self) -> Option<Time> {
        let end = self.end?;
        Some(end.saturating_sub(self.reserve).saturating_sub(self.longest_sync.min(end / 4)))
    }

    /// When the run has to begin to drain: before a block as long as the longest, and a quarter more, would end too late. One
    /// long block takes no more than half of the time from shorter ones.
    fn drain_at(&self) -> Option<Time> {
        let end = self.end?;
        let block = self.longest.saturating_add(self.longest / 4).min(self.grace());
        let block = block.saturating_add(micros(SLACK)).min(end / 2);
        Some(self.last_block()?.saturating_sub(block))
    }

    /// Returns whether it is time to drain.
    pub fn is_drain_due(&self, now: Time) -> bool {
        self.drains_since.is_none() && self.drain_at().is_some_and(|drain_at| now >= drain_at)
    }

    /// For how long a drain waits, the end of the job apart.
    fn grace(&self) -> Time {
        self.grace.unwrap_or_else(|| micros(MIN_GRACE).max(self.longest.saturating_mul(2)))
    }

    /// For how long the run has drained, once it waits for no block any more.
    pub fn grace_that_is_over(&self, now: Time) -> Option<Duration> {
        let since = self.drains_since?;
        let last = self.last_block().unwrap_or(Time::MAX);
        let is_over = now >= since.saturating_add(self.grace()).min(last);
        is_over.then(|| Duration::from_micros(now.saturating_sub(since)))
    }

    /// For how much longer the job runs, where that is known.
    pub fn left(&self, now: Time) -> Option<Duration> {
        self.end.map(|end| Duration::from_micros(end.saturating_sub(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn limits(left: Option<u64>, grace: Option<u64>, blocks: &[u64]) -> Limits {
        let mut limits = Limits::new(left.map(Duration::from_secs), grace.map(Duration::from_secs));
        blocks.iter().for_each(|seconds| limits.see_block(seconds * S));
        limits
    }

    #[test]
    fn a_run_drains_in_time_for_the_longest_block() {
        for (left, grace, blocks, drain_at) in [
            // Nothing is known of blocks: until the reserve.
            (1000, None, &[][..], 989),
            (1000, None, &[40, 80, 20][..], 889),
            // No block is waited for any longer.
            (1000, Some(30), &[80][..], 959),
            (1000, Some(0), &[80][..], 989),
            // A block that takes most of the time: another one would not end.
            (1000, None, &[700][..], 490),
            // The reserve is a tenth of a short time.
            (20, None, &[][..], 17),
            (0, None, &[][..], 0),
        ] {
            let limits = limits(Some(left), grace, blocks);
            let is_right = limits.is_drain_due(drain_at * S)
                && (drain_at == 0 || !limits.is_drain_due(drain_at * S - 1));
            assert!(is_right, "{left} {grace:?} {blocks:?} {limits:?}");
        }
        assert!(!limits(None, Some(5), &[3]).is_drain_due(u64::MAX), "nobody limits it");
    }

    #[test]
    fn a_disk_that_is_slow_gets_its_time() {
        for (sync, drain_at) in [(30, 959), (300, 739)] {
            let mut limits = limits(Some(1000), None, &[]);
            limits.see_sync(sync * S);
            assert!(
                limits.is_drain_due(drain_at * S) && !limits.is_drain_due(drain_at * S - 1),
                "{limits:?}"
            );
        }
    }

    #[test]
    fn a_drain_waits_for_the_grace_time_and_never_beyond_the_reserve() {
        for (left, grace, blocks, begin, end) in [
            (None, None, &[][..], 100, 160),
            (None, None, &[50][..], 100, 200),
            (None, Some(7), &[50][..], 100, 107),
            (None, Some(0), &[][..], 100, 100),
            (Some(1000), None, &[50][..], 950, 990),
            (Some(1000), Some(7), &[50][..], 950, 957),
            (Some(1000), None, &[][..], 995, 995),
        ] {
            let mut limits = limits(left, grace, blocks);
            assert_eq!(limits.grace_that_is_over(u64::MAX), None, "it does not drain");
            limits.begin_drain(begin * S);
            limits.begin_drain((begin + 50) * S);
            assert!(!limits.is_drain_due(u64::MAX), "it drains");
            assert!(end == begin || limits.grace_that_is_over(end * S - 1).is_none(), "{limits:?}");
            assert_eq!(
                limits.grace_that_is_over(end * S),
                Some(Duration::from_secs(end - begin)),
                "{limits:?}"
            );
        }
    }
}
