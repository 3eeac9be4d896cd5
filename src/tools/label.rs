//! Connected components of what is brighter than a threshold, block by block.
//!
//! ```text
//! mpirun -n 4 bellis label volume.zarr/raw labels.zarr --threshold 100 --block 64,64,64 --connectivity 26
//! ```
//!
//! One pipeline of four tasks:
//!
//! 1. *label*: numbers the components of each block from 1, and leaves where each begins, how large it is, and which lie
//!    on the block's outer voxels;
//! 2. *touch*: a block and its neighbours: which components of it touch which of theirs. A block waits for its
//!    neighbours alone, and reads what they left and no voxel;
//! 3. *merge*: one block that covers everything, and so waits for all: joins what touches, and numbers what comes out;
//! 4. *relabel*: numbers the components of each block again, the same way, and writes what their numbers became.
//!
//! Numbering a block twice costs less than a volume of temporary labels, and lets a block be tried again at any time.
//! Labels count from 1 in the order of the first voxel of each component, last axis fastest, so that they depend neither on
//! the shape of the blocks nor on the number of ranks. What is not brighter than the threshold is 0. A worker needs
//! memory for a block; the merging one 32 bytes for each component of each block, and the pairs of one block.
//! Channels and time points are labelled one by one, each from 1.

pub mod components;
pub mod connectivity;
pub mod error;
pub mod merge;
pub mod subject;
pub mod tasks;
pub mod threshold;
pub mod touch;
pub mod union_find;

use std::path::PathBuf;

use super::common::blocks::Blocks;
use super::common::number::{Loss, Number, with_number};
use super::common::output::{Output, require_voxels};
use super::common::place::require_another;
use super::common::scratch::Scratch;
use super::common::source::Source;
use super::error::Result;
use crate::plan::Pipeline;
use crate::run::Runner;
use crate::storage::{DataType, OpenOptions, describe_with};
use connectivity::{Connectivity, Neighbours};
use error::LabelError;
use merge::Merged;
use subject::Subject;
use tasks::Labelling;
use threshold::Threshold;

/// Labels the connected components of what is brighter than a threshold.
#[derive(Debug, Clone)]
pub struct Label {
    /// The array, such as `volume.zarr/raw`.
    pub src: PathBuf,
    /// What is said of `src` that its file does not say, or over what it says.
    pub open: OpenOptions,
    /// The array of labels that is made or, if it is there and fits, written over.
    pub dst: PathBuf,
    /// A voxel belongs to a component if it is larger than this.
    pub threshold: Threshold,
    /// The blocks that write it.
    pub blocks: Blocks,
    /// Which voxels are neighbours.
    pub connectivity: Connectivity,
    /// Type of the labels: an unsigned or signed integer.
    pub dtype: DataType,
    /// How the output is stored.
    pub output: Output,
    /// The folder in which a scratch folder is made; all ranks have to see it. Beside `dst` where `None`.
    pub scratch: Option<PathBuf>,
    /// How the blocks are run.
    pub runner: Runner<'static>,
}

/// What was labelled.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// How many components there are.
    pub components: u64,
    /// How many voxels the largest has.
    pub largest: u64,
    /// How many voxels all have.
    pub voxels: u64,
    /// How long the run took, in seconds.
    pub elapsed_s: f64,
}

impl Label {
    /// The components of `src` above a threshold as `uint64` at `dst`, where voxels that share a face are neighbours.
    pub fn new(src: impl Into<PathBuf>, dst: impl Into<PathBuf>, threshold: Threshold) -> Self {
        Self {
            src: src.into(),
            open: OpenOptions::new(),
            dst: dst.into(),
            threshold,
            blocks: Blocks::default(),
            connectivity: Connectivity::Named(Neighbours::Faces),
            dtype: DataType::U64,
            output: Output::default(),
            scratch: None,
            runner: Runner::new(),
        }
    }

    /// Labels. All ranks call it with the same; rank 0 gets the result, `None` all others.
    ///
    /// # Errors
    /// As [`Convert::run`](super::Convert::run); more labels than the type holds.
    pub fn run(&self) -> Result<Option<Labelled>> {
        use DataType as D;
        if matches!(self.dtype, D::F16 | D::BF16 | D::F32 | D::F64 | D::C64 | D::C128) {
            return Err(LabelError::NotWhole { data_type: self.dtype }.into());
        }
        with_number!(self.dtype, T => self.run_as::<T>())
    }

    fn run_as<T: Number>(&self) -> Result<Option<Labelled>> {
        let Self { src, open, dst, .. } = self;
        require_another(dst, src)?;
        let info = describe_with(src, open)?;
        require_voxels(&info)?;
        let connectivity = self.connectivity.among(info.offset.n_axes())?;
        let subject = with_number!(info.data_type, S => {
            Subject::new(Source::<S>::open(src, open, Loss::default())?, self.threshold, connectivity)
        })?;
        let spec = subject.spec.clone().fill_value(0u8);
        let (output, block) = self.blocks.create::<T>("relabel", dst, spec, &self.output, &info)?;
        let run_dir = self.runner.resolved_run_dir()?;
        let scratch =
            Scratch::beside(dst, "label", self.scratch.as_deref()).or_in_run_dir(run_dir.as_deref(), "label");
        let labelling = Labelling::new(subject, connectivity, &block, &scratch)?;
        let merged = scratch.exchange("merged");

        let pipeline = Pipeline::from(scratch.prepare(labelling.roi())?)
            + labelling.label()?
            + labelling.touch()?
            + labelling.merge::<T>(&merged)?
            + labelling.relabel(&output, self.blocks.share_chunks)?;
        let report = self.runner.run(pipeline)?;
        let elapsed_s = report.elapsed_s;
        let merged = scratch.conclude(report, || Merged::from_words(&merged.get(0)?))?;
        Ok(merged.map(|Merged { components, largest, voxels }| Labelled {
            components,
            largest,
            voxels,
            elapsed_s,
        }))
    }
}
