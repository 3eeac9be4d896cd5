//! Rank 0's desk: what comes in is decided on here, and what follows goes into an outbox.
//!
//! Pure: it has no clock and no transport, starts nothing and waits for nothing; time is a number that the caller passes.
//! Apart from the outbox it only writes log lines. The loop that feeds it is `event_loop`, or a simulation.

use std::fmt::Display;
use std::time::Duration;

use super::heartbeats::Heartbeats;
use super::ledger::RunStats;
use super::outbox::Outbox;
use crate::observe::{Report, Snapshot};
use crate::run::error::RunError;
use crate::run::topology::{Peer, index_of, worker_number};
use crate::scheduler::{Actions, Assignment, Event, Lease, Scheduler, Time, WorkerId};
use crate::wire::{Assigned, Finished, FromWorker, Hello, ToWorker};

/// Microseconds between two looks at whose heartbeat is due.
const HEARTBEAT_CHECK_INTERVAL: Time = 100_000;

/// What rank 0 knows of a run and decides about it: the scheduler, the workers' heartbeats, the statistics.
///
/// `receive`, `lose`, `drain` and `tick` take what happened and write what is to be sent; everything else only looks.
#[derive(Debug)]
pub struct Desk {
    scheduler: Scheduler,
    actions: Actions,
    heartbeats: Heartbeats,
    stats: RunStats,
    /// The workers, from the first, and whether each is lost.
    peers: Vec<(Peer, bool)>,
    next_heartbeat_check: Time,
}

impl Desk {
    /// A desk for a run on these workers, in order of rank from the first. The run begins at time 0.
    pub fn new(scheduler: Scheduler, peers: Vec<Peer>, status_interval: Duration) -> Self {
        Self {
            stats: RunStats::new(scheduler.plan().clone(), &peers),
            heartbeats: Heartbeats::new(peers.len(), status_interval),
            peers: peers.into_iter().map(|peer| (peer, false)).collect(),
            scheduler,
            actions: Actions::default(),
            next_heartbeat_check: 0,
        }
    }

    /// All workers join.
    ///
    /// # Errors
    /// A message cannot be written, here as everywhere below.
    pub fn start(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        for index in 0..self.peers.len() {
            let (worker, slots) = (worker_number(index), self.peers[index].0.slots);
            self.scheduler.handle(now, Event::WorkerJoined { worker, slots }, &mut self.actions);
        }
        self.handle(now, Event::Tick, outbox)
    }

    /// Takes a message of a worker.
    ///
    /// # Errors
    /// The worker cannot go on, or its message cannot be read: the run cannot go on.
    #[inline]
    pub fn receive(
        &mut self,
        now: Time,
        from: WorkerId,
        message: FromWorker<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), RunError> {
        match message {
            FromWorker::Finished(finished) => {
                for finished in finished.iter() {
                    self.finish(now, from, finished?);
                }
                return self.settle(outbox);
            }
            FromWorker::Status(status) => self.heartbeats.record(now, from, status),
            FromWorker::Reads(reads) => self.stats.add_reads(reads),
            FromWorker::Hello(Hello::Unable { why }) if self.is_lost(from) => {
                log::warn!("{from}, which is lost, cannot go on: {why}");
            }
            FromWorker::Hello(Hello::Unable { why }) => {
                let why = format!("{from} cannot go on: {why}");
                return Err(RunError::Refused { ranks: vec![from.0], why });
            }
            FromWorker::Hello(_) => log::warn!("{from} said hello twice: ignored"),
        }
        Ok(())
    }

    #[inline]
    fn finish(&mut self, now: Time, worker: WorkerId, finished: Finished) {
        let lease = Lease(finished.lease);
        if let Some(block) = self.scheduler.block_of(worker, lease) {
            self.stats.add_busy(block.task, finished.busy_us);
        }
        let outcome = finished.outcome;
        self.scheduler.handle(now, Event::BlockFinished { worker, lease, outcome }, &mut self.actions);
    }

    /// A worker cannot be reached any more, and why: its blocks are given to others. It is heard of once.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn lose(
        &mut self,
        now: Time,
        worker: WorkerId,
        why: &dyn Display,
        outbox: &mut Outbox,
    ) -> Result<(), RunError> {
        let Some((peer, is_lost)) = index_of(worker).and_then(|index| self.peers.get_mut(index)) else {
            return Ok(());
        };
        if std::mem::replace(is_lost, true) {
            return Ok(());
        }
        log::error!("{worker} ({peer}) is lost: {why}");
        self.heartbeats.stop(worker);
        self.handle(now, Event::WorkerLost { worker }, outbox)
    }

    /// Hands out no more blocks; those in flight are waited for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn drain(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        self.stats.interrupt();
        self.handle(now, Event::Drain, outbox)
    }

    /// Does what need not be done at every message: work that a former call left, heartbeats.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[inline]
    pub fn tick(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        if self.scheduler.has_backlog() {
            self.handle(now, Event::Tick, outbox)?;
        }
        if now >= self.next_heartbeat_check {
            self.next_heartbeat_check = now.saturating_add(HEARTBEAT_CHECK_INTERVAL);
            for worker in self.heartbeats.take_due(now) {
                outbox.post(worker, &ToWorker::Status)?;
            }
        }
        Ok(())
    }

    /// Tells the scheduler, and writes down what it answers.
    fn handle(&mut self, now: Time, event: Event, outbox: &mut Outbox) -> Result<(), RunError> {
        self.scheduler.handle(now, event, &mut self.actions);
        self.settle(outbox)
    }

    /// Turns the scheduler's actions into messages and records.
    #[inline]
    fn settle(&mut self, outbox: &mut Outbox) -> Result<(), RunError> {
        self.stats.record_failures(&mut self.actions.failures);
        outbox.add_ended(&mut self.actions.ended);
        for &Assignment { worker, lease, block } in &self.actions.assignments {
            let block = self.scheduler.plan().block(block);
            let (read_roi, write_roi) = (block.read_roi, block.write_roi);
            outbox.assign(worker, &Assigned { block: block.id, lease: lease.0, read_roi, write_roi })?;
        }
        self.actions.clear();
        Ok(outbox.close_batch()?)
    }

    /// Returns whether nothing remains to be done.
    pub fn is_finished(&self) -> bool {
        self.scheduler.is_finished()
    }

    /// Returns whether a former call left work for [`tick`](Self::tick).
    pub fn has_backlog(&self) -> bool {
        self.scheduler.has_backlog()
    }

    /// Returns whether the run was told to [`drain`](Self::drain).
    pub fn is_draining(&self) -> bool {
        self.stats.is_interrupted()
    }

    /// Returns whether the answer to a heartbeat is awaited.
    pub fn awaits_heartbeats(&self) -> bool {
        self.heartbeats.is_any_awaited()
    }

    /// Returns whether a worker is lost.
    pub fn is_lost(&self, worker: WorkerId) -> bool {
        index_of(worker).and_then(|index| self.peers.get(index)).is_some_and(|(_, is_lost)| *is_lost)
    }

    /// Returns whether any worker is lost.
    pub fn has_lost_any(&self) -> bool {
        self.peers.iter().any(|(_, is_lost)| *is_lost)
    }

    /// An error unless a worker is left.
    ///
    /// # Errors
    /// [`RunError::NoWorkers`].
    #[inline]
    pub fn require_workers(&self) -> Result<(), RunError> {
        if self.scheduler.n_workers() > 0 {
            return Ok(());
        }
        Err(RunError::NoWorkers { remaining: self.stats.n_open(&self.scheduler) })
    }

    /// The scheduler, to look at.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// How the run stands.
    pub fn snapshot(&mut self, now: Time) -> Snapshot {
        self.stats.snapshot(&self.scheduler, now)
    }

    /// How the run went. Asked once, at its end.
    pub fn report(&mut self, now: Time) -> Report {
        self.stats.report(&self.scheduler, now, self.heartbeats.most_memory())
    }
}
