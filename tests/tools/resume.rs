//! Runs that are ended in the middle, and go on with their run directory.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::mpirun::{self, Ranks};
use super::spawn::spawn;
use super::{Random, write};

/// So many blocks, of one chunk each, that a disk takes seconds to sync them.
const SHAPE: [usize; 3] = [60, 60, 16];
const N_BLOCKS: usize = 15 * 15 * 4;

/// `bellis convert` on two worker ranks, of a volume in chunks of 4, block by block.
fn convert(folder: &Path, durability: &str) -> Command {
    let arguments = [
        "a.zarr",
        "b.zarr",
        "--block",
        "4,4,4",
        "--run-dir",
        "run",
        "--epoch-s",
        "0.05",
        "--durability",
        durability,
        "--progress",
        "off",
    ];
    let mut command = mpirun::tool(Ranks::Mpirun(3), "convert", &arguments).into_command();
    command.current_dir(folder).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Number of blocks that the run directory has as done.
fn n_done(folder: &Path) -> usize {
    let map = fs::read(folder.join("run/tasks/convert.zarr/c.0.0.0")).unwrap_or_default();
    map.iter().filter(|state| **state == 1).count()
}

/// Runs until some blocks are done, then sends a signal to the launcher.
fn run_and_signal(folder: &Path, durability: &str, signal: i32) -> (ExitStatus, String) {
    let n_before = n_done(folder);
    let mut child = spawn(&mut convert(folder, durability)).unwrap();
    let begin = Instant::now();
    let is_running = |child: &mut Child| child.try_wait().unwrap().is_none();
    while n_done(folder) < n_before + 100
        && is_running(&mut child)
        && begin.elapsed() < Duration::from_secs(30)
    {
        sleep(Duration::from_millis(1));
    }
    if is_running(&mut child) {
        mpirun::signal(child.id(), signal);
    }
    let mut errors = child.stderr.take().unwrap();
    let text = std::io::read_to_string(&mut errors).unwrap_or_default();
    (child.wait().unwrap(), text)
}

#[test]
fn what_is_ended_goes_on_and_the_end_is_the_same() {
    goes_on("epoch");
}

#[test]
fn what_is_ended_goes_on_where_each_block_is_synced() {
    goes_on("block");
}

#[test]
fn what_is_ended_goes_on_where_nothing_is_synced() {
    goes_on("none");
}

fn goes_on(durability: &str) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.zarr", &Random(5).array(&SHAPE, |random| random as u16));
    // A request to end, which is waited for; then the end of rank 0 and all others, at once.
    for signal in [libc::SIGTERM, libc::SIGKILL] {
        let (status, text) = run_and_signal(folder, durability, signal);
        let n_done = n_done(folder);
        assert!(n_done >= 100, "{n_done} blocks are done: {text}");
        if signal == libc::SIGTERM && n_done < N_BLOCKS {
            assert_eq!(status.code(), Some(75), "{text}");
            assert!(text.contains("run again to go on"), "{text}");
        }
        // Ranks whose launcher is gone take a moment to end, and the last of them frees the directory.
        sleep(Duration::from_secs(2));
    }
    let n_before = n_done(folder);
    let output =
        mpirun::tool(Ranks::Alone, "convert", &["a.zarr", "b.zarr", "--block", "4,4,4", "--run-dir", "run"])
            .inside(folder)
            .run();
    output.succeeded();
    assert_eq!(n_done(folder), N_BLOCKS);
    let skipped = format!("(skipped {n_before})");
    assert!(output.stderr.contains(&skipped), "{skipped}: {}", output.stderr);
    let [from, to] = ["a.zarr", "b.zarr"].map(|name| {
        let array = bellis::Array::<u16>::open(folder.join(name)).unwrap();
        array.read(&array.roi()).unwrap()
    });
    assert!(from == to, "each voxel is what it was");
}

/// `bellis convert` on two worker ranks, whose output is removed when some of it is there.
fn run_and_remove(folder: &Path) -> (ExitStatus, String) {
    // Each block is synced, which takes a while.
    let mut child = spawn(&mut convert(folder, "block")).unwrap();
    let chunks = folder.join("b.zarr/c");
    let begin = Instant::now();
    while fs::read_dir(&chunks).map_or(0, Iterator::count) < 3 && begin.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(1));
    }
    fs::rename(folder.join("b.zarr"), folder.join("old.zarr")).unwrap();
    let mut errors = child.stderr.take().unwrap();
    let text = std::io::read_to_string(&mut errors).unwrap_or_default();
    (child.wait().unwrap(), text)
}

#[test]
fn an_output_that_goes_in_the_middle_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder, "a.zarr", &Random(5).array(&SHAPE, |random| random as u16));
    let (status, text) = run_and_remove(folder);
    assert_eq!(status.code(), Some(75), "{text}");
    assert!(text.contains("of task \"convert\" is gone") && !text.contains("success"), "{text}");
    assert_eq!(n_done(folder), 0, "it is taken back");
    fs::remove_dir_all(folder.join("b.zarr")).unwrap();
    mpirun::tool(Ranks::Alone, "convert", &["a.zarr", "b.zarr", "--block", "4,4,4", "--run-dir", "run"])
        .inside(folder)
        .run()
        .succeeded();
    assert_eq!(n_done(folder), N_BLOCKS);
}

#[test]
fn another_layout_is_refused_and_a_run_directory_is_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(6).array(&[8, 8], |random| random as u8));
    let run = |arguments: &[&str]| {
        let all: Vec<&str> =
            ["a.zarr", "b.zarr", "--run-dir", "run"].iter().chain(arguments).copied().collect();
        mpirun::tool(Ranks::Alone, "convert", &all).inside(folder.path()).run()
    };
    run(&["--block", "4,4"]).succeeded();
    run(&["--block", "8,8"]).failed(2, "is of another layout");
    run(&["--block", "4,4"]).succeeded();
    // An output that was removed, and made again, is not taken for done.
    let status = || mpirun::tool(Ranks::Alone, "status", &["run", "--json"]).inside(folder.path()).run();
    assert!(status().succeeded().stdout.contains("\"done\":4"), "{}", status().stdout);
    fs::remove_dir_all(folder.path().join("b.zarr")).unwrap();
    let again = run(&["--block", "4,4"]);
    assert!(again.succeeded().stderr.contains("of task \"convert\" is gone"), "{}", again.stderr);
    let voxels = bellis::Array::<u8>::open(folder.path().join("b.zarr")).unwrap();
    assert!(voxels.read(&voxels.roi()).unwrap().iter().any(|voxel| *voxel != 0));
    mpirun::tool(Ranks::Alone, "reset", &["run"]).inside(folder.path()).run().succeeded();
    run(&["--block", "8,8"]).succeeded();
}

#[test]
fn what_blocks_left_for_others_stays_with_the_run_directory() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(7).array(&[20, 20], |random| (random % 3) as u8));
    let stats = |more: &[&str]| {
        let all: Vec<&str> = ["a.zarr", "--block", "4,4"].iter().chain(more).copied().collect();
        mpirun::tool(Ranks::Alone, "stats", &all).inside(folder.path()).run()
    };
    let undisturbed = stats(&[]).succeeded().stdout.clone();
    // Some of the blocks that measure; then the rest, and what sums all of them up.
    stats(&["--run-dir", "run"]).succeeded();
    mpirun::tool(Ranks::Alone, "reset", &["run", "add up"]).inside(folder.path()).run().succeeded();
    for _ in 0..2 {
        let again = stats(&["--run-dir", "run"]);
        assert_eq!(again.succeeded().stdout, undisturbed);
    }
}
