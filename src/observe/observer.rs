//! What looks on at a run.

use super::report::Report;
use super::snapshot::Snapshot;

/// Someone who looks on.
pub trait Observer {
    /// The run stands like this now. Called a few times a second at most.
    fn update(&mut self, snapshot: &Snapshot);

    /// The run has ended like this.
    fn end(&mut self, report: &Report);
}

/// Shows nothing.
pub(super) struct Nobody;

impl Observer for Nobody {
    fn update(&mut self, _: &Snapshot) {}

    fn end(&mut self, _: &Report) {}
}
