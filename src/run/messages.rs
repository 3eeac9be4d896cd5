//! How messages of the wire travel over a transport.

use super::error::RunError;
use super::survivors::lay_aside;
use super::topology::{COORDINATOR, workers};
use crate::transport::{Envelope, Tag, Transport};
use crate::wire::{FromWorker, MessageKind, ToWorker, encode};

/// The tag that a kind of message travels under.
#[inline]
pub(super) fn tag(kind: MessageKind) -> Tag {
    Tag(kind as u16)
}

/// Sends a message to rank 0, outside of a run's hot loops.
pub(super) fn send_to_coordinator(
    transport: &mut dyn Transport,
    message: &FromWorker<'_>,
) -> Result<(), RunError> {
    let mut buffer = Vec::new();
    encode(message, &mut buffer)?;
    Ok(transport.send(COORDINATOR, tag(message.kind()), &buffer)?)
}

/// On a worker: takes the next message of rank 0 that has arrived, if there is one. That another worker has ended is for
/// rank 0 to deal with.
#[inline]
pub(super) fn receive_from_coordinator(
    transport: &mut dyn Transport,
    buffer: &mut Vec<u8>,
) -> Result<Option<Envelope>, RunError> {
    loop {
        match transport.try_receive(buffer) {
            Ok(received) => return Ok(received),
            Err(error) => match error.peer() {
                Some(COORDINATOR) => return Err(RunError::CoordinatorLost { why: error.to_string() }),
                Some(peer) => transport.forget(peer),
                None => return Err(error.into()),
            },
        }
    }
}

/// Sends a message to all workers, the lost ones too: they may be back. One that cannot be reached is lost, and keeps no
/// other from getting it.
///
/// # Errors
/// The first of those that cannot be reached.
pub(super) fn send_to_workers(transport: &mut dyn Transport, message: &ToWorker<'_>) -> Result<(), RunError> {
    let mut buffer = Vec::new();
    encode(message, &mut buffer)?;
    let mut first_error = Ok(());
    for rank in workers(transport.size()) {
        let sent = transport.send(rank, tag(message.kind()), &buffer);
        if sent.is_err() && !transport.is_lost(rank) {
            transport.forget(rank);
            first_error = first_error.and(sent);
        }
    }
    Ok(first_error?)
}

/// Tells all workers which ranks are lost, if any: before the end, so that none of them waits for those.
///
/// # Errors
/// As [`send_to_workers`].
pub(super) fn tell_lost(transport: &mut dyn Transport) -> Result<(), RunError> {
    let lost = workers(transport.size()).filter(|rank| transport.is_lost(*rank));
    let lost: Vec<u32> = lost.filter_map(|rank| rank.try_into().ok()).collect();
    if lost.is_empty() { Ok(()) } else { send_to_workers(transport, &ToWorker::Lost(lost)) }
}

/// Waits until everything has left, and gives the transport back together with all other ranks; or keeps it, where some of
/// them are lost.
pub(super) fn close(mut transport: Box<dyn Transport>) -> Result<(), RunError> {
    if transport.has_lost_any() {
        lay_aside(transport);
        return Ok(());
    }
    transport.flush()?;
    Ok(transport.free()?)
}

/// Gives the transport up without the other ranks; or keeps it, where some of them are lost.
pub(super) fn abandon(transport: Box<dyn Transport>) {
    if transport.has_lost_any() {
        lay_aside(transport);
    } else {
        transport.abandon();
    }
}
