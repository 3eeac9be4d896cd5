//! Rank 0: a loop that receives, records and sends, and a desk that decides.
//!
//! * [`desk`] takes messages and the time, and writes an [`outbox`]: pure, without clock and transport.
//! * [`event_loop`] has the clock and the transport, and decides nothing.
//! * [`recorder`] writes down, in the run directory, which blocks have ended and what has [`happened`].
//! * [`outputs`] looks after the arrays that are written.
//! * [`heartbeats`], [`limits`] and [`ledger`] are what the desk keeps beside the scheduler: who is asked when whether it
//!   lives, how much time there is, and what people want to know.

mod clock;
pub(super) mod desk;
mod epochs;
pub(super) mod event_loop;
mod happened;
mod heartbeats;
mod ledger;
mod limits;
pub(super) mod outbox;
pub(super) mod outputs;
mod patience;
pub(super) mod recorder;
