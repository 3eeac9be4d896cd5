//! The messages.

use bincode::{BorrowDecode, Decode, Encode};

use super::assigned::Assigned;
use super::batch::Batch;
use crate::plan::{Fault, Fingerprint, Outcome};

/// The kinds of messages; their numbers are the tags they travel under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum MessageKind {
    /// A worker introduces itself.
    Hello = 1,
    /// Blocks for a worker.
    Assign = 2,
    /// Blocks that a worker finished.
    Finished = 3,
    /// How is it going? And the answer.
    Status = 4,
    /// The run is over.
    Stop = 5,
}

/// From rank 0 to a worker.
#[derive(Debug, PartialEq, Encode, BorrowDecode)]
pub enum ToWorker<'a> {
    /// Blocks to process, in this order.
    Assign(Batch<'a, Assigned>),
    /// Give back the blocks that are not begun.
    Recall,
    /// Tell how it is going.
    Status,
    /// Put on the disk what was written so far, and say so.
    Sync {
        /// The number of the epoch that ends with it.
        epoch: u32,
    },
    /// These ranks are lost: nobody waits for them any more, and no call that all ranks make together ever returns.
    Lost(Vec<u32>),
    /// The run is over: send nothing more.
    Stop(Stop),
}

/// From a worker to rank 0.
#[derive(Debug, PartialEq, Encode, BorrowDecode)]
pub enum FromWorker<'a> {
    /// The first message: who is there, with which pipeline.
    Hello(Hello),
    /// Blocks that are finished.
    Finished(Batch<'a, Finished>),
    /// Blocks that it gives back, as it was asked to: it has not begun them, and does not hold them any more.
    Returned {
        /// The leases under which they were given; none where it has begun all.
        leases: Vec<u64>,
    },
    /// One of its slots has been busy with a block for longer than the block may take, and may never end it.
    TimedOut {
        /// The lease under which the block was given.
        lease: u64,
        /// For how long, in microseconds.
        busy_us: u64,
    },
    /// How it is going.
    Status(Status),
    /// What was written before the message [`Sync`](ToWorker::Sync) came is on the disk.
    Synced {
        /// The number of the epoch.
        epoch: u32,
        /// Whose fault it is that it is not, and why, if it is not.
        error: Option<(Fault, String)>,
    },
    /// What its process read since it said so last: ahead of finished blocks.
    Reads(Reads),
    /// A signal asked its process to end: as the other ranks, or rather at once.
    Interrupted {
        /// Whether it was asked a second time.
        at_once: bool,
    },
}

impl ToWorker<'_> {
    /// Which kind it is.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Assign(_) => MessageKind::Assign,
            Self::Status | Self::Recall | Self::Sync { .. } => MessageKind::Status,
            Self::Lost(_) | Self::Stop(_) => MessageKind::Stop,
        }
    }
}

impl FromWorker<'_> {
    /// Which kind it is.
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Hello(_) => MessageKind::Hello,
            Self::Finished(_) | Self::Reads(_) => MessageKind::Finished,
            Self::Status(_)
            | Self::Returned { .. }
            | Self::TimedOut { .. }
            | Self::Synced { .. }
            | Self::Interrupted { .. } => MessageKind::Status,
        }
    }
}

/// One finished block.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Finished {
    /// The lease under which it was given.
    pub lease: u64,
    /// How long it took, in microseconds.
    pub busy_us: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a rank comes to a run: its first message, and its last where it cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Hello {
    /// It would run a pipeline.
    Ready {
        /// Number of blocks that it processes at once.
        slots: u32,
        /// Where it runs.
        host: String,
        /// Its process.
        pid: u32,
        /// Whether it answers at any time: also while it processes a block.
        answers_always: bool,
        /// The fingerprint of the plan that it made: all ranks must have the same.
        fingerprint: Fingerprint,
        /// The pipeline as text, [shortened](super::shorten).
        pipeline: String,
    },
    /// Its program has ended, with this error if any.
    Ended {
        /// What went wrong.
        error: Option<Problem>,
    },
    /// Its program goes on, but it cannot run, or not go on with a run.
    Unable {
        /// Why.
        why: String,
    },
    /// It says nothing, and will not: it is lost.
    Lost,
}

impl Hello {
    /// Without the text of its pipeline if that is the same as another rank's: of 100,000 such texts one is enough.
    #[must_use]
    pub fn without_text_of(mut self, other: &Self) -> Self {
        let (Self::Ready { fingerprint, pipeline, .. }, Self::Ready { fingerprint: others, .. }) =
            (&mut self, other)
        else {
            return self;
        };
        if fingerprint == others {
            *pipeline = String::new();
        }
        self
    }
}

/// What keeps ranks from running together.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Problem {
    /// The ranks that it comes from, [`Problem::MAX_RANKS`] at most. None where the sender speaks for itself, or where
    /// it is the same on all ranks.
    pub ranks: Vec<u32>,
    /// What it is; the ranks are named in it.
    pub why: String,
    /// Whether the same run goes on where it ended.
    pub is_resumable: bool,
}

impl Problem {
    /// Maximum number of ranks that are listed.
    pub const MAX_RANKS: usize = 16;

    /// A problem that no ranks are named for yet.
    pub fn new(why: String) -> Self {
        Self { ranks: Vec::new(), why, is_resumable: false }
    }
}

/// How a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Status {
    /// Blocks finished since the run began.
    pub n_finished: u64,
    /// Blocks waiting to be processed.
    pub n_waiting: u32,
    /// For how long the oldest block at hand has been processed, in milliseconds; `None` when idle.
    pub busy_ms: Option<u64>,
    /// Memory in use, in bytes, where the system tells.
    pub memory: Option<u64>,
}

/// What was read of arrays in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Reads {
    /// Chunks that were found decoded.
    pub n_hits: u64,
    /// Chunks that had to be decoded.
    pub n_misses: u64,
    /// Bytes that reads returned.
    pub bytes_read: u64,
    /// Bytes that decoding made.
    pub bytes_decoded: u64,
}

/// Why the run is over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Stop {
    /// It came to its end; this is its report, as JSON.
    Finished(String),
    /// It never began, or broke off.
    Refused(Problem),
    /// It goes on without the worker, which was taken for lost.
    Lost,
    /// There is none: the programs of all ranks have ended, with this error if any.
    AllEnded {
        /// What went wrong.
        error: Option<Problem>,
    },
}
