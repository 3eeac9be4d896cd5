//! What is kept decoded is never older than the file.

use bellis::Array;
use bellis::storage::ArraySpec;
use ndarray::ArrayD;

use super::{KINDS, roi};

/// A part of a chunk, so that the chunk is kept.
fn corner() -> bellis::Roi {
    roi([3, 3], [2, 2])
}

#[test]
fn what_another_writer_writes_is_read_at_once() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files) {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([64, 64]), [32, 32]);
        let path = kind.path_in(&dir);
        // Opened twice, as by two ranks: neither sees what the other keeps.
        let reader = Array::<u16>::create(&path, &spec).unwrap();
        let writer = Array::<u16>::open(&path).unwrap();
        let whole = roi([0, 0], [64, 64]);
        // Files of the same length, written as fast as can be, so that their numbers are used again and again.
        for value in 1..12u16 {
            writer.write(&whole, &ArrayD::from_elem(vec![64, 64], value * 1000 + 1)).unwrap();
            let read = reader.read(&corner()).unwrap();
            assert!(read.iter().all(|&voxel| voxel == value * 1000 + 1), "{path:?}, {value}: {read}");
        }
        // And a chunk that goes.
        writer.write(&whole, &ArrayD::zeros(vec![64, 64])).unwrap();
        assert!(reader.read(&corner()).unwrap().iter().all(|&voxel| voxel == 0), "{path:?}");
    }
}

#[test]
fn parts_written_one_after_the_other_make_up_the_chunk() {
    for kind in KINDS.iter().filter(|kind| kind.has_chunk_files) {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([40, 40]), [32, 32]);
        let path = kind.path_in(&dir);
        let (one, other) = (Array::<i32>::create(&path, &spec).unwrap(), Array::<i32>::open(&path).unwrap());
        let mut expected = ArrayD::zeros(vec![40, 40]);
        for n in 0..40 {
            // Taking turns, so that what each keeps is old when it writes again.
            let array = if n % 3 == 0 { &one } else { &other };
            array.write(&roi([n, 0], [1, 40]), &ArrayD::from_elem(vec![1, 40], n as i32)).unwrap();
            expected.index_axis_mut(ndarray::Axis(0), n as usize).fill(n as i32);
            assert_eq!(one.read(&roi([0, 0], [40, 40])).unwrap(), expected, "{path:?}, {n}");
        }
        assert_eq!(other.read(&corner()).unwrap()[[0, 1]], 3);
    }
}
