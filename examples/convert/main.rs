//! Copies an array into another format, chunking, compression or type of element.
//!
//! ```text
//! convert volume.n5/raw volume.zarr/raw --chunks 64,64,64 --compression zstd:5
//! mpirun -n 4 convert probabilities.zarr masks.zarr --dtype uint8 --round --clip
//! mpirun -n 4 convert volume.h5/raw volume.zarr/raw --chunks 32,32,32 --shards 256,256,256
//! ```
//!
//! Both formats follow from the paths. Offset, voxel size, axis names and units go with the voxels, and so does the fill
//! value.
//!
//! No value changes unless it was allowed: one that the new type does not hold fails its block, and the message names the
//! value. `--clip` takes the nearest end of the range for what lies beyond it (and 0 for what is not a number), `--round`
//! the nearest value for what lies between two, halfway the even one. Floating-point numbers always become the nearest
//! ones of another precision, as they are rounded anyway; only beyond its range they need `--clip`.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/tool/mod.rs"]
mod tool;

use std::path::PathBuf;
use std::process::ExitCode;

use bellis::storage::{DataType, describe};
use bellis::{Fit, Task};

use tool::blocks::Blocks;
use tool::number::{Loss, Number, cast_one, with_type};
use tool::options::{Output, data_type};
use tool::place::{is_in_n5, require_another};
use tool::source::Source;

/// Copies an array into another format, chunking, compression or type of element.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    /// The array, such as volume.n5/raw
    src: PathBuf,
    /// The array that is made, such as volume.zarr/raw, or, if it is there and fits, written over
    dst: PathBuf,
    #[command(flatten)]
    blocks: Blocks,
    /// Type of the output's elements [default: the input's]
    #[arg(long, value_parser = data_type)]
    dtype: Option<DataType>,
    /// Beyond the range of the type: take its nearest end, and 0 for what is not a number
    #[arg(long)]
    clip: bool,
    /// Between two values of the type: take the nearer one, halfway the even one
    #[arg(long)]
    round: bool,
    #[command(flatten)]
    output: Output,
}

fn main() -> ExitCode {
    bellis::main(|| {
        let Some(arguments) = common::arguments::<Arguments>()? else { return Ok(()) };
        let data_type = match arguments.dtype {
            Some(data_type) => data_type,
            None => describe(&arguments.src)?.data_type,
        };
        with_type!(data_type, &arguments.dst, T => run::<T>(&arguments))
    })
}

fn run<T: Number>(arguments: &Arguments) -> bellis::Result {
    let Arguments { src, dst, clip, round, .. } = arguments;
    let loss = Loss { clip: *clip, round: *round };
    require_another(dst, src)?;
    let source = Source::<T>::open(src, loss)?;
    let mut spec = source.spec.clone();
    // N5 keeps none but 0.
    if !is_in_n5(dst) {
        let fill_value: T = cast_one(source.info.fill_value, loss)
            .map_err(|error| format!("the fill value of {}: {error}", src.display()))?;
        spec = spec.fill_value(fill_value);
    }
    let (output, block) = arguments.blocks.create::<T>(dst, spec, &arguments.output, &source.info)?;

    let to = output.clone();
    let task = Task::builder("convert").total_roi(output.roi()).block_shape(block).fit(Fit::Shrink);
    let task = task.writes(&output).share_chunks(arguments.blocks.share_chunks).process(move |block| {
        to.write(&block.write_roi, &source.read(&block.read_roi)?)?;
        Ok(())
    });
    let report = bellis::run(task.build()?)?;
    let elapsed_s = report.elapsed_s;
    report.into_result()?;
    let info = output.info();
    let (n_voxels, path) = (info.shape.iter().product::<u64>(), dst.display());
    common::say(format!(
        "{path}: {n_voxels} voxels of {}, {} ({elapsed_s:.2} s)",
        info.data_type, info.format
    ));
    Ok(())
}
