//! Disks without room, and disks that may not be written: what was committed stays, and the rest can be given again.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::support::{directory, layout, restore, snapshot, states};
use crate::journal::directory::Journal;
use crate::journal::event_log::Event;
use crate::journal::ledger::Change;
use crate::journal::run_info::RunInfo;
use crate::journal::state::BlockState;
use crate::plan::TaskId;

/// Set in a process that has a small disk: where it is.
const DISK: &str = "BELLIS_TEST_DISK";
const PAGE: u64 = 4096;

/// Runs one of the tests again, in a process of its own that mounts a disk by this script in the directory it is in.
fn with_disk(test: &str, script: &str) {
    let dir = directory();
    let child = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &format!("{script} && exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("journal::tests::disk::{test}"), "--nocapture"])
        .env(DISK, dir.path())
        .current_dir(dir.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
}

/// Whether a disk can be made here, if only where nobody else sees it.
fn may_mount() -> bool {
    let probe = Command::new("unshare")
        .args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/tmp"])
        .stderr(Stdio::null())
        .status();
    let may = probe.is_ok_and(|status| status.success());
    if !may {
        let why = "skipped: no disk can be made here, as unshare --map-root-user --mount may mount nothing";
        writeln!(std::io::stderr(), "{why}").unwrap();
    }
    may
}

fn disk() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

/// Takes all room but for so many pages.
fn fill(filler: &Path, n_free: u64) {
    let mut bytes = vec![1; 1 << 20];
    let mut size = 0u64;
    while !bytes.is_empty() {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(filler).unwrap();
        if file.write_all(&bytes).is_err() {
            bytes.truncate(bytes.len() / 2 / PAGE as usize * PAGE as usize);
        }
        size = file.metadata().unwrap().len();
    }
    let file = fs::OpenOptions::new().write(true).open(filler).unwrap();
    file.set_len((size / PAGE).saturating_sub(n_free) * PAGE).unwrap();
}

#[test]
fn a_full_disk_loses_nothing() {
    let Some(disk) = disk() else {
        if may_mount() {
            with_disk("a_full_disk_loses_nothing", "mount -t tmpfs -o size=1m none .");
        }
        return;
    };
    let layout = layout(&[("one", &[100_000]), ("two", &[50_000])]);
    let dir = disk.join("run");
    let change = |task, blocks, state| Change { task: TaskId(task), blocks, state };
    let first = [change(0, 10..20, BlockState::Done), change(1, 4000..4200, BlockState::Done)];
    // Blocks one by one in pages of their own: a log of some pages, and as many pages in the maps.
    let second: Vec<Change> = (0..20)
        .flat_map(|page| (0..200).map(move |n| page * PAGE + 2 * n))
        .map(|block| change(0, block..block + 1, BlockState::Done))
        .chain([change(1, 0..50_000, BlockState::Excluded)])
        .collect();
    let said = |journal: &Journal| [0, 1].map(|task| states(journal.ranges(TaskId(task)).unwrap()));
    let (mut n_refused, mut n_taken) = (0, 0);
    for n_free in 0..50 {
        let _ = fs::remove_dir_all(&dir);
        let mut journal = Journal::open(&dir, &layout, RunInfo::default()).unwrap();
        journal.commit(&first).unwrap();
        let before = said(&journal);
        let filler = disk.join("filler");
        fill(&filler, n_free);
        let result = journal.commit(&second);
        // It is killed here.
        let crashed = snapshot(&dir);
        let _ = journal.record(&[Event::Draining { reason: "x".repeat(10_000) }]);
        fs::remove_file(&filler).unwrap();
        match &result {
            Ok(()) => n_taken += 1,
            Err(error) => {
                n_refused += 1;
                assert!(error.is_place(), "{error}");
                let message = error.to_string();
                assert!(
                    message.contains("No space left on device (os error 28); make room, then run again"),
                    "{message}"
                );
            }
        }
        journal.commit(&second).unwrap();
        let after = said(&journal);
        assert_eq!(journal.counts(TaskId(1)).excluded, 50_000);
        journal.close("done").unwrap();
        let journal = Journal::open(&dir, &layout, RunInfo::default()).unwrap();
        assert_eq!(journal.repairs(), []);
        assert_eq!(said(&journal), after);
        drop(journal);

        let elsewhere = directory();
        let elsewhere = elsewhere.path().join("run");
        restore(&elsewhere, &crashed);
        let journal = Journal::open(&elsewhere, &layout, RunInfo::default()).unwrap();
        assert!(!journal.repairs().iter().any(|repair| repair.to_string().contains("disagrees")));
        let found = said(&journal);
        assert!(found == after || (found == before && result.is_err()), "with {n_free} pages free");
    }
    assert!(n_refused >= 20 && n_taken >= 5, "{n_refused} refused, {n_taken} taken");
}

#[test]
fn a_disk_that_is_only_read_says_so() {
    let Some(disk) = disk() else {
        if may_mount() {
            with_disk(
                "a_disk_that_is_only_read_says_so",
                "mount -t tmpfs none . && mount -o remount,ro \"$PWD\"",
            );
        }
        return;
    };
    let error = Journal::open(&disk.join("run"), &layout(&[("one", &[10])]), RunInfo::default()).unwrap_err();
    assert!(error.is_place());
    let message = error.to_string();
    assert!(
        message.ends_with(
            "Read-only file system (os error 30); use another run directory, or ask who may write this one"
        ),
        "{message}"
    );
}
