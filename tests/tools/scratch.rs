//! The scratch folder, after runs that were killed and beside runs that are not.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Random, assert_tidy, run, write};

/// The scratch folder of a run of `tool` on `name` in `folder`, and its mark.
fn scratch_folder(folder: &Path, tool: &str, name: &str) -> (PathBuf, PathBuf) {
    let mut hasher = DefaultHasher::new();
    folder.canonicalize().unwrap().join(name).hash(&mut hasher);
    let scratch = folder.join(format!("bellis-{tool}-{name}-{:016x}", hasher.finish()));
    let mark = scratch.join("a-scratch-folder-of-bellis");
    (scratch, mark)
}

#[test]
fn a_run_that_is_killed_while_it_clears_up_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(31).array(&[9, 10], |random| random as u8));
    let (scratch, mark) = scratch_folder(folder.path(), "stats", "a.zarr");
    for part in 0..20 {
        let part = scratch.join(format!("measured/{part:06}"));
        fs::create_dir_all(&part).unwrap();
        (0..1000).for_each(|file| fs::write(part.join(format!("{file:03}")), "").unwrap());
    }
    fs::write(&mark, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bellis"));
    command.args(["stats", "a.zarr"]).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (begin, n_parts) =
        (Instant::now(), || fs::read_dir(scratch.join("measured")).map_or(0, Iterator::count));
    while n_parts() == 20 && begin.elapsed() < Duration::from_secs(20) {}
    child.kill().unwrap();
    child.wait().unwrap();
    run("stats", 2, folder.path(), "a.zarr").json();
    assert_tidy(folder.path());
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(32).array(&[9, 10], |random| random as u8));
    let (scratch, mark) = scratch_folder(folder.path(), "stats", "a.zarr");
    fs::create_dir(&scratch).unwrap();
    fs::write(&mark, "").unwrap();
    fs::write(scratch.join("what-another-left"), "").unwrap();
    let lock = File::open(&scratch).unwrap();
    lock.lock().unwrap();
    for ranks in [0, 2] {
        run("stats", ranks, folder.path(), "a.zarr")
            .failed(1, "another run is at work in it: wait until it ends");
        assert!(scratch.join("what-another-left").exists(), "nothing of the other run's is removed");
    }
    drop(lock);
    run("stats", 2, folder.path(), "a.zarr").json();
    assert_tidy(folder.path());
}
