//! bellis
pub mod geometry;
pub mod storage;
pub use geometry::{Coordinate, GeometryError, Roi};
pub use storage::{Array, ArraySpec, Border, StorageError};
