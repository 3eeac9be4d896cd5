//! A rank at work, with one slot or several.

use std::sync::Arc;

use super::block_source::Setup;
use super::slot::Loop;
use super::{pool, single_slot};
use crate::plan::Task;
use crate::run::error::RunError;
use crate::transport::Transport;
use crate::wire::Stop;

/// Works until rank 0 says stop, and returns what it said. The transport is closed.
pub(in crate::run) fn work(
    transport: Box<dyn Transport>,
    setup: Setup,
    tasks: &Arc<[Task]>,
    body: &Loop<'_>,
) -> Result<Stop, RunError> {
    if setup.slots > 1 {
        pool::work(transport, setup, tasks, body)
    } else {
        single_slot::work(transport, setup, tasks, body)
    }
}
