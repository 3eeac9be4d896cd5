//! Messages between the threads of one process.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::endpoint::{Envelope, Tag, Transport};
use super::error::TransportError;

/// What waits for one endpoint.
#[derive(Debug, Default)]
struct Inbox {
    messages: Mutex<VecDeque<(Envelope, Vec<u8>)>>,
    arrived: Condvar,
    is_closed: AtomicBool,
    is_forgotten: AtomicBool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Envelope, Vec<u8>)>> {
        // A queue is whole between any two operations, whatever happened to a thread that held it.
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's endpoint.
#[derive(Debug)]
pub struct LocalTransport {
    rank: usize,
    inboxes: Arc<[Inbox]>,
}

/// `size` endpoints that reach each other.
pub fn network(size: usize) -> Vec<LocalTransport> {
    let inboxes: Arc<[Inbox]> = (0..size).map(|_| Inbox::default()).collect();
    (0..size).map(|rank| LocalTransport { rank, inboxes: inboxes.clone() }).collect()
}

/// Which endpoints of a network have been [forgotten](Transport::forget) by any other: nobody waits for those.
#[derive(Debug, Clone)]
pub struct Forgotten(Arc<[Inbox]>);

impl Forgotten {
    /// Returns whether an endpoint is forgotten.
    pub fn contains(&self, endpoint: usize) -> bool {
        self.0.get(endpoint).is_some_and(|inbox| inbox.is_forgotten.load(Ordering::Acquire))
    }
}

impl LocalTransport {
    /// Which endpoints of the network are forgotten, now and later.
    pub fn forgotten(&self) -> Forgotten {
        Forgotten(self.inboxes.clone())
    }
}

impl Transport for LocalTransport {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.inboxes.len()
    }

    fn send(&mut self, to: usize, tag: Tag, bytes: &[u8]) -> Result<(), TransportError> {
        let inbox = self.inboxes.get(to).ok_or(TransportError::Gone { to })?;
        if inbox.is_closed.load(Ordering::Acquire) {
            return Err(TransportError::Gone { to });
        }
        inbox.lock().push_back((Envelope { from: self.rank, tag }, bytes.to_vec()));
        inbox.arrived.notify_one();
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Envelope>, TransportError> {
        let message = self.inboxes[self.rank].lock().pop_front();
        Ok(message.map(|(envelope, bytes)| {
            *buffer = bytes;
            envelope
        }))
    }

    fn sleep(&mut self, limit: Duration) {
        let inbox = &self.inboxes[self.rank];
        let messages = inbox.lock();
        if messages.is_empty() {
            drop(inbox.arrived.wait_timeout(messages, limit));
        }
    }

    fn flush(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn forget(&mut self, peer: usize) {
        if let Some(inbox) = self.inboxes.get(peer) {
            inbox.is_forgotten.store(true, Ordering::Release);
        }
    }

    fn free(self: Box<Self>) -> Result<(), TransportError> {
        Ok(())
    }

    fn abandon(self: Box<Self>) {}
}

impl Drop for LocalTransport {
    fn drop(&mut self) {
        self.inboxes[self.rank].is_closed.store(true, Ordering::Release);
    }
}
