//! WHAT is to be done: tasks, pipelines and the grids of blocks they stand for.
//!
//! Pure descriptions, computed and never stored: a task of 10^12 blocks takes as much memory as one of ten. Which
//! blocks there are, which conflict and which wait for which follows from a few integers by arithmetic, in time that
//! does not depend on the size of the volume. Nothing here reads a file, asks for the time or knows of ranks. A
//! [`Plan`] holds no closures: a [`Task`] is its plain data ([`TaskSpec`]) and a [`Body`], and the bodies are called
//! elsewhere (`run`).

mod block;
mod body;
mod compiled;
mod conflict;
mod dependents;
mod edges;
mod error;
mod fingerprint;
mod fit;
mod grid;
mod grid_box;
mod input;
mod link;
mod mask;
mod outcome;
mod output;
mod pipeline;
mod planned;
mod ranges;
mod reach;
mod selection;
mod sharing;
mod spec;
mod task;
mod warning;

pub use block::{Block, BlockId, TaskId};
pub use body::{BlockResult, Body, BoxError, Process, WorkerInfo};
pub use compiled::Plan;
pub use conflict::Conflicts;
pub use error::{Broken, PlanError, ProcessBlockError, TaskProblem};
pub use fingerprint::{Fingerprint, ParseFingerprintError};
pub use fit::{Fit, ParseFitError};
pub use grid::{Grid, IndexRanges};
pub use grid_box::{GridBox, Positions};
pub use link::Link;
pub use mask::{Masked, masked, masked_rows};
pub use outcome::{Fault, Outcome, Permanent};
pub use pipeline::Pipeline;
pub use planned::PlannedTask;
pub use selection::{Selection, SelectionError};
pub use spec::TaskSpec;
pub use task::{Task, TaskBuilder};
pub use warning::PlanWarning;
