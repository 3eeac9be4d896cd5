//! Which rank schedules and which ones work: said here and nowhere else.

use std::fmt;
use std::ops::Range;

use crate::scheduler::WorkerId;
use crate::wire::shorten;

/// The rank that schedules; all others work. In a transport, the endpoint of this number.
pub(super) const COORDINATOR: usize = 0;

/// The endpoints that work, among so many.
pub(super) fn workers(n_endpoints: usize) -> Range<usize> {
    COORDINATOR + 1..n_endpoints
}

/// The worker at an endpoint.
#[inline]
pub(super) fn worker_at(endpoint: usize) -> WorkerId {
    // Endpoints are numbered by 32 bits: MPI ranks are C ints.
    WorkerId(endpoint as u32)
}

/// The endpoint of a worker.
#[inline]
pub(super) fn endpoint_of(worker: WorkerId) -> usize {
    worker.0 as usize
}

/// The place of a worker in a list of all workers; `None` for the coordinator, which is none.
#[inline]
pub(super) fn index_of(worker: WorkerId) -> Option<usize> {
    endpoint_of(worker).checked_sub(COORDINATOR + 1)
}

/// The worker at a place in a list of all workers.
#[inline]
pub(super) fn worker_number(index: usize) -> WorkerId {
    worker_at(COORDINATOR + 1 + index)
}

/// A worker as rank 0 knows it from the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Number of blocks that it processes at once.
    pub slots: u32,
    /// Where it runs.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// Whether it answers at any time, so that its silence means something.
    pub answers_always: bool,
}

impl Peer {
    /// A thread of this process, with so many slots. It lives as long as the process, and answers between blocks.
    pub fn here(slots: u32) -> Self {
        Self { slots, host: host(), pid: std::process::id(), answers_always: false }
    }

    /// One that is lost before a run begins: it has no slots.
    pub(super) fn lost() -> Self {
        Self { slots: 0, host: "unknown host".to_owned(), pid: 0, answers_always: false }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "on {}, process {}", self.host, self.pid)
    }
}

fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    shorten(named.map_or_else(|| "unknown host".to_owned(), |name| name.trim().to_owned()))
}
