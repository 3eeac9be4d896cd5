//! Outputs that somebody removes while a run writes them, or between two runs: no run says that all went well, and what is
//! gone is done again. Outputs of nothing but the fill value have no chunks, and are none of these.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellis::{Array, ArraySpec, Progress, Report, Roi, RunError, Runner, Task};
use ndarray::Array1;

const N_BLOCKS: u64 = 40;
const PATHS: [&str; 4] = ["a.zarr", "a.n5", "a.h5/raw", "c.h5/raw"];

fn spec(path: &Path) -> ArraySpec {
    let spec = ArraySpec::new([N_BLOCKS * 10]).chunks([10]);
    if path.to_string_lossy().contains("/c.h5") { spec.contiguous() } else { spec }
}

/// What is removed with an array: its directory, or its file.
fn place(path: &Path) -> PathBuf {
    path.ancestors().find(|part| part.is_file()).unwrap_or(path).to_path_buf()
}

fn remove(path: &Path) {
    let place = place(path);
    if place.is_dir() { fs::remove_dir_all(&place) } else { fs::remove_file(&place) }.unwrap();
}

/// Writes `value` to each block, and calls `beside` with its number. How it went, and how many blocks ran.
fn run(
    path: &Path,
    run_dir: Option<&Path>,
    value: u8,
    beside: impl Fn(u64) + Send + Sync + 'static,
) -> (Report, u64) {
    let array = Array::<u8>::create(path, &spec(path)).unwrap();
    let n_run = Arc::new(AtomicU64::new(0));
    let task = Task::builder("t").total_roi(array.roi()).block_shape([10]).writes(&array).max_retries(0);
    let counter = n_run.clone();
    let task = task.process(move |block| {
        counter.fetch_add(1, Ordering::Relaxed);
        array.write(&block.write_roi, &Array1::from_elem(10, value))?;
        beside(block.index());
        Ok(())
    });
    let runner = Runner::new().slots(1).progress(Progress::Off);
    let runner = match run_dir {
        Some(dir) => runner.run_dir(dir),
        None => runner,
    };
    let report = runner.run(task.build().unwrap()).unwrap();
    (report, n_run.load(Ordering::Relaxed))
}

fn error(report: Report) -> RunError {
    report.into_result().unwrap_err()
}

#[test]
fn what_is_removed_in_the_middle_is_no_success() {
    for path in PATHS {
        let dir = tempfile::tempdir().unwrap();
        let (path, run_dir) = (dir.path().join(path), dir.path().join("run"));
        let removed = path.clone();
        let at_20 = move |index| {
            if index == 20 {
                remove(&removed);
            }
        };
        let (report, _) = run(&path, None, 7, at_20.clone());
        assert!(!report.to_string().contains("success"), "{report}");
        let failure = error(report);
        assert!(!failure.is_resumable());
        let text = failure.to_string();
        assert!(text.contains("the output ") && text.contains("of task \"t\" is gone: "), "{text}");
        assert!(text.contains("then run again"), "{text}");
        let _ = fs::remove_dir_all(place(&path));
        let (report, _) = run(&path, Some(&run_dir), 7, at_20);
        let failure = error(report);
        assert!(failure.is_resumable(), "{failure}");
        let _ = fs::remove_dir_all(place(&path));
        let (report, n_run) = run(&path, Some(&run_dir), 7, |_| ());
        assert!(report.all_completed() && n_run == N_BLOCKS, "{report}");
        let array = Array::<u8>::open(&path).unwrap();
        assert!(array.read(&array.roi()).unwrap().iter().all(|voxel| *voxel == 7));
    }
}

#[test]
fn what_is_removed_and_made_again_in_the_middle_is_no_success() {
    for path in PATHS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(path);
        let removed = path.clone();
        let (report, _) = run(&path, None, 7, move |index| {
            if index == 20 {
                let place = place(&removed);
                fs::rename(&place, place.with_extension("old")).unwrap();
                drop(Array::<u8>::create(&removed, &spec(&removed)).unwrap());
            }
        });
        let text = error(report).to_string();
        assert!(text.contains("it was removed and made again"), "{text}");
    }
}

#[test]
fn chunks_that_are_removed_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let chunks = path.join("c");
    let (report, _) = run(&path, None, 7, move |index| {
        if index == 20 {
            fs::remove_dir_all(&chunks).unwrap();
        }
    });
    let text = error(report).to_string();
    assert!(text.contains("chunks of it were removed"), "{text}");
}

#[test]
fn what_is_removed_between_runs_is_done_again_and_what_is_empty_is_not() {
    for path in PATHS {
        for value in [7, 0] {
            let dir = tempfile::tempdir().unwrap();
            let (path, run_dir) = (dir.path().join(path), dir.path().join("run"));
            let run = || {
                let (report, n_run) = run(&path, Some(&run_dir), value, |_| ());
                report.into_result().unwrap();
                n_run
            };
            assert_eq!([run(), run()], [N_BLOCKS, 0], "{path:?} of {value}");
            // Moved to another disk, say, and back.
            let (here, there) = (place(&path), dir.path().join("there"));
            if value > 0 {
                assert!(
                    std::process::Command::new("cp")
                        .arg("-r")
                        .args([&here, &there])
                        .status()
                        .unwrap()
                        .success()
                );
                remove(&path);
                fs::rename(&there, &here).unwrap();
                assert_eq!(run(), 0, "{path:?}");
            }
            remove(&path);
            // As another file or directory has its name then, whatever number it gets.
            fs::write(dir.path().join("other"), "").unwrap();
            assert_eq!([run(), run()], [N_BLOCKS, 0], "{path:?} of {value}");
        }
    }
}

#[test]
fn two_tasks_that_write_one_array_are_good() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let array = Array::<u8>::create(&path, &spec(&path)).unwrap();
    let task = |name: &str, value: u8| {
        let array = array.clone();
        let task = Task::builder(name).total_roi(array.roi()).block_shape([10]).writes(&array);
        let roi = |block: &bellis::Block| -> Roi { block.write_roi };
        task.process(move |block| Ok(array.write(&roi(block), &Array1::from_elem(10, value))?))
            .build()
            .unwrap()
    };
    // The second removes what the first wrote.
    let runner = || Runner::new().run_dir(dir.path().join("run")).progress(Progress::Off);
    for skipped in [0, N_BLOCKS] {
        let report = runner().run(task("write", 1) + task("clear", 0)).unwrap();
        assert_eq!(report.tasks[0].counts.skipped, skipped, "{report}");
        report.into_result().unwrap();
    }
}
