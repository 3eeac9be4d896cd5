//! What bellis writes is read by others and equal, and the other way round: zarr-python 3 and 2, tensorstore, h5py, the
//! HDF5 tools, ome-zarr-models.
//!
//! Each test holds tables of what varies and talks to a Python script that writes and reads (`tests/interop`).
//! Both sides know one formula for voxels (`volume.rs`), and compare SHA-256 sums of their bytes in C order.

mod hdf5;
mod journal;
mod n5;
mod numcodecs;
mod ome;
#[path = "../common/python.rs"]
mod python;
mod spellings;
mod volume;
mod zarr;

use std::path::Path;

use bellis::Array;
use bellis::storage::DynArray;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use python::Python;
use volume::{Volume, Voxel, with_type};

/// A function of a Python script, with the arguments that say where and how.
type Verb<'a> = (&'a str, Value);

/// Somebody else's array: they wrote it, bellis reads it and writes into it, and all `readers` see both.
fn bellis_continues(
    python: &mut Python,
    path: &Path,
    mut volume: Volume,
    (writer, how): Verb,
    readers: &[Verb],
) {
    python.ask(writer, merged(&volume.request(path), &how));
    volume.require_read_by_bellis(path);
    volume.patch_by_bellis(path, 1000);
    volume.require_read_by_bellis(path);
    for reader in readers {
        require_read(python, path, &volume, reader);
    }
}

/// bellis's array: all `readers` see what it wrote, and bellis sees what all `patchers` write into it.
fn others_continue(
    python: &mut Python,
    path: &Path,
    mut volume: Volume,
    readers: &[Verb],
    patchers: &[Verb],
) {
    for reader in readers {
        require_read(python, path, &volume, reader);
    }
    for (seed, (patcher, how)) in (2000..).zip(patchers) {
        let patch = volume.patch(seed);
        python.ask(patcher, merged(&json!({"path": path, "part": patch.part, "seed": seed}), how));
        volume.writes.push(patch);
        volume.require_read_by_bellis(path);
    }
}

#[track_caller]
fn require_read(python: &mut Python, path: &Path, volume: &Volume, (reader, how): &Verb) {
    let found = python.ask(reader, merged(&json!({"path": path}), how));
    volume.require_found(&found, &format!("{reader} {}", path.display()));
}

/// What bellis reads, as the scripts describe it.
fn read_by_bellis(path: &Path) -> Value {
    let array = DynArray::open(path).unwrap_or_else(|error| panic!("{error}"));
    let bytes = array.read_bytes(&array.roi()).unwrap_or_else(|error| panic!("{error}"));
    let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    json!({"shape": array.info().shape, "dtype": array.data_type().name(), "sha256": digest})
}

/// bellis and zarr-python read the same.
#[track_caller]
fn require_same(python: &mut Python, path: &Path, what: &str) {
    let theirs = python.ask("zarr_read", json!({"path": path}));
    let ours = read_by_bellis(path);
    for name in ["shape", "dtype", "sha256"] {
        assert_eq!(ours[name], theirs[name], "{name} of {what}");
    }
}

/// All members of both objects; those of the second win.
fn merged(a: &Value, b: &Value) -> Value {
    let mut all = a.clone();
    for (name, value) in b.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

/// What bellis says of an array that it cannot open, or opens and cannot read.
#[track_caller]
fn refusal(path: &Path) -> String {
    fn read<T: Voxel>(path: &Path) -> bellis::storage::Result<()> {
        let array = Array::<T>::open(path)?;
        array.read(&array.roi()).map(|_| ())
    }
    let outcome =
        bellis::storage::describe(path).and_then(|info| with_type!(info.data_type, T => read::<T>(path)));
    let message = outcome.expect_err("must be refused").to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}
