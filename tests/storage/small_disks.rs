//! Disks without room and disks that may not be written: few blocks are tried in vain, the run ends so that it can go on, and
//! what was written is right.

use std::path::Path;
use std::process::Command;

use bellis::{Array, Roi};

use super::mpirun::{Outcome, Ranks, testbed};
use super::noise::noise;
use super::spawn::output;
use super::{files_below, roi};

/// The kinds of `tests/programs/writer`, and what their paths end in.
const KINDS: [(&str, &str); 6] = [
    ("zarr2", "zarr"),
    ("zarr3", "zarr"),
    ("shards", "zarr"),
    ("n5", "n5"),
    ("hdf5", "h5"),
    ("hdf5-chunks", "h5"),
];
/// What only one process can write.
const ALONE: (&str, &str) = ("hdf5-gzip", "h5");

const N_BLOCKS: usize = 64;

/// The write ROI of a block of the program.
fn block(index: usize) -> Roi {
    let at = [index / 16, index / 4 % 4, index % 4].map(|position| position as i64 * 32);
    roi(at, [32; 3])
}

/// Whether scripts may mount something here, if only where nobody else sees it.
fn may_mount() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"]);
    let may = output(&mut probe).is_ok_and(|output| output.status.success());
    if !may {
        println!("skipped: no disk can be made here, as unshare --map-root-user --mount may mount nothing");
    }
    may
}

/// The blocks that said they were written, of each run of the program in a script, and how it ended.
fn runs(outcome: &Outcome) -> Vec<(Vec<usize>, i32)> {
    let mut runs = vec![(Vec::new(), -1)];
    for line in outcome.stdout.lines() {
        let run = runs.last_mut().unwrap();
        if let Some(index) = line.strip_prefix("wrote ") {
            run.0.push(index.parse().unwrap());
        } else if let Some(code) = line.strip_prefix("exit ") {
            run.1 = code.parse().unwrap();
            runs.push((Vec::new(), -1));
        }
    }
    runs.pop();
    runs
}

/// These blocks are as they were written, and nothing was left lying about.
fn assert_right(path: &Path, blocks: &[usize], outcome: &Outcome) {
    let array = Array::<u16>::open(path).unwrap_or_else(|error| panic!("{error}\n{outcome}"));
    for &index in blocks {
        let block = block(index);
        let data = array.read(&block).unwrap_or_else(|error| panic!("{error}\n{outcome}"));
        assert!(data == noise(block.begin().as_slice(), &[32; 3], 0), "block {index} is wrong\n{outcome}");
    }
    for file in files_below(path.parent().unwrap().parent().unwrap()) {
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(!name.ends_with(".tmp") && !name.ends_with(".lock"), "{} is left\n{outcome}", file.display());
    }
}

fn fills_up((kind, suffix): (&str, &str), ranks: Ranks) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("disk")).unwrap();
    let name = format!("disk/a.{suffix}/raw");
    let path = dir.path().join(&name);
    let script = r#"
        cd "$DIRECTORY"
        mount -t tmpfs -o size=2m none disk || exit
        cd disk
        "$@"; echo "exit $?"
        cp -r . ../full
        mount -o remount,size=64m "$DIRECTORY/disk"
        "$@"; echo "exit $?"
        cp -r . ../roomy
        head -c 100m /dev/zero >filler 2>/dev/null
        "$@"; echo "exit $?"
        rm filler
        cp -r . ../again
    "#;
    let outcome = testbed(ranks, "writer", &["blocks", kind, path.to_str().unwrap()])
        .env("BELLIS_PROGRESS", "off")
        .env("BELLIS_PLACE_PAUSE_S", "0.2")
        .env("RUST_LOG", "debug")
        .env("DIRECTORY", dir.path())
        .mounting(script)
        .run();
    let runs = runs(&outcome);
    let [(full, 75), (roomy, 0), (_, again)] = &runs[..] else {
        panic!("codes 75 and 0 are wanted: {runs:?}\n{outcome}")
    };
    assert!((4..N_BLOCKS - 16).contains(&full.len()), "{} blocks found room\n{outcome}", full.len());
    let n_vain = outcome.stderr.matches("no more blocks of the task are handed out").count();
    // In one run or two.
    assert!((2..=20).contains(&n_vain), "{n_vain} blocks were tried in vain\n{outcome}");
    let reason = "No space left on device (os error 28); make room, or choose another path";
    assert!(outcome.stderr.contains(reason), "{reason:?} is wanted\n{outcome}");
    assert_right(&dir.path().join("full").join(format!("a.{suffix}/raw")), full, &outcome);
    assert_eq!(roomy.len(), N_BLOCKS, "{outcome}");
    assert_right(&dir.path().join("roomy").join(format!("a.{suffix}/raw")), roomy, &outcome);
    // Where a chunk is replaced as a whole there is no room to write it again, and the former one stays.
    assert_eq!(*again, if suffix == "h5" { 0 } else { 75 }, "{outcome}");
    assert_eq!(outcome.n_lines("error: "), 1 + usize::from(*again != 0), "{outcome}");
    if kind != ALONE.0 {
        let all: Vec<usize> = (0..N_BLOCKS).collect();
        assert_right(&dir.path().join("again").join(format!("a.{suffix}/raw")), &all, &outcome);
    }
}

#[test]
fn without_room_the_run_ends_and_what_was_written_is_right() {
    if may_mount() {
        for kind in KINDS {
            fills_up(kind, Ranks::Alone);
        }
        fills_up(ALONE, Ranks::Alone);
    }
}

/// A fill value is written out when the dataset is made, and there is no room for that.
#[test]
fn a_dataset_that_finds_no_room_is_not_made() {
    if !may_mount() {
        return;
    }
    for ranks in [Ranks::Alone, Ranks::Mpirun(3)] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("disk")).unwrap();
        let script = r#"
            mount -t tmpfs -o size=2m none "$DIRECTORY/disk" || exit
            "$@"; code=$?
            find "$DIRECTORY/disk" -mindepth 1
            exit $code
        "#;
        let path = dir.path().join("disk/a.h5/raw");
        let outcome = testbed(ranks, "writer", &["blocks", "hdf5-filled", path.to_str().unwrap()])
            .env("DIRECTORY", dir.path())
            .mounting(script)
            .run();
        let shown = path.display();
        let reason = "No space left on device (os error 28); make room, or choose another path";
        outcome.failed(2, &format!("cannot create {shown}: {reason}"));
        assert_eq!(outcome.stdout, "", "nothing is left on the disk\n{outcome}");
    }
}

#[test]
fn without_room_ranks_end_and_what_was_written_is_right() {
    if may_mount() {
        for kind in KINDS {
            fills_up(kind, Ranks::Mpirun(3));
        }
    }
}

/// No block was written, and few were tried.
fn assert_refused(outcome: &Outcome, reason: &str) {
    let remedy = format!("{reason}; choose another path, or ask who may use this one");
    outcome.failed(75, &remedy);
    assert!(!outcome.stdout.contains("wrote"), "{outcome}");
    let n_vain = outcome.stderr.matches("no more blocks of the task are handed out").count();
    assert!((2..=12).contains(&n_vain), "{n_vain} blocks were tried in vain\n{outcome}");
}

#[test]
fn on_a_disk_that_is_only_read_few_blocks_are_tried() {
    if !may_mount() {
        return;
    }
    let all = KINDS.into_iter().flat_map(|kind| [(kind, Ranks::Alone), (kind, Ranks::Mpirun(3))]);
    for ((kind, suffix), ranks) in all.chain([(ALONE, Ranks::Alone)]) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("a.{suffix}/raw"));
        let arguments = ["blocks", kind, path.to_str().unwrap()];
        let read_only = r#"
            mount --bind "$DIRECTORY" "$DIRECTORY" && mount -o remount,bind,ro "$DIRECTORY" || exit
            "$@"
        "#;
        let writer = || {
            let writer = testbed(ranks, "writer", &arguments).env("BELLIS_PROGRESS", "off");
            writer.env("BELLIS_PLACE_PAUSE_S", "0.2").env("RUST_LOG", "debug")
        };
        let run = || writer().env("DIRECTORY", dir.path()).mounting(read_only).run();
        run().failed(
            2,
            "Read-only file system (os error 30); choose another path, or ask who may use this one",
        );
        writer().run().succeeded();
        let before: Vec<_> =
            files_below(dir.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert_refused(&run(), "Read-only file system (os error 30)");
        let after: Vec<_> = files_below(dir.path()).iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert!(before == after, "{kind}: something was changed");
    }
}

#[test]
fn who_may_not_write_is_told_so_and_few_blocks_are_tried() {
    let all = KINDS.into_iter().flat_map(|kind| [(kind, Ranks::Alone), (kind, Ranks::Mpirun(3))]);
    for ((kind, suffix), ranks) in all.chain([(ALONE, Ranks::Alone)]) {
        let dir = tempfile::tempdir().unwrap();
        // Nobody finds the way, and may read.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), mode).unwrap();
        let path = dir.path().join(format!("a.{suffix}/raw"));
        let arguments = ["blocks", kind, path.to_str().unwrap(), "nobody"];
        let writer = testbed(ranks, "writer", &arguments).env("BELLIS_PROGRESS", "off");
        let outcome = writer.env("BELLIS_PLACE_PAUSE_S", "0.2").env("RUST_LOG", "debug").run();
        if outcome.stdout.contains("no rights to be given up") {
            println!("skipped: only root can give up rights and so try this");
            return;
        }
        assert_refused(&outcome, "Permission denied (os error 13)");
    }
}
