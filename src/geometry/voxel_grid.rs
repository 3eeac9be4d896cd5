//! The chunks of an array, in voxels: a [`ChunkGrid`](super::ChunkGrid) as the file has it.

use std::ops::Range;

use super::voxel_box::VoxelBox;

/// An array divided into equal chunks, the first of which begins at voxel 0. Chunks at the end may reach past the array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoxelGrid {
    array_shape: Vec<u64>,
    chunk_shape: Vec<u64>,
}

impl VoxelGrid {
    /// An array of `array_shape` in chunks of `chunk_shape`, which has at least one voxel along every axis.
    pub fn new(array_shape: &[u64], chunk_shape: &[u64]) -> Self {
        Self { array_shape: array_shape.to_vec(), chunk_shape: chunk_shape.to_vec() }
    }

    /// Voxels of the array along each axis.
    pub fn array_shape(&self) -> &[u64] {
        &self.array_shape
    }

    /// Voxels of a chunk along each axis.
    pub fn chunk_shape(&self) -> &[u64] {
        &self.chunk_shape
    }

    /// Chunks along each axis.
    pub fn shape(&self) -> Vec<u64> {
        self.array_shape
            .iter()
            .zip(&self.chunk_shape)
            .map(|(extent, chunk)| extent.div_ceil(*chunk))
            .collect()
    }

    /// Number of chunks, if that is a number.
    pub fn n_chunks(&self) -> Option<u64> {
        self.shape().into_iter().try_fold(1u64, u64::checked_mul)
    }

    /// The voxels of the chunk at `index`, which may reach past the array.
    pub fn chunk(&self, index: &[u64]) -> VoxelBox {
        let axis = |(index, extent): (&u64, &u64)| index * extent..(index * extent).saturating_add(*extent);
        index.iter().zip(&self.chunk_shape).map(axis).collect()
    }

    /// The voxels of `chunk` that the array has.
    pub fn inside(&self, chunk: &VoxelBox) -> VoxelBox {
        let axis = |(range, end): (&Range<u64>, &u64)| range.start..range.end.min(*end);
        chunk.ranges().iter().zip(&self.array_shape).map(axis).collect()
    }

    /// The indices of the chunks that `voxels` meet, last axis fastest.
    pub fn chunks_of(&self, voxels: &VoxelBox) -> impl Iterator<Item = Vec<u64>> + use<> {
        let axis = |(range, chunk): (&Range<u64>, &u64)| range.start / chunk..range.end.div_ceil(*chunk);
        voxels.ranges().iter().zip(&self.chunk_shape).map(axis).collect::<VoxelBox>().indices()
    }

    /// The indices of all chunks, last axis fastest.
    pub fn chunks(&self) -> impl Iterator<Item = Vec<u64>> + use<> {
        VoxelBox::of_shape(&self.shape()).indices()
    }

    /// The position of the chunk at `index` among all of the array, last axis fastest, if that is a number.
    pub fn position(&self, index: &[u64]) -> Option<u64> {
        let mut axes = index.iter().zip(self.array_shape.iter().zip(&self.chunk_shape));
        axes.try_fold(0u64, |position, (index, (extent, chunk))| {
            position.checked_mul(extent.div_ceil(*chunk))?.checked_add(*index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_that_is_met() {
        let grid = VoxelGrid::new(&[10, 7], &[4, 4]);
        let chunks_of = |ranges: [Range<u64>; 2]| grid.chunks_of(&ranges.into_iter().collect());
        assert_eq!(chunks_of([3..9, 0..4]).collect::<Vec<_>>(), [[0, 0], [1, 0], [2, 0]]);
        assert_eq!(chunks_of([0..1, 3..5]).collect::<Vec<_>>(), [[0, 0], [0, 1]]);
        assert_eq!(chunks_of([4..4, 3..5]).count(), 0);
        let positions: Vec<_> = grid.chunks().map(|index| grid.position(&index)).collect();
        assert_eq!(positions, (0..6).map(Some).collect::<Vec<_>>());
        assert_eq!(grid.n_chunks(), Some(6));
    }

    #[test]
    fn chunks_at_the_end_reach_past_the_array() {
        let grid = VoxelGrid::new(&[10, 7], &[4, 4]);
        let last = grid.chunk(&[2, 1]);
        assert_eq!(last.ranges(), [8..12, 4..8]);
        assert_eq!(grid.inside(&last).ranges(), [8..10, 4..7]);
        let endless = VoxelGrid::new(&[u64::MAX; 3], &[1, 1, 1]);
        assert_eq!((endless.n_chunks(), endless.position(&[5, 0, 0])), (None, None));
    }
}
