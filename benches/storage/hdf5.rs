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

/// How a dataset that is written lies in its file, and the blocks that it is written by.
struct Layout {
    name: &'static str,
    chunk: Option<[i64; 3]>,
    block: [i64; 3],
    /// One in so many planes is written: small writes take a call each, and a part of the volume is enough of them.
    part: i64,
}

const LAYOUTS: [Layout; 3] = [
    Layout { name: "chunks", chunk: Some([128; 3]), block: [128; 3], part: 1 },
    Layout { name: "small_chunks", chunk: Some([32; 3]), block: [32; 3], part: 4 },
    Layout { name: "contiguous", chunk: None, block: [128; 3], part: 4 },
];

impl Layout {
    fn shape(&self, [z, y, x]: [i64; 3]) -> [i64; 3] {
        [(z / self.part).max(128), y, x]
    }
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
    // One rank has the file's lock in the kernel to itself.
    bench_write(volume, 1, figures)?;
    let worst = bench_write(volume, 2, figures)?;
    figures.add("hdf5_write_vs_pwrite", worst, "");
    Ok(())
}

/// Writes with so many ranks: how direct calls compare to plain ones, at worst.
fn bench_write(volume: &Volume, n_ranks: usize, figures: &mut Figures) -> Result<f64, Error> {
    let shape = listed(volume.shape);
    let told = common::under_mpirun(n_ranks, &[AS_RANK, &volume.path("").to_string_lossy(), &shape])?;
    let mut worst = f64::MAX;
    for layout in &LAYOUTS {
        let gib = layout.shape(volume.shape).iter().product::<i64>() as f64 / f64::from(1 << 30);
        let name = format!("hdf5_write_{}", layout.name);
        let seconds = |way: &str| common::find(&told, &format!("{}_{way}", layout.name));
        for way in WAYS {
            figures.add(&format!("{name}_{way}_{n_ranks}"), gib / seconds(way)?, "GiB/s");
        }
        let [direct, mpio, plain] = [seconds(WAYS[0])?, seconds(WAYS[1])?, seconds(WAYS[2])?];
        figures.add(&format!("{name}_direct_vs_mpio_{n_ranks}"), mpio / direct, "");
        figures.add(&format!("{name}_direct_vs_pwrite_{n_ranks}"), plain / direct, "");
        worst = worst.min(plain / direct);
    }
    Ok(worst)
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
    let n_tries = if common::is_short() { 2 } else { 5 };
    let mut figures = Vec::new();
    for layout in &LAYOUTS {
        let dataset =
            Dataset { shape: layout.shape(shape), layout, path: Path::new(&directory).join("written.h5") };
        let mut best = [f64::MAX; WAYS.len()];
        // The pages of both files are in the cache from here on: to get memory for new ones may take a virtual machine ten times
        // as long as what is measured here.
        for way in ["direct", "pwrite"] {
            dataset.write(&world, way)?;
        }
        for turn in 0..n_tries * WAYS.len() {
            // Each way comes after each other one.
            let way = (turn + turn / WAYS.len()) % WAYS.len();
            best[way] = best[way].min(dataset.write(&world, WAYS[way])?);
            if world.rank() == 0 {
                settle(Path::new(&directory))?;
            }
            world.barrier();
        }
        if world.rank() == 0 {
            std::fs::remove_file(&dataset.path)?;
            std::fs::remove_file(dataset.plain())?;
        }
        world.barrier();
        figures.extend(WAYS.iter().zip(best).map(|(way, best)| (format!("{}_{way}", layout.name), best)));
    }
    // Only one of them speaks.
    Ok(Some(if world.rank() == 0 { figures } else { Vec::new() }))
}

/// What writes a block.
type Writer = Box<dyn Fn(usize, &Roi) -> Result<(), Error>>;

/// What is written.
struct Dataset {
    layout: &'static Layout,
    shape: [i64; 3],
    /// The file.
    path: PathBuf,
}

impl Dataset {
    /// Writes all blocks, every second one on this rank, in one of the ways: seconds.
    fn write(&self, world: &impl Communicator, way: &str) -> Result<f64, Error> {
        let writer = self.writer(way)?;
        let mine = |number: &usize| *number % world.size() as usize == world.rank() as usize;
        world.barrier();
        let begin = Instant::now();
        let blocks = blocks(self.shape, self.layout.block);
        for (number, roi) in blocks.iter().enumerate().filter(|(number, _)| mine(number)) {
            writer(number, roi)?;
        }
        world.barrier();
        Ok(begin.elapsed().as_secs_f64())
    }

    /// The file beside it that `pwrite` writes.
    fn plain(&self) -> PathBuf {
        self.path.with_extension("raw")
    }

    fn writer(&self, way: &str) -> Result<Writer, Error> {
        let spec = ArraySpec::new(self.shape.map(i64::unsigned_abs));
        let spec = match self.layout.chunk {
            Some(chunk) => spec.chunks(chunk.map(i64::unsigned_abs)),
            None => spec,
        };
        let block: Vec<usize> = self.layout.block.map(|extent| extent as usize).to_vec();
        let data = ArrayD::from_shape_fn(block, |at| (at[0] + at[2]) as u8);
        let dataset = self.path.join("raw");
        Ok(match way {
            "direct" => {
                let array = Array::<u8>::create(dataset, &spec)?;
                Box::new(move |_, roi| Ok(array.write(roi, &data)?))
            }
            "mpio" => {
                let ranks = MpiIo::world().ok_or("MPI is initialized")?;
                let array = Array::<u8>::create_mpio(dataset, &spec, ranks)?;
                Box::new(move |_, roi| Ok(array.write(roi, &data)?))
            }
            _ => self.pwriter(data.iter().copied().collect())?,
        })
    }

    /// Plain calls, into a plain file: bytes that begin as unevenly as those of a dataset do.
    fn pwriter(&self, bytes: Vec<u8>) -> Result<Writer, Error> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(self.plain())?;
        let first = 2848;
        let shape = self.shape;
        Ok(if self.layout.chunk.is_some() {
            Box::new(move |number, _| {
                Ok(file.write_all_at(&bytes, first + number as u64 * bytes.len() as u64)?)
            })
        } else {
            Box::new(move |_, roi| {
                stretches(shape, roi, |place, part| Ok(file.write_all_at(&bytes[part], first + place)?))
            })
        })
    }
}
