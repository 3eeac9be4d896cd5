//! What follows from a message: what is to be recorded and, after that, what is to be sent, in order, encoded. Its memory
//! is used again and again.

use std::ops::Range;

use crate::scheduler::{Ended, WorkerId};
use crate::wire::{Assigned, BatchWriter, MessageKind, ToWorker, WireError, append};

/// Number of bytes at which a message with blocks is full: the MPI libraries send what fits into 4 KiB without asking
/// the receiver first.
const MESSAGE_BYTES: usize = 3500;

/// What the [`Desk`](super::desk::Desk) wants recorded and sent, for the loop to do.
///
/// Record, then send: messages may hold blocks that depend on the ones that ended, so that they can only be had from what
/// [`record`](Self::record) gives back.
#[derive(Debug, Default)]
pub struct Outbox {
    ended: Vec<Ended>,
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

    /// Adds blocks that have ended for good, and leaves `ended` empty.
    #[inline]
    pub(super) fn add_ended(&mut self, ended: &mut Vec<Ended>) {
        self.ended.append(ended);
    }

    /// Returns whether there is nothing to record or to send.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.ended.is_empty()
    }

    /// Records what has ended, by `commit`, and gives the messages up for sending. Nothing is recorded twice.
    ///
    /// # Errors
    /// What `commit` returns: then nothing may be sent.
    #[inline]
    pub fn record<E>(&mut self, commit: impl FnOnce(&[Ended]) -> Result<(), E>) -> Result<Recorded<'_>, E> {
        if !self.ended.is_empty() {
            commit(&self.ended)?;
            self.ended.clear();
        }
        Ok(Recorded(self))
    }

    /// Forgets everything, and keeps the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.ended.clear();
        self.entries.clear();
        self.bytes.clear();
    }
}

/// An outbox whose ended blocks are recorded.
#[derive(Debug)]
pub struct Recorded<'a>(&'a Outbox);

impl<'a> Recorded<'a> {
    /// The messages, in the order in which they are to be sent.
    #[inline]
    pub fn messages(&self) -> impl Iterator<Item = Outgoing<'a>> + use<'a> {
        let outbox = self.0;
        let outgoing = |entry: &'a Entry| Outgoing {
            to: entry.to,
            kind: entry.kind,
            bytes: &outbox.bytes[entry.bytes.clone()],
        };
        outbox.entries.iter().map(outgoing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::{BlockId, TaskId};
    use crate::scheduler::FinalState;
    use crate::wire::decode;

    fn assigned(index: u64) -> Assigned {
        let roi = Roi::new([0], [1]).expect("a box");
        let block = BlockId { task: TaskId(0), index };
        Assigned { block, lease: index, read_roi: roi, write_roi: roi }
    }

    /// Of each message: who gets it, and the indices of its blocks.
    fn messages(outbox: &mut Outbox) -> Vec<(u32, Vec<u64>)> {
        let recorded = outbox.record(|_| Ok::<(), ()>(())).expect("nothing fails");
        let read = |message: Outgoing<'_>| match decode(message.bytes).expect("a message") {
            ToWorker::Assign(batch) => {
                (message.to.0, batch.iter().map(|block| block.expect("a block").block.index).collect())
            }
            _ => (message.to.0, Vec::new()),
        };
        recorded.messages().map(read).collect()
    }

    #[test]
    fn blocks_in_a_row_for_a_worker_share_a_message() -> Result<(), WireError> {
        let mut outbox = Outbox::default();
        for (worker, index) in [(1, 0), (1, 1), (2, 2), (1, 3)] {
            outbox.assign(WorkerId(worker), &assigned(index))?;
        }
        outbox.post(WorkerId(1), &ToWorker::Status)?;
        assert_eq!(messages(&mut outbox), [(1, vec![0, 1]), (2, vec![2]), (1, vec![3]), (1, vec![])]);
        outbox.clear();
        assert!(outbox.is_empty());
        Ok(())
    }

    #[test]
    fn a_message_is_no_larger_than_mpi_sends_at_once() -> Result<(), WireError> {
        let mut outbox = Outbox::default();
        (0..200).try_for_each(|index| outbox.assign(WorkerId(1), &assigned(index)))?;
        outbox.close_batch()?;
        let recorded = outbox.record(|_| Ok::<(), WireError>(()))?;
        let sizes: Vec<usize> = recorded.messages().map(|message| message.bytes.len()).collect();
        assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < 4096), "{sizes:?}");
        Ok(())
    }

    #[test]
    fn nothing_is_sent_that_could_not_be_recorded() {
        let mut outbox = Outbox::default();
        let ended = Ended { task: TaskId(0), blocks: 3..4, how: FinalState::Completed };
        outbox.add_ended(&mut vec![ended.clone()]);
        assert!(!outbox.is_empty());
        assert_eq!(outbox.record(|_| Err("disk full")).err(), Some("disk full"));
        let mut recorded = Vec::new();
        for _ in 0..2 {
            let kept = outbox.record(|ended| {
                recorded.extend_from_slice(ended);
                Ok::<(), ()>(())
            });
            assert!(kept.is_ok());
        }
        assert_eq!(recorded, [ended]);
    }
}
