//! Arrays on disk, as a program sees them: one suite for every format and version, and the errors people meet.

#![cfg(feature = "zarr")]
#![allow(clippy::unwrap_used)]

mod bad_input;
mod creating;
mod foreign_files;
mod spoilt_chunks;
mod suite;

use std::fs;
use std::path::{Path, PathBuf};

use bellis::Roi;
use bellis::storage::{Compression, Element, FillValue, StorageError, ZarrVersion};
use ndarray::{ArrayD, IxDyn};

const VERSIONS: [ZarrVersion; 2] = [ZarrVersion::V2, ZarrVersion::V3];

const COMPRESSIONS: [Compression; 4] = [
    Compression::None,
    Compression::Zstd { level: 1 },
    Compression::Gzip { level: 3 },
    Compression::Blosc { level: 5 },
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
    let is_chunk = |path: &PathBuf| !path.file_name().unwrap().to_string_lossy().contains("z");
    files_below(array).into_iter().filter(is_chunk).collect()
}
