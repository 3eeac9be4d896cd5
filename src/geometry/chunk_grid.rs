//! The chunks that space is divided into: an array's, seen from outside the file.

use super::coordinate::Coordinate;
use super::roi::Roi;

/// Space divided into equal chunks, counted from the begin of `extent`: what an array can write on its own.
///
/// Two writers that touch the same chunk at the same time spoil it. All in world units. The chunks at the end of the
/// extent may be cut off by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkGrid {
    /// The space that is divided; the first chunk begins where it begins.
    pub extent: Roi,
    /// The shape of a chunk: at least 1 along every axis.
    pub chunk_shape: Coordinate,
}

/// Who may write something at the same time, each chunk by one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writers {
    /// Any number of processes.
    Any,
    /// One process, on any number of threads. A run on several ranks is refused before its first block.
    OneProcess {
        /// Why, and what to write instead.
        why: String,
    },
}

/// Something that is written chunk by chunk: see [`ChunkGrid`].
pub trait WriteTarget {
    /// The chunks that must not be written by two at the same time.
    fn chunk_grid(&self) -> ChunkGrid;

    /// What to call it in a message, such as its path.
    fn label(&self) -> String;

    /// Who may write it at the same time.
    fn writers(&self) -> Writers {
        Writers::Any
    }

    /// What two of them have in common exactly when they are the same thing, by whatever name it was found.
    fn identity(&self) -> String {
        self.label()
    }

    /// World units per voxel, where it is made of voxels: they begin where the extent does.
    fn voxel_size(&self) -> Option<Coordinate> {
        None
    }
}
