//! Arrays on disk, as a program sees them: one suite for every format and version, and the errors people meet.

#![cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
#![allow(clippy::unwrap_used)]

mod bad_input;
mod cached_chunks;
mod creating;
mod foreign_files;
mod foreign_hdf5;
mod gone_outputs;
#[cfg(feature = "mpi")]
mod interop;
mod locked_files;
#[cfg(feature = "mpi")]
#[allow(dead_code)]
#[path = "../common/mpirun.rs"]
mod mpirun;
#[cfg(feature = "mpi")]
mod neighbours;
#[cfg(feature = "mpi")]
#[path = "../common/noise.rs"]
mod noise;
mod open_options;
#[cfg(feature = "mpi")]
mod outputs;
mod parts_of_shards;
#[cfg(feature = "mpi")]
mod ranks;
mod resolving;
#[cfg(feature = "mpi")]
mod small_disks;
#[path = "../common/spawn.rs"]
mod spawn;
mod spoilt_chunks;
mod spoilt_hdf5;
mod suite;
mod untyped;

use std::fs;
use std::path::{Path, PathBuf};

use bellis::Roi;
use bellis::storage::{ArraySpec, Compression, DataType, Element, FillValue, StorageError, ZarrVersion};
use ndarray::{ArrayD, IxDyn};
use tempfile::TempDir;

/// A way to store an array.
#[derive(Clone, Copy)]
struct Kind {
    format: &'static str,
    suffix: &'static str,
    cut: Cut,
    /// Whether voxels that nobody wrote may hold something else than 0.
    has_fill_value: bool,
    /// Whether each chunk, or shard, is a file of its own.
    has_chunk_files: bool,
    /// Whether chunks are stored as they are, so that parts of them can be read.
    has_bare_chunks: bool,
    /// Whether a checksum tells a flipped bit.
    has_checksum: bool,
    spec: fn(ArraySpec) -> ArraySpec,
}

/// What becomes of the chunks that a test asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Chunks,
    /// Shards, of several chunks where they can be divided.
    Shards,
    /// The array is in one piece.
    Whole,
}

impl Kind {
    const fn zarr(format: &'static str, spec: fn(ArraySpec) -> ArraySpec) -> Self {
        Self {
            format,
            suffix: "zarr",
            cut: Cut::Chunks,
            has_fill_value: true,
            has_chunk_files: true,
            has_bare_chunks: false,
            has_checksum: false,
            spec,
        }
    }

    const fn n5(spec: fn(ArraySpec) -> ArraySpec) -> Self {
        Self { suffix: "n5", has_fill_value: false, ..Self::zarr("N5", spec) }
    }

    const fn hdf5(spec: fn(ArraySpec) -> ArraySpec) -> Self {
        Self { suffix: "h5", has_chunk_files: false, ..Self::zarr("HDF5", spec) }
    }

    const fn bare(self) -> Self {
        Self { has_bare_chunks: true, ..self }
    }

    const fn checked(self) -> Self {
        Self { has_checksum: true, ..self }
    }

    const fn cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }

    /// Where an array of this kind may be created.
    fn path_in(&self, dir: &TempDir) -> PathBuf {
        dir.path().join(format!("a.{}/b", self.suffix))
    }

    /// `spec`, to be stored in this way, in chunks (or shards) of this shape.
    fn spec(&self, spec: &ArraySpec, chunks: impl Into<Vec<u64>>) -> ArraySpec {
        let (spec, chunks) = ((self.spec)(spec.clone()), chunks.into());
        let half = |&extent: &u64| if extent % 2 == 0 { extent / 2 } else { extent };
        match self.cut {
            Cut::Chunks => spec.chunks(chunks),
            Cut::Shards => spec.chunks(chunks.iter().map(half).collect::<Vec<_>>()).shards(chunks),
            Cut::Whole => spec,
        }
    }

    /// `fill`, where this kind can have it.
    fn fill<T: Element>(&self, fill: impl Into<FillValue>) -> T {
        let fill = if self.has_fill_value { fill.into() } else { FillValue::Integer(0) };
        T::from_fill(fill).or_else(|| T::from_fill(true.into())).unwrap()
    }

    /// Whether voxels are in its files as they are in memory.
    fn has_bare_bytes(&self) -> bool {
        let spec = self.spec(&ArraySpec::new([4]), [4]);
        self.has_bare_chunks || (self.format == "HDF5" && !format!("{spec:?}").contains("Gzip"))
    }

    /// Whether the format has such elements.
    fn knows(&self, data_type: DataType) -> bool {
        match self.format {
            "N5" => DataType::ALL[..10].contains(&data_type),
            "Zarr v2" => data_type != DataType::BF16,
            _ => true,
        }
    }
}

/// All ways to store an array that the suite goes through.
const KINDS: [Kind; 23] = [
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2)),
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2).compression(Compression::None)).bare(),
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2).compression(Compression::Gzip { level: 3 }))
        .checked(),
    Kind::zarr("Zarr v2", |s| s.zarr_version(ZarrVersion::V2).compression(Compression::Blosc { level: 5 })),
    Kind::zarr("Zarr v3", |s| s).checked(),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::None)).bare(),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::Gzip { level: 3 })).checked(),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::Blosc { level: 5 })),
    Kind::zarr("Zarr v3", |s| s).cut(Cut::Shards).checked(),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::None)).cut(Cut::Shards),
    Kind::zarr("Zarr v3", |s| s.compression(Compression::Blosc { level: 1 })).cut(Cut::Shards),
    Kind::n5(|s| s).checked(),
    Kind::n5(|s| s.compression(Compression::None)),
    Kind::n5(|s| s.compression(Compression::Gzip { level: 9 })).checked(),
    Kind::n5(|s| s.compression(Compression::Bzip2 { level: 1 })).checked(),
    Kind::n5(|s| s.compression(Compression::Zstd { level: 1 })).checked(),
    Kind::n5(|s| s.compression(Compression::Blosc { level: 5 })),
    Kind::n5(|s| s.compression(Compression::Lz4)).bare(),
    Kind::n5(|s| s.compression(Compression::Xz { level: 1 })).checked(),
    Kind::hdf5(|s| s).cut(Cut::Whole),
    Kind::hdf5(|s| s),
    Kind::hdf5(|s| s.compression(Compression::Gzip { level: 1 })).checked(),
    Kind::hdf5(|s| s.compression(Compression::Gzip { level: 9 })).checked(),
];

fn roi<const N: usize>(offset: [i64; N], shape: [i64; N]) -> Roi {
    Roi::new(offset, shape).unwrap()
}

/// An array whose voxels all differ, as far as its type allows.
fn counting<T: Element>(shape: &[usize]) -> ArrayD<T> {
    let mut count = 0u8;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        count = count.wrapping_mul(5).wrapping_add(17) % 101;
        T::from_fill(FillValue::from(count)).or_else(|| T::from_fill((count % 2 == 1).into())).unwrap()
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
