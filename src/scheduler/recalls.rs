//! Which workers are to give back the blocks that they hold ahead: all of them once the run drains, and those that are busy
//! with a long block while others have nothing to do.
//!
//! Nobody is looked at but some workers at each tick, and none is asked twice at once.

use super::event::{Actions, Time};
use super::leases::Leases;
use super::workers::Workers;

/// Microseconds since a worker got the oldest of its blocks, after which those that it holds ahead are held up.
const HELD_UP: Time = 100_000;
/// Microseconds between two looks at workers.
const LOOK_INTERVAL: Time = 100_000;
/// Minimum number of workers looked at in one look, if there are so many.
const MIN_LOOKS: usize = 1024;
/// Number of looks in which all workers are looked at, where there are many.
const N_LOOKS: usize = 10;

#[derive(Debug, Default)]
pub(super) struct Recalls {
    /// The worker that is looked at next.
    cursor: usize,
    next_look: Time,
    /// Of a drain: number of workers that are still to be looked at.
    n_left: usize,
}

impl Recalls {
    /// The run drains: all workers are looked at once more.
    pub fn start_drain(&mut self, workers: &Workers) {
        self.n_left = workers.len();
    }

    /// Returns whether a drain has workers left to look at.
    #[inline]
    pub fn is_pending(&self) -> bool {
        self.n_left > 0
    }

    /// Goes on with a drain.
    #[cold]
    pub fn drain(&mut self, budget: u64, workers: &mut Workers, actions: &mut Actions) {
        let budget = usize::try_from(budget).unwrap_or(usize::MAX).min(MIN_LOOKS);
        for _ in 0..budget.min(self.n_left) {
            self.n_left -= 1;
            let worker = workers.next_in_turn(&mut self.cursor);
            actions.recalls.extend(worker.filter(|worker| workers.recall(*worker) > 0));
        }
    }

    /// Workers have nothing to do: finds blocks for them that others hold behind long ones.
    #[cold]
    pub fn look(&mut self, now: Time, workers: &mut Workers, leases: &Leases, actions: &mut Actions) {
        if now < self.next_look {
            return;
        }
        self.next_look = now.saturating_add(LOOK_INTERVAL);
        let mut n_wanted = workers.n_idle();
        let n_looks = workers.len().div_ceil(N_LOOKS).max(MIN_LOOKS).min(workers.len());
        for _ in 0..n_looks {
            if n_wanted == 0 {
                return;
            }
            let Some(worker) = workers.next_in_turn(&mut self.cursor) else { return };
            let oldest = leases.first(&workers.worker_mut(worker).flights);
            if oldest.is_some_and(|(_, oldest)| now.saturating_sub(oldest.since) >= HELD_UP) {
                let n_recalled = workers.recall(worker);
                actions.recalls.extend((n_recalled > 0).then_some(worker));
                n_wanted = n_wanted.saturating_sub(n_recalled as usize);
            }
        }
    }
}
