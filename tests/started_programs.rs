//! A program that a bellis program starts does not hold the locks of HDF5 files. One test, as what it starts inherits whatever
//! the process has open: in the company of other tests, their files.

#![cfg(feature = "hdf5")]
#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bellis::storage::Compression;
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, IxDyn};

#[test]
fn a_program_that_is_started_meanwhile_does_not_hold_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let (path, linker) = (dir.path().join("a.h5"), dir.path().join("links.h5"));
    // Written through the library.
    let spec = ArraySpec::new([8, 8]).chunks([4, 4]).compression(Compression::Gzip { level: 1 });
    Array::<u8>::create(path.join("raw"), &spec).unwrap();
    Array::<u8>::create(linker.join("own"), &ArraySpec::new([8, 8])).unwrap();
    let links = hdf5::File::open_rw(&linker).unwrap();
    links.link_external("a.h5", "/raw", "raw").unwrap();
    links.close().unwrap();
    require_unlocked(&path, &path.join("raw"));
    require_unlocked(&path, &linker.join("raw"));
}

/// Starts a program while the array is open, whose voxels lie in `file`.
fn require_unlocked(file: &Path, array: &Path) {
    let what = array.display();
    let array = Array::<u8>::open(array).unwrap();
    // Open from now on.
    array.write(&array.roi(), &ArrayD::from_elem(IxDyn(&[8, 8]), 7u8)).unwrap();
    let file = File::options().read(true).write(true).open(file).unwrap();
    assert!(file.try_lock().is_err(), "{what}: the library locks what it has open");
    let mut started = Command::new("sleep").arg("60").spawn().unwrap();
    drop(array);
    // A program lets go of what it does not inherit a moment after it was started.
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut locked = file.try_lock();
    while locked.is_err() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
        locked = file.try_lock();
    }
    started.kill().unwrap();
    started.wait().unwrap();
    assert!(locked.is_ok(), "{what}: the program that was started holds the lock: {locked:?}");
}
