//! How the file of an N5 block is found, read and made.

use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::block;
use super::metadata::Dataset;
use crate::storage::chunked::codec::{CellCodec, CodecError, Content};
use crate::storage::voxels::{boxes, spans, uninit};

/// How a dataset keeps its blocks.
pub(super) struct N5Codec {
    directory: PathBuf,
    dataset: Dataset,
}

impl N5Codec {
    pub(super) fn new(directory: &Path, dataset: Dataset) -> Self {
        Self { directory: directory.to_path_buf(), dataset }
    }
}

impl CellCodec for N5Codec {
    /// The index along x is the outermost directory.
    fn path_of(&self, cell: &[u64]) -> PathBuf {
        cell.iter().rev().fold(self.directory.clone(), |path, index| path.join(index.to_string()))
    }

    fn content(&self, file: File, length: u64) -> impl Content {
        Block { dataset: &self.dataset, file, length }
    }

    /// Blocks at the end of the array are stored as far as the array goes.
    fn encode(&self, cell: &[u64], voxels: &[u8], file: &mut Vec<u8>) -> Result<(), CodecError> {
        let Dataset { chunks, shape, codec, data_type, .. } = &self.dataset;
        let cell = boxes::chunk_box(cell, chunks);
        let inside = boxes::inside(&cell, shape);
        let stored = if inside == cell {
            voxels.to_vec()
        } else {
            let n_bytes = boxes::extents(&inside).iter().product::<usize>() * data_type.size();
            let mut stored = vec![0; n_bytes];
            spans::cut(&inside, &inside, &mut stored, &cell, voxels, data_type.size() as u64);
            stored
        };
        Ok(block::encode(stored, &boxes::extents(&inside), *data_type, codec, file)?)
    }
}

/// The file of a block.
struct Block<'a> {
    dataset: &'a Dataset,
    file: File,
    length: u64,
}

// SAFETY: both ways out copy as many bytes as there are.
unsafe impl Content for Block<'_> {
    /// A block is decoded as a whole; it may be smaller than its chunk, and what it lacks is 0.
    fn decode(&self, part: &[Range<u64>], to: &mut [MaybeUninit<u8>]) -> Result<(), CodecError> {
        let Dataset { chunks, codec, data_type, .. } = self.dataset;
        let bytes = uninit::read_range(&self.file, 0, self.length)?;
        let (shape, voxels) =
            block::decode(&bytes, chunks, *data_type, codec).map_err(CodecError::Corrupt)?;
        let stored: Vec<Range<u64>> = shape.iter().map(|&extent| 0..extent as u64).collect();
        if stored == part {
            uninit::copy(&voxels, to);
            return Ok(());
        }
        let mut wanted = vec![0; to.len()];
        let common = boxes::common(part, &stored);
        if common.iter().all(|range| range.start < range.end) {
            spans::cut(&common, part, &mut wanted, &stored, &voxels, data_type.size() as u64);
        }
        uninit::copy(&wanted, to);
        Ok(())
    }
}
