//! What ranks say to each other: few kinds of small messages, never data.
//!
//! A message is one byte of [`PROTOCOL`] version and a bincode value of bounded size. [`ToWorker`] and
//! [`FromWorker`] are the two directions. Messages that carry many small things carry them as a [`Batch`], which is
//! read from the received bytes one by one, so that rank 0 allocates nothing per block. Decoding any bytes gives a
//! message or an error.

mod batch;
mod codec;
mod message;

pub use batch::{Batch, BatchQueue, BatchWriter};
pub use codec::{PROTOCOL, WireError, decode, encode};
pub use message::{
    Assigned, Finished, FromWorker, Hello, MAX_TEXT, MessageKind, Outcome, Reads, Status, Stop, ToWorker,
};
