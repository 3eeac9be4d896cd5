//! How many axes there can be.

/// The most axes a [`Coordinate`](super::Coordinate) can have.
pub const MAX_AXES: usize = 8;
