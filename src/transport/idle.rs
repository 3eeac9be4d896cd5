//! What a rank does while it waits: a rank that waits must not burn a core, and a rank that is busy must not wait.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// How a rank waits for the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Idle {
    /// Ask again at once: the shortest latency, and a core for it.
    Spin,
    /// Ask again after giving others the core: for as many ranks as cores.
    Yield,
    /// Spin for some microseconds, then yield, then sleep for longer and longer, up to 3 milliseconds.
    #[default]
    Sleep,
}

impl FromStr for Idle {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Spin, Self::Yield, Self::Sleep].into_iter().find(|idle| idle.to_string() == text).ok_or(())
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spin => "spin",
            Self::Yield => "yield",
            Self::Sleep => "sleep",
        })
    }
}

/// Number of polls without a pause.
const N_SPINS: u32 = 64;
/// How long a rank yields before it sleeps.
const YIELD_DURATION: Duration = Duration::from_micros(200);
/// Maximum sleep: the delay that a message can suffer.
const MAX_SLEEP: Duration = Duration::from_millis(3);

/// One wait, from the last message on.
#[derive(Debug)]
pub struct Waiting {
    idle: Idle,
    n_polls: u32,
    since: Option<Instant>,
}

impl Waiting {
    /// A wait that has not begun.
    pub fn new(idle: Idle) -> Self {
        Self { idle, n_polls: 0, since: None }
    }

    /// Something arrived: the next wait begins anew.
    #[inline]
    pub fn reset(&mut self) {
        self.n_polls = 0;
        self.since = None;
    }

    /// Returns whether the wait is past spinning.
    #[inline]
    pub fn is_long(&self) -> bool {
        self.n_polls > N_SPINS
    }

    /// Nothing arrived: pauses before the next poll. `sleep` sleeps for at most so long.
    #[inline]
    pub fn pause(&mut self, sleep: impl FnOnce(Duration)) {
        self.n_polls = self.n_polls.saturating_add(1);
        if self.idle == Idle::Spin || self.n_polls <= N_SPINS {
            std::hint::spin_loop();
        } else {
            self.yield_or_sleep(sleep);
        }
    }

    /// Sleeps an eighth of the time waited so far, so that no message comes late by more than that.
    fn yield_or_sleep(&mut self, sleep: impl FnOnce(Duration)) {
        let waited = self.since.get_or_insert_with(Instant::now).elapsed();
        if self.idle == Idle::Yield || waited < YIELD_DURATION {
            std::thread::yield_now();
        } else {
            sleep((waited / 8).min(MAX_SLEEP));
        }
    }
}
