//! Rank 0's loop: messages become events, actions become messages.
//!
//! The loop never waits for a worker: sends do not block, user code runs elsewhere, and what takes longer (the
//! progress display, the status checks) is done a few times a second.

use std::time::{Duration, Instant};

use super::heartbeats::Heartbeats;
use super::ledger::RunStats;
use crate::observe::{self, Observer, Report};
use crate::run::error::RunError;
use crate::run::interrupt::Interrupt;
use crate::run::messages::tag;
use crate::run::options::Options;
use crate::run::shutdown::stop_all;
use crate::scheduler::{Actions, Assignment, Event, Lease, Outcome, Scheduler, Time, WorkerId};
use crate::transport::{Transport, Waiting};
use crate::wire::{self, Assigned, BatchWriter, Finished, FromWorker, Hello, Stop, ToWorker, decode, encode};

/// Maximum number of messages received before other work.
const MAX_MESSAGES: usize = 256;
/// Number of bytes at which a message with blocks is sent: the MPI libraries send what fits into 4 KiB without asking
/// the receiver first.
const MESSAGE_BYTES: usize = 3500;
/// Number of rounds of the loop between two looks at the clock, unless there is nothing to do.
const CLOCK_ROUNDS: u32 = 16;
/// Time between two looks at signals, status checks and the display.
const TICK_INTERVAL: Duration = Duration::from_millis(100);

pub(in crate::run) struct Coordinator {
    transport: Box<dyn Transport>,
    scheduler: Scheduler,
    options: Options,
    actions: Actions,
    stats: RunStats,
    heartbeats: Heartbeats,
    observer: Box<dyn Observer>,
    interrupt: Interrupt,
    begin: Instant,
    next_tick: Instant,
    received: Vec<u8>,
    sent: Vec<u8>,
    batch: BatchWriter<Assigned>,
}

impl Coordinator {
    /// For workers with so many slots each, in order of rank from 1.
    pub fn new(transport: Box<dyn Transport>, scheduler: Scheduler, slots: &[u32], options: Options) -> Self {
        let begin = Instant::now();
        Self {
            transport,
            stats: RunStats::new(scheduler.plan().clone(), slots),
            heartbeats: Heartbeats::new(slots.len(), options.status_interval),
            scheduler,
            actions: Actions::default(),
            observer: observe::observer(options.progress),
            interrupt: Interrupt::listen(),
            begin,
            next_tick: begin,
            received: Vec::new(),
            sent: Vec::new(),
            batch: BatchWriter::default(),
            options,
        }
    }

    /// Runs the pipeline. At the end, every worker has been told so, and the transport is closed.
    pub fn run(mut self, slots: &[u32]) -> Result<Report, RunError> {
        match self.schedule(slots).and_then(|()| self.drain_status()) {
            Ok(()) => self.end(),
            Err(error) => Err(self.break_off(error)),
        }
    }

    fn schedule(&mut self, slots: &[u32]) -> Result<(), RunError> {
        for (worker, slots) in (1..).map(WorkerId).zip(slots) {
            self.handle(Event::WorkerJoined { worker, slots: *slots });
        }
        self.handle(Event::Tick);
        self.send_assignments()?;
        let mut waiting = Waiting::new(self.options.idle);
        let mut n_rounds = 0u32;
        while !self.scheduler.is_finished() {
            if self.scheduler.n_workers() == 0 {
                return Err(RunError::NoWorkers { remaining: self.stats.n_open(&self.scheduler) });
            }
            let is_busy = self.receive_all()? || self.scheduler.has_backlog();
            if is_busy {
                waiting.reset();
            } else {
                waiting.pause(|limit| self.transport.sleep(limit));
            }
            // Even the look at the clock is worth sparing while messages pour in.
            n_rounds = n_rounds.wrapping_add(1);
            if n_rounds.is_multiple_of(CLOCK_ROUNDS) || waiting.is_long() || self.scheduler.has_backlog() {
                self.tick()?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Time {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(Time::MAX)
    }

    /// Hands an event to the scheduler, and records the failures that it answers with.
    fn handle(&mut self, event: Event) {
        self.scheduler.handle(self.now(), event, &mut self.actions);
        self.stats.record_failures(&mut self.actions.failures);
    }

    /// Receives messages, and answers each with the blocks that follow from it. Returns whether there were any.
    #[inline]
    fn receive_all(&mut self) -> Result<bool, RunError> {
        for n_received in 0..MAX_MESSAGES {
            let Some(envelope) = self.transport.try_receive(&mut self.received)? else {
                return Ok(n_received > 0);
            };
            let received = std::mem::take(&mut self.received);
            // Endpoints are numbered by 32 bits: MPI ranks are C ints.
            self.receive(WorkerId(envelope.from as u32), &received)?;
            self.received = received;
            self.send_assignments()?;
        }
        Ok(true)
    }

    #[inline]
    fn receive(&mut self, worker: WorkerId, message: &[u8]) -> Result<(), RunError> {
        match decode(message)? {
            FromWorker::Report(finished) => {
                let now = self.now();
                for finished in finished.iter() {
                    self.finish(now, worker, finished?);
                }
                self.stats.record_failures(&mut self.actions.failures);
            }
            FromWorker::Status(status) => self.heartbeats.record(worker, status),
            FromWorker::Reads(reads) => self.stats.add_reads(reads),
            FromWorker::Hello(Hello::Unable { why }) => {
                let why = format!("{worker} cannot go on: {why}");
                return Err(RunError::Refused { ranks: vec![worker.0], why });
            }
            FromWorker::Hello(_) => log::warn!("{worker} said hello twice: ignored"),
        }
        Ok(())
    }

    #[inline]
    fn finish(&mut self, now: Time, worker: WorkerId, finished: Finished) {
        let lease = Lease(finished.lease);
        if let Some(block) = self.scheduler.block_of(worker, lease) {
            self.stats.add_busy(block.task, finished.busy_us);
        }
        let outcome = match finished.outcome {
            wire::Outcome::Success => Outcome::Success,
            wire::Outcome::Skipped => Outcome::Skipped,
            wire::Outcome::Failed(message) => Outcome::Failed(message),
        };
        self.scheduler.handle(now, Event::BlockFinished { worker, lease, outcome }, &mut self.actions);
    }

    /// Sends what the scheduler assigned, one message for each run of blocks of one worker.
    #[inline]
    fn send_assignments(&mut self) -> Result<(), RunError> {
        let mut current = None;
        let assignments = std::mem::take(&mut self.actions.assignments);
        for &Assignment { worker, lease, block } in &assignments {
            if current != Some(worker) || self.batch.n_bytes() >= MESSAGE_BYTES {
                self.send_batch(current)?;
                current = Some(worker);
            }
            let block = self.scheduler.plan().block(block);
            let (read_roi, write_roi) = (block.read_roi, block.write_roi);
            self.batch.push(&Assigned { block: block.id, lease: lease.0, read_roi, write_roi })?;
        }
        self.send_batch(current)?;
        self.actions.assignments = assignments;
        self.actions.clear();
        Ok(())
    }

    #[inline]
    fn send_batch(&mut self, worker: Option<WorkerId>) -> Result<(), RunError> {
        let Some(worker) = worker.filter(|_| !self.batch.is_empty()) else { return Ok(()) };
        let message = ToWorker::Assign(self.batch.batch());
        encode(&message, &mut self.sent)?;
        self.transport.send(worker.0 as usize, tag(message.kind()), &self.sent)?;
        self.batch.clear();
        Ok(())
    }

    /// Does what need not be done at every message.
    #[inline]
    fn tick(&mut self) -> Result<(), RunError> {
        if self.scheduler.has_backlog() {
            self.handle(Event::Tick);
        }
        let now = Instant::now();
        if now >= self.next_tick {
            self.next_tick = now + TICK_INTERVAL;
            if self.interrupt.is_requested() && !self.stats.is_interrupted() {
                log::warn!("interrupted: no more blocks are handed out, those in flight are waited for");
                self.stats.interrupt();
                self.handle(Event::Drain);
            }
            for worker in self.heartbeats.take_due(now) {
                self.send(worker, &ToWorker::Status)?;
            }
            self.observer.update(&self.stats.snapshot(&self.scheduler, self.begin.elapsed()));
        }
        self.send_assignments()
    }

    fn send(&mut self, worker: WorkerId, message: &ToWorker<'_>) -> Result<(), RunError> {
        encode(message, &mut self.sent)?;
        Ok(self.transport.send(worker.0 as usize, tag(message.kind()), &self.sent)?)
    }

    /// Tells everybody that the run is over, and how it went.
    fn end(mut self) -> Result<Report, RunError> {
        let report = self.stats.report(&self.scheduler, self.begin.elapsed(), self.heartbeats.most_memory());
        let text = serde_json::to_string(&report).map_err(|e| wire::WireError::Unwritable(e.to_string()))?;
        stop_all(&mut *self.transport, Stop::Finished(text))?;
        self.transport.close()?;
        self.observer.end(&report);
        Ok(report)
    }

    /// Tells everybody that the run broke off, as far as that goes, so that nobody waits for rank 0.
    fn break_off(mut self, error: RunError) -> RunError {
        match stop_all(&mut *self.transport, Stop::Refused((&error).into())) {
            Ok(()) => self.transport.abandon(),
            Err(further) => {
                log::error!("the other ranks could not be told that the run broke off: {further}")
            }
        }
        error
    }

    /// Waits for the answers to the last status checks, so that no message is left behind.
    fn drain_status(&mut self) -> Result<(), RunError> {
        let mut waiting = Waiting::new(self.options.idle);
        while self.heartbeats.is_any_open() {
            if !self.receive_all()? {
                waiting.pause(|limit| self.transport.sleep(limit));
            }
        }
        Ok(())
    }
}
