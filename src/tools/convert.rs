//! Copies an array into another format, chunking, compression or type of element.
//!
//! ```text
//! bellis convert volume.n5/raw volume.zarr/raw --chunks 64,64,64 --compression zstd:5
//! mpirun -n 4 bellis convert probabilities.zarr masks.zarr --dtype uint8 --round --clip
//! mpirun -n 4 bellis convert volume.h5/raw volume.zarr/raw --chunks 32,32,32 --shards 256,256,256
//! ```
//!
//! Both formats follow from the paths. Offset, voxel size, axis names and units go with the voxels, and so does the fill
//! value.
//!
//! No value changes unless it was allowed: one that the new type does not hold fails its block, and the message names the
//! value. `--clip` takes the nearest end of the range for what lies beyond it (and 0 for what is not a number), `--round`
//! the nearest value for what lies between two, halfway the even one. Floating-point numbers always become the nearest
//! ones of another precision, as they are rounded anyway; only beyond its range they need `--clip`. Masks (`bool`) are 0 and 1
//! among other types, and `uint8` in N5, which has none.

use std::path::PathBuf;

use super::common::blocks::Blocks;
use super::common::number::{Loss, Value, cast_one, with_type};
use super::common::output::Output;
use super::common::place::{data_type_at, is_in_n5, require_another};
use super::common::source::Source;
use super::error::{Result, ToolError};
use crate::plan::{Fit, Task};
use crate::run::Runner;
use crate::storage::{ArrayInfo, DataType, OpenOptions, describe_with};

/// Copies an array into another format, chunking, compression or type of element.
#[derive(Debug, Clone)]
pub struct Convert {
    /// The array, such as `volume.n5/raw`.
    pub src: PathBuf,
    /// What is said of `src` that its file does not say, or over what it says.
    pub open: OpenOptions,
    /// The array that is made, such as `volume.zarr/raw`, or, if it is there and fits, written over.
    pub dst: PathBuf,
    /// The blocks that write it.
    pub blocks: Blocks,
    /// Type of the output's elements; the input's where `None`.
    pub dtype: Option<DataType>,
    /// Whether values beyond the range of the type become its nearest end, and 0 what is not a number. Otherwise they fail.
    pub clip: bool,
    /// Whether values between two of the type become the nearer one, halfway the even one. Otherwise they fail.
    pub round: bool,
    /// How the output is stored.
    pub output: Output,
    /// How the blocks are run.
    pub runner: Runner<'static>,
}

/// What was converted.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// What the output is.
    pub info: ArrayInfo,
    /// How long the run took, in seconds.
    pub elapsed_s: f64,
}

impl Convert {
    /// A copy of `src` at `dst`, with all else as it is by default.
    pub fn new(src: impl Into<PathBuf>, dst: impl Into<PathBuf>) -> Self {
        Self {
            src: src.into(),
            open: OpenOptions::new(),
            dst: dst.into(),
            blocks: Blocks::default(),
            dtype: None,
            clip: false,
            round: false,
            output: Output::default(),
            runner: Runner::new(),
        }
    }

    /// Converts. All ranks call it with the same, and all get the result.
    ///
    /// # Errors
    /// An input that cannot be read, an output that cannot be made, blocks that would write one chunk at the same time: before
    /// anything is written. Blocks that failed: a value that the type does not hold, a chunk that cannot be read.
    pub fn run(&self) -> Result<Converted> {
        let data_type = match self.dtype {
            Some(data_type) => data_type,
            None => data_type_at(&self.dst, describe_with(&self.src, &self.open)?.data_type),
        };
        with_type!(data_type, T => self.run_as::<T>())
    }

    fn run_as<T: Value>(&self) -> Result<Converted> {
        let Self { src, open, dst, clip, round, .. } = self;
        let loss = Loss { clip: *clip, round: *round };
        require_another(dst, src)?;
        let source = Source::<T>::open(src, open, loss)?;
        let mut spec = source.spec.clone();
        // N5 keeps none but 0.
        if !is_in_n5(dst) {
            let fill_value: T = cast_one(source.info.fill_value, loss)
                .map_err(|source| ToolError::FillValue { path: src.clone(), source })?;
            spec = spec.fill_value(fill_value);
        }
        let (output, block) = self.blocks.create::<T>("convert", dst, spec, &self.output, &source.info)?;
        if output.info().shape.contains(&0) {
            return Ok(Converted { info: output.info().clone(), elapsed_s: 0.0 });
        }

        let to = output.clone();
        let task = Task::builder("convert").total_roi(output.roi()).block_shape(block).fit(Fit::Shrink);
        let task = task.writes(&output).share_chunks(self.blocks.share_chunks).process(move |block| {
            let voxels = source.read(&block.read_roi).map_err(ToolError::of_block)?;
            to.write(&block.write_roi, &voxels)?;
            Ok(())
        });
        let report = self.runner.run(task.build()?)?;
        let elapsed_s = report.elapsed_s;
        report.into_result()?;
        Ok(Converted { info: output.info().clone(), elapsed_s })
    }
}
