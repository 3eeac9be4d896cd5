//! Rank 0's loop: receives, records, sends. It has the clock and the transport; what to do is the desk's to decide.
//!
//! The loop never waits for a worker: sends do not block, user code runs elsewhere, and what takes longer (the
//! progress display, the heartbeats) is done a few times a second.

use std::fmt::Display;

use super::clock::Clock;
use super::desk::Desk;
use super::limits::Limits;
use super::outbox::Outbox;
use super::outputs::Outputs;
use super::patience::GivenUp;
use super::recorder::Recorder;
use crate::journal::OutputLocks;
use crate::observe::{self, Observer, OutputGone, Report};
use crate::plan::TaskId;
use crate::run::deadline::time_left;
use crate::run::error::RunError;
use crate::run::interrupt::{Interrupt, request};
use crate::run::messages::{abandon, close, tag};
use crate::run::options::Options;
use crate::run::shutdown::stop_all;
use crate::run::topology::{Peer, endpoint_of, worker_at};
use crate::scheduler::{Ended, Scheduler, Time, WorkerId};
use crate::transport::{Transport, TransportError, Waiting};
use crate::wire::{Stop, WireError, decode};

/// Maximum number of messages received before other work.
const MAX_MESSAGES: usize = 256;
/// Number of rounds of the loop between two looks at the clock, unless there is nothing to do.
const CLOCK_ROUNDS: u32 = 16;
/// Microseconds that a run which is given up waits for what is finished to be on the disk.
const LAST_SYNC: Time = 8_000_000;
/// Microseconds between two looks at signals and the display.
const TICK_INTERVAL: Time = 100_000;

/// What a run begins with.
pub(in crate::run) struct Begun {
    /// It knows which blocks are left out, and which are done.
    pub scheduler: Scheduler,
    /// What remembers the blocks beyond the run.
    pub recorder: Option<Recorder>,
    /// The arrays that tasks write.
    pub outputs: Outputs,
    /// What keeps other runs from writing them.
    pub locks: OutputLocks,
}

/// Rank 0 in a run.
pub(in crate::run) struct Coordinator {
    transport: Box<dyn Transport>,
    desk: Desk,
    /// What remembers the blocks beyond the run.
    recorder: Option<Recorder>,
    /// The arrays that tasks write.
    outputs: Outputs,
    /// Held until nobody writes any more.
    _locks: OutputLocks,
    options: Options,
    observer: Box<dyn Observer>,
    _interrupt: Interrupt,
    clock: Clock,
    next_tick: Time,
    received: Vec<u8>,
    outbox: Outbox,
    /// Workers that a message could not be sent to.
    unreachable: Vec<(WorkerId, TransportError)>,
}

impl Coordinator {
    /// For these workers, in order of rank from the first.
    pub fn new(transport: Box<dyn Transport>, begun: Begun, peers: Vec<Peer>, options: Options) -> Self {
        let Begun { scheduler, recorder, outputs, locks } = begun;
        let Options { status_interval, lost_after, epoch, grace, .. } = options;
        let mut desk = Desk::new(scheduler, peers, status_interval, lost_after, epoch);
        desk.limit(Limits::new(time_left(&options).map(|limit| limit.left), grace));
        desk.lose_patience(&options);
        if recorder.is_some() {
            desk.keep_events();
        }
        Self {
            transport,
            recorder,
            outputs,
            _locks: locks,
            desk,
            observer: observe::observer(options.progress),
            _interrupt: Interrupt::listen(),
            clock: Clock::start(),
            next_tick: 0,
            received: Vec::new(),
            outbox: Outbox::default(),
            unreachable: Vec::new(),
            options,
        }
    }

    /// Runs the pipeline. At the end, every worker has been told so, and the transport is given back.
    pub fn run(mut self) -> Result<Report, RunError> {
        let scheduled = self.schedule();
        // Nobody waits for slots that hang: their workers are left behind as lost ones are.
        for worker in self.desk.leave_hung() {
            self.transport.forget(endpoint_of(worker));
        }
        match scheduled.and_then(|()| self.drain_status()).and_then(|()| self.require_place()) {
            Ok(()) => self.end(),
            Err(error @ (RunError::GivenUp { .. } | RunError::Interrupted { .. })) => {
                Err(self.give_up(error))
            }
            Err(error) => Err(self.break_off(error)),
        }
    }

    /// An error when the place has to be mended before blocks can be written.
    fn require_place(&self) -> Result<(), RunError> {
        match self.desk.given_up() {
            Some(GivenUp::Place(why)) => Err(RunError::BrokenOff { why: why.clone() }),
            _ => Ok(()),
        }
    }

    fn schedule(&mut self) -> Result<(), RunError> {
        // What came before, between runs, asks this one to end before it begins, and so does a limit that is reached.
        self.look_at_requests()?;
        self.desk.look_at_limits(self.clock.now(), &mut self.outbox)?;
        self.desk.start(self.clock.now(), &mut self.outbox)?;
        self.dispatch()?;
        let mut waiting = Waiting::new(self.options.idle);
        let mut n_rounds = 0u32;
        while !self.desk.is_finished() {
            self.desk.require_workers()?;
            let is_busy = self.receive_all()? || self.desk.has_backlog();
            if is_busy {
                waiting.reset();
            } else {
                waiting.pause(|limit| self.transport.sleep(limit));
            }
            // Even the look at the clock is worth sparing while messages pour in.
            n_rounds = n_rounds.wrapping_add(1);
            let is_pressing = waiting.is_long() || self.desk.has_backlog() || self.desk.is_waiting_for_sync();
            if n_rounds.is_multiple_of(CLOCK_ROUNDS) || is_pressing {
                self.tick()?;
            }
        }
        Ok(())
    }

    /// Receives messages, and sends what follows from each. Returns whether there were any.
    #[inline]
    fn receive_all(&mut self) -> Result<bool, RunError> {
        for n_received in 0..MAX_MESSAGES {
            let envelope = match self.transport.try_receive(&mut self.received) {
                Ok(Some(envelope)) => envelope,
                Ok(None) => {
                    self.dispatch()?;
                    return Ok(n_received > 0);
                }
                Err(error) => {
                    self.lose_peer_of(error)?;
                    continue;
                }
            };
            let (now, from) = (self.clock.now(), worker_at(envelope.from));
            self.desk.receive(now, from, decode(&self.received)?, &mut self.outbox)?;
            // What is written down costs the disk a moment, whether it is much or little.
            if self.recorder.is_none() {
                self.dispatch()?;
            }
        }
        self.dispatch()?;
        Ok(true)
    }

    /// Records what has ended, then sends what follows: a block never leaves before those that it waited for are known to
    /// be done. A worker that cannot be reached is lost, and what follows from that goes the same way.
    #[inline]
    fn dispatch(&mut self) -> Result<(), RunError> {
        while !self.outbox.is_empty() || !self.unreachable.is_empty() {
            let Self { recorder, outputs, outbox, .. } = self;
            let record = |ended: &[Ended]| {
                outputs.observe(ended);
                recorder.as_mut().map_or(Ok(()), |recorder| recorder.record(ended))
            };
            for message in outbox.record(record)?.messages() {
                let to = endpoint_of(message.to);
                if let Err(error) = self.transport.send(to, tag(message.kind), message.bytes) {
                    self.unreachable.push((message.to, error));
                }
            }
            self.outbox.clear();
            // One at a time: the blocks of one may go to another that is unreachable too.
            if let Some((worker, error)) = self.unreachable.pop() {
                self.lose(worker, &error)?;
            }
        }
        Ok(())
    }

    /// An error that is about one worker is the loss of that worker; any other ends the run.
    #[cold]
    fn lose_peer_of(&mut self, error: TransportError) -> Result<(), RunError> {
        let peer = error.peer().ok_or_else(|| error.clone())?;
        self.lose(worker_at(peer), &error)?;
        self.dispatch()
    }

    #[cold]
    fn lose(&mut self, worker: WorkerId, why: &dyn Display) -> Result<(), RunError> {
        self.transport.forget(endpoint_of(worker));
        self.desk.lose(self.clock.now(), worker, why, &mut self.outbox)
    }

    /// Does what need not be done at every message.
    #[inline]
    fn tick(&mut self) -> Result<(), RunError> {
        let now = self.clock.now();
        if now >= self.next_tick {
            self.next_tick = now + TICK_INTERVAL;
            self.look_at_requests()?;
            self.desk.look_at_limits(now, &mut self.outbox)?;
            self.observer.update(&self.desk.snapshot(now));
            self.look_at_outputs(now)?;
            self.write_events();
        }
        self.desk.tick(now, &mut self.outbox)?;
        self.lose_silent()?;
        self.dispatch()
    }

    /// Whether this process was asked to end.
    fn look_at_requests(&mut self) -> Result<(), RunError> {
        match request() {
            Some(request) => self.desk.interrupt(self.clock.now(), request, None, &mut self.outbox),
            None => Ok(()),
        }
    }

    /// Whether the outputs are still there, now and then. Blocks that write to nowhere are not worth their time.
    fn look_at_outputs(&mut self, now: Time) -> Result<(), RunError> {
        let scheduler = self.desk.scheduler();
        if let Some(gone) = self.outputs.look(now, |task| scheduler.counts(task)) {
            let reason = gone.to_string();
            log::error!("{reason}; no more blocks are handed out");
            self.desk.give_up(now, reason, &mut self.outbox)?;
        }
        if let Some(recorder) = &mut self.recorder
            && let Some(known) = self.outputs.news()
        {
            recorder.keep_outputs(&known);
        }
        Ok(())
    }

    /// Looks at the outputs a last time. What is gone is not done.
    fn take_back_what_is_gone(&mut self) -> Vec<OutputGone> {
        let mut all_gone = self.outputs.look_at_last();
        let Some(recorder) = &mut self.recorder else { return all_gone };
        if let Some(known) = self.outputs.news() {
            recorder.keep_outputs(&known);
        }
        let plan = self.desk.scheduler().plan();
        for gone in &mut all_gone {
            let task = plan.tasks().iter().position(|planned| planned.spec.name() == gone.task);
            gone.is_taken_back =
                (0..).map(TaskId).nth(task.unwrap_or(0)).is_some_and(|id| recorder.take_back(id));
        }
        all_gone
    }

    /// Writes down what happened, where something keeps that.
    fn write_events(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.tell(self.desk.take_events());
        }
    }

    /// Workers that have been silent for too long are lost.
    #[inline]
    fn lose_silent(&mut self) -> Result<(), RunError> {
        while let Some((worker, silence)) = self.desk.next_silent() {
            let why = format!("nothing has been heard of it for {:.1} s", silence.as_secs_f64());
            self.lose(worker, &why)?;
        }
        Ok(())
    }

    /// Waits for the answers to the last heartbeats, so that no message is left behind, and nobody is left who will not
    /// hear of the end.
    fn drain_status(&mut self) -> Result<(), RunError> {
        self.desk.call_the_roll();
        let mut waiting = Waiting::new(self.options.idle);
        while self.desk.awaits_heartbeats() {
            if !self.receive_all()? {
                waiting.pause(|limit| self.transport.sleep(limit));
            }
            self.desk.tick(self.clock.now(), &mut self.outbox)?;
            self.lose_silent()?;
            self.dispatch()?;
        }
        Ok(())
    }

    /// Tells everybody that the run is over, and how it went.
    fn end(mut self) -> Result<Report, RunError> {
        self.write_events();
        // What came in the last moments is told, and ends the next run.
        if request().is_some() {
            self.desk.record_interrupt();
        }
        let outputs_gone = self.take_back_what_is_gone();
        let mut report = self.desk.report(self.clock.now());
        report.outputs_gone = outputs_gone;
        let text = serde_json::to_string(&report).map_err(|e| WireError::Unwritable(e.to_string()))?;
        let stopped = stop_all(&mut *self.transport, Stop::Finished(text));
        // Those that cannot be told are lost, and no reason to fail.
        if !self.desk.has_lost_any() {
            stopped?;
        }
        close(self.transport)?;
        self.observer.end(&report);
        let outcome = match (report.all_completed(), report.is_interrupted) {
            (true, _) => "completed",
            (false, true) => "interrupted",
            (false, false) if report.given_up.is_some() => "given up",
            (false, false) => "incomplete",
        };
        self.recorder.into_iter().for_each(|recorder| recorder.close(outcome));
        Ok(report)
    }

    /// Ends the run without the blocks in flight: what is finished is put on the disk and recorded before that.
    fn give_up(mut self, mut error: RunError) -> RunError {
        if let Err(further) = self.save_finished() {
            log::warn!("not everything that is finished was recorded: {further}");
        }
        if let RunError::GivenUp { remaining, .. } | RunError::Interrupted { remaining } = &mut error {
            *remaining = self.desk.n_open();
        }
        if matches!(error, RunError::GivenUp { .. }) {
            let report = self.desk.report(self.clock.now());
            self.observer.end(&report);
        }
        self.break_off(error)
    }

    /// Waits, for some seconds, until what workers have finished is on the disk and recorded.
    fn save_finished(&mut self) -> Result<(), RunError> {
        let end = self.clock.now().saturating_add(LAST_SYNC);
        let mut waiting = Waiting::new(self.options.idle);
        self.desk.drain(self.clock.now(), &mut self.outbox)?;
        while self.desk.sync_all(self.clock.now(), &mut self.outbox)? && self.clock.now() < end {
            self.dispatch()?;
            match self.receive_all() {
                // Other ranks heard the same.
                Ok(true) | Err(RunError::Interrupted { .. }) => {}
                Ok(false) => waiting.pause(|limit| self.transport.sleep(limit)),
                Err(error) => return Err(error),
            }
            self.desk.tick(self.clock.now(), &mut self.outbox)?;
        }
        self.dispatch()
    }

    /// Tells everybody that the run broke off, as far as that goes, so that nobody waits for rank 0.
    fn break_off(mut self, error: RunError) -> RunError {
        self.write_events();
        match stop_all(&mut *self.transport, Stop::Refused((&error).into())) {
            Ok(()) => abandon(self.transport),
            Err(_) if self.transport.has_lost_any() => abandon(self.transport),
            Err(further) => {
                log::error!("the other ranks could not be told that the run broke off: {further}")
            }
        }
        let outcome = format!("broken off: {error}");
        self.recorder.into_iter().for_each(|recorder| recorder.close(&outcome));
        error
    }
}
