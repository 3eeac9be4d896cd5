//! Smooths a volume with a Gaussian, block by block: a task whose blocks read more than they write.
//!
//! ```text
//! bellis smooth --input volume.zarr/raw --output smooth.zarr --sigma 2
//! mpirun -n 4 bellis smooth --input made-up --output demo-out/smooth.zarr --sigma 2 --png demo-out
//! ```
//!
//! The volume has any number of axes, and channels before them, which are smoothed each on its own. The output does not
//! depend on the shape of the blocks or on the number of ranks, bit by bit.

pub mod cells;
pub mod check;
pub mod error;
pub mod gaussian;
pub mod picture;
pub mod volume;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::common::output::require_axes;
use super::common::place::require_another;
use super::error::Result;
use crate::geometry::Coordinate;
use crate::observe::Report;
use crate::plan::{Fit, Pipeline, Task};
use crate::run::{Runner, is_coordinator};
use crate::storage::{Array, ArrayInfo, ArraySpec, OpenOptions};
use error::SmoothError;
use gaussian::Gaussian;
use volume::Volume;

/// Smooths a volume with a Gaussian, block by block.
#[derive(Debug, Clone)]
pub struct Smooth {
    /// The array to smooth, such as `volume.zarr/raw`, or `made-up`: cells, written to `made-up.zarr` beside the output.
    pub input: PathBuf,
    /// What is said of `input` that its file does not say, or over what it says.
    pub open: OpenOptions,
    /// The array of `float32` that is made or, if it is there and fits, written over.
    pub output: PathBuf,
    /// Standard deviation of the Gaussian in voxels, above 0 and up to 1000; it is cut off at 4 of them, and continued past
    /// the border with the nearest voxel.
    pub sigma: f64,
    /// Shape of a block in voxels; at most 2^18 voxels, 64,64,64 in 3-D, where `None`.
    pub block: Option<Vec<u64>>,
    /// Shape of the output's chunks in voxels, of which a block must be a multiple; the shape of a block where `None`.
    pub chunks: Option<Vec<u64>>,
    /// Shape of the made-up volume.
    pub shape: Vec<u64>,
    /// The folder that before.png and after.png, the slice in the middle, are written to.
    pub png: Option<PathBuf>,
    /// How the blocks are run.
    pub runner: Runner<'static>,
}

/// What was smoothed.
#[derive(Debug, Clone)]
pub struct Smoothed {
    /// What the input is.
    pub input: ArrayInfo,
    /// What the output is.
    pub output: ArrayInfo,
    /// The pictures that were written.
    pub pictures: Vec<PathBuf>,
    /// How the run went.
    pub report: Report,
}

impl Smooth {
    /// `input` smoothed with a Gaussian of 2 voxels, at `output`.
    pub fn new(input: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            input: input.into(),
            open: OpenOptions::new(),
            output: output.into(),
            sigma: 2.0,
            block: None,
            chunks: None,
            shape: vec![256; 3],
            png: None,
            runner: Runner::new(),
        }
    }

    /// Smooths, and computes some voxels again in another way. All ranks call it with the same; rank 0 gets the result,
    /// `None` all others.
    ///
    /// # Errors
    /// As [`Convert::run`](super::Convert::run); a folder for pictures that cannot be made; a voxel that is wrong.
    pub fn run(&self) -> Result<Option<Smoothed>> {
        let is_made_up = self.input.as_os_str() == "made-up";
        let path = if is_made_up { self.output.with_file_name("made-up.zarr") } else { self.input.clone() };
        if is_made_up && self.open != OpenOptions::new() {
            return Err(SmoothError::MadeUpPlace.into());
        }
        let make = if is_made_up { Some(make_up(&path, &self.shape)?) } else { None };
        let input = Arc::new(Volume::open(&path, &self.open)?);
        if let Some(folder) = &self.png {
            prepare_pictures(folder, &input)?;
        }

        let gaussian = Gaussian::new(self.sigma);
        let block = block_shape(&input, self.block.as_deref())?;
        let output = create_output(&self.output, &input, self.chunks.as_deref().unwrap_or(&block))?;
        let smooth = smooth(input.clone(), &output, &gaussian, &block)?;
        let pipeline = match make {
            Some(make) => make + smooth,
            None => Pipeline::from(smooth),
        };
        let report = self.runner.run(pipeline)?;
        report.clone().into_result()?;
        if !is_coordinator() {
            return Ok(None);
        }
        check::check(&input, &output, &gaussian)?;
        let pictures = match &self.png {
            Some(folder) => picture::write_both(folder, &input, &output)?,
            None => Vec::new(),
        };
        Ok(Some(Smoothed { input: input.info.clone(), output: output.info().clone(), pictures, report }))
    }
}

/// The task that writes a volume of cells.
fn make_up(path: &Path, shape: &[u64]) -> Result<Task> {
    if shape.len() != 3 {
        return Err(SmoothError::MadeUpShape { n_given: shape.len() }.into());
    }
    let cells = Array::<u8>::create(path, &ArraySpec::new(shape).axis_names(["z", "y", "x"]))?;
    let task = Task::builder("make up").total_roi(cells.roi()).block_shape([64, 64, 64]).fit(Fit::Shrink);
    let output = cells.clone();
    let task = task.writes(&cells).process(move |block| {
        let (begin, end) = (block.write_roi.begin(), block.write_roi.end());
        output.write(&block.write_roi, &cells::voxels([0, 1, 2].map(|axis| begin[axis]..end[axis])))?;
        Ok(())
    });
    Ok(task.build()?)
}

/// The task that smooths.
fn smooth(input: Arc<Volume>, output: &Array<f32>, gaussian: &Gaussian, block: &[u64]) -> Result<Task> {
    let voxel_size = output.voxel_size();
    let voxels = Coordinate::from_fn(block.len(), |axis| i64::try_from(block[axis]).unwrap_or(i64::MAX));
    let context = gaussian.context(voxel_size)?;
    let n_channel_axes = input.info.n_channel_axes();
    let (gaussian, target) = (gaussian.clone(), output.clone());
    let task = Task::builder("smooth")
        .total_write_roi(output.roi())
        .block_shape(voxels.checked_mul(voxel_size)?)
        .context(context, context)
        .fit(Fit::Shrink)
        // Another array is read than written.
        .read_write_conflict(false)
        .writes(output)
        .process(move |block| {
            let data = input.read(&block.read_roi)?;
            target.write(&block.write_roi, &gaussian.smooth(data, n_channel_axes)?)?;
            Ok(())
        });
    Ok(task.build()?)
}

/// The block shape that was asked for, or the largest power of two along every axis that makes 2^18 voxels at most.
fn block_shape(input: &Volume, asked: Option<&[u64]>) -> Result<Vec<u64>> {
    let n_axes = input.roi.n_axes();
    match asked {
        None => Ok(vec![1 << (18 / n_axes); n_axes]),
        Some(block) => require_axes("--block", block, &input.info).map(|()| block.to_vec()),
    }
}

fn create_output(path: &Path, input: &Volume, chunks: &[u64]) -> Result<Array<f32>> {
    require_axes("--chunks", chunks, &input.info)?;
    require_another(path, &input.info.path)?;
    let n_channel_axes = input.info.n_channel_axes();
    let spatial =
        chunks.iter().zip(&input.info.shape[n_channel_axes..]).map(|(chunk, extent)| *chunk.min(extent));
    let chunks: Vec<u64> = input.info.channel_shape().iter().copied().chain(spatial).collect();
    Ok(Array::create(path, &input.spec.clone().chunks(chunks))?)
}

/// Refuses now what would only be found wrong after the run.
fn prepare_pictures(folder: &Path, input: &Volume) -> Result {
    if input.roi.n_axes() < 2 {
        return Err(SmoothError::NoSlice { path: input.info.path.clone() }.into());
    }
    let failed = |source| SmoothError::Folder { folder: folder.to_owned(), source };
    Ok(std::fs::create_dir_all(folder).map_err(failed)?)
}
