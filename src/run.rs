//! DRIVES: the only place that ties planning, scheduling, messages, transports and closures together.
//!
//! [`run`] is all that most programs need; [`Runner`] takes options; [`main`] gives a program its exit code and one
//! error message from all ranks. `session` starts and ends what they run: rank 0 runs `coordinator`, every other rank a
//! `worker` loop; a program that is alone does the same with threads.

#[doc(hidden)]
pub mod bare;
mod coordinator;
mod deadline;
mod error;
mod history;
mod interrupt;
mod local_workers;
mod messages;
mod options;
mod panics;
mod program;
mod protection;
mod resuming;
mod runner;
mod selecting;
mod session;
mod shutdown;
mod startup;
mod survivors;
mod topology;
mod worker;

pub use error::{Incomplete, RunError};
pub use interrupt::forget_interrupt;
pub use options::{Durability, Options, OptionsError, RunOption};
pub use program::{is_coordinator, main};
pub use protection::{Protection, RunDir};
pub use runner::{Runner, run};
pub use startup::losses::Losses;
pub use worker::slot::Worker;
