//! Block-wise processing of very large nD volumes on supercomputers: Daisy's idea in Rust over MPI.
pub mod geometry;
pub mod observe;
pub mod plan;
mod run;
pub mod scheduler;
pub mod transport;
pub mod wire;

pub use geometry::{Coordinate, GeometryError, Roi};
pub use observe::{Progress, Report, TaskReport};
pub use plan::{Block, BlockResult, BoxError, Fit, Pipeline, PlanError, Task, TaskBuilder, WorkerInfo};
pub use run::{
    BlockOutcome, Incomplete, Options, OptionsError, RunError, Runner, Worker, is_coordinator, main, run,
};
pub use transport::Idle;

/// What a program that uses bellis returns; `?` turns every error into it.
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;
