//! The four tasks.

use crate::geometry::{Coordinate, Roi};
use crate::plan::{Fit, Task};
use crate::plan::{Grid, GridBox};
use crate::storage::Array;
use crate::storage::FillValue;
use crate::tools::error::{Result, ToolError};

use super::components::Component;
use super::connectivity::Neighbours;
use super::error::LabelError;
use super::merge::Merge;
use super::subject::Subject;
use super::touch::{self, Side};
use crate::tools::common::exchange::Exchange;
use crate::tools::common::number::{Loss, Number};
use crate::tools::common::scratch::Scratch;

/// What is labelled, and what blocks leave for each other. Cheap to clone.
#[derive(Clone)]
pub struct Labelling {
    subject: Subject,
    neighbours: Neighbours,
    grid: Grid,
    /// Of each block: its outer planes, then first voxel and size of each component.
    blocks: Exchange,
    /// Of each block: for some neighbours, the neighbour, the number of pairs, and the pairs.
    pairs: Exchange,
    /// Of each block: what the numbers of its components become.
    tables: Exchange,
}

impl Labelling {
    /// Labels the components of `subject` in blocks of this shape.
    pub fn new(
        subject: Subject,
        neighbours: Neighbours,
        block: &Coordinate,
        scratch: &Scratch,
    ) -> Result<Self> {
        let none = Coordinate::zeros(block.n_axes());
        let grid = Grid::new(subject.roi, *block, none, none, Fit::Shrink)?;
        let n_voxels = block.min(subject.roi.shape())?.div_floor(&subject.info.voxel_size)?.product()?;
        let n_channels: u64 = subject.info.channel_shape().iter().product();
        let n_voxels = n_voxels.unsigned_abs().saturating_mul(n_channels);
        if u32::try_from(n_voxels).is_err() {
            return Err(LabelError::BlockTooLarge { n_voxels }.into());
        }
        subject.roi.shape().div_floor(&subject.info.voxel_size)?.product()?;
        Ok(Self {
            subject,
            neighbours,
            grid,
            blocks: scratch.exchange("blocks"),
            pairs: scratch.exchange("pairs"),
            tables: scratch.exchange("tables"),
        })
    }

    /// What is labelled.
    pub fn roi(&self) -> &Roi {
        &self.subject.roi
    }

    /// Numbers the components of each block.
    pub fn label(&self) -> Result<Task> {
        let this = self.clone();
        let task = Task::builder("label").total_roi(*self.roi()).block_shape(*self.grid.write_shape());
        let task = task.fit(Fit::Shrink).process(move |block| {
            let components = this.subject.components(&block.write_roi)?;
            let numbers: Vec<u32> = (1..).take(components.found.len()).collect();
            let mut words = touch::pack(&components.paint(&numbers), this.n_channel_axes());
            let in_volume = this.in_volume(&block.write_roi)?;
            for Component { first, size } in components.found {
                words.extend([in_volume(first), size]);
            }
            Ok(this.blocks.put(block.index(), &words)?)
        });
        Ok(task.build()?)
    }

    /// Finds which components of a block touch which of its neighbours.
    pub fn touch(&self) -> Result<Task> {
        let this = self.clone();
        let one_voxel = self.subject.info.voxel_size;
        let task = Task::builder("touch")
            .total_write_roi(*self.roi())
            .block_shape(*self.grid.write_shape())
            .context(one_voxel, one_voxel)
            .fit(Fit::Shrink)
            // It reads what another task left.
            .read_write_conflict(false);
        Ok(task
            .process(move |block| Ok(this.pairs.put(block.index(), &this.touching(block.index())?)?))
            .build()?)
    }

    /// Joins what touches, in one block, once there is all of it. Numbers have to fit `T`.
    pub fn merge<T: Number>(&self, merged: &Exchange) -> Result<Task> {
        let (this, merged) = (self.clone(), merged.clone());
        let task = Task::builder("merge").total_roi(*self.roi()).block_shape(*self.roi().shape());
        Ok(task.process(move |_| this.merge_all::<T>(&merged).map_err(ToolError::of_block)).build()?)
    }

    /// Writes each block, with the numbers that its components have in the volume. Blocks may share chunks, if so said.
    pub fn relabel<T: Number>(&self, output: &Array<T>, share_chunks: bool) -> Result<Task> {
        let (this, to) = (self.clone(), output.clone());
        let task = Task::builder("relabel").total_roi(*self.roi()).block_shape(*self.grid.write_shape());
        let task = task.fit(Fit::Shrink).writes(output).share_chunks(share_chunks).process(move |block| {
            let components = this.subject.components(&block.write_roi)?;
            let table = this.tables.get(block.index())?;
            if table.len() != components.found.len() {
                return Err(LabelError::Changed { path: this.subject.info.path.clone() }.into());
            }
            let as_label = |label: &u64| fitting::<T>(*label);
            let table =
                table.iter().map(as_label).collect::<Result<Vec<T>>>().map_err(ToolError::of_block)?;
            to.write(&block.write_roi, &components.paint(&table))?;
            Ok(())
        });
        Ok(task.build()?)
    }

    /// From positions in a block to positions in the volume, both in C order.
    fn in_volume(&self, block: &Roi) -> Result<impl Fn(u64) -> u64 + use<>> {
        let info = &self.subject.info;
        let in_space = block.to_voxels(self.roi().offset(), &info.voxel_size)?;
        let channels = info.channel_shape().iter().map(|extent| 0..extent.cast_signed());
        let voxels: Vec<_> = channels.chain(in_space.iter().cloned()).collect();
        let volume = info.shape.clone();
        Ok(move |mut position: u64| {
            let (mut in_volume, mut stride) = (0, 1);
            for (along, extent) in voxels.iter().zip(&volume).rev() {
                let width = (along.end - along.start).unsigned_abs();
                in_volume += (along.start.unsigned_abs() + position % width) * stride;
                position /= width;
                stride *= extent;
            }
            in_volume
        })
    }

    fn n_channel_axes(&self) -> usize {
        self.subject.info.n_channel_axes()
    }

    /// The shape of a block, in voxels, channel axes first.
    fn shape(&self, position: &Coordinate) -> Result<Vec<usize>> {
        let shape = self.grid.write_roi(position).shape().div_floor(&self.subject.info.voxel_size)?;
        let channels = self.subject.info.channel_shape().iter().map(|extent| extent.cast_signed());
        Ok(channels.chain(shape.iter()).map(usize::try_from).collect::<Result<_, _>>()?)
    }

    fn touching(&self, index: u64) -> Result<Vec<u64>> {
        let here = self.grid.position(index);
        let here_shape = self.shape(&here)?;
        let inside: GridBox = self.grid.bounds();
        let mut words = Vec::new();
        let n_channels = self.n_channel_axes();
        for step in self.neighbours.later_steps(here.n_axes()) {
            let there = Coordinate::from_fn(here.n_axes(), |axis| here[axis] + step[axis]);
            if !inside.contains(&there) {
                continue;
            }
            let (neighbour, there_shape) = (self.grid.index(&there), self.shape(&there)?);
            let step: Vec<i64> = std::iter::repeat_n(0, n_channels).chain(step).collect();
            let across = step.iter().position(|along| *along != 0).unwrap_or(n_channels);
            let last = self.blocks.get_part(index, touch::plane(&here_shape, n_channels, across, true))?;
            let first =
                self.blocks.get_part(neighbour, touch::plane(&there_shape, n_channels, across, false))?;
            let here = Side { shape: &here_shape, words: &last };
            let there = Side { shape: &there_shape, words: &first };
            let pairs = touch::pairs(&here, &there, n_channels, &step, self.neighbours);
            if !pairs.is_empty() {
                words.extend([neighbour, pairs.len() as u64]);
                words.extend(pairs);
            }
        }
        Ok(words)
    }

    fn merge_all<T: Number>(&self, merged: &Exchange) -> Result {
        let mut merge = Merge::default();
        for index in 0..self.grid.n_blocks() {
            let planes = touch::n_words(&self.shape(&self.grid.position(index))?, self.n_channel_axes());
            let words = self.blocks.get_from(index, planes)?;
            let (found, _) = words.as_chunks::<2>();
            merge.add_block(found.iter().map(|&[first, size]| Component { first, size }));
        }
        for index in 0..self.grid.n_blocks() {
            let words = self.pairs.get(index)?;
            let mut rest = &words[..];
            while let [neighbour, n_pairs, more @ ..] = rest {
                let n_pairs = usize::try_from(*n_pairs)?.min(more.len());
                for pair in &more[..n_pairs] {
                    let [here, there] = touch::split(*pair);
                    merge.join((index, here), (*neighbour, there))?;
                }
                rest = &more[n_pairs..];
            }
        }
        let n_voxels: u64 = self.subject.info.spatial_shape().iter().product();
        let (figures, begins, labels) = merge.finish(n_voxels);
        fitting::<T>(labels.iter().copied().max().unwrap_or(0))?;
        for (index, block) in (0..).zip(begins.windows(2)) {
            self.tables.put(index, &labels[block[0]..block[1]])?;
        }
        merged.put(0, &figures.words())
    }
}

/// A label as `T`.
fn fitting<T: Number>(label: u64) -> Result<T> {
    let value = FillValue::Integer(label.into());
    let misfit = |_| LabelError::TooMany { data_type: T::DATA_TYPE, label };
    Ok(T::narrow(value, Loss::default()).map_err(misfit)?)
}
