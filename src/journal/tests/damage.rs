//! A small journal, each byte of each file changed, and each file cut at each byte: it opens right, or says why not.

use std::path::Path;

use super::support::{Snapshot, directory, layout, restore, snapshot, states};
use crate::journal::directory::Journal;
use crate::journal::error::JournalError;
use crate::journal::layout::Layout;
use crate::journal::ledger::Change;
use crate::journal::run_info::RunInfo;
use crate::journal::state::BlockState;
use crate::plan::TaskId;

const GRIDS: [(&str, &[u64]); 2] = [("a", &[12, 9]), ("b", &[5])];

/// A directory in which something is done, and what: the run closed it, or was killed.
fn made(is_closed: bool) -> (Snapshot, Layout, Vec<Vec<u8>>) {
    let (dir, layout) = (directory(), layout(&GRIDS));
    let change = |task, blocks, state| Change { task: TaskId(task), blocks, state };
    let mut journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    journal.commit(&[change(0, 3..60, BlockState::Done), change(1, 2..3, BlockState::Failed)]).unwrap();
    journal.close("stopped").unwrap();
    let mut journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    journal.commit(&[change(0, 60..80, BlockState::Done), change(1, 2..4, BlockState::Done)]).unwrap();
    journal.commit(&[change(0, 100..101, BlockState::Orphaned), change(1, 0..1, BlockState::Done)]).unwrap();
    let states = [0, 1].map(|task| states(journal.ranges(TaskId(task)).unwrap())).to_vec();
    if is_closed {
        journal.close("stopped again").unwrap();
    }
    (snapshot(dir.path()), layout, states)
}

/// No block is what it was not, and none is lost without a word. Returns whether the directory opens.
fn opens_right_or_says_why(dir: &Path, layout: &Layout, expected: &[Vec<u8>], what: &str) -> bool {
    let journal = match Journal::open(dir, layout, RunInfo::default()) {
        Ok(journal) => journal,
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains(&dir.display().to_string()), "{what}: {message}");
            assert!(!error.is_place() && !message.contains('\n'), "{what}: {message}");
            return false;
        }
    };
    let says_so = journal.repairs().iter().any(|repair| repair.may_lose_work());
    for (task, expected) in expected.iter().enumerate() {
        let found = states(journal.ranges(TaskId(task as u32)).unwrap());
        assert_eq!(found.len(), expected.len(), "{what}");
        for (block, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert!(found == expected || *found == 0, "{what}: block {block} is {found} and was {expected}");
            assert!(found == expected || says_so, "{what}: block {block} is lost without a word");
        }
    }
    true
}

fn each_file_spoilt(is_closed: bool) {
    let (whole, layout, expected) = made(is_closed);
    let dir = directory();
    let dir = dir.path().join("run");
    let mut n_opened = 0;
    let mut try_with = |path: &Path, content: Vec<u8>, what: &str| {
        let mut spoilt = whole.clone();
        spoilt.insert(path.into(), content);
        restore(&dir, &spoilt);
        if opens_right_or_says_why(&dir, &layout, &expected, what) {
            n_opened += 1;
        }
    };
    for (path, content) in &whole {
        for at in 0..content.len() {
            let name = path.display();
            try_with(path, content[..at].to_vec(), &format!("{name} cut at {at}"));
            for bit in [0, 1 + at % 7] {
                let mut changed = content.clone();
                changed[at] ^= 1 << bit;
                try_with(path, changed, &format!("bit {bit} of byte {at} of {name}"));
            }
        }
    }
    assert!(n_opened > 500, "only {n_opened} opened");
}

#[test]
fn every_byte_of_a_closed_directory() {
    each_file_spoilt(true);
}

#[test]
fn every_byte_of_a_directory_whose_run_was_killed() {
    each_file_spoilt(false);
}

#[test]
fn files_that_are_gone() {
    for is_closed in [true, false] {
        let (whole, layout, expected) = made(is_closed);
        let dir = directory();
        let dir = dir.path().join("run");
        for path in whole.keys() {
            let mut rest = whole.clone();
            rest.remove(path);
            restore(&dir, &rest);
            let opens = opens_right_or_says_why(&dir, &layout, &expected, &format!("no {}", path.display()));
            let name = path.file_name().unwrap().to_string_lossy();
            assert_eq!(opens, ["zarr.json", "commits.log", "events.jsonl"].contains(&&*name), "{name}");
        }
    }
}

#[test]
fn files_that_are_too_long() {
    let (whole, layout, expected) = made(false);
    let dir = directory();
    let dir = dir.path().join("run");
    for (path, content) in &whole {
        let mut longer = whole.clone();
        longer.insert(path.clone(), [content.as_slice(), &[0]].concat());
        restore(&dir, &longer);
        let opens = opens_right_or_says_why(&dir, &layout, &expected, &format!("{} and 0", path.display()));
        let name = path.file_name().unwrap().to_string_lossy();
        assert_eq!(opens, ["commits.log", "events.jsonl"].contains(&&*name), "{name}");
    }
}

#[test]
fn a_byte_that_is_no_state_is_named() {
    let (mut whole, layout, _) = made(true);
    let chunk = Path::new("tasks/a.zarr/c.0.0");
    let dir = directory();
    let dir = dir.path().join("run");
    whole.get_mut(chunk).unwrap()[17] = 5;
    restore(&dir, &whole);
    let journal = Journal::open(&dir, &layout, RunInfo::default()).unwrap();
    let message = journal.repairs()[0].to_string();
    let expected =
        "tasks/a.zarr/c.0.0 disagrees with its checksums at bytes 0 to 108 (byte 17 is 5, which is no state)";
    assert!(message.contains(expected), "{message}");
    drop(journal);
    // By somebody who knows how to make checksums.
    let sum = crate::journal::page::sum(&whole[chunk]).to_le_bytes().to_vec();
    whole.insert("tasks/a.sums".into(), sum);
    restore(&dir, &whole);
    let message = Journal::open(&dir, &layout, RunInfo::default()).unwrap_err().to_string();
    assert!(message.contains("c.0.0 holds 5 at byte 17, which is no state of a block"), "{message}");
}

#[test]
fn a_map_that_changes_under_a_run_is_noticed() {
    let (dir, layout) = (directory(), layout(&GRIDS));
    let mut journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    std::fs::write(dir.path().join("tasks/b.zarr/c.0"), [0, 1, 0, 0, 0]).unwrap();
    let change = Change { task: TaskId(1), blocks: 0..1, state: BlockState::Done };
    let error = journal.commit(&[change]).unwrap_err();
    assert!(error.to_string().contains("b.zarr/c.0 was changed by somebody else at bytes 0 to 5"), "{error}");
    drop(journal);
    let journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    assert_eq!(journal.counts(TaskId(1)).not_done, 5);
    assert!(journal.repairs()[0].may_lose_work());
}

/// The lock that a process left behind which has ended.
fn lock_left_behind(dir: &Path, layout: &Layout) -> Vec<u8> {
    let journal = Journal::open(dir, layout, RunInfo::default()).unwrap();
    let lock = std::fs::read(dir.join("lock")).unwrap();
    drop(journal);
    let mut lock: serde_json::Value = serde_json::from_slice(&lock).unwrap();
    assert!(lock["process_start"].is_u64(), "{lock}");
    lock["process_start"] = 1.into();
    serde_json::to_vec(&lock).unwrap()
}

#[test]
fn every_byte_of_a_lock() {
    let (whole, layout, expected) = made(false);
    let dir = directory();
    let dir = dir.path().join("run");
    restore(&dir, &whole);
    let lock = lock_left_behind(&dir, &layout);
    let (mut n_opened, mut n_refused) = (0, 0);
    let mut try_with = |lock: &[u8], what: &str| {
        restore(&dir, &whole);
        std::fs::write(dir.join("lock"), lock).unwrap();
        if opens_right_or_says_why(&dir, &layout, &expected, what) {
            n_opened += 1;
        } else {
            // Whose lock it is cannot be told: time will.
            let error = Journal::open(&dir, &layout, RunInfo::default()).unwrap_err();
            assert!(matches!(error, JournalError::Locked { stale_in: Some(_), .. }), "{what}: {error}");
            n_refused += 1;
        }
    };
    try_with(&lock, "as it was left");
    for at in 0..lock.len() {
        try_with(&lock[..at], &format!("cut at {at}"));
        for bit in [0, 1 + at % 7] {
            let mut changed = lock.clone();
            changed[at] ^= 1 << bit;
            try_with(&changed, &format!("bit {bit} of byte {at}"));
        }
    }
    assert!(n_opened > 10 && n_refused > 10, "{n_opened} opened, {n_refused} did not");
}
