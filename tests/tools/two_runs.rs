//! Two runs at once, on real ranks: on one output, on parts of it, and on one run directory.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::mpirun::{self, Outcome, Ranks};
use super::spawn::spawn;
use super::{Random, write};

/// Starts a conversion on two worker ranks, each block of which is synced, so that it takes seconds.
fn start(folder: &Path, arguments: &[&str]) -> Child {
    let slow =
        ["a.zarr", "--block", "4,4,4", "--chunks", "4,4,4", "--durability", "block", "--progress", "off"];
    let arguments: Vec<&str> = slow.iter().chain(arguments).copied().collect();
    let mut command = mpirun::tool(Ranks::Mpirun(3), "convert", &arguments).into_command();
    spawn(command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null())).unwrap()
}

fn convert(folder: &Path, arguments: &[&str]) -> Outcome {
    let arguments: Vec<&str> =
        ["a.zarr", "--block", "4,4,4", "--chunks", "4,4,4"].iter().chain(arguments).copied().collect();
    mpirun::tool(Ranks::Alone, "convert", &arguments).inside(folder).run()
}

fn n_locks(directory: &Path) -> usize {
    let names = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("bellis-lock-")).count()
}

fn wait_until(is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(30), "it does not come to that");
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_output_is_one_runs_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.zarr", &Random(5).array(&[60, 60, 16], |random| random as u16));
    for (output, directory) in [("b.zarr", "b.zarr"), ("c.n5", "c.n5"), ("d.h5/raw", ".")] {
        let directory = folder.join(directory);
        let mut first = start(folder, &[output]);
        wait_until(|| n_locks(&directory) > 0);
        convert(folder, &[output]).failed(2, "is being written by process ");
        // Another array, and what was read all the while, is nobody's business.
        convert(folder, &[&format!("other-{output}")]).succeeded();
        assert!(first.wait().unwrap().success());
        assert_eq!(n_locks(&directory), 0, "nothing is left");
        convert(folder, &[output]).succeeded();
        // What is left behind is recognised.
        let mut killed = start(folder, &[output]);
        wait_until(|| n_locks(&directory) > 0);
        mpirun::signal(killed.id(), libc::SIGKILL);
        killed.wait().unwrap();
        // Ranks whose launcher is gone take a moment to end.
        sleep(Duration::from_secs(2));
        convert(folder, &[output]).succeeded();
        assert_eq!(n_locks(&directory), 0, "nothing is left");
    }
}

#[test]
fn parts_of_an_output_are_several_runs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.zarr", &Random(5).array(&[100, 100, 16], |random| random as u16));
    let mut first = start(folder, &["b.zarr", "--only", "[-10:150, -3:297, 4:68]"]);
    wait_until(|| n_locks(&folder.join("b.zarr")) > 0);
    convert(folder, &["b.zarr", "--only", "[142:158, -3:297, 4:68]"])
        .failed(2, "is being written by process ");
    convert(folder, &["b.zarr", "--blocks", "convert:1999"]).failed(2, "is being written by process ");
    convert(folder, &["b.zarr", "--blocks", "convert:2000-2499"]).succeeded();
    assert!(first.wait().unwrap().success());
    let [from, to] = ["a.zarr", "b.zarr"].map(|name| {
        let array = bellis::Array::<u16>::open(folder.join(name)).unwrap();
        array.read(&array.roi()).unwrap()
    });
    assert!(from == to, "each voxel is what it was");
}

#[test]
fn a_run_directory_is_one_runs_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.zarr", &Random(5).array(&[60, 60, 16], |random| random as u16));
    let mut first = start(folder, &["b.zarr", "--run-dir", "run"]);
    wait_until(|| folder.join("run/tasks/convert.zarr/c.0.0.0").exists());
    convert(folder, &["c.zarr", "--run-dir", "run"]).failed(2, "run is in use by process ");
    assert!(first.wait().unwrap().success());
    convert(folder, &["b.zarr", "--run-dir", "run"]).succeeded();
}
