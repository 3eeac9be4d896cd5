//! Writes one HDF5 dataset from all ranks of a job, and says how fast: `hdf5_ranks WAY FILE EDGE BLOCK CHUNK [KILL]`.
//!
//! WAY is `direct` or `mpio`. The volume has EDGE³ bytes in blocks of BLOCK³, and chunks of CHUNK³ or, with 0, none.
//! Ranks share the blocks; then each reads all of them and checks. With KILL the last rank ends like one that is lost,
//! by SIGKILL, after that many blocks; the others go on and leave without a collective call.
//!
//! WAY `half` makes two files, each on every second rank; `odd-WHAT` lets the last rank ask for something else.

use std::process::ExitCode;
use std::time::Instant;

use bellis::mpi::Comm;
use bellis::storage::{ArraySpec, Compression, MpiIo};
use bellis::{Array, Coordinate, Roi, Runner};
use mpi::topology::{Color, Communicator, SimpleCommunicator};
use ndarray::ArrayD;

/// A user without rights.
const NOBODY: libc::uid_t = 65_534;

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

/// Makes an array together with the others, and asks for something else on the last rank; or on all, for what is wrong.
fn odd(what: &str, path: &str, spec: &ArraySpec, world: MpiIo, is_last: bool) -> Outcome {
    let create = |path: &str, spec: &ArraySpec| Array::<u8>::create_mpio(path, spec, world);
    let compressed = spec.clone().compression(Compression::Gzip { level: 1 });
    match (what, is_last) {
        ("compressed", _) | ("compression", true) => create(path, &compressed).map(drop)?,
        ("format", _) => create(&path.replace(".h5", ".zarr"), spec).map(drop)?,
        ("missing", _) => Array::<u8>::open_mpio(path, world).map(drop)?,
        ("shape", true) => create(path, &ArraySpec::new([7, 8, 9])).map(drop)?,
        ("spec", true) => create(path, &spec.clone().voxel_size([0, 0, 0])).map(drop)?,
        ("type", true) => Array::<u16>::create_mpio(path, spec, world).map(drop)?,
        ("path", true) => create(&format!("{path}2"), spec).map(drop)?,
        ("call", true) => Array::<u8>::open_mpio(path, world).map(drop)?,
        ("open", _) => {
            create(path, spec)?;
            match is_last {
                true => Array::<i32>::open_mpio(path, world).map(drop)?,
                false => Array::<u8>::open_mpio(path, world).map(drop)?,
            }
        }
        ("rights", _) => {
            create(path, spec)?;
            // SAFETY: a plain call. Until it is taken back, this rank may read the file and not write it.
            if is_last && unsafe { libc::seteuid(NOBODY) } != 0 {
                println!("without the right to give up rights");
            }
            let opened = Array::<u8>::open_mpio(path, world);
            // SAFETY: a plain call, that gives root back what it had, and does nothing to others.
            unsafe { libc::seteuid(libc::getuid()) };
            opened.map(drop)?;
        }
        _ => create(path, spec).map(drop)?,
    }
    Ok(())
}

/// Every second rank writes a dataset of its own kind, on a communicator that is gone before.
fn half(path: &str, spec: &ArraySpec, rank: usize) -> Outcome {
    let array = {
        let color = Color::with_value(i32::from(rank.is_multiple_of(2)));
        let half = SimpleCommunicator::world().split_by_color(color).ok_or("every rank has a color")?;
        Array::<u8>::create_mpio(path.replace(".h5", &format!("{}.h5", rank % 2)), spec, MpiIo::of(&half))?
    };
    let whole = array.roi();
    let part = Roi::new([rank as i64, 0, 0], [1, whole.shape()[1], whole.shape()[2]])?;
    array.write(&part, &content(rank as i64, part.shape()))?;
    Ok(())
}

/// Reads a compressed dataset, each rank a part of it, and tells the sum; and that it cannot be written.
fn compressed(path: &str, world: MpiIo, rank: usize, size: usize) -> Outcome {
    let array = Array::<u8>::open_mpio(path, world)?;
    let n_planes = array.roi().shape()[0];
    for plane in (rank as i64..n_planes).step_by(size) {
        let part = Roi::new([plane, 0, 0], [1, array.roi().shape()[1], array.roi().shape()[2]])?;
        let sum: u64 = array.read(&part)?.iter().map(|&voxel| u64::from(voxel)).sum();
        println!("plane {plane}: {sum}");
        let refused = array.write(&part, &content(1, part.shape())).err().ok_or("compressed, and written")?;
        println!("rank {rank}: {refused}");
    }
    Ok(())
}

pub fn main(words: &[&str]) -> ExitCode {
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome {
    let &[way, path, ref numbers @ ..] = words else {
        return Err("hdf5_ranks WAY FILE EDGE BLOCK CHUNK".into());
    };
    let number = |at: usize| numbers.get(at).map_or(Ok(0), |text| text.parse::<i64>());
    let (edge, block, chunk, kill) = (number(0)?, number(1)?, number(2)?, number(3)?);
    let world = Runner::new().mpi_io()?.ok_or("there is only one rank")?;
    let (rank, size) = Comm::world().ok_or("MPI is not initialized")?.rank_and_size()?;
    let spec = ArraySpec::new([edge as u64; 3]);
    let spec = if chunk > 0 { spec.chunks([chunk as u64; 3]) } else { spec };
    if let Some(what) = way.strip_prefix("odd-") {
        let refused = odd(what, path, &spec, world, rank + 1 == size);
        println!("rank {rank}: {}", refused.err().map_or("fine".to_owned(), |error| error.to_string()));
        return Ok(());
    }
    if way == "compressed" {
        return compressed(path, world, rank, size);
    }
    if way == "half" {
        return half(path, &spec, rank);
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
