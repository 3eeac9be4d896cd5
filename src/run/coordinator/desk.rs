//! Rank 0's desk: what comes in is decided on here, and what follows goes into an outbox.
//!
//! Pure: it has no clock and no transport, starts nothing and waits for nothing; time is a number that the caller passes.
//! Apart from the outbox it only writes log lines. The loop that feeds it is `event_loop`, or a simulation.

use std::fmt::Display;
use std::time::Duration;

use super::epochs::Epochs;
use super::happened::event_of;
use super::heartbeats::{Heartbeats, Notice};
use super::ledger::RunStats;
use super::limits::Limits;
use super::outbox::Outbox;
use super::patience::{GivenUp, Patience};
use crate::journal;
use crate::observe::{Report, Snapshot};
use crate::plan::Fault;
use crate::run::error::RunError;
use crate::run::interrupt::Request;
use crate::run::options::Options;
use crate::run::topology::{Peer, index_of, worker_number};
use crate::scheduler::{
    Actions, Assignment, Broken, Event, HungSlot, Lease, Retired, Scheduler, Time, WorkerId,
};
use crate::wire::{Assigned, Finished, FromWorker, Hello, Stop, ToWorker};

/// Microseconds between two looks at whose heartbeat is due.
const HEARTBEAT_CHECK_INTERVAL: Time = 100_000;

/// Maximum number of blocks that are named when all slots hang.
const MAX_NAMED: usize = 10;

/// A worker.
#[derive(Debug)]
struct Known {
    peer: Peer,
    is_lost: bool,
    /// Whether it came back when it was lost, and was told to stop.
    is_dismissed: bool,
}

/// What rank 0 knows of a run and decides about it: the scheduler, the workers' heartbeats, the statistics.
///
/// `receive`, `lose`, `drain` and `tick` take what happened and write what is to be sent; everything else only looks.
#[derive(Debug)]
pub struct Desk {
    scheduler: Scheduler,
    actions: Actions,
    heartbeats: Heartbeats,
    epochs: Epochs,
    limits: Limits,
    stats: RunStats,
    patience: Patience,
    /// Whether the run was given up, and is not told to drain yet.
    is_giving_up: bool,
    /// What happened, where somebody keeps that.
    happened: Option<Vec<journal::Event>>,
    /// The workers, from the first.
    workers: Vec<Known>,
    next_heartbeat_check: Time,
    notices: Vec<(WorkerId, Notice)>,
    /// Workers that have been silent for too long, and for how long.
    silent: Vec<(WorkerId, Duration)>,
}

impl Known {
    fn new(peer: Peer) -> Self {
        Self { is_lost: peer.slots == 0, peer, is_dismissed: false }
    }
}

impl Desk {
    /// A desk for a run on these workers, in order of rank from the first: one without slots is lost already. The run begins
    /// at time 0.
    pub fn new(
        scheduler: Scheduler,
        peers: Vec<Peer>,
        status_interval: Duration,
        lost_after: Duration,
        epoch: Duration,
    ) -> Self {
        Self {
            epochs: Epochs::new(epoch),
            limits: Limits::default(),
            stats: RunStats::new(scheduler.plan().clone(), &peers),
            patience: Patience::endless(),
            is_giving_up: false,
            happened: None,
            heartbeats: Heartbeats::new(&peers, status_interval, lost_after),
            workers: peers.into_iter().map(Known::new).collect(),
            scheduler,
            actions: Actions::default(),
            next_heartbeat_check: 0,
            notices: Vec::new(),
            silent: Vec::new(),
        }
    }

    /// From now on, the run is given up when blocks fail as the options say.
    pub(super) fn lose_patience(&mut self, options: &Options) {
        self.patience = Patience::new(options);
    }

    /// Why the run was given up, if it was.
    pub(super) fn given_up(&self) -> Option<&GivenUp> {
        self.patience.given_up()
    }

    /// From now on, what happens that is worth a line is kept until somebody [takes](Self::take_events) it.
    pub fn keep_events(&mut self) {
        self.happened = Some(Vec::new());
    }

    /// What happened since the last call.
    pub fn take_events(&mut self) -> Vec<journal::Event> {
        self.happened.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The run has only so much time.
    pub(super) fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// All workers join.
    ///
    /// # Errors
    /// A message cannot be written, here as everywhere below.
    pub fn start(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        for (worker, known) in (0..).map(worker_number).zip(&self.workers) {
            if known.is_lost {
                self.heartbeats.stop(worker);
                continue;
            }
            let slots = known.peer.slots;
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
        if !self.heartbeats.hear(from) {
            self.dismiss(from, outbox)?;
        }
        match message {
            FromWorker::Finished(finished) => {
                for finished in finished.iter() {
                    self.finish(now, from, finished?);
                }
                return self.settle(outbox);
            }
            FromWorker::Status(status) => self.heartbeats.record(from, status),
            FromWorker::TimedOut { lease, busy_us: busy } => {
                self.handle(now, Event::TimedOut { worker: from, lease: Lease(lease), busy }, outbox)?;
            }
            FromWorker::Returned { leases } => {
                let leases = leases.into_iter().map(Lease).collect();
                self.handle(now, Event::Returned { worker: from, leases }, outbox)?;
            }
            FromWorker::Synced { epoch, error } => self.record_synced(now, from, epoch, error, outbox)?,
            FromWorker::Reads(reads) => self.stats.add_reads(reads),
            FromWorker::Interrupted { at_once } => {
                let request = if at_once { Request::Stop } else { Request::Drain };
                self.interrupt(now, request, Some(from), outbox)?;
            }
            FromWorker::Hello(Hello::Unable { why }) if self.is_lost(from) => {
                log::warn!("{from}, which is lost, cannot go on: {why}");
            }
            FromWorker::Hello(Hello::Unable { why }) => {
                let why = format!("{from} cannot go on: {why}");
                return Err(RunError::Refused { ranks: vec![from.0], why });
            }
            // What has come to the end of its program, when it was told to stop.
            FromWorker::Hello(_) if self.is_lost(from) => {}
            FromWorker::Hello(_) => log::warn!("{from} said hello twice: ignored"),
        }
        Ok(())
    }

    #[inline]
    fn finish(&mut self, now: Time, worker: WorkerId, finished: Finished) {
        let lease = Lease(finished.lease);
        if let Some(block) = self.scheduler.block_of(worker, lease) {
            self.stats.add_busy(block.task, finished.busy_us);
            self.limits.see_block(finished.busy_us);
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
        let Some(known) = index_of(worker).and_then(|index| self.workers.get_mut(index)) else {
            return Ok(());
        };
        if std::mem::replace(&mut known.is_lost, true) {
            return Ok(());
        }
        log::error!("{worker} ({}) is lost, and its blocks go to others: {why}", known.peer);
        if let Some(happened) = &mut self.happened {
            happened.push(journal::Event::WorkerLost {
                worker: worker.0,
                host: Some(known.peer.host.clone()),
                reason: why.to_string(),
                n_blocks: self.scheduler.n_blocks_of(worker),
            });
        }
        self.heartbeats.stop(worker);
        self.epochs.forget(worker);
        self.stats.add_lost();
        self.handle(now, Event::WorkerLost { worker }, outbox)
    }

    /// A lost worker has come back: its blocks are others' now. Collective calls are over for it as for all others.
    #[cold]
    fn dismiss(&mut self, worker: WorkerId, outbox: &mut Outbox) -> Result<(), RunError> {
        let known = index_of(worker).and_then(|index| self.workers.get_mut(index));
        let Some(known) = known.filter(|known| !known.is_dismissed) else { return Ok(()) };
        known.is_dismissed = true;
        log::warn!("{worker} ({}) is back and was taken for lost: it is told to stop", known.peer);
        outbox.post(worker, &ToWorker::Lost(vec![worker.0]))?;
        Ok(outbox.post(worker, &ToWorker::Stop(Stop::Lost))?)
    }

    /// A signal asked rank 0, or a worker, to end.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`RunError::Interrupted`] when it asked for that at once.
    pub(super) fn interrupt(
        &mut self,
        now: Time,
        request: Request,
        from: Option<WorkerId>,
        outbox: &mut Outbox,
    ) -> Result<(), RunError> {
        let place = from.map_or_else(String::new, |worker| format!(" at {worker}"));
        if request == Request::Stop {
            log::error!("interrupted again{place}: the run stops at once, blocks in flight are lost");
            return Err(RunError::Interrupted { remaining: self.n_open() });
        }
        if !self.is_draining() {
            log::warn!("interrupted{place}: no more blocks are handed out, those in flight are waited for");
            let reason = format!("interrupted{place}");
            self.happened
                .iter_mut()
                .for_each(|all| all.push(journal::Event::Draining { reason: reason.clone() }));
            self.drain(now, outbox)?;
        }
        Ok(())
    }

    /// Hands out no more blocks; those in flight are waited for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn drain(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        self.stats.interrupt();
        self.limits.begin_drain(now);
        self.handle(now, Event::Drain, outbox)
    }

    /// Whether it is time to drain, or a drain has waited for long enough.
    ///
    /// # Errors
    /// As [`start`](Self::start); [`RunError::GivenUp`] when blocks in flight are not waited for any longer.
    pub(super) fn look_at_limits(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        if self.limits.is_drain_due(now) {
            let left = self.limits.left(now).unwrap_or_default().as_secs();
            log::warn!("{left} s are left: no more blocks are handed out, those in flight are waited for");
            let reason = format!("{left} s are left");
            self.happened.iter_mut().for_each(|all| {
                all.push(journal::Event::Draining { reason: reason.clone() });
            });
            self.drain(now, outbox)?;
        }
        let Some(grace) = self.limits.grace_that_is_over(now).filter(|_| !self.is_finished()) else {
            return Ok(());
        };
        let in_flight = self.stats.n_in_flight(&self.scheduler);
        Err(RunError::GivenUp { in_flight, remaining: self.n_open(), grace })
    }

    /// Asks the workers to put on the disk what they wrote, unless they are at it; returns whether anything is not there yet.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(super) fn sync_all(&mut self, now: Time, outbox: &mut Outbox) -> Result<bool, RunError> {
        let is_open = self.scheduler.n_unsynced() > 0;
        if is_open && !self.epochs.is_awaited() {
            self.end_epoch(now, outbox)?;
        }
        Ok(is_open)
    }

    /// Hands out no more blocks, for a reason of rank 0's own; those in flight are waited for.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(super) fn give_up(&mut self, now: Time, reason: String, outbox: &mut Outbox) -> Result<(), RunError> {
        self.happened
            .iter_mut()
            .for_each(|all| all.push(journal::Event::Draining { reason: reason.clone() }));
        self.handle(now, Event::Drain, outbox)
    }

    /// A signal came when there was nothing left to drain.
    pub(super) fn record_interrupt(&mut self) {
        self.stats.interrupt();
    }

    /// Does what need not be done at every message: work that a former call left, heartbeats.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    #[inline]
    pub fn tick(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        if self.is_giving_up {
            self.end_early(now, outbox)?;
        }
        if self.scheduler.has_backlog() {
            self.handle(now, Event::Tick, outbox)?;
        }
        if self.epochs.is_due(now, &self.scheduler) {
            self.end_epoch(now, outbox)?;
        }
        if now >= self.next_heartbeat_check {
            self.next_heartbeat_check = now.saturating_add(HEARTBEAT_CHECK_INTERVAL);
            self.check_heartbeats(now, outbox)?;
            // Blocks may be held up behind long ones.
            self.handle(now, Event::Tick, outbox)?;
        }
        Ok(())
    }

    /// Asks the workers to put on the disk what they wrote.
    #[cold]
    fn end_epoch(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        let there = (0..).map(worker_number).zip(&self.workers).filter(|(_, known)| !known.is_lost);
        let there: Vec<WorkerId> = there.map(|(worker, _)| worker).collect();
        let (epoch, asked) = self.epochs.end(now, &self.scheduler, &there);
        asked.into_iter().try_for_each(|worker| Ok(outbox.post(worker, &ToWorker::Sync { epoch })?))
    }

    /// What a worker wrote is on the disk, or is not.
    #[cold]
    fn record_synced(
        &mut self,
        now: Time,
        worker: WorkerId,
        epoch: u32,
        error: Option<(Fault, String)>,
        outbox: &mut Outbox,
    ) -> Result<(), RunError> {
        let Some(n_blocks) = self.epochs.take(now, worker, epoch) else { return Ok(()) };
        self.limits.see_sync(self.epochs.lasted(now));
        let event = match error {
            None => Event::Synced { worker, n_blocks },
            Some((fault, message)) => Event::SyncFailed { worker, n_blocks, fault, message },
        };
        self.handle(now, event, outbox)
    }

    /// Returns whether slots wait for blocks to be put on the disk.
    #[inline]
    pub fn is_waiting_for_sync(&self) -> bool {
        self.scheduler.n_unsynced() > 0 && self.scheduler.is_waiting_for_sync()
    }

    fn check_heartbeats(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        self.heartbeats.check(now, &mut self.notices);
        for (worker, notice) in self.notices.drain(..) {
            match notice {
                Notice::Ask => outbox.post(worker, &ToWorker::Status)?,
                Notice::Silent(silence) => {
                    let peer =
                        index_of(worker).and_then(|index| self.workers.get(index)).map(|known| &known.peer);
                    let place = peer.map_or_else(String::new, |peer| format!(" ({peer})"));
                    log::warn!("{worker}{place} has not been heard of for {} s", silence.as_secs());
                }
                Notice::Lost(silence) => self.silent.push((worker, silence)),
            }
        }
        Ok(())
    }

    /// A worker that has been silent for too long, and for how long: it is for the caller to [`lose`](Self::lose).
    pub fn next_silent(&mut self) -> Option<(WorkerId, Duration)> {
        self.silent.pop()
    }

    /// The run is over: workers that were not heard of just now are asked whether they are still there.
    pub fn call_the_roll(&mut self) {
        self.next_heartbeat_check = 0;
        self.heartbeats.call_the_roll();
    }

    /// Tells the scheduler, and writes down what it answers.
    fn handle(&mut self, now: Time, event: Event, outbox: &mut Outbox) -> Result<(), RunError> {
        self.scheduler.handle(now, event, &mut self.actions);
        self.settle(outbox)
    }

    /// Turns the scheduler's actions into messages and records.
    #[inline]
    fn settle(&mut self, outbox: &mut Outbox) -> Result<(), RunError> {
        if !self.actions.failures.is_empty() || !self.actions.retired.is_empty() {
            self.take_failures();
        }
        outbox.add_ended(&mut self.actions.ended);
        for worker in self.actions.recalls.drain(..) {
            outbox.post(worker, &ToWorker::Recall)?;
        }
        for &Assignment { worker, lease, block } in &self.actions.assignments {
            let block = self.scheduler.plan().block(block);
            let (read_roi, write_roi) = (block.read_roi, block.write_roi);
            outbox.assign(worker, &Assigned { block: block.id, lease: lease.0, read_roi, write_roi })?;
        }
        self.actions.clear();
        Ok(outbox.close_batch()?)
    }

    /// Number of blocks that have not ended.
    pub(super) fn n_open(&self) -> u64 {
        self.stats.n_open(&self.scheduler)
    }

    /// Tells of failures and of workers that get no more blocks, and loses patience.
    #[cold]
    fn take_failures(&mut self) {
        if let Some(happened) = &mut self.happened {
            let plan = self.scheduler.plan();
            happened.extend(self.actions.failures.iter().map(|failure| event_of(plan, failure)));
        }
        for failure in &self.actions.failures {
            self.is_giving_up |= self.patience.take(failure, &self.scheduler).is_some();
        }
        self.stats.record_failures(&mut self.actions.failures);
        for Retired { worker, why } in self.actions.retired.drain(..) {
            let why = match why {
                Broken::Unprepared => "it cannot be prepared",
                Broken::BlocksSucceedElsewhere => "blocks fail there that succeed elsewhere",
            };
            let known = index_of(worker).and_then(|index| self.workers.get(index));
            let place = known.map_or_else(String::new, |known| format!(" ({})", known.peer));
            log::error!("{worker}{place} gets no more blocks: {why}");
            self.stats.add_retired();
            if let Some(happened) = &mut self.happened {
                let host = known.map(|known| known.peer.host.clone());
                happened.push(journal::Event::WorkerRetired {
                    worker: worker.0,
                    host,
                    reason: why.to_owned(),
                });
            }
        }
    }

    /// Too much failed: no more blocks are handed out.
    #[cold]
    fn end_early(&mut self, now: Time, outbox: &mut Outbox) -> Result<(), RunError> {
        self.is_giving_up = false;
        let Some(reason) = self.patience.given_up().map(GivenUp::to_string) else { return Ok(()) };
        log::error!("the run is given up, and blocks in flight are waited for: {reason}");
        self.give_up(now, reason, outbox)
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
        index_of(worker).and_then(|index| self.workers.get(index)).is_some_and(|known| known.is_lost)
    }

    /// Returns whether any worker is lost.
    pub fn has_lost_any(&self) -> bool {
        self.workers.iter().any(|known| known.is_lost)
    }

    /// An error unless a worker is left.
    ///
    /// # Errors
    /// [`RunError::NoWorkers`], [`RunError::AllHang`].
    #[inline]
    pub fn require_workers(&self) -> Result<(), RunError> {
        if self.scheduler.is_hung() {
            return Err(self.all_hang());
        }
        if self.scheduler.n_workers() > 0 {
            return Ok(());
        }
        Err(RunError::NoWorkers { remaining: self.n_open(), n_lost: self.stats.n_lost() })
    }

    #[cold]
    fn all_hang(&self) -> RunError {
        let hung = self.scheduler.hung_slots();
        let name = |slot: &HungSlot| {
            let known = index_of(slot.worker).and_then(|index| self.workers.get(index));
            let place = known.map_or_else(String::new, |known| format!(" ({})", known.peer));
            let task = self.scheduler.plan().task(slot.block.task).spec.name();
            format!("block {} of task {task:?} on {}{place}", slot.block.index, slot.worker)
        };
        let mut blocks: Vec<String> = hung.iter().take(MAX_NAMED).map(name).collect();
        if hung.len() > MAX_NAMED {
            blocks.push(format!("{} more", hung.len() - MAX_NAMED));
        }
        let remaining = self.stats.n_open(&self.scheduler);
        RunError::AllHang { blocks: blocks.join(", "), remaining }
    }

    /// The run is over: workers with slots that hang are not heard of any more. Returns which they are.
    pub(super) fn leave_hung(&mut self) -> Vec<WorkerId> {
        let mut hung: Vec<WorkerId> = self.scheduler.hung_slots().iter().map(|slot| slot.worker).collect();
        hung.sort_unstable();
        hung.dedup();
        for worker in &hung {
            self.heartbeats.stop(*worker);
            self.epochs.forget(*worker);
            if let Some(known) = index_of(*worker).and_then(|index| self.workers.get_mut(index)) {
                known.is_lost = true;
            }
        }
        hung
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
        let mut report = self.stats.report(&self.scheduler, now, self.heartbeats.most_memory());
        report.given_up = self.patience.given_up().map(GivenUp::to_string);
        report
    }
}
