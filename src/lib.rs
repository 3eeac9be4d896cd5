//! Block-wise processing of very large nD volumes on supercomputers: Daisy's idea in Rust over MPI.
//!
//! A [`Task`] maps a function over the blocks that tile a region of interest ([`Roi`]). A [`Pipeline`] chains tasks,
//! block by block. [`run`] processes it: under `mpirun -n N` or `srun`, rank 0 schedules and every other rank works;
//! alone, the same program works with threads. Blocks travel as small MPI messages, bulk data goes straight between
//! the workers and the file system ([`Array`]).
//!
//! ```
//! use bellis::{Array, ArraySpec, Roi, Task};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("squares.zarr");
//! let squares = Array::<i64>::create(&path, &ArraySpec::new([4096]).chunks([256]))?;
//! let output = squares.clone();
//! let task = Task::builder("square")
//!     .total_roi(squares.roi())
//!     .block_shape([256])
//!     .writes(&squares)
//!     .process(move |block| {
//!         let begin = block.write_roi.begin()[0];
//!         let values = ndarray::Array1::from_iter((begin..begin + 256).map(|x| x * x));
//!         output.write(&block.write_roi, &values)?;
//!         Ok(())
//!     })
//!     .build()?;
//! bellis::run(task)?.into_result()?;
//! assert_eq!(squares.read(&Roi::new([100], [1])?)?[[0]], 10_000);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! # Layout
//!
//! | module | what it is there for |
//! | --- | --- |
//! | [`geometry`] | integer nD space: [`Coordinate`], [`Roi`]; the only arithmetic on coordinates |
//! | [`mpi`](mod@mpi) | communicators and messages: the only place that calls MPI; without it, "no MPI" |
//! | [`plan`] | WHAT is to be done: tasks, grids, conflicts, links; computed, never stored |
//! | [`scheduler`] | DECIDES: events in, actions out; pure and deterministic |
//! | [`wire`] | what ranks say to each other |
//! | [`transport`] | MOVES bytes between ranks, or threads |
//! | [`journal`] | REMEMBERS what is done: the run directory |
//! | [`storage`] | bulk data, by ROI |
//! | [`observe`] | SHOWS progress and the report; changes nothing |
//! | `run` | DRIVES: the only place that ties the others together |
//! | [`tools`] | what people run first, as a library: convert, downsample, label, smooth, stats; `bellis` is its program |
//!
//! # Invariants: what is deliberately absent
//!
//! * User code never runs on the scheduling thread.
//! * The scheduler never asks what time it is, and does nothing that depends on the machine.
//! * No block is stored before it is ready, and rank 0 allocates nothing per block.
//! * The transport never knows what a block is.
//! * Bulk data never passes through rank 0.
//!
//! A test (`tests/tidy`) reads the source and fails when a module reaches where it may not, and when files use each other in a
//! circle or a sibling through the façade before it.

pub mod geometry;
pub mod journal;
pub mod mpi;
pub mod observe;
pub mod plan;
mod run;
pub mod scheduler;
pub mod storage;
#[cfg(feature = "tools")]
pub mod tools;
pub mod transport;
pub mod wire;

pub use geometry::{Coordinate, GeometryError, Roi};
pub use observe::{OutputGone, Progress, Report, TaskReport};
pub use plan::{
    Block, BlockResult, BoxError, Fault, Fit, Outcome, Permanent, Pipeline, PlanError, Task, TaskBuilder,
    WorkerInfo,
};
#[doc(hidden)]
pub use run::bare;
pub use run::{
    Durability, Incomplete, Losses, Options, OptionsError, Protection, RunDir, RunError, RunOption, Runner,
    Worker, forget_interrupt, is_coordinator, main, run,
};
pub use storage::{Array, ArraySpec, Border, StorageError};
pub use transport::Idle;

/// What a program that uses bellis returns; `?` turns every error into it.
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;
