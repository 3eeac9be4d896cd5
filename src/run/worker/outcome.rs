//! What a closure returned, as the outcome of its block.

use crate::plan::{BlockResult, Outcome};
use crate::run::error::one_line;

impl From<BlockResult> for Outcome {
    fn from(result: BlockResult) -> Self {
        match result {
            Ok(()) => Self::Success,
            Err(error) => Self::Failed(one_line(&*error)),
        }
    }
}
