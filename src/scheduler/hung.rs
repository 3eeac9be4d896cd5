//! Blocks that take longer than they may, and the slots that hang in them: those get no more blocks before they come back.
//!
//! A worker of one slot begins a block when it has answered for the one before, so that it is seen here how long a block has
//! been at work. Of several slots nobody here knows which has which block: such workers say so themselves.

use super::event::{Lease, Time, WorkerId};
use super::leases::Leases;
use super::workers::Workers;
use crate::plan::{BlockId, Plan};

/// Microseconds between two looks at workers.
const LOOK_INTERVAL: Time = 100_000;
/// A look that comes so late, in microseconds, means little: what workers have said meanwhile may not have been heard.
const LATE: Time = 1_000_000;
/// Minimum number of workers looked at in one look, if there are so many.
const MIN_LOOKS: usize = 1024;
/// Number of looks in which all workers are looked at, where there are many.
const N_LOOKS: usize = 10;

/// A slot that hangs in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HungSlot {
    /// Whose slot.
    pub worker: WorkerId,
    /// In which block.
    pub block: BlockId,
    /// Since when.
    pub since: Time,
    lease: Lease,
}

#[derive(Debug)]
pub(super) struct Hung {
    slots: Vec<HungSlot>,
    /// For each task, how long a block may take.
    limits: Vec<Time>,
    has_limits: bool,
    cursor: usize,
    last_look: Time,
}

impl Hung {
    /// Blocks of tasks that do not say how long they may take may take this long.
    pub fn new(plan: &Plan, otherwise: Time) -> Self {
        let limit = |timeout_us: u128| match timeout_us {
            0 => Time::MAX,
            micros => Time::try_from(micros).unwrap_or(Time::MAX),
        };
        let tasks = plan.tasks().iter().map(|planned| planned.spec.timeout());
        let limits: Vec<Time> =
            tasks.map(|timeout| timeout.map_or(otherwise, |timeout| limit(timeout.as_micros()))).collect();
        let has_limits = limits.iter().any(|limit| *limit < Time::MAX);
        Self { slots: Vec::new(), limits, has_limits, cursor: 0, last_look: 0 }
    }

    /// The slots that hang.
    pub fn slots(&self) -> &[HungSlot] {
        &self.slots
    }

    /// Adds a slot that hangs.
    pub fn add(&mut self, worker: WorkerId, lease: Lease, block: BlockId, since: Time) {
        self.slots.push(HungSlot { worker, block, since, lease });
    }

    /// Takes out a slot that has answered after all; `false` where it was none.
    #[cold]
    pub fn take(&mut self, worker: WorkerId, lease: Lease) -> bool {
        let is_that = |slot: &HungSlot| slot.worker == worker && slot.lease == lease;
        self.slots.iter().position(is_that).map(|index| self.slots.swap_remove(index)).is_some()
    }

    /// Forgets the slots of a worker that is lost.
    pub fn forget(&mut self, worker: WorkerId) {
        self.slots.retain(|slot| slot.worker != worker);
    }

    /// Looks at some of the workers: those that have a single slot, and a block in it for too long, with its lease and for how
    /// long.
    pub fn look(
        &mut self,
        now: Time,
        workers: &mut Workers,
        leases: &Leases,
    ) -> Vec<(WorkerId, Lease, Time)> {
        let elapsed = now.saturating_sub(self.last_look);
        if !self.has_limits || elapsed < LOOK_INTERVAL {
            return Vec::new();
        }
        self.last_look = now;
        if elapsed > LATE {
            return Vec::new();
        }
        let n_looks = workers.len().div_ceil(N_LOOKS).max(MIN_LOOKS).min(workers.len());
        let turns = (0..n_looks).filter_map(|_| workers.next_in_turn(&mut self.cursor));
        let turns: Vec<WorkerId> = turns.collect();
        let limits = &self.limits;
        let overdue = |worker: WorkerId| {
            let entry = workers.worker_mut(worker);
            let (lease, flight) = leases.first(&entry.flights).filter(|_| entry.is_single)?;
            let busy = now.saturating_sub(flight.since.max(entry.last_answer));
            (busy >= limits[flight.block.task.as_usize()]).then_some((worker, lease, busy))
        };
        turns.into_iter().filter_map(overdue).collect()
    }
}
