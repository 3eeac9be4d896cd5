//! Requests to end: Ctrl-C, the batch system's SIGTERM, and SIGUSR1, with which it warns of a time limit.
//!
//! The first request asks a run to hand out no more blocks. Launchers and batch systems deliver one request several times:
//! what comes within some seconds is the same one. A second request stops the run at once; a third one, for a process that
//! does not even do that, does what the signal does without bellis, and so does the second while there is no run.
//!
//! A request stays for as long as the process lives, unless the program [forgets](forget_interrupt) it: one that comes between
//! two runs, or in the last moments of one, ends the next one as it begins. Until the first run, signals do what they do
//! without bellis.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::{emulate_default_handler, register};

/// Milliseconds within which signals are deliveries of one request: more than any launcher takes to pass one on.
const ONE_REQUEST_MS: u64 = 5000;

/// How urgent the request to end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Request {
    /// No more blocks.
    Drain,
    /// At once.
    Stop,
}

/// When the requests came, in milliseconds since the process first listened, and 0 for one that did not come.
#[derive(Debug)]
struct Requests {
    first_ms: AtomicU64,
    second_ms: AtomicU64,
    /// When the last one came that the program has forgotten.
    forgotten_ms: AtomicU64,
    /// Number of runs under way in this process.
    n_runs: AtomicUsize,
}

static REQUESTS: Requests = Requests::none();

/// When the process first listened.
static BEGIN: OnceLock<Instant> = OnceLock::new();

/// While it lives, a run of this process hears requests.
#[derive(Debug)]
pub(super) struct Interrupt(());

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Self {
        BEGIN.get_or_init(|| {
            for signal in [SIGINT, SIGTERM, SIGUSR1] {
                // SAFETY: `on_signal` reads a clock and sets atomic numbers, which a signal handler may do.
                if let Err(error) = unsafe { register(signal, move || on_signal(signal)) } {
                    log::warn!("signal {signal} will end the program at once: {error}");
                }
            }
            Instant::now()
        });
        REQUESTS.n_runs.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        REQUESTS.n_runs.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What this process was asked, if anything.
#[inline]
pub(super) fn request() -> Option<Request> {
    if REQUESTS.first_ms.load(Ordering::Relaxed) == 0 {
        None
    } else if REQUESTS.second_ms.load(Ordering::Relaxed) == 0 {
        Some(Request::Drain)
    } else {
        Some(Request::Stop)
    }
}

/// Forgets that a signal asked this process to end, and returns whether one did.
///
/// A request to end ends all runs that follow as well, for jobs that are to end. A program that goes on afterwards, such as an
/// interactive session in which somebody pressed Ctrl-C, calls this before its next run, on all ranks.
///
/// ```
/// assert!(!bellis::forget_interrupt(), "nobody asked");
/// ```
pub fn forget_interrupt() -> bool {
    REQUESTS.forget()
}

/// In the signal handler.
fn on_signal(signal: i32) {
    let elapsed = BEGIN.get().map_or(0, |begin| begin.elapsed().as_millis());
    if !REQUESTS.take_in(u64::try_from(elapsed).unwrap_or(u64::MAX)) {
        // There is nobody to tell.
        let _ = emulate_default_handler(signal);
    }
}

impl Requests {
    const fn none() -> Self {
        Self {
            first_ms: AtomicU64::new(0),
            second_ms: AtomicU64::new(0),
            forgotten_ms: AtomicU64::new(0),
            n_runs: AtomicUsize::new(0),
        }
    }

    /// Forgets the requests; `false` where there were none. Further deliveries of them are forgotten, too.
    fn forget(&self) -> bool {
        let second = self.second_ms.swap(0, Ordering::Relaxed);
        let first = self.first_ms.swap(0, Ordering::Relaxed);
        if first > 0 {
            self.forgotten_ms.store(first.max(second), Ordering::Relaxed);
        }
        first > 0
    }

    /// Takes in a signal that came at a time; `false` where it must end the process, since nobody hears it.
    fn take_in(&self, ms: u64) -> bool {
        let ms = ms.max(1);
        let forgotten = self.forgotten_ms.load(Ordering::Relaxed);
        if forgotten > 0 && ms.saturating_sub(forgotten) < ONE_REQUEST_MS {
            return true;
        }
        is_same(&self.first_ms, ms) || self.n_runs.load(Ordering::Relaxed) > 0 && is_same(&self.second_ms, ms)
    }
}

/// Returns whether a signal at a time is a delivery of the request that came at `first`: that one, if there was none.
fn is_same(first: &AtomicU64, ms: u64) -> bool {
    match first.compare_exchange(0, ms, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => true,
        Err(first) => ms.saturating_sub(first) < ONE_REQUEST_MS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(n_runs: usize) -> Requests {
        Requests { n_runs: AtomicUsize::new(n_runs), ..Requests::none() }
    }

    /// Which of the signals at these times are heard, and when the first and the second request came.
    fn heard(n_runs: usize, times: &[u64]) -> (Vec<bool>, u64, u64) {
        let requests = requests(n_runs);
        let heard = times.iter().map(|ms| requests.take_in(*ms)).collect();
        (heard, requests.first_ms.into_inner(), requests.second_ms.into_inner())
    }

    #[test]
    fn deliveries_of_one_request_are_one() {
        assert_eq!(heard(1, &[0, 70, 180, 4999]), (vec![true; 4], 1, 0));
    }

    #[test]
    fn the_second_request_stops_and_the_third_ends_the_process() {
        assert_eq!(
            heard(1, &[100, 5100, 5300, 10_099, 10_100]),
            (vec![true, true, true, true, false], 100, 5100)
        );
    }

    #[test]
    fn what_is_forgotten_stays_so_and_what_comes_later_is_new() {
        let requests = requests(0);
        assert!(!requests.forget(), "there is nothing yet");
        assert!(requests.take_in(100) && requests.forget());
        assert!(requests.take_in(200) && !requests.forget(), "a delivery of the same");
        assert!(requests.take_in(5100) && requests.forget(), "a request of its own");
    }

    #[test]
    fn between_runs_the_second_request_ends_the_process() {
        assert_eq!(heard(0, &[100, 200, 5100]), (vec![true, true, false], 100, 0));
    }
}
