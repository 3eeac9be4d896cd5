//! bellis
pub mod geometry;
pub mod plan;
pub mod scheduler;
pub mod transport;
pub use geometry::{Coordinate, GeometryError, Roi};
pub use plan::{Block, BlockResult, BoxError, Fit, Pipeline, PlanError, Task, TaskBuilder, WorkerInfo};
