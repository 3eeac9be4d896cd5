//! The tools, as people run them: against brute force on small volumes, and against the figures that numpy and scipy give
//! for a real one, alone and on several ranks.

// Without them there is nothing that the tools could read, or no ranks.
#![cfg(all(feature = "zarr", feature = "mpi"))]
// Helpers of tests may stop at a surprise and may print, as tests may.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod convert;
mod doctor;
mod downsample;
#[cfg(all(feature = "hdf5", feature = "n5"))]
mod formats;
mod info;
mod label;
#[allow(dead_code)]
#[path = "../common/mpirun.rs"]
mod mpirun;
mod options;
#[cfg(all(feature = "hdf5", feature = "n5"))]
mod places;
mod program;
#[cfg(all(feature = "hdf5", feature = "n5"))]
mod refused;
mod resume;
#[cfg(all(feature = "hdf5", feature = "n5"))]
mod said;
mod scratch;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/spawn.rs"]
mod spawn;
mod stats;
#[cfg(all(feature = "hdf5", feature = "n5"))]
mod two_runs;
#[cfg(all(feature = "hdf5", feature = "n5"))]
mod types;

use std::path::{Path, PathBuf};

use bellis::storage::Element;
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, IxDyn};

use program::{Ranks, run};

/// Alone, and under mpirun.
const RANKS: [Ranks; 4] = [0, 1, 2, 3];

/// Numbers that look random: xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn array<T>(&mut self, shape: &[usize], value: impl Fn(u64) -> T) -> ArrayD<T> {
        ArrayD::from_shape_simple_fn(IxDyn(shape), || value(self.next() >> 8))
    }
}

/// Writes `data` as the array `name` in `folder`, somewhere in the world and in chunks of 4.
fn write<T: Element>(folder: &Path, name: &str, data: &ArrayD<T>) {
    let n_axes = data.ndim();
    let shape: Vec<u64> = data.shape().iter().map(|extent| *extent as u64).collect();
    let axis = |axis: usize| axis as i64;
    let spec = ArraySpec::new(shape)
        .chunks(vec![4; n_axes])
        .offset(bellis::Coordinate::from_fn(n_axes, |a| 7 * axis(a) - 10))
        .voxel_size(bellis::Coordinate::from_fn(n_axes, |a| 2 + axis(a)))
        .axis_names(["t", "z", "y", "x"][4 - n_axes..].iter().copied())
        .units("nm");
    let array = Array::<T>::create(folder.join(name), &spec).unwrap();
    array.write(&array.roi(), data).unwrap();
}

fn read<T: Element>(folder: &Path, name: &str) -> ArrayD<T> {
    let array = Array::<T>::open(folder.join(name)).unwrap();
    array.read(&array.roi()).unwrap()
}

/// The real volume of the project's shared folder, if it is there.
fn real_data() -> Option<PathBuf> {
    let name = "mni152_v3.zarr/t1";
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
    let found = above.map(|folder| folder.join("shared/data").join(name)).find(|path| path.exists());
    if found.is_none() {
        println!("skipped: there is no ../shared/data/{name}");
    }
    found
}

/// No scratch folder stays behind.
#[track_caller]
fn assert_tidy(folder: &Path) {
    let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("bellis-")).collect();
    assert!(left.is_empty(), "{left:?} stay behind");
}
