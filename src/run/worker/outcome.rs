//! How a block ended, as a program says it.

use crate::plan::BlockResult;
use crate::run::error::one_line;

/// How a block ended, for [`Worker::release`](crate::Worker::release).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockOutcome {
    /// It was processed.
    Success,
    /// It need not be processed.
    Skipped,
    /// It failed, and why. It is tried again, on another worker where there is one.
    Failed(String),
}

impl From<BlockResult> for BlockOutcome {
    fn from(result: BlockResult) -> Self {
        match result {
            Ok(()) => Self::Success,
            Err(error) => Self::Failed(one_line(&*error)),
        }
    }
}
