//! HDF5 written by real ranks: directly and through MPI-IO, to the end and with a rank that is lost.

use std::path::Path;

use bellis::Array;
use bellis::storage::{ArraySpec, Compression};

use super::mpirun::{Outcome, Ranks, testbed};
use super::roi;

fn mpirun(ranks: usize, arguments: &[&str], path: &Path) -> Outcome {
    let mut all = vec![arguments[0], path.to_str().unwrap()];
    all.extend(&arguments[1..]);
    testbed(Ranks::Mpirun(ranks), "hdf5_ranks", &all).run()
}

#[test]
fn all_ranks_write_one_dataset() {
    for way in ["direct", "mpio"] {
        for chunk in ["0", "12"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.h5/volumes/raw");
            mpirun(3, &[way, "48", "16", chunk], &path).succeeded();
            let array = Array::<u8>::open(&path).unwrap();
            let data = array.read(&array.roi()).unwrap();
            for ((z, y, x), &value) in data.into_dimensionality::<ndarray::Ix3>().unwrap().indexed_iter() {
                assert_eq!(
                    usize::from(value),
                    z / 16 * 9 + y / 16 * 3 + x / 16 + 1,
                    "{way} {chunk}: {z} {y} {x}"
                );
            }
        }
    }
}

#[test]
fn all_ranks_read_a_compressed_dataset_with_mpi_io() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5/raw");
    let spec = ArraySpec::new([9, 10, 11]).chunks([4, 4, 4]).compression(Compression::Gzip { level: 1 });
    let array = Array::<u8>::create(&path, &spec).unwrap();
    let data = super::counting::<u8>(&[9, 10, 11]);
    array.write(&array.roi(), &data).unwrap();
    drop(array);
    for ranks in [2, 3, 8] {
        let outcome = mpirun(ranks, &["compressed"], &path);
        outcome.succeeded();
        for (plane, voxels) in data.outer_iter().enumerate() {
            let sum: u64 = voxels.iter().map(|&voxel| u64::from(voxel)).sum();
            let line = format!("plane {plane}: {sum}");
            assert!(outcome.stdout.lines().any(|found| found == line), "{line}: {outcome}");
        }
        let refused =
            outcome.stdout.lines().filter(|line| line.contains("cannot be written by several ranks"));
        assert_eq!(refused.count(), 9, "{outcome}");
    }
}

#[test]
fn after_a_lost_rank_the_file_is_whole() {
    for way in ["direct", "mpio"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5/raw");
        let outcome = mpirun(3, &[way, "48", "16", "0", "4"], &path);
        assert_ne!(outcome.code, Some(0), "the last rank was killed");
        let array = Array::<u8>::open(&path).unwrap();
        // What the lost rank had written before it was lost: blocks 2, 5, 8 and 11.
        for index in [2, 5, 8, 11i64] {
            let block = roi([index / 9 * 16, index / 3 % 3 * 16, index % 3 * 16], [16; 3]);
            let data = array.read(&block).unwrap();
            assert!(data.iter().all(|&value| i64::from(value) == index + 1), "{way}: block {index}");
        }
    }
}

#[test]
fn what_is_wrong_on_one_rank_is_an_error_on_all_and_nobody_hangs() {
    for (what, message) in [
        ("compressed", "cannot be written by several ranks: write Zarr"),
        ("compression", "cannot be written by several ranks: write Zarr"),
        ("missing", "does not exist"),
        ("format", "with MPI-IO it must be HDF5"),
        ("shape", "exists with shape [8, 8, 8] but [7, 8, 9] is asked for"),
        ("spec", "voxel size"),
        ("type", "exists with data type uint8 but uint16"),
        ("path", "make the same calls on all ranks"),
        ("call", "make the same calls on all ranks"),
        ("open", "opened as Array<i32>"),
        ("rights", "ermission denied"),
    ] {
        // As few as there can be, and more than there are cores, for those that differ on one rank alone.
        let sizes: &[usize] =
            if ["shape", "path", "open", "rights"].contains(&what) { &[2, 3, 8] } else { &[3] };
        for &ranks in sizes {
            let dir = tempfile::tempdir().unwrap();
            // Whoever gives up its rights finds the way all the same.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(dir.path(), mode).unwrap();
            let outcome =
                mpirun(ranks, &[&format!("odd-{what}"), "8", "4", "4"], &dir.path().join("a.h5/raw"));
            outcome.succeeded();
            if outcome.stdout.contains("without the right") {
                continue;
            }
            let errors = outcome.stdout.lines().filter(|line| line.contains(message)).count();
            assert_eq!(errors, ranks, "{what}: {outcome}");
            let is_made = dir.path().join("a.h5").exists();
            assert!(
                !is_made || !["compressed", "compression", "missing", "path", "spec"].contains(&what),
                "{what}"
            );
        }
    }
}

#[test]
fn each_half_of_the_ranks_has_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    mpirun(4, &["half", "4", "4", "0"], &dir.path().join("half.h5/raw")).succeeded();
    for half in [0, 1] {
        let array = Array::<u8>::open(dir.path().join(format!("half{half}.h5/raw"))).unwrap();
        for rank in 0..4u8 {
            let expected = if usize::from(rank) % 2 == half { rank + 1 } else { 0 };
            let data = array.read(&roi([rank.into(), 0, 0], [1, 4, 4])).unwrap();
            assert!(data.iter().all(|value| *value == expected), "file {half}, rank {rank}");
        }
    }
}
