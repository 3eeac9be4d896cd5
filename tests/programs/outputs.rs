//! Runs a task whose output asks for care, on whatever ranks there are: `outputs KIND PATH`.
//!
//! KIND is `chunks` or `shards`, where blocks of 50³ write parts of the same ones; `compressed`, which is HDF5 that only
//! one process can write, or `undeclared`, where the task does not say so; `mpio`, which is HDF5 that all ranks have open
//! together, or `mpio-odd`, where rank 1 asks for another one. Each block takes another time, and writes slab by slab.
//! Blocks leave a file beside PATH.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use bellis::storage::Compression;
use bellis::{Array, ArraySpec, Block, Coordinate, Result, Roi, Runner, Task};
use mpi::topology::{Communicator, SimpleCommunicator};
use ndarray::ArrayD;

/// Voxels of a slab along the first axis.
const SLAB: i64 = 10;

pub fn run(words: &[&str]) -> Result {
    let [kind, path] = words else { return Err("outputs KIND PATH".into()) };
    let path = Path::new(path);
    // It initializes MPI, so that the rank can be asked for.
    let together = if kind.starts_with("mpio") { Runner::new().mpi_io()? } else { None };
    let spec = ArraySpec::new([150, 150, 150]);
    let spec = match *kind {
        "chunks" => spec.chunks([64, 64, 64]),
        "shards" => spec.chunks([16, 16, 16]).shards([96, 96, 96]),
        "compressed" | "undeclared" => spec.chunks([50, 50, 50]).compression(Compression::Gzip { level: 1 }),
        "mpio" => spec,
        "mpio-odd" if SimpleCommunicator::world().rank() == 1 => spec.chunks([5, 5, 5]),
        "mpio-odd" => spec.chunks([50, 50, 50]),
        other => return Err(format!("an output of kind {other:?} is unknown").into()),
    };
    let array = match together {
        Some(ranks) => Array::<u16>::create_mpio(path, &spec, ranks)?,
        None => Array::<u16>::create(path, &spec)?,
    };
    let task = Task::builder(*kind).total_roi(array.roi()).block_shape([50, 50, 50]).max_retries(0);
    let task = if *kind == "undeclared" { task } else { task.writes(&array) };
    let trace = PathBuf::from(format!("{}.blocks", path.parent().unwrap_or(path).display()));
    let process = move |block: &Block| {
        std::fs::create_dir_all(&trace)?;
        std::fs::write(trace.join(block.index().to_string()), "")?;
        write_in_slabs(&array, block)
    };
    Ok(bellis::run(task.share_chunks(true).process(process).build()?)?.into_result()?)
}

fn write_in_slabs(array: &Array<u16>, block: &Block) -> Result {
    let mut random = (block.index() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut pause = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        sleep(Duration::from_millis(random >> 61));
    };
    let (begin, end) = (*block.write_roi.begin(), block.write_roi.end());
    for z in (begin[0]..end[0]).step_by(usize::try_from(SLAB)?) {
        let from = Coordinate::from([z, begin[1], begin[2]]);
        let to = Coordinate::from([end[0].min(z + SLAB), end[1], end[2]]);
        let slab = Roi::from_bounds(&from, &to)?;
        pause();
        array.write(&slab, &content(&slab))?;
    }
    Ok(())
}

/// What the voxels hold: nearly all of them something else than their neighbours, and none 0.
fn content(roi: &Roi) -> ArrayD<u16> {
    let shape: Vec<usize> = roi.shape().iter().map(|extent| extent as usize).collect();
    ArrayD::from_shape_fn(shape, |at| {
        let [z, y, x] = [0, 1, 2].map(|axis| roi.begin()[axis] + at[axis] as i64);
        ((z * 31 + y * 17 + x * 7) % 65_521 + 1) as u16
    })
}
