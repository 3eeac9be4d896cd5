//! Messages between MPI ranks, on a duplicate of the program's communicator, so that they never meet the program's own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::endpoint::{Envelope, Tag, Transport};
use super::error::TransportError;
use super::idle::{Idle, Waiting};
use crate::mpi::{Comm, Communicator, Duplication, MpiError, SendRequest};

/// One rank's endpoint, on a communicator of its own.
pub struct MpiTransport {
    communicator: Communicator,
    /// Whether its ranks are all there are.
    is_of_world: bool,
    pending: Vec<Pending>,
    spare: Vec<Vec<u8>>,
    lost: BTreeSet<usize>,
    /// Ranks whose processes MPI says have ended.
    ended: BTreeSet<usize>,
    /// Those of them that were not told yet, and why MPI says so.
    untold: Vec<(usize, MpiError)>,
}

/// A message that has not left yet.
struct Pending {
    to: usize,
    request: SendRequest,
}

/// Time that rank 0 waits for other ranks before it says so.
const SILENCE: Duration = Duration::from_secs(10);

/// Maximum number of buffers kept for reuse.
const MAX_SPARE: usize = 64;

impl MpiTransport {
    /// Duplicates a communicator: all its ranks do so together. Gives up after `patience`, if there is one, and
    /// returns `None`: then nothing is left to do with MPI but to abort.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn duplicate(comm: Comm<'_>, patience: Option<Duration>) -> Result<Option<Self>, TransportError> {
        let mut duplication = Duplication::start(comm)?;
        let begin = Instant::now();
        let mut next_warning = begin + SILENCE;
        // A rank may wait long for the others: it gives its core away meanwhile.
        let mut waiting = Waiting::new(Idle::Sleep);
        loop {
            if let Some(communicator) = duplication.poll()? {
                return Ok(Some(Self::new(communicator, comm.is_world())));
            }
            waiting.pause(std::thread::sleep);
            let now = Instant::now();
            if patience.is_some_and(|patience| now - begin > patience) {
                return Ok(None);
            }
            if duplication.rank() == 0 && now > next_warning {
                next_warning = now + 6 * SILENCE;
                let size = duplication.size();
                log::warn!("waiting until all {size} ranks have come to start a run, or to the end");
            }
        }
    }

    fn new(communicator: Communicator, is_of_world: bool) -> Self {
        Self {
            communicator,
            is_of_world,
            pending: Vec::new(),
            spare: Vec::new(),
            lost: BTreeSet::new(),
            ended: BTreeSet::new(),
            untold: Vec::new(),
        }
    }

    /// A message could not be received: because of ranks whose processes have ended, if MPI names any. Nothing has come
    /// where they are known to be lost.
    #[cold]
    fn find_ended(&mut self, why: MpiError) -> Result<Option<Envelope>, TransportError> {
        let ended = self.communicator.ended_ranks();
        if ended.is_empty() {
            return Err(why.into());
        }
        self.ended.extend(&ended);
        let is_news = |rank: &usize| !self.lost.contains(rank);
        self.untold = ended.into_iter().filter(is_news).map(|rank| (rank, why.clone())).collect();
        self.tell_ended()
    }

    /// One rank at a time whose process has ended.
    #[cold]
    fn tell_ended(&mut self) -> Result<Option<Envelope>, TransportError> {
        self.untold.pop().map_or(Ok(None), |(rank, why)| Err(TransportError::Ended { rank, why }))
    }

    /// Lets go of the messages that have left.
    ///
    /// # Errors
    /// One cannot be sent; it is given up.
    #[inline]
    fn progress(&mut self) -> Result<(), TransportError> {
        let mut index = 0;
        while index < self.pending.len() {
            match self.pending[index].request.poll() {
                Ok(false) => index += 1,
                Ok(true) => {
                    let sent = self.pending.swap_remove(index);
                    self.keep(sent.request);
                }
                Err(why) => {
                    let to = self.pending.swap_remove(index).to;
                    return Err(TransportError::Unsent { to, why });
                }
            }
        }
        Ok(())
    }

    /// Keeps the buffer of a message that has left.
    #[inline]
    fn keep(&mut self, sent: SendRequest) {
        if self.spare.len() < MAX_SPARE {
            self.spare.push(sent.into_buffer());
        }
    }
}

impl Transport for MpiTransport {
    fn rank(&self) -> usize {
        self.communicator.rank()
    }

    fn size(&self) -> usize {
        self.communicator.size()
    }

    fn send(&mut self, to: usize, tag: Tag, bytes: &[u8]) -> Result<(), TransportError> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        let unsent = |why| TransportError::Unsent { to, why };
        let mut request = self.communicator.send(to, tag.0, buffer).map_err(unsent)?;
        if request.poll().map_err(unsent)? {
            self.keep(request);
        } else if !self.lost.contains(&to) {
            self.pending.push(Pending { to, request });
        }
        Ok(())
    }

    #[inline]
    fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Envelope>, TransportError> {
        if !self.pending.is_empty() {
            self.progress()?;
        }
        if !self.untold.is_empty() {
            return self.tell_ended();
        }
        match self.communicator.try_receive(buffer) {
            Ok(received) => Ok(received.map(|(from, tag)| Envelope { from, tag: Tag(tag) })),
            Err(why) => self.find_ended(why),
        }
    }

    fn sleep(&mut self, limit: Duration) {
        std::thread::sleep(limit);
    }

    fn flush(&mut self) -> Result<(), TransportError> {
        while !self.pending.is_empty() {
            self.progress()?;
            std::thread::yield_now();
        }
        Ok(())
    }

    fn forget(&mut self, peer: usize) {
        self.pending.retain(|pending| pending.to != peer);
        self.lost.insert(peer);
    }

    fn is_lost(&self, peer: usize) -> bool {
        self.lost.contains(&peer)
    }

    fn has_lost_any(&self) -> bool {
        !self.lost.is_empty()
    }

    fn have_lost_ended(&self) -> bool {
        self.lost.is_subset(&self.ended)
    }

    fn free(self: Box<Self>) -> Result<(), TransportError> {
        Ok(self.communicator.free()?)
    }

    fn abandon(self: Box<Self>) {
        self.communicator.abandon();
    }

    fn rest(self: Box<Self>) -> Option<Box<dyn Transport>> {
        self.communicator.rest();
        if self.is_of_world { Some(self) } else { None }
    }

    fn resume(&mut self) {
        self.communicator.resume();
    }
}
