//! bellis
pub mod geometry;
pub mod observe;
pub mod plan;
pub mod scheduler;
pub mod storage;
pub mod transport;
pub mod wire;
pub use geometry::{Coordinate, GeometryError, Roi};
pub use plan::{Block, BlockResult, BoxError, Fit, Pipeline, PlanError, Task, TaskBuilder, WorkerInfo};
pub use storage::{Array, ArraySpec, Border, StorageError};
