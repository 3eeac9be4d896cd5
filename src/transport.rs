//! MOVES bytes between ranks, or between threads where there are no ranks.
//!
//! A transport carries tagged messages from one endpoint to another, in order between each two. It never blocks on a
//! send, and it never knows what a block is: what the bytes mean is `wire`'s business, who sends what is `run`'s.

mod endpoint;
mod error;
mod idle;
mod joined;
pub mod local;
pub mod mpi;

pub use endpoint::{Envelope, Tag, Transport};
pub use error::TransportError;
pub use idle::{Idle, Waiting};
pub use joined::Joined;
