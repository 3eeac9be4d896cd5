//! DECIDES: which block runs where, and when. A pure, deterministic state machine.
//!
//! Events go in, actions come out: the same events give the same actions on every machine. Nothing here asks what
//! time it is, starts a thread, touches a file, sends a message, rolls dice, depends on the order of a hash, or runs
//! user code. Time is a number that the caller passes.
//!
//! # The states of a block
//!
//! ```text
//!                              ┌───────────┐
//!          ┌───────────────────┤  pending  ├───────────────────┐
//!          │ a dependency      └─────┬─────┘ restored: a former│
//!          │ failed, or is           │       run completed it  │
//!          │ orphaned                │ all it waits for        │
//!          │                         │ completed               │
//!          │                   ┌─────▼─────┐                   │
//!          │        ┌─────────▶│   ready   ├──────────────────▶│
//!          │        │          └─────┬─────┘ restored          │
//!          │        │ tried again    │ handed out              │
//!          │        │          ┌─────▼─────┐                   │
//!          │        └──────────┤ in flight ├──────────────────▶│
//!          │  failed, or lost  └─────┬─────┘ success, or       │
//!          │  with its worker        │       skipped           │
//!          │                         │ once too often          │
//!          ▼                         ▼                         ▼
//!      orphaned                   failed                  completed
//! ```
//!
//! A block begins as ready when it waits for nothing. It ends completed, failed or orphaned, which [`Actions::ended`]
//! says once; [`Counts`] has a number for each state, at every moment. With [`Config::awaits_sync`] there is one more on the
//! way from in flight to completed: *unsynced*, until the worker has put what it wrote on the disk ([`Event::Synced`]); from
//! there a block goes back to ready when its worker is lost. *Skipped* counts those of the completed blocks
//! that a check or a former run made unnecessary. A conflict that is order-only, between blocks that share a chunk,
//! counts as a dependency that completes however its block ends.
//!
//! What a failed block is followed by depends on whose [fault](crate::plan::Fault) it is (`failing`): it is tried again elsewhere,
//! or given up; its task is *held* while the place refuses what blocks write; or its worker gets no more blocks (`blame`).
//!
//! # Three blocks
//!
//! Two blocks of one task, and a block of another that reads what both write:
//!
//! ```
//! use std::sync::Arc;
//!
//! use bellis::plan::{Outcome, Plan, TaskId};
//! use bellis::scheduler::{Actions, Config, Event, FinalState, Scheduler, WorkerId};
//! use bellis::{Roi, Task};
//!
//! let total = Roi::new([0], [20])?;
//! let map = Task::builder("map").total_roi(total).block_shape([10]).build()?;
//! let sum = Task::builder("sum").total_roi(total).block_shape([20]).build()?;
//! let plan = Arc::new(Plan::new(&(map + sum))?);
//! let mut scheduler = Scheduler::new(plan, Config::default());
//! let mut actions = Actions::default();
//!
//! // A worker with two slots gets the two blocks that wait for nothing; the time is 0.
//! let worker = WorkerId(0);
//! scheduler.handle(0, Event::WorkerJoined { worker, slots: 2 }, &mut actions);
//! let [first, second] = actions.assignments[..] else { panic!("two blocks") };
//! assert_eq!((first.block.task, first.block.index, second.block.index), (TaskId(0), 0, 1));
//! assert_eq!(scheduler.counts(TaskId(1)).pending, 1);
//!
//! // It answers for one of them: nothing else becomes ready.
//! let success = |lease| Event::BlockFinished { worker, lease, outcome: Outcome::Success };
//! actions.clear();
//! scheduler.handle(5, success(second.lease), &mut actions);
//! assert_eq!((actions.ended[0].blocks.clone(), actions.ended[0].how), (1..2, FinalState::Completed));
//! assert!(actions.assignments.is_empty());
//!
//! // It fails the other one, and alone as it is gets it again, under another lease.
//! let failed = Outcome::failed("disk full");
//! actions.clear();
//! scheduler.handle(6, Event::BlockFinished { worker, lease: first.lease, outcome: failed }, &mut actions);
//! let [again] = actions.assignments[..] else { panic!("one block") };
//! assert!(again.block == first.block && again.lease != first.lease && actions.ended.is_empty());
//!
//! // Once that is done, so is all that the third block waits for. Record what ended, then send the assignment.
//! actions.clear();
//! scheduler.handle(9, success(again.lease), &mut actions);
//! let [third] = actions.assignments[..] else { panic!("one block") };
//! assert_eq!((actions.ended.len(), third.block.task), (1, TaskId(1)));
//! scheduler.handle(12, success(third.lease), &mut actions);
//! assert!(scheduler.is_finished() && scheduler.counts(TaskId(1)).all_completed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it stays small and fast
//!
//! * A block that waits for nothing is never stored before it is handed out: `initially_ready` walks the grid.
//! * A block that waits has a counter from the moment its first dependency completes (`states`, in chunks that
//!   exist while the frontier passes through them); its first value is computed from the grid.
//! * A completed block releases its dependents one by one, each in O(1); a block with more dependents than one call
//!   should walk continues in the next call ([`Scheduler::has_backlog`]).
//! * Blocks that a former run completed are marked by ranges (`restoring`), 4096 at a time where nothing waits for them.
//! * A few bits per block of the chunks in use, nothing per block elsewhere, and no heap allocation per block.

mod blame;
mod conflict_table;
mod counters;
mod event;
mod failing;
mod hold;
mod hung;
mod initially_ready;
mod leases;
mod machine;
mod propagation;
mod rank_set;
mod recalls;
mod restoring;
mod retries;
mod sanity;
mod states;
mod suspending;
mod task_state;
mod tasks;
#[cfg(test)]
mod tests;
mod timing_out;
mod unsynced;
mod workers;

pub use event::{
    Actions, Assignment, Broken, Cause, Disposition, Ended, Event, Failure, FinalState, Lease, Retired, Time,
    WorkerId,
};
pub use hung::HungSlot;
pub use machine::{Config, Scheduler};
pub use sanity::InvariantError;
pub use task_state::Counts;

// As part of `Event`.
