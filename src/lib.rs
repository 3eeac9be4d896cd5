//! bellis
pub mod geometry;
pub use geometry::{Coordinate, GeometryError, Roi};
