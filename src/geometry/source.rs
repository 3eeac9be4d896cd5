//! What is read by ROI, seen from outside the file.

use super::coordinate::Coordinate;
use super::roi::Roi;

/// Voxels that can be read. All in world units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What to call it in a message, such as its path.
    pub label: String,
    /// What two of them have in common exactly when they are the same thing, by whatever name it was found; also the
    /// [`WriteTarget::identity`](super::WriteTarget::identity) of the same thing.
    pub identity: String,
    /// Where there are voxels; the first one begins where it begins.
    pub extent: Roi,
    /// World units per voxel.
    pub voxel_size: Coordinate,
}

/// Something that is read by ROI: see [`Source`].
pub trait ReadSource {
    /// What it is.
    fn source(&self) -> Source;
}
