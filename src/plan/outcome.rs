//! How a block ended.

use bincode::{Decode, Encode};

/// How a block ended on its worker: the same on the worker, on the wire and for the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// It was processed.
    Success,
    /// A check found that it need not be processed.
    Skipped,
    /// It failed, and why. It is tried again, on another worker where there is one.
    Failed(String),
}
