//! What ranks say to each other: few kinds of small messages, never data.
//!
//! A message is one byte of [`PROTOCOL`] version and a bincode value of bounded size. [`ToWorker`] and
//! [`FromWorker`] are the two directions. Messages that carry many small things carry them as a [`Batch`], which is
//! read from the received bytes one by one, so that rank 0 allocates nothing per block. Decoding any bytes gives a
//! message or an error.

mod assigned;
mod batch;
mod codec;
mod error;
mod format;
mod message;
mod text;

pub use assigned::Assigned;
pub use batch::{Batch, BatchQueue, BatchWriter};
pub use codec::{append, decode, encode};
pub use error::WireError;
pub use format::PROTOCOL;
pub use message::{Finished, FromWorker, Hello, MessageKind, Problem, Reads, Status, Stop, ToWorker};
pub use text::{MAX_TEXT, shorten};
