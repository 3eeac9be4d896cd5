//! How messages of the wire travel over a transport.

use super::error::RunError;
use super::topology::{COORDINATOR, workers};
use crate::transport::{Tag, Transport};
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

/// Sends a message to all workers: one that cannot be reached keeps no other from getting it.
///
/// # Errors
/// The first of those that cannot be reached.
pub(super) fn send_to_workers(transport: &mut dyn Transport, message: &ToWorker<'_>) -> Result<(), RunError> {
    let mut buffer = Vec::new();
    encode(message, &mut buffer)?;
    let mut first_error = Ok(());
    for rank in workers(transport.size()) {
        first_error = first_error.and(transport.send(rank, tag(message.kind()), &buffer));
    }
    Ok(first_error?)
}

/// Waits until everything has left, and gives the transport back together with all other ranks.
pub(super) fn close(mut transport: Box<dyn Transport>) -> Result<(), RunError> {
    transport.flush()?;
    Ok(transport.free()?)
}
