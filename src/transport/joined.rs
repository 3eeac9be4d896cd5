//! The endpoint of a rank that also hosts threads of its own: ranks first, then the threads.

use std::time::Duration;

use super::endpoint::{Envelope, Tag, Transport};
use super::error::TransportError;
use super::local::LocalTransport;

/// Two transports as one. Endpoints of `ranks` keep their numbers; endpoint i of `threads`, from 1 on, follows as
/// `ranks.size() + i - 1`. This endpoint is number 0 in both.
pub struct Joined {
    ranks: Box<dyn Transport>,
    threads: LocalTransport,
    /// Whether the threads were asked last, so that neither side starves the other.
    asked_threads: bool,
}

impl Joined {
    /// Joins the ranks with the threads of rank 0.
    pub fn new(ranks: Box<dyn Transport>, threads: LocalTransport) -> Self {
        Self { ranks, threads, asked_threads: false }
    }
}

impl Transport for Joined {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        self.ranks.size() + self.threads.size() - 1
    }

    fn send(&mut self, to: usize, tag: Tag, bytes: &[u8]) -> Result<(), TransportError> {
        match to.checked_sub(self.ranks.size()) {
            None => self.ranks.send(to, tag, bytes),
            Some(thread) => self.threads.send(thread + 1, tag, bytes),
        }
    }

    fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Envelope>, TransportError> {
        for _ in 0..2 {
            self.asked_threads = !self.asked_threads;
            let received = if self.asked_threads {
                let n_ranks = self.ranks.size();
                let shift = |envelope: Envelope| Envelope { from: n_ranks + envelope.from - 1, ..envelope };
                self.threads.try_receive(buffer)?.map(shift)
            } else {
                self.ranks.try_receive(buffer)?
            };
            if received.is_some() {
                return Ok(received);
            }
        }
        Ok(None)
    }

    fn sleep(&mut self, limit: Duration) {
        self.threads.sleep(limit);
    }

    fn flush(&mut self) -> Result<(), TransportError> {
        self.ranks.flush()
    }

    fn forget(&mut self, peer: usize) {
        match peer.checked_sub(self.ranks.size()) {
            None => self.ranks.forget(peer),
            Some(thread) => self.threads.forget(thread + 1),
        }
    }

    fn is_lost(&self, peer: usize) -> bool {
        peer < self.ranks.size() && self.ranks.is_lost(peer)
    }

    fn has_lost_any(&self) -> bool {
        self.ranks.has_lost_any()
    }

    fn have_lost_ended(&self) -> bool {
        self.ranks.have_lost_ended()
    }

    fn free(self: Box<Self>) -> Result<(), TransportError> {
        self.ranks.free()
    }

    fn abandon(self: Box<Self>) {
        self.ranks.abandon();
    }

    fn rest(self: Box<Self>) -> Option<Box<dyn Transport>> {
        self.ranks.rest()
    }
}
