//! What is written of one cell, as the chunks in it see it.

use std::ops::Range;

use crate::storage::voxels::{boxes, spans};

/// The voxels of a box, some of which lie in a cell.
pub struct Change<'a> {
    /// Of the array.
    pub shape: &'a [u64],
    pub cell: &'a [Range<u64>],
    /// What `data` are the voxels of.
    pub range: &'a [Range<u64>],
    pub data: &'a [u8],
    /// Bytes of a voxel.
    pub element: u64,
}

/// How much of a chunk changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    None,
    Part,
    /// Whatever the array has of it.
    All,
}

impl Change<'_> {
    /// How much of a chunk, counted from the cell's begin, changes.
    pub fn share_of(&self, chunk: &[Range<u64>]) -> Share {
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
    pub fn put_over(&self, chunk: &[Range<u64>], voxels: &mut [u8]) {
        let chunk = self.in_array(chunk);
        let common = boxes::common(self.range, &chunk);
        spans::cut(&common, &chunk, voxels, self.range, self.data, self.element);
    }

    fn in_array(&self, chunk: &[Range<u64>]) -> Vec<Range<u64>> {
        let moved = |(part, cell): (&Range<u64>, &Range<u64>)| part.start + cell.start..part.end + cell.start;
        chunk.iter().zip(self.cell).map(moved).collect()
    }
}
