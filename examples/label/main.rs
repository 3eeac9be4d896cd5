//! Connected components of what is brighter than a threshold, block by block.
//!
//! ```text
//! mpirun -n 4 label volume.zarr/raw labels.zarr --threshold 100 --block 64,64,64 --connectivity 26
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

#[path = "../common/mod.rs"]
mod common;
mod components;
mod connectivity;
mod merge;
mod subject;
mod tasks;
mod threshold;
#[path = "../common/tool/mod.rs"]
mod tool;
mod touch;
mod union_find;

use std::path::PathBuf;
use std::process::ExitCode;

use bellis::Pipeline;
use bellis::storage::{DataType, describe};
use serde_json::json;

use connectivity::Connectivity;
use merge::Merged;
use subject::Subject;
use tasks::Labelling;
use threshold::Threshold;
use tool::blocks::Blocks;
use tool::number::{Loss, Number, with_type};
use tool::options::{Output, data_type};
use tool::place::require_another;
use tool::scratch::Scratch;
use tool::source::Source;

/// Labels the connected components of what is brighter than a threshold.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    /// The array, such as volume.zarr/raw
    src: PathBuf,
    /// The array of labels that is made or, if it is there and fits, written over
    dst: PathBuf,
    /// A voxel belongs to a component if it is larger than this
    #[arg(long, allow_hyphen_values = true)]
    threshold: Threshold,
    #[command(flatten)]
    blocks: Blocks,
    /// Which voxels are neighbours: faces or all; or how many each has, such as 6 or 26 in 3-D
    #[arg(long, default_value = "faces")]
    connectivity: Connectivity,
    /// Type of the labels: an unsigned or signed integer
    #[arg(long, default_value = "uint64", value_parser = data_type)]
    dtype: DataType,
    #[command(flatten)]
    output: Output,
    /// The folder in which a scratch folder is made; all ranks have to see it [default: beside DST]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
}

fn main() -> ExitCode {
    bellis::main(|| {
        let Some(arguments) = common::arguments::<Arguments>()? else { return Ok(()) };
        if matches!(arguments.dtype, DataType::F32 | DataType::F64) {
            return Err(format!("labels are whole numbers: --dtype {} holds others", arguments.dtype).into());
        }
        with_type!(arguments.dtype, &arguments.dst, T => run::<T>(&arguments))
    })
}

fn run<T: Number>(arguments: &Arguments) -> bellis::Result {
    let Arguments { src, dst, .. } = arguments;
    require_another(dst, src)?;
    let info = describe(src)?;
    let connectivity = arguments.connectivity.among(info.offset.n_axes())?;
    let subject = with_type!(info.data_type, src, S => {
        Subject::new(Source::<S>::open(src, Loss::default())?, arguments.threshold, connectivity)
    })?;
    let spec = subject.spec.clone().fill_value(0u8);
    let (output, block) = arguments.blocks.create::<T>(dst, spec, &arguments.output, &info)?;
    let scratch = Scratch::beside(dst, "label", arguments.scratch.as_deref());
    let labelling = Labelling::new(subject, connectivity, &block, &scratch)?;
    let merged = scratch.exchange("merged");

    let pipeline = Pipeline::from(scratch.prepare(labelling.roi())?)
        + labelling.label()?
        + labelling.touch()?
        + labelling.merge::<T>(&merged)?
        + labelling.relabel(&output, arguments.blocks.share_chunks)?;
    let report = bellis::run(pipeline)?;
    let elapsed_s = report.elapsed_s;
    let merged = scratch.conclude(report, || Merged::from_words(&merged.get(0)?))?;
    if let Some(Merged { components, largest, voxels }) = merged {
        common::say(json!({
            "path": dst.display().to_string(),
            "components": components,
            "largest": largest,
            "voxels": voxels,
            "elapsed_s": (elapsed_s * 1000.0).round() / 1000.0,
        }));
    }
    Ok(())
}
