//! From the components of all blocks to those of the volume.

use super::components::Component;
use super::error::LabelError;
use super::union_find::UnionFind;
use crate::tools::error::Result;

/// The components of all blocks, as they are gathered, block by block.
#[derive(Debug, Default)]
pub struct Merge {
    /// Of each block, the number of its first component; at last the number of all.
    begins: Vec<usize>,
    /// First voxels are positions in the volume.
    found: Vec<Component>,
    sets: UnionFind,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// How many components there are.
    pub components: u64,
    /// How many voxels the largest has.
    pub largest: u64,
    /// How many voxels all have.
    pub voxels: u64,
}

impl Merge {
    /// Adds the components of the next block.
    pub fn add_block(&mut self, found: impl IntoIterator<Item = Component>) {
        self.begins.push(self.found.len());
        for component in found {
            self.found.push(component);
            self.sets.add();
        }
    }

    /// Joins two components, each known by its block and its number there, from 1.
    pub fn join(&mut self, one: (u64, u32), other: (u64, u32)) -> Result {
        let (one, other) = (self.number(one)?, self.number(other)?);
        self.sets.join(one, other);
        Ok(())
    }

    fn number(&self, (block, label): (u64, u32)) -> Result<usize> {
        let block = usize::try_from(block)?;
        let end = self.begins.get(block + 1).copied().unwrap_or(self.found.len());
        let number = self.begins.get(block).map(|begin| begin + label as usize - 1);
        Ok(number.filter(|number| *number < end).ok_or(LabelError::NoComponent)?)
    }

    /// Numbers the components of the volume from 1, in the order of their first voxels: for each block, the numbers of
    /// its components. Each channel of `n_voxels` has numbers of its own.
    pub fn finish(mut self, n_voxels: u64) -> (Merged, Vec<usize>, Vec<u64>) {
        let n = self.found.len();
        for component in 0..n {
            let root = self.sets.find(component);
            if root != component {
                let Component { first, size } = self.found[component];
                self.found[root].size += size;
                self.found[root].first = self.found[root].first.min(first);
            }
        }
        let mut roots: Vec<usize> =
            (0..n).filter(|&component| self.sets.find(component) == component).collect();
        roots.sort_unstable_by_key(|root| self.found[*root].first);
        let mut labels = vec![0; n];
        for channel in roots
            .chunk_by(|one, other| self.found[*one].first / n_voxels == self.found[*other].first / n_voxels)
        {
            for (label, root) in (1..).zip(channel) {
                labels[*root] = label;
            }
        }
        for component in 0..n {
            labels[component] = labels[self.sets.find(component)];
        }
        let sizes = || roots.iter().map(|root| self.found[*root].size);
        let merged = Merged {
            components: roots.len() as u64,
            largest: sizes().max().unwrap_or(0),
            voxels: sizes().sum(),
        };
        self.begins.push(n);
        (merged, self.begins, labels)
    }
}

impl Merged {
    /// As words, for rank 0.
    pub fn words(self) -> [u64; 3] {
        [self.components, self.largest, self.voxels]
    }

    /// From words.
    pub fn from_words(words: &[u64]) -> Result<Self> {
        let [components, largest, voxels] = *words else {
            return Err(LabelError::NoFigures.into());
        };
        Ok(Self { components, largest, voxels })
    }
}
