//! How the file of an N5 block is found, read and made.

use std::fs::File;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use super::block;
use super::metadata::Dataset;
use crate::geometry::{VoxelBox, VoxelGrid};
use crate::storage::chunked::codec::{ChunkCodec, ChunkContent, CodecError};
use crate::storage::voxels::buffer::Voxels;
use crate::storage::voxels::uninit;

/// How a dataset keeps its blocks.
pub(super) struct N5Codec {
    directory: PathBuf,
    dataset: Dataset,
    grid: VoxelGrid,
}

impl N5Codec {
    pub(super) fn new(directory: &Path, dataset: Dataset, grid: VoxelGrid) -> Self {
        Self { directory: directory.to_path_buf(), dataset, grid }
    }
}

impl ChunkCodec for N5Codec {
    /// The index along x is the outermost directory.
    fn path_of(&self, index: &[u64]) -> PathBuf {
        index.iter().rev().fold(self.directory.clone(), |path, index| path.join(index.to_string()))
    }

    fn content(&self, file: File, length: u64) -> impl ChunkContent {
        Block { dataset: &self.dataset, file, length }
    }

    /// Blocks at the end of the array are stored as far as the array goes.
    fn encode(&self, index: &[u64], voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        let Dataset { codec, data_type, .. } = &self.dataset;
        let chunk = self.grid.chunk(index);
        let inside = self.grid.inside(&chunk);
        let stored = if inside == chunk {
            voxels.to_vec()
        } else {
            let element = data_type.size();
            let mut stored = vec![0; inside.n_voxels() as usize * element];
            Voxels { range: &chunk, bytes: voxels, element }.copy_to(&inside, &inside, &mut stored);
            stored
        };
        Ok(block::encode(stored, &inside.shape(), *data_type, codec, file)?)
    }
}

/// The file of a block.
struct Block<'a> {
    dataset: &'a Dataset,
    file: File,
    length: u64,
}

// SAFETY: both ways out copy as many bytes as there are.
unsafe impl ChunkContent for Block<'_> {
    /// A block is decoded as a whole; it may be smaller than its chunk, and what it lacks is 0.
    fn decode(&self, part: &VoxelBox, to: &mut [MaybeUninit<u8>]) -> Result<(), CodecError> {
        let Dataset { chunks, codec, data_type, .. } = self.dataset;
        let bytes = uninit::read_range(&self.file, 0, self.length)?;
        let (shape, voxels) =
            block::decode(&bytes, chunks, *data_type, codec).map_err(CodecError::Corrupt)?;
        let stored: VoxelBox = shape.iter().map(|&extent| 0..extent as u64).collect();
        if stored == *part {
            uninit::copy(&voxels, to);
            return Ok(());
        }
        let mut wanted = vec![0; to.len()];
        let common = part.intersect(&stored);
        if !common.is_empty() {
            let voxels = Voxels { range: &stored, bytes: &voxels, element: data_type.size() };
            voxels.copy_to(&common, part, &mut wanted);
        }
        uninit::copy(&wanted, to);
        Ok(())
    }
}
