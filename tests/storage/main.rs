//! Arrays on disk, as a program sees them: one suite for every format and version, and the errors people meet.

#![cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
#![allow(clippy::unwrap_used)]

mod bad_input;
mod cached_chunks;
mod creating;
mod foreign_files;
mod locked_files;
#[cfg(feature = "mpi")]
#[allow(dead_code)]
#[path = "../common/mpirun.rs"]
mod mpirun;
#[cfg(feature = "mpi")]
mod outputs;
#[cfg(feature = "mpi")]
mod ranks;
mod spoilt_chunks;
mod suite;

use std::fs;
use std::path::{Path, PathBuf};

use bellis::Roi;
use bellis::storage::{ArraySpec, Compression, Element, FillValue, StorageError, ZarrVersion};
use ndarray::{ArrayD, IxDyn};
use tempfile::TempDir;

/// A way to store an array.
#[derive(Clone, Copy)]
struct Kind {
    format: &'static str,
    suffix: &'static str,
    /// Whether voxels that nobody wrote may hold something else than 0.
    has_fill_value: bool,
    /// Whether each chunk is a file of its own.
    has_chunk_files: bool,
    /// Whether chunks are stored as they are, so that parts of them can be read.
    has_bare_chunks: bool,
    spec: fn(ArraySpec) -> ArraySpec,
}

impl Kind {
    const fn zarr(format: &'static str, spec: fn(ArraySpec) -> ArraySpec) -> Self {
        Self {
            format,
            suffix: "zarr",
            has_fill_value: true,
            has_chunk_files: true,
            has_bare_chunks: false,
            spec,
        }
    }

    const fn n5(spec: fn(ArraySpec) -> ArraySpec) -> Self {
        Self {
            format: "N5",
            suffix: "n5",
            has_fill_value: false,
            has_chunk_files: true,
            has_bare_chunks: false,
            spec,
        }
    }

    const fn hdf5(spec: fn(ArraySpec) -> ArraySpec) -> Self {
        let format = "HDF5";
        Self {
            format,
            suffix: "h5",
            has_fill_value: true,
            has_chunk_files: false,
            has_bare_chunks: false,
            spec,
        }
    }

    const fn bare(mut self) -> Self {
        self.has_bare_chunks = true;
        self
    }

    /// Where an array of this kind may be created.
    fn path_in(&self, dir: &TempDir) -> PathBuf {
        dir.path().join(format!("a.{}/b", self.suffix))
    }

    /// `spec`, to be stored in this way.
    fn spec(&self, spec: &ArraySpec) -> ArraySpec {
        (self.spec)(spec.clone())
    }

    /// `fill`, where this kind can have it.
    fn fill<T: Element>(&self, fill: impl Into<FillValue>) -> T {
        let fill = if self.has_fill_value { fill.into() } else { FillValue::Integer(0) };
        T::from_fill(fill).unwrap()
    }
}

/// All ways to store an array that the suite goes through.
const KINDS: [Kind; 17] = [
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2)),
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2).compression(Compression::None)).bare(),
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2).compression(Compression::Gzip { level: 3 })),
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2).compression(Compression::Blosc { level: 5 })),
    Kind::zarr("Zarr v3", |s| s),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::None)).bare(),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::Gzip { level: 3 })),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::Blosc { level: 5 })),
    Kind::n5(|s| s),
    Kind::n5(|s| s.compression(Compression::None)),
    Kind::n5(|s| s.compression(Compression::Gzip { level: 9 })),
    Kind::n5(|s| s.compression(Compression::Bzip2 { level: 1 })),
    Kind::n5(|s| s.compression(Compression::Lz4)).bare(),
    Kind::n5(|s| s.compression(Compression::Xz { level: 1 })),
    Kind::hdf5(|s| s),
    Kind::hdf5(|s| s.compression(Compression::None)),
    Kind::hdf5(|s| s.compression(Compression::Gzip { level: 1 })),
];

fn roi<const N: usize>(offset: [i64; N], shape: [i64; N]) -> Roi {
    Roi::new(offset, shape).unwrap()
}

/// An array whose voxels all differ, as far as its type allows.
fn counting<T: Element>(shape: &[usize]) -> ArrayD<T> {
    let mut count = 0u8;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        count = count.wrapping_mul(5).wrapping_add(17) % 101;
        T::from_fill(FillValue::from(count)).unwrap()
    })
}

fn error_of<T>(result: Result<T, StorageError>) -> String {
    let message = result.err().expect("must fail").to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

/// All files in `directory` and below.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn chunk_files(array: &Path) -> Vec<PathBuf> {
    let is_metadata = |name: &str| name.contains('z') || name == "attributes.json";
    let is_chunk = |path: &PathBuf| !is_metadata(&path.file_name().unwrap().to_string_lossy());
    files_below(array).into_iter().filter(is_chunk).collect()
}
