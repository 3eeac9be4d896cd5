//! What is written of one write chunk, as the chunks in it see it.

use crate::geometry::{VoxelBox, VoxelGrid};
use crate::storage::context::Context;
use crate::storage::voxels::buffer::Voxels;

/// The voxels of a box, some of which lie in a write chunk.
pub struct PartialWrite<'a> {
    /// The write chunks of the array.
    pub grid: &'a VoxelGrid,
    pub write_chunk: &'a VoxelBox,
    /// What is written, in this write chunk and in others.
    pub voxels: Voxels<'a>,
    /// Where it is counted what has to be decoded for it.
    pub context: &'a Context,
}

/// How much of a chunk is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    None,
    Part,
    /// Whatever the array has of it.
    All,
}

impl PartialWrite<'_> {
    /// How much of a chunk, which is counted from the write chunk's begin, is written.
    pub fn coverage_of(&self, chunk: &VoxelBox) -> Coverage {
        let chunk = chunk.absolute_in(self.write_chunk);
        let written = self.voxels.range.intersect(&chunk);
        if written.is_empty() {
            Coverage::None
        } else if written == self.grid.inside(&chunk) {
            Coverage::All
        } else {
            Coverage::Part
        }
    }

    /// Puts what is written over the voxels of a chunk, which is counted from the write chunk's begin.
    pub fn overlay(&self, chunk: &VoxelBox, voxels: &mut [u8]) {
        let chunk = chunk.absolute_in(self.write_chunk);
        self.voxels.copy_to(&self.voxels.range.intersect(&chunk), &chunk, voxels);
    }
}
