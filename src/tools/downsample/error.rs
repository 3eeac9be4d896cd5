//! Why a volume gets no pyramid.

use std::path::PathBuf;

use thiserror::Error;

/// Why a volume gets no pyramid.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DownsampleError {
    /// The volume is as small as the last level would be.
    #[error("{path} is one chunk already: say how many --levels")]
    OneChunk {
        /// The input.
        path: PathBuf,
    },
    /// Something is said of level 0 that is its own file's to say.
    #[error("{path} is level 0 itself, and does not say what was said of it: choose another output")]
    SaidOfLevel0 {
        /// The input.
        path: PathBuf,
    },
    /// Every level would be as large as the one before.
    #[error("--factor 1 makes no smaller volume: use 2 or more along an axis")]
    NotSmaller,
    /// A level would have no voxel.
    #[error("a level of {path} of shape {shape:?} is too small to be cropped: use fewer --levels")]
    TooSmall {
        /// The input.
        path: PathBuf,
        /// The shape of the last level that has voxels.
        shape: Vec<u64>,
    },
}
