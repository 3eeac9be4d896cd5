//! How messages of the wire travel over a transport.

use super::error::RunError;
use crate::transport::{Tag, Transport};
use crate::wire::{FromWorker, MessageKind, ToWorker, encode};

/// The tag that a kind of message travels under.
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
    Ok(transport.send(0, tag(message.kind()), &buffer)?)
}

/// Sends a message to all other ranks.
pub(super) fn send_to_workers(transport: &mut dyn Transport, message: &ToWorker<'_>) -> Result<(), RunError> {
    let mut buffer = Vec::new();
    encode(message, &mut buffer)?;
    for rank in 1..transport.size() {
        transport.send(rank, tag(message.kind()), &buffer)?;
    }
    Ok(())
}
