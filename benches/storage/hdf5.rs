//! Uncompressed HDF5 by blocks, beside the same bytes with `pread` and `pwrite`, call by call.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bellis::Roi;
use bellis::storage::{Array, ArraySpec, MpiIo};
use mpi::traits::{Communicator, CommunicatorCollectives};
use ndarray::ArrayD;

use super::Error;
use super::common::{self, Figures};
use super::volume::{Volume, listed, settle};

const AS_RANK: &str = "--hdf5-rank";
/// What is written by each call in turn: by bellis directly, by bellis through MPI-IO, by `pwrite`.
const WAYS: [&str; 3] = ["direct", "mpio", "pwrite"];

/// Chunks of the shape of a block, and one contiguous dataset.
const LAYOUTS: [&str; 2] = ["chunks", "contiguous"];

/// What is written in a layout: rows of 128 bytes take a call each, and a quarter of the volume is enough of them.
fn shape_of(layout: &str, [z, y, x]: [i64; 3]) -> [i64; 3] {
    if layout == "contiguous" { [(z / 4).max(128), y, x] } else { [z, y, x] }
}

/// The blocks of a volume.
fn blocks(shape: [i64; 3], block: [i64; 3]) -> Vec<Roi> {
    let steps = |axis: usize| (0..shape[axis] / block[axis]).map(move |at| at * block[axis]);
    let begins = steps(0).flat_map(|z| steps(1).flat_map(move |y| steps(2).map(move |x| [z, y, x])));
    begins.map(|begin| Roi::new(begin, block).expect("within the volume")).collect()
}

/// Calls `f` with each stretch of a block that lies in one piece in a contiguous dataset: its place in the dataset, and in
/// the block.
fn stretches(
    shape: [i64; 3],
    roi: &Roi,
    mut f: impl FnMut(u64, std::ops::Range<usize>) -> Result<(), Error>,
) -> Result<(), Error> {
    let ([z, y, x], [depth, height, width]) =
        ([0, 1, 2].map(|a| roi.offset()[a]), [0, 1, 2].map(|a| roi.shape()[a]));
    // Whole rows lie one after the other.
    let (n_rows, length) = if width == shape[2] { (1, height * width) } else { (height, width) };
    let mut done = 0;
    for plane in z..z + depth {
        for row in y..y + n_rows {
            let place = (plane * shape[1] + row) * shape[2] + x;
            f(place.unsigned_abs(), done..done + length as usize)?;
            done += length as usize;
        }
    }
    Ok(())
}

pub fn bench(volume: &Volume, figures: &mut Figures) -> Result<(), Error> {
    let gib = volume.n_bytes() as f64 / f64::from(1 << 30);
    let n_tries = if common::is_short() { 3 } else { 5 };
    let mut worst = f64::MAX;
    for (name, block) in [("rows", [64, 64, volume.shape[2]]), ("cubes", [128; 3])] {
        let (mut ours, mut plain) = (f64::MAX, f64::MAX);
        for _ in 0..n_tries {
            ours = ours.min(read(volume, block)?);
            plain = plain.min(pread(volume, block)?);
        }
        figures.add(&format!("hdf5_read_{name}"), gib / ours, "GiB/s");
        figures.add(&format!("hdf5_read_{name}_pread"), gib / plain, "GiB/s");
        figures.add(&format!("hdf5_read_{name}_vs_pread"), plain / ours, "");
        worst = worst.min(plain / ours);
    }
    figures.add("hdf5_read_vs_memcpy", worst, "");

    settle(&volume.path(""))?;
    let shape = listed(volume.shape);
    let ranks = common::under_mpirun(2, &[AS_RANK, &volume.path("").to_string_lossy(), &shape])?;
    let mut worst = f64::MAX;
    for layout in LAYOUTS {
        let gib = shape_of(layout, volume.shape).iter().product::<i64>() as f64 / f64::from(1 << 30);
        let seconds = |way: &str| common::find(&ranks, &format!("{layout}_{way}"));
        for way in WAYS {
            figures.add(&format!("hdf5_write_{layout}_{way}"), gib / seconds(way)?, "GiB/s");
        }
        worst = worst.min(seconds("pwrite")? / seconds("direct")?);
        figures.add(
            &format!("hdf5_write_{layout}_mpio_vs_pwrite"),
            seconds("pwrite")? / seconds("mpio")?,
            "",
        );
    }
    figures.add("hdf5_write_vs_pwrite", worst, "");
    Ok(())
}

/// Reads all blocks with bellis: seconds.
fn read(volume: &Volume, block: [i64; 3]) -> Result<f64, Error> {
    let array = Array::<u8>::open(volume.hdf5())?;
    let begin = Instant::now();
    for roi in blocks(volume.shape, block) {
        black_box(array.read(&roi)?);
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// Reads the same bytes, into the same memory each time: seconds.
fn pread(volume: &Volume, block: [i64; 3]) -> Result<f64, Error> {
    let path = volume.hdf5();
    let file = File::open(path.parent().ok_or("a dataset lies in a file")?)?;
    // Where the dataset begins does not matter for the time.
    let mut buffer = vec![0u8; block.iter().product::<i64>() as usize];
    let begin = Instant::now();
    for roi in blocks(volume.shape, block) {
        stretches(volume.shape, &roi, |place, part| Ok(file.read_exact_at(&mut buffer[part], place)?))?;
        black_box(&buffer);
    }
    Ok(begin.elapsed().as_secs_f64())
}

/// The figures of this process, if it was started as one of several ranks: seconds for each layout and way.
pub fn as_rank() -> Result<Option<Vec<(String, f64)>>, Error> {
    let Some(directory) = common::argument_after(AS_RANK) else { return Ok(None) };
    let shape = common::argument_after(&directory).ok_or("the shape is missing")?;
    let shape: Vec<i64> = shape.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let shape: [i64; 3] = shape.try_into().map_err(|_| "three numbers are wanted")?;
    let (universe, _) =
        mpi::initialize_with_threading(mpi::Threading::Multiple).ok_or("MPI is initialized")?;
    let world = universe.world();
    let n_tries = if common::is_short() { 2 } else { 3 };
    let mut figures = Vec::new();
    for layout in LAYOUTS {
        let mut best = [f64::MAX; WAYS.len()];
        for _ in 0..n_tries {
            for (way, best) in WAYS.iter().zip(&mut best) {
                let path = Path::new(&directory).join(format!("{layout}.h5"));
                *best = best.min(write(&world, way, &path, shape_of(layout, shape), layout == "chunks")?);
                world.barrier();
                if world.rank() == 0 {
                    std::fs::remove_file(&path)?;
                    settle(Path::new(&directory))?;
                }
                world.barrier();
            }
        }
        figures.extend(WAYS.iter().zip(best).map(|(way, best)| (format!("{layout}_{way}"), best)));
    }
    // Only one of them speaks.
    Ok(Some(if world.rank() == 0 { figures } else { Vec::new() }))
}

/// What writes a block.
type Writer = Box<dyn Fn(usize, &Roi) -> Result<(), Error>>;

/// Writes the blocks, every second one on this rank, in one of the ways: seconds.
fn write(
    world: &impl Communicator,
    way: &str,
    path: &PathBuf,
    shape: [i64; 3],
    has_chunks: bool,
) -> Result<f64, Error> {
    const BLOCK: [i64; 3] = [128; 3];
    let spec = ArraySpec::new(shape.map(i64::unsigned_abs));
    let spec = if has_chunks { spec.chunks(BLOCK.map(i64::unsigned_abs)) } else { spec };
    let data =
        ArrayD::from_shape_fn(BLOCK.map(|extent| extent as usize).to_vec(), |at| (at[0] + at[2]) as u8);
    let writer: Writer = match way {
        "pwrite" => {
            // The same file, of which the system knows the same pages: the data come last in it.
            Array::<u8>::create(path.join("raw"), &spec)?;
            let file = OpenOptions::new().write(true).open(path)?;
            let first = file.metadata()?.len() - shape.iter().product::<i64>().unsigned_abs();
            let bytes: Vec<u8> = data.iter().copied().collect();
            Box::new(move |number, roi| {
                if has_chunks {
                    return Ok(file.write_all_at(&bytes, first + number as u64 * bytes.len() as u64)?);
                }
                stretches(shape, roi, |place, part| Ok(file.write_all_at(&bytes[part], first + place)?))
            })
        }
        _ => {
            let dataset = path.join("raw");
            let array = if way == "direct" {
                Array::<u8>::create(&dataset, &spec)?
            } else {
                Array::<u8>::create_mpio(&dataset, &spec, MpiIo::world().ok_or("MPI is initialized")?)?
            };
            Box::new(move |_, roi| Ok(array.write(roi, &data)?))
        }
    };
    let mine = |number: &usize| *number % world.size() as usize == world.rank() as usize;
    world.barrier();
    let begin = Instant::now();
    for (number, roi) in blocks(shape, BLOCK).iter().enumerate().filter(|(number, _)| mine(number)) {
        writer(number, roi)?;
    }
    world.barrier();
    Ok(begin.elapsed().as_secs_f64())
}
