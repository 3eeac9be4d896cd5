//! A worker's uplink to rank 0: blocks come in, answers go out, status checks are answered.

use std::time::{Duration, Instant};

use super::sync::Sync;
use super::watch::Watch;
use crate::run::error::RunError;
use crate::run::interrupt::{Request, request};
use crate::run::messages::{close, receive_from_coordinator, tag};
use crate::run::shutdown::wait_for_stop;
use crate::run::startup::handshake::{send_hello, unable};
use crate::run::topology::COORDINATOR;
use crate::storage::{Context, Statistics};
use crate::transport::{Idle, Transport};
use crate::wire::{
    BatchQueue, BatchWriter, Finished, FromWorker, Reads, Status, Stop, ToWorker, decode, encode, shorten,
};

/// Number of bytes at which a report leaves by itself.
const MAX_REPORT_BYTES: usize = 1 << 20;

/// One worker's side of the messages. It has no clock of its own but for the answers to status checks.
pub struct Uplink {
    transport: Box<dyn Transport>,
    /// Whose reads it reports.
    storage: Context,
    /// Blocks to process, in order.
    pub inbox: BatchQueue,
    answers: BatchWriter<Finished>,
    /// What went wrong while nobody waited for a message.
    pub error: Option<RunError>,
    /// What rank 0 said when the run was over.
    pub stop: Option<Stop>,
    /// Since when the oldest block at hand is processed, to a few milliseconds.
    pub busy_since: Option<Instant>,
    n_finished: u64,
    /// `n_finished` when [`refresh_busy_since`](Self::refresh_busy_since) was called last.
    n_seen: u64,
    /// Whether rank 0 is still there.
    watch: Watch,
    /// The request to end that rank 0 was told of.
    passed_on: Option<Request>,
    /// The sync that is going on.
    sync: Option<Sync>,
    received: Vec<u8>,
    sent: Vec<u8>,
}

impl Uplink {
    /// An uplink over a transport whose handshake is done. It reports what is read in the context `storage`.
    pub fn new(transport: Box<dyn Transport>, storage: Context) -> Self {
        Self {
            transport,
            storage,
            inbox: BatchQueue::default(),
            answers: BatchWriter::default(),
            error: None,
            stop: None,
            busy_since: None,
            n_finished: 0,
            n_seen: 0,
            watch: Watch::default(),
            passed_on: None,
            sync: None,
            received: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Has silence of rank 0 mean something, after this time; zero means never.
    pub(super) fn watch_rank_0(&mut self, patience: Duration) {
        self.watch = Watch::new(patience);
    }

    /// While nothing arrives: whether rank 0 is still there.
    ///
    /// # Errors
    /// [`RunError::CoordinatorLost`].
    pub(super) fn look_for_rank_0(&mut self) -> Result<(), RunError> {
        self.watch.look()
    }

    /// Takes in all messages that have arrived. Returns whether there were any.
    ///
    /// # Errors
    /// Rank 0 cannot be reached or understood, here as everywhere below.
    #[inline]
    pub fn receive(&mut self) -> Result<bool, RunError> {
        self.receive_beside(|_| ())
    }

    /// As [`receive`](Self::receive), where blocks that are not begun wait elsewhere than in the inbox: when rank 0 wants
    /// them back, `take` takes them from there, and adds their leases.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    #[inline]
    pub(super) fn receive_beside(&mut self, mut take: impl FnMut(&mut Vec<u64>)) -> Result<bool, RunError> {
        let mut has_received = false;
        while self.stop.is_none()
            && receive_from_coordinator(&mut *self.transport, &mut self.received)?.is_some()
        {
            has_received = true;
            self.watch.hear();
            match decode(&self.received)? {
                ToWorker::Assign(batch) => self.inbox.push(&batch),
                ToWorker::Recall => self.give_blocks_back(&mut take)?,
                ToWorker::Status => self.send_status()?,
                ToWorker::Sync { epoch } => self.sync = Some(Sync::start(epoch, &self.storage)),
                ToWorker::Lost(ranks) => ranks.iter().for_each(|rank| self.transport.forget(*rank as usize)),
                ToWorker::Stop(stop) => {
                    // Blocks are left only when rank 0 broke off.
                    self.inbox = BatchQueue::default();
                    self.stop = Some(stop);
                }
            }
        }
        if self.sync.as_ref().is_some_and(Sync::is_over) && self.stop.is_none() {
            self.send_synced()?;
        }
        if request() != self.passed_on && self.stop.is_none() {
            self.pass_request_on()?;
        }
        Ok(has_received)
    }

    /// Keeps an answer for the next [`flush`](Self::flush), unless there are very many.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    #[inline]
    pub fn answer(&mut self, finished: &Finished) -> Result<(), RunError> {
        self.n_finished += 1;
        self.answers.push(finished)?;
        // Thousands of slots that fail at once have more to say than a message may hold.
        if self.answers.n_bytes() >= MAX_REPORT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Number of answers that are kept.
    pub fn n_answers(&self) -> usize {
        self.answers.len()
    }

    /// Sends the answers that are kept, if any; when rank 0 has said stop, it listens no more.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    #[inline]
    pub fn flush(&mut self) -> Result<(), RunError> {
        if self.stop.is_none() && !self.answers.is_empty() {
            if let Some(reads) = self.storage.take_statistics() {
                self.send_reads(reads)?;
            }
            let message = FromWorker::Finished(self.answers.batch());
            encode(&message, &mut self.sent)?;
            self.transport.send(COORDINATOR, tag(message.kind()), &self.sent)?;
            self.answers.clear();
        }
        Ok(())
    }

    /// The transport, to sleep on.
    pub fn transport(&mut self) -> &mut dyn Transport {
        &mut *self.transport
    }

    /// Tells rank 0 that this worker cannot go on, and waits until it has told everybody to stop; unless rank 0 is lost.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn give_up(&mut self, why: &RunError) -> Result<(), RunError> {
        let is_lost = match why {
            RunError::CoordinatorLost { .. } => true,
            RunError::Transport(error) => error.peer() == Some(COORDINATOR),
            _ => false,
        };
        if is_lost {
            self.transport.forget(COORDINATOR);
        } else if self.stop.is_none() {
            send_hello(&mut *self.transport, unable(why))?;
            self.stop = Some(wait_for_stop(&mut *self.transport, Idle::default())?);
        }
        Ok(())
    }

    /// After the thread that processes blocks has been busy for a while: notes whether it is still the same block.
    pub fn refresh_busy_since(&mut self) {
        if self.n_finished != self.n_seen {
            self.n_seen = self.n_finished;
            self.busy_since = self.busy_since.map(|_| Instant::now());
        }
    }

    /// Closes the transport; what rank 0 said at last.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn close(self) -> Result<Option<Stop>, RunError> {
        close(self.transport)?;
        Ok(self.stop)
    }

    /// Tells rank 0 that this process was asked to end, which is for rank 0 to do.
    #[cold]
    fn pass_request_on(&mut self) -> Result<(), RunError> {
        self.passed_on = request();
        let message = FromWorker::Interrupted { at_once: self.passed_on == Some(Request::Stop) };
        encode(&message, &mut self.sent)?;
        // The thread of a rank 0 in the same process, which heard it too, may have ended.
        drop(self.transport.send(COORDINATOR, tag(message.kind()), &self.sent));
        Ok(())
    }

    /// Gives back the blocks that are not begun.
    #[cold]
    fn give_blocks_back(&mut self, take: &mut dyn FnMut(&mut Vec<u64>)) -> Result<(), RunError> {
        let mut leases = Vec::new();
        take(&mut leases);
        while let Some(assigned) = self.inbox.pop()? {
            leases.push(assigned.lease);
        }
        let message = FromWorker::Returned { leases };
        encode(&message, &mut self.sent)?;
        Ok(self.transport.send(COORDINATOR, tag(message.kind()), &self.sent)?)
    }

    /// Tells rank 0 that a slot has been busy with a block for longer than it may.
    #[cold]
    pub(super) fn send_timed_out(&mut self, lease: u64, busy: Duration) -> Result<(), RunError> {
        let busy_us = u64::try_from(busy.as_micros()).unwrap_or(u64::MAX);
        let message = FromWorker::TimedOut { lease, busy_us };
        encode(&message, &mut self.sent)?;
        Ok(self.transport.send(COORDINATOR, tag(message.kind()), &self.sent)?)
    }

    /// Tells rank 0 how a sync ended.
    #[cold]
    fn send_synced(&mut self) -> Result<(), RunError> {
        let Some((epoch, error)) = self.sync.take().map(Sync::end) else { return Ok(()) };
        let message = FromWorker::Synced { epoch, error: error.map(|(fault, why)| (fault, shorten(why))) };
        encode(&message, &mut self.sent)?;
        Ok(self.transport.send(COORDINATOR, tag(message.kind()), &self.sent)?)
    }

    #[cold]
    fn send_reads(&mut self, reads: Statistics) -> Result<(), RunError> {
        let Statistics { n_hits, n_misses, bytes_read, bytes_decoded } = reads;
        let message = FromWorker::Reads(Reads { n_hits, n_misses, bytes_read, bytes_decoded });
        encode(&message, &mut self.sent)?;
        Ok(self.transport.send(COORDINATOR, tag(message.kind()), &self.sent)?)
    }

    fn send_status(&mut self) -> Result<(), RunError> {
        let busy = self.busy_since.map(|since| since.elapsed().as_millis());
        let status = Status {
            n_finished: self.n_finished,
            n_waiting: u32::try_from(self.inbox.len()).unwrap_or(u32::MAX),
            busy_ms: busy.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            memory: memory_in_use(),
        };
        let message = FromWorker::Status(status);
        encode(&message, &mut self.sent)?;
        Ok(self.transport.send(COORDINATOR, tag(message.kind()), &self.sent)?)
    }
}

/// The process's resident memory in bytes, where the system tells.
fn memory_in_use() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
