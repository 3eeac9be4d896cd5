//! DECIDES: which block runs where, and when. A pure, deterministic state machine.
//!
//! Events go in, actions come out: the same events give the same actions on every machine. Nothing here asks what
//! time it is, starts a thread, touches a file, sends a message, rolls dice, depends on the order of a hash, or runs
//! user code. Time is a number that the caller passes.
//!
//! # How it stays small and fast
//!
//! * A block that waits for nothing is never stored before it is handed out: `initially_ready` walks the grid.
//! * A block that waits has a counter from the moment its first dependency completes (`states`, in chunks that
//!   exist while the frontier passes through them); its first value is computed from the grid.
//! * A completed block releases its dependents one by one, each in O(1); a block with more dependents than one call
//!   should walk continues in the next call ([`Scheduler::has_backlog`]).
//! * A few bits per block of the chunks in use, nothing per block elsewhere, and no heap allocation per block.

mod conflict_table;
mod event;
mod initially_ready;
mod leases;
mod machine;
mod propagation;
mod restoring;
mod retries;
mod sanity;
mod states;
mod task_state;
mod workers;

pub use event::{
    Actions, Assignment, Cause, Disposition, Ended, Event, Failure, FinalState, Lease, Time, WorkerId,
};
pub use machine::{Config, Scheduler};
pub use sanity::InvariantError;
pub use task_state::Counts;

// As part of `Event`.
pub use crate::plan::Outcome;
