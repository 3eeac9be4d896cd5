//! What is written of one cell, as the chunks in it see it.

use std::fs::File;
use std::ops::Range;

use super::chunked::CodecError;
use super::{boxes, runs};

/// How cells of several chunks are changed without coding all of them anew.
pub(super) trait Patch {
    /// Puts what becomes of a cell's file, which is so long, into an empty buffer: whether any voxels are stored in it.
    fn patch(
        &self,
        former: &File,
        length: u64,
        change: &Change<'_>,
        file: &mut Vec<u8>,
    ) -> Result<bool, CodecError>;
}

/// The voxels of a box, some of which lie in a cell.
pub(super) struct Change<'a> {
    /// Of the array.
    pub(super) shape: &'a [u64],
    pub(super) cell: &'a [Range<u64>],
    /// What `data` are the voxels of.
    pub(super) range: &'a [Range<u64>],
    pub(super) data: &'a [u8],
    /// Bytes of a voxel.
    pub(super) element: u64,
}

/// How much of a chunk changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    None,
    Part,
    /// Whatever the array has of it.
    All,
}

impl Change<'_> {
    /// How much of a chunk, counted from the cell's begin, changes.
    pub(super) fn share_of(&self, chunk: &[Range<u64>]) -> Share {
        let chunk = self.in_array(chunk);
        let common = boxes::common(self.range, &chunk);
        if common.iter().any(Range::is_empty) {
            Share::None
        } else if common == boxes::inside(&chunk, self.shape) {
            Share::All
        } else {
            Share::Part
        }
    }

    /// Puts what changes over the voxels of a chunk.
    pub(super) fn put_over(&self, chunk: &[Range<u64>], voxels: &mut [u8]) {
        let chunk = self.in_array(chunk);
        let common = boxes::common(self.range, &chunk);
        runs::cut(&common, &chunk, voxels, self.range, self.data, self.element);
    }

    fn in_array(&self, chunk: &[Range<u64>]) -> Vec<Range<u64>> {
        let moved = |(part, cell): (&Range<u64>, &Range<u64>)| part.start + cell.start..part.end + cell.start;
        chunk.iter().zip(self.cell).map(moved).collect()
    }
}
