//! Rank 0 and a worker without clock and transport: what the simulation of `tests/` drives, and no API.

pub use super::coordinator::desk::Desk;
pub use super::coordinator::outbox::{Outbox, Outgoing, Recorded};
pub use super::topology::Peer;
pub use super::worker::uplink::Uplink;
