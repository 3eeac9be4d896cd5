//! Writes one HDF5 dataset from all ranks of a job, and says how fast: `hdf5_ranks WAY FILE EDGE BLOCK CHUNK [KILL]`.
//!
//! WAY is `direct` or `mpio`. The volume has EDGE³ bytes in blocks of BLOCK³, and chunks of CHUNK³ or, with 0, none.
//! Ranks share the blocks; then each reads all of them and checks. With KILL the last rank ends like one that is lost,
//! by SIGKILL, after that many blocks; the others go on and leave without a collective call.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use bellis::storage::{ArraySpec, Compression, MpiIo};
use bellis::transport::mpi::{Comm, environment};
use bellis::{Array, Coordinate, Roi};
use ndarray::ArrayD;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What the voxels of a block hold, so that each block can be told from the others.
fn content(index: i64, shape: &Coordinate) -> ArrayD<u8> {
    let shape: Vec<usize> = shape.iter().map(|extent| extent as usize).collect();
    ArrayD::from_elem(shape, (index % 251 + 1) as u8)
}

fn die() -> Outcome {
    std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status()?;
    Ok(())
}

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments.get(at).map_or(Ok(0), |text| text.parse::<i64>());
    let (way, path) = (arguments[1].as_str(), arguments[2].as_str());
    let (edge, block, chunk, kill) = (number(3)?, number(4)?, number(5)?, number(6)?);
    environment()?;
    let (rank, size) = Comm::world().rank_and_size()?;
    let spec = ArraySpec::new([edge as u64; 3]);
    let spec = if chunk > 0 { spec.chunks([chunk as u64; 3]) } else { spec };
    let world = MpiIo::world().ok_or("MPI is not initialized")?;
    if way == "compressed" {
        let refused =
            Array::<u8>::create_mpio(path, &spec.compression(Compression::Gzip { level: 1 }), world);
        println!("rank {rank}: {}", refused.err().map(|error| error.to_string()).unwrap_or_default());
        return Ok(());
    }
    let array = match way {
        "mpio" => Array::<u8>::create_mpio(path, &spec, world)?,
        _ => Array::<u8>::create(path, &spec)?,
    };
    let per_axis = edge / block;
    let n_blocks = per_axis.pow(3);
    let roi_of = |index: i64| -> Outcome<Roi> {
        let at = [index / (per_axis * per_axis), index / per_axis % per_axis, index % per_axis];
        Ok(Roi::new(at.map(|position| position * block), [block; 3])?)
    };
    let begin = Instant::now();
    let (mut n_written, mut bytes) = (0, 0);
    for index in (0..n_blocks).filter(|index| *index as usize % size == rank) {
        let roi = roi_of(index)?;
        array.write(&roi, &content(index, roi.shape()))?;
        (n_written, bytes) = (n_written + 1, bytes + roi.size()?);
        if n_written == kill && rank + 1 == size {
            die()?;
        }
    }
    let write_s = begin.elapsed().as_secs_f64();
    if kill > 0 {
        println!("rank {rank}: wrote {n_written} blocks");
        // As a job that lost a rank ends: nothing collective, MPI_Finalize least of all.
        die()?;
    }
    let begin = Instant::now();
    for index in (0..n_blocks).filter(|index| *index as usize % size == rank) {
        let roi = roi_of(index)?;
        if array.read(&roi)? != content(index, roi.shape()) {
            return Err(format!("rank {rank}: block {index} is wrong").into());
        }
    }
    let read_s = begin.elapsed().as_secs_f64();
    let gigabytes = bytes as f64 / 1e9;
    println!("rank {rank}: {way} write {:.3} GB/s, read {:.3} GB/s", gigabytes / write_s, gigabytes / read_s);
    Ok(())
}
