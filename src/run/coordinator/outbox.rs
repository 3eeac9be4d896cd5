//! What follows from a message: what is to be sent, in order, encoded. Its memory is used again and again.

use std::ops::Range;

use crate::scheduler::WorkerId;
use crate::wire::{Assigned, BatchWriter, MessageKind, ToWorker, WireError, append};

/// Number of bytes at which a message with blocks is full: the MPI libraries send what fits into 4 KiB without asking
/// the receiver first.
const MESSAGE_BYTES: usize = 3500;

/// What the [`Desk`](super::desk::Desk) wants sent, for the loop to send.
#[derive(Debug, Default)]
pub struct Outbox {
    entries: Vec<Entry>,
    /// All messages, one after the other.
    bytes: Vec<u8>,
    /// Blocks for `batch_to` that are not in a message yet.
    batch: BatchWriter<Assigned>,
    batch_to: Option<WorkerId>,
}

#[derive(Debug)]
struct Entry {
    to: WorkerId,
    kind: MessageKind,
    bytes: Range<usize>,
}

/// A message to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Who gets it.
    pub to: WorkerId,
    /// What kind of message it is.
    pub kind: MessageKind,
    /// The message.
    pub bytes: &'a [u8],
}

impl Outbox {
    /// Adds a block for a worker. Blocks in a row for one worker share messages.
    #[inline]
    pub(super) fn assign(&mut self, worker: WorkerId, assigned: &Assigned) -> Result<(), WireError> {
        if self.batch_to != Some(worker) || self.batch.n_bytes() >= MESSAGE_BYTES {
            self.close_batch()?;
            self.batch_to = Some(worker);
        }
        self.batch.push(assigned)
    }

    /// Adds a message.
    pub(super) fn post(&mut self, worker: WorkerId, message: &ToWorker<'_>) -> Result<(), WireError> {
        self.close_batch()?;
        self.append(worker, message)
    }

    /// Makes a message of the blocks that are not in one yet.
    #[inline]
    pub(super) fn close_batch(&mut self) -> Result<(), WireError> {
        let Some(worker) = self.batch_to.take() else { return Ok(()) };
        let batch = std::mem::take(&mut self.batch);
        let appended = self.append(worker, &ToWorker::Assign(batch.batch()));
        self.batch = batch;
        self.batch.clear();
        appended
    }

    #[inline]
    fn append(&mut self, to: WorkerId, message: &ToWorker<'_>) -> Result<(), WireError> {
        let begin = self.bytes.len();
        append(message, &mut self.bytes)?;
        self.entries.push(Entry { to, kind: message.kind(), bytes: begin..self.bytes.len() });
        Ok(())
    }

    /// Returns whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The messages, in the order in which they are to be sent.
    #[inline]
    pub fn messages(&self) -> impl Iterator<Item = Outgoing<'_>> {
        let outgoing = |entry: &Entry| Outgoing {
            to: entry.to,
            kind: entry.kind,
            bytes: &self.bytes[entry.bytes.clone()],
        };
        self.entries.iter().map(outgoing)
    }

    /// Forgets everything, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
    }
}
