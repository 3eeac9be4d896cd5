//! The cells that space is cut into: an array's chunks, seen from outside the file.

use super::coordinate::Coordinate;
use super::roi::Roi;

/// Space cut into equal cells, counted from the begin of `extent`: what an array can write on its own.
///
/// Two writers that touch the same cell at the same time spoil it. All in world units. The cells at the end of the
/// extent may be cut off by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lattice {
    /// The space that is cut; the first cell begins where it begins.
    pub extent: Roi,
    /// The shape of a cell: at least 1 along every axis.
    pub cell: Coordinate,
}

/// Something that is written cell by cell: see [`Lattice`].
pub trait OnLattice {
    /// The cells that must not be written by two at the same time.
    fn lattice(&self) -> Lattice;

    /// What to call it in a message, such as its path.
    fn label(&self) -> String;

    /// Why it can be written by one process only, and what to write instead, if that is so: then a run on several ranks
    /// is refused before its first block. Threads of one process are not several.
    fn one_process_only(&self) -> Option<String> {
        None
    }
}
