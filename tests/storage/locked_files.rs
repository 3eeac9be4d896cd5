//! HDF5 files that somebody else has open for writing.

use std::fs::File;
use std::time::{Duration, Instant};

use bellis::storage::Compression;
use bellis::{Array, ArraySpec};

use super::{counting, error_of, roi};

/// What the HDF5 library does to a file that it opens for writing: `flock`, which also keeps out the process itself.
fn lock(path: &std::path::Path) -> File {
    let file = File::options().read(true).write(true).open(path).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn a_file_that_stays_locked_is_told_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let spec = ArraySpec::new([8, 8]).chunks([4, 4]).compression(Compression::Gzip { level: 1 });
    let array = Array::<u8>::create(path.join("raw"), &spec).unwrap();
    let _held = lock(&path);
    // Both wait for as long, side by side.
    let writes = std::thread::spawn(move || array.write(&roi([0, 0], [8, 8]), &counting::<u8>(&[8, 8])));
    let begin = Instant::now();
    let of_opening = error_of(Array::<u8>::open(path.join("raw")));
    let of_writing = error_of(writes.join().unwrap());
    for message in [of_opening, of_writing] {
        assert!(message.contains("a.h5: the file is locked"), "{message}");
        assert!(message.contains("Close it in the program that has it open"), "{message}");
        assert!(message.ends_with("set HDF5_USE_FILE_LOCKING=FALSE"), "{message}");
        assert!(!message.contains("  "), "{message}");
    }
    assert!(begin.elapsed() < Duration::from_secs(40), "{:?}", begin.elapsed());
}

#[test]
fn a_file_that_is_locked_for_a_moment_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let made = Array::<u8>::create(path.join("raw"), &ArraySpec::new([8, 8])).unwrap();
    drop(made);
    let held = lock(&path);
    let release = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(held);
    });
    Array::<u8>::open(path.join("raw")).unwrap();
    release.join().unwrap();
}
