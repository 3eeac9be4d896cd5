//! Rank 0's loop: messages become events, actions become messages.
//!
//! The loop never waits for a worker: sends do not block, user code runs elsewhere, and what takes longer (the books
//! for the report, the progress display) is done a few times a second.

mod books;
mod checkups;

use std::time::{Duration, Instant};

use super::error::RunError;
use super::greeting::{stop, tag};
use super::interrupt::Interrupt;
use super::options::Options;
use crate::observe::{self, Observer, Report};
use crate::scheduler::{Actions, Assignment, Event, Lease, Outcome, Scheduler, Time, WorkerId};
use crate::transport::{Transport, Waiting};
use crate::wire::{self, Assigned, BatchWriter, Finished, FromWorker, Hello, Stop, ToWorker, decode, encode};
use books::Books;
use checkups::Checkups;

/// So many messages are taken in before anything else is looked after.
const MESSAGES_AT_ONCE: usize = 256;
/// No message with blocks grows much past this many bytes: the MPI libraries send what fits into 4 KiB without asking
/// the receiver first.
const BYTES_AT_ONCE: usize = 3500;
/// So many rounds of the loop go by between two looks at the clock, unless there is nothing to do.
const ROUNDS: u32 = 16;
/// How often the display, the signals and the status checks are looked after.
const TENDING: Duration = Duration::from_millis(100);

pub(super) struct Coordinator {
    transport: Box<dyn Transport>,
    scheduler: Scheduler,
    options: Options,
    actions: Actions,
    books: Books,
    checkups: Checkups,
    observer: Box<dyn Observer>,
    interrupt: Interrupt,
    begin: Instant,
    next_tending: Instant,
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
            books: Books::new(scheduler.plan().clone(), slots),
            checkups: Checkups::new(slots.len(), options.status_interval),
            scheduler,
            actions: Actions::default(),
            observer: observe::observer(options.progress),
            interrupt: Interrupt::listen(),
            begin,
            next_tending: begin,
            received: Vec::new(),
            sent: Vec::new(),
            batch: BatchWriter::default(),
            options,
        }
    }

    /// Runs the pipeline. At the end, every worker has been told so, and the transport is closed.
    pub fn run(mut self, slots: &[u32]) -> Result<Report, RunError> {
        match self.schedule(slots).and_then(|()| self.hear_out()) {
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
                return Err(RunError::NoWorkers { remaining: self.books.n_open(&self.scheduler) });
            }
            let is_busy = self.listen()? || self.scheduler.has_backlog();
            if is_busy {
                waiting.reset();
            } else {
                waiting.pause(|limit| self.transport.sleep(limit));
            }
            // Even the look at the clock is worth sparing while messages pour in.
            n_rounds = n_rounds.wrapping_add(1);
            if n_rounds.is_multiple_of(ROUNDS) || waiting.is_long() || self.scheduler.has_backlog() {
                self.tend()?;
            }
        }
        Ok(())
    }

    fn now(&self) -> Time {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(Time::MAX)
    }

    /// Tells the scheduler, and keeps the books of what it answers.
    fn handle(&mut self, event: Event) {
        self.scheduler.handle(self.now(), event, &mut self.actions);
        self.books.note_failures(&mut self.actions.failures);
    }

    /// Takes in messages, and answers each with the blocks that follow from it; whether there were any.
    #[inline]
    fn listen(&mut self) -> Result<bool, RunError> {
        for n_heard in 0..MESSAGES_AT_ONCE {
            let Some(envelope) = self.transport.try_receive(&mut self.received)? else {
                return Ok(n_heard > 0);
            };
            let received = std::mem::take(&mut self.received);
            // Endpoints are numbered by 32 bits: MPI ranks are C ints.
            self.hear(WorkerId(envelope.from as u32), &received)?;
            self.received = received;
            self.send_assignments()?;
        }
        Ok(true)
    }

    #[inline]
    fn hear(&mut self, worker: WorkerId, message: &[u8]) -> Result<(), RunError> {
        match decode(message)? {
            FromWorker::Report(finished) => {
                let now = self.now();
                for finished in finished.iter() {
                    self.finish(now, worker, finished?);
                }
                self.books.note_failures(&mut self.actions.failures);
            }
            FromWorker::Status(status) => self.checkups.heard(worker, status),
            FromWorker::Reads(reads) => self.books.note_reads(reads),
            FromWorker::Hello(Hello { pipeline: Err(why), .. }) => {
                return Err(RunError::Refused { message: format!("{worker} cannot go on: {why}") });
            }
            FromWorker::Hello(_) => log::warn!("{worker} said hello twice: ignored"),
        }
        Ok(())
    }

    #[inline]
    fn finish(&mut self, now: Time, worker: WorkerId, finished: Finished) {
        let lease = Lease(finished.lease);
        if let Some(block) = self.scheduler.block_of(worker, lease) {
            self.books.note_busy(block.task, finished.busy_us);
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
            if current != Some(worker) || self.batch.n_bytes() >= BYTES_AT_ONCE {
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

    /// Looks after what need not be looked after at every message.
    #[inline]
    fn tend(&mut self) -> Result<(), RunError> {
        if self.scheduler.has_backlog() {
            self.handle(Event::Tick);
        }
        let now = Instant::now();
        if now >= self.next_tending {
            self.next_tending = now + TENDING;
            if self.interrupt.is_requested() && !self.books.is_interrupted() {
                log::warn!("interrupted: no more blocks are handed out, those in flight are waited for");
                self.books.interrupt();
                self.handle(Event::Drain);
            }
            for worker in self.checkups.due(now) {
                self.send(worker, &ToWorker::Status)?;
            }
            self.observer.update(&self.books.snapshot(&self.scheduler, self.begin.elapsed()));
        }
        self.send_assignments()
    }

    fn send(&mut self, worker: WorkerId, message: &ToWorker<'_>) -> Result<(), RunError> {
        encode(message, &mut self.sent)?;
        Ok(self.transport.send(worker.0 as usize, tag(message.kind()), &self.sent)?)
    }

    /// Tells everybody that the run is over, and how it went.
    fn end(mut self) -> Result<Report, RunError> {
        let report = self.books.report(&self.scheduler, self.begin.elapsed(), self.checkups.most_memory());
        let text = serde_json::to_string(&report).map_err(|e| wire::WireError::Unwritable(e.to_string()))?;
        stop(&mut *self.transport, Stop::Ended(text))?;
        self.transport.close()?;
        self.observer.end(&report);
        Ok(report)
    }

    /// Tells everybody that the run broke off, as far as that goes, so that nobody waits for rank 0.
    fn break_off(mut self, error: RunError) -> RunError {
        match stop(&mut *self.transport, Stop::Refused(error.to_string())) {
            Ok(()) => self.transport.abandon(),
            Err(further) => {
                log::error!("the other ranks could not be told that the run broke off: {further}")
            }
        }
        error
    }

    /// Waits for the answers to the last status checks, so that no message is left behind.
    fn hear_out(&mut self) -> Result<(), RunError> {
        let mut waiting = Waiting::new(self.options.idle);
        while self.checkups.is_any_open() {
            if !self.listen()? {
                waiting.pause(|limit| self.transport.sleep(limit));
            }
        }
        Ok(())
    }
}
