//! A transport that takes down what workers send, and has what others put there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bellis::scheduler::WorkerId;
use bellis::transport::{Envelope, Tag, Transport, TransportError};

/// What the endpoints share.
pub struct Network {
    /// Messages of workers to rank 0 that are not under way yet.
    pub sent: VecDeque<(WorkerId, Vec<u8>)>,
    /// For each worker from 1, the messages that have arrived.
    pub inboxes: Vec<VecDeque<Vec<u8>>>,
}

impl Network {
    /// One for so many workers.
    pub fn of(n_workers: usize) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { sent: VecDeque::new(), inboxes: vec![VecDeque::new(); n_workers] }))
    }
}

/// A worker's endpoint.
pub struct Recording {
    pub worker: WorkerId,
    pub network: Arc<Mutex<Network>>,
}

/// The network, for a moment.
pub fn lock(network: &Mutex<Network>) -> MutexGuard<'_, Network> {
    network.lock().expect("nobody panics while it is locked")
}

impl Transport for Recording {
    fn rank(&self) -> usize {
        self.worker.0 as usize
    }

    fn size(&self) -> usize {
        lock(&self.network).inboxes.len() + 1
    }

    fn send(&mut self, to: usize, _: Tag, bytes: &[u8]) -> Result<(), TransportError> {
        assert_eq!(to, 0, "a worker talks to rank 0 alone");
        lock(&self.network).sent.push_back((self.worker, bytes.to_vec()));
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Envelope>, TransportError> {
        let message = lock(&self.network).inboxes[self.worker.0 as usize - 1].pop_front();
        Ok(message.map(|bytes| {
            *buffer = bytes;
            Envelope { from: 0, tag: Tag(0) }
        }))
    }

    fn sleep(&mut self, _: Duration) {}

    fn flush(&mut self) -> Result<(), TransportError> {
        Ok(())
    }

    fn forget(&mut self, _: usize) {}

    fn free(self: Box<Self>) -> Result<(), TransportError> {
        Ok(())
    }

    fn abandon(self: Box<Self>) {}
}
