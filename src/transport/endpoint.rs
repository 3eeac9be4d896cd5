//! One end of a line between ranks or threads: what every transport can do.

use std::time::Duration;

use super::error::TransportError;

/// What kind of message it is: told apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(pub u16);

/// Who sent a message, and its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The endpoint that sent it.
    pub from: usize,
    /// Its tag.
    pub tag: Tag,
}

/// One endpoint. Endpoints are numbered from 0.
pub trait Transport: Send {
    /// This endpoint's number.
    fn rank(&self) -> usize;

    /// How many endpoints there are.
    fn size(&self) -> usize;

    /// Sends a copy of `bytes`, and never waits for the receiver.
    ///
    /// # Errors
    /// The receiver is gone, or the message cannot be sent.
    fn send(&mut self, to: usize, tag: Tag, bytes: &[u8]) -> Result<(), TransportError>;

    /// Takes the next message that has arrived, if there is one, and replaces the content of `buffer` with it.
    ///
    /// # Errors
    /// The message cannot be received; or an earlier one turns out not to have been sent, and
    /// [`peer`](TransportError::peer) says to whom.
    fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Envelope>, TransportError>;

    /// Sleeps for at most `limit`; wakes earlier when a message arrives, where the transport can.
    fn sleep(&mut self, limit: Duration);

    /// Waits until everything that was sent has left. Local: nobody else takes part.
    ///
    /// # Errors
    /// Something could not be sent; what is left can be waited for again.
    fn flush(&mut self) -> Result<(), TransportError>;

    /// An endpoint is lost: what was sent to it is given up, so that nobody waits for it to leave. It may come back, and
    /// what it sends arrives.
    fn forget(&mut self, peer: usize);

    /// Returns whether an endpoint is lost.
    fn is_lost(&self, _peer: usize) -> bool {
        false
    }

    /// Returns whether any endpoint is lost: then [`free`](Self::free) would wait for ever.
    fn has_lost_any(&self) -> bool {
        false
    }

    /// Returns whether the processes of all lost endpoints are known to have ended: none of them may be back, or keep a
    /// launcher waiting.
    fn have_lost_ended(&self) -> bool {
        false
    }

    /// Gives back what the endpoint holds. Collective: all endpoints do so together, after a [`flush`](Self::flush).
    ///
    /// # Errors
    /// It cannot be given back.
    fn free(self: Box<Self>) -> Result<(), TransportError>;

    /// Gives the endpoint up alone, with messages on their way to it that nobody will receive; what was sent leaves.
    fn abandon(self: Box<Self>);

    /// The endpoint to the other ranks, laid aside to be [taken up](Self::resume) again: after a loss there is no other way
    /// to the ranks that are left. `None` where it has nothing of the kind.
    fn rest(self: Box<Self>) -> Option<Box<dyn Transport>> {
        None
    }

    /// Takes up an endpoint that was at [rest](Self::rest).
    fn resume(&mut self) {}
}
