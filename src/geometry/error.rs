//! What can go wrong in integer space.

use thiserror::Error;

use super::axes::MAX_AXES;

/// The result of an operation in integer space.
pub type Result<T, E = GeometryError> = std::result::Result<T, E>;

/// An operation on coordinates or ROIs that has no exact answer. It holds them as text: they know errors, and not the
/// other way round.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// Two operands have a different number of axes.
    #[error("{left} axes meet {right} axes: give both the same number of axes")]
    AxesDiffer {
        /// Axes of the left operand.
        left: usize,
        /// Axes of the right operand.
        right: usize,
    },
    /// No axes, or more than [`MAX_AXES`].
    #[error("{0} axes: a coordinate has 1 to {MAX_AXES} axes")]
    AxisCount(usize),
    /// A result does not fit into 64 bits.
    #[error("{operation} of {operands} does not fit into signed 64-bit integers")]
    Overflow {
        /// What was computed.
        operation: &'static str,
        /// What it was computed of.
        operands: String,
    },
    /// A ROI with a negative extent.
    #[error("shape {0} has a negative extent: every extent must be 0 or more")]
    NegativeShape(String),
    /// A grid or voxel size with an extent that is not positive.
    #[error("{what} {value} must be 1 or more along every axis")]
    NotPositive {
        /// Which quantity.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// A ROI whose begin or end lies between two voxels.
    #[error(
        "ROI {roi} does not fall on whole voxels of size {voxel_size} counted from offset {offset}: \
         use a ROI whose begin and shape are multiples of the voxel size"
    )]
    NotOnVoxels {
        /// The ROI, in world units.
        roi: String,
        /// World units per voxel.
        voxel_size: String,
        /// Where voxel 0 begins, in world units.
        offset: String,
    },
    /// Text that is no coordinate or ROI.
    #[error("cannot read {text:?} as {expected}")]
    Parse {
        /// The text.
        text: String,
        /// What it should look like.
        expected: &'static str,
    },
}
