//! Outputs that ask for care, written by tasks on real ranks: chunks that blocks share, and files for one process only.

use std::path::Path;
use std::time::Duration;

use bellis::storage::Compression;
use bellis::{Array, ArraySpec, Progress, Roi, Runner, Task};

use super::mpirun::{Ranks, Scenario, testbed};

fn run(ranks: Ranks, kind: &str, path: &Path) -> Scenario {
    testbed(ranks, "outputs", &[kind, path.to_str().unwrap()]).env("BELLIS_PROGRESS", "off")
}

/// Every voxel is what its block wrote.
fn assert_whole(path: &Path) {
    let array = Array::<u16>::open(path).unwrap();
    let data = array.read(&array.roi()).unwrap().into_dimensionality::<ndarray::Ix3>().unwrap();
    let expected = |(z, y, x): (usize, usize, usize)| ((z * 31 + y * 17 + x * 7) % 65_521 + 1) as u16;
    let wrong = data.indexed_iter().filter(|(at, value)| **value != expected(*at)).count();
    assert_eq!(wrong, 0, "voxels of {} are wrong", path.display());
}

fn n_blocks_begun(directory: &Path) -> usize {
    directory.join("a.h5.blocks").read_dir().map_or(0, Iterator::count)
}

#[test]
fn ranks_that_share_chunks_lose_nothing() {
    for (kind, name) in [("chunks", "a.zarr"), ("chunks", "a.n5"), ("shards", "b.zarr")] {
        for ranks in [Ranks::Alone, Ranks::Mpirun(4)] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(name).join("raw");
            run(ranks, kind, &path).run().succeeded();
            assert_whole(&path);
        }
    }
}

#[test]
fn several_ranks_are_refused_where_one_process_can_write() {
    for (ranks, slots_of_rank_0) in [(3, "0"), (8, "0"), (2, "1")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5/raw");
        let outcome =
            run(Ranks::Mpirun(ranks), "compressed", &path).env("BELLIS_RANK0_SLOTS", slots_of_rank_0).run();
        let text = "only one process can: it is compressed HDF5; write Zarr, with shards if few files are wanted, or \
                    HDF5 without compression";
        outcome.failed(2, text);
        assert!(outcome.took < Duration::from_secs(10), "nobody waits for a lock: {outcome}");
        assert_eq!(n_blocks_begun(dir.path()), 0, "before any block");
    }
}

#[test]
fn one_process_writes_what_one_process_can() {
    for (ranks, name, value) in [
        (Ranks::Alone, "BELLIS_SLOTS", "4"),
        (Ranks::Mpirun(1), "BELLIS_SLOTS", "2"),
        // Rank 0 only schedules.
        (Ranks::Mpirun(2), "BELLIS_SLOTS", "3"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5/raw");
        run(ranks, "compressed", &path).env(name, value).run().succeeded();
        assert_eq!(n_blocks_begun(dir.path()), 27);
        assert_whole(&path);
    }
}

#[test]
fn what_nobody_declared_waits_for_the_lock_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5/raw");
    // Without credits, so that the rank that waits holds one block.
    let outcome = run(Ranks::Mpirun(3), "undeclared", &path).env("BELLIS_CREDITS", "0").run();
    outcome.failed(1, "the file is locked");
    assert!(outcome.took < Duration::from_secs(30), "one block waits, once: {outcome}");
}

#[test]
fn a_program_that_leaves_mpi_to_bellis_gets_its_ranks() {
    for ranks in [Ranks::Alone, Ranks::Mpirun(1), Ranks::Mpirun(3)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5/raw");
        run(ranks, "mpio", &path).run().succeeded();
        assert_whole(&path);
    }
    let dir = tempfile::tempdir().unwrap();
    let outcome = run(Ranks::Mpirun(3), "mpio-odd", &dir.path().join("a.h5/raw")).run();
    outcome.failed(2, "rank 1 of 3");
}

#[test]
fn two_tasks_that_write_one_array_by_two_names_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).unwrap();
    for name in ["a.zarr/raw", "a.n5/raw"] {
        let path = dir.path().join(name);
        let spec = ArraySpec::new([40, 100]).chunks([1, 100]).compression(Compression::None);
        let array = Array::<u8>::create(&path, &spec).unwrap();
        let same = Array::<u8>::open(dir.path().join("link").join(name)).unwrap();
        let half = |name: &str, begin, output: &Array<u8>| {
            let roi = Roi::new([0, begin], [40, 50]).unwrap();
            let (task, output) =
                (Task::builder(name).total_write_roi(roi).block_shape([1, 50]), output.clone());
            let task = task.reads(&output).writes(&output).process(move |block| {
                let values = output.read(&block.write_roi)? + 1;
                Ok(output.write(&block.write_roi, &values)?)
            });
            task.build().unwrap()
        };
        let runner = Runner::new().slots(4).progress(Progress::Off);
        let (left, right) = (half("left", 0, &array), half("right", 50, &same));
        let error = runner.run(left.clone() | right.clone()).expect_err("they would lose voxels").to_string();
        assert!(error.contains("tasks \"left\" and \"right\" would write the same chunk"), "{error}");
        runner.run(left + right).unwrap().into_result().unwrap();
        assert!(array.read(&array.roi()).unwrap().iter().all(|value| *value == 1), "{name}");
    }
}
