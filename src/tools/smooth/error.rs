//! Why a volume is not smoothed.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::geometry::Roi;

/// Why a volume is not smoothed, or not shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SmoothError {
    /// The volume that is made up has three axes.
    #[error("--shape has {n_given} numbers: the made-up volume needs 3")]
    MadeUpShape {
        /// How many numbers were given.
        n_given: usize,
    },
    /// Something is said of the volume that is made up.
    #[error("the made-up volume lies where it is made: say of another input where it lies")]
    MadeUpPlace,
    /// A volume of one axis has no slices.
    #[error("--png shows a slice of 2 axes, and {path} has 1: leave it out")]
    NoSlice {
        /// The input.
        path: PathBuf,
    },
    /// The folder for pictures cannot be made.
    #[error("cannot make the folder {folder}: {source}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A picture cannot be written.
    #[error("cannot write {path}: {source}")]
    Picture {
        /// The picture.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A voxel of the result is not what it is when it is computed in another way.
    #[error("voxel {voxel} is {found} and should be {expected}")]
    WrongVoxel {
        /// The voxel, in world units.
        voxel: Roi,
        /// What it is.
        found: f32,
        /// What it should be.
        expected: f64,
    },
}
