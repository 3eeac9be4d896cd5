//! Where a slot gets its blocks, and how a rank's slots are set up.

use std::sync::Arc;
use std::time::Duration;

use super::shared_helper::SharedHelper;
use crate::run::error::RunError;
use crate::storage::Context;
use crate::transport::Idle;
use crate::wire::{Assigned, Finished};

/// Where blocks come from and answers go.
pub(super) trait BlockSource: Send {
    /// The next block, or `None` at the end of the run; and whether it had to be waited for.
    fn next(&mut self) -> Result<(Option<Assigned>, bool), RunError>;

    /// The next block, if it is there already. What was answered leaves before that, so that more may come.
    fn try_next(&mut self) -> Result<Option<Assigned>, RunError>;

    /// Answers for a block. `is_urgent` unless the answer may wait for the next ones.
    fn finish(&mut self, finished: Finished, is_urgent: bool) -> Result<(), RunError>;
}

/// How a rank works.
#[derive(Debug, Clone)]
pub(in crate::run) struct Setup {
    /// The rank, for messages.
    pub rank: usize,
    /// Number of blocks that it processes at once.
    pub slots: u32,
    /// What it does while it waits.
    pub idle: Idle,
    /// Whether another thread may use the transport while this one processes a block.
    pub may_share: bool,
    /// What helps this thread as one of many of its process.
    pub shared_helper: Option<Arc<SharedHelper>>,
    /// How long blocks may take whose task does not say so; zero for ever.
    pub block_timeout: Duration,
    /// Silence after which rank 0 is lost; zero for never.
    pub rank0_patience: Duration,
    /// The context whose reads it reports.
    pub storage: Context,
}
