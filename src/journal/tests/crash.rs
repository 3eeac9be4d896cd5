//! Random commits, and a loss of power at a random moment: what was not synced is on the disk byte by byte, or not.

use std::path::Path;

use proptest::prelude::*;

use super::support::{Snapshot, directory, layout, restore, snapshot, states};
use crate::journal::layout::Layout;
use crate::journal::ledger::{Change, Ledger};
use crate::journal::repair::Repair;
use crate::journal::scan::Ranges;
use crate::journal::state::{BlockState, StateCounts};
use crate::plan::TaskId;

/// Three pages, the last of them short, and one.
pub const GRIDS: [(&str, &[u64]); 2] = [("first", &[85, 100]), ("second", &[5, 3, 2])];

/// States of all blocks.
pub type Model = Vec<Vec<u8>>;

fn open(dir: &Path, layout: &Layout) -> (Ledger, Vec<Repair>) {
    let mut repairs = Vec::new();
    let ledger = Ledger::open(dir, layout, &[], &mut repairs).unwrap();
    (ledger, repairs)
}

pub fn said(ledger: &Ledger) -> Model {
    let said: Model =
        [0, 1].map(|task| states(Ranges::new(ledger.map(TaskId(task)).unwrap()))).into_iter().collect();
    for (states, counts) in said.iter().zip(ledger.counts()) {
        let of = |state: BlockState| states.iter().filter(|byte| **byte == state.byte()).count() as u64;
        assert!(BlockState::ALL.iter().all(|state| counts.of(*state) == of(*state)), "{counts:?}");
    }
    said
}

pub fn make(model: &mut Model, changes: &[Change]) {
    for change in changes {
        let blocks = change.blocks.start as usize..change.blocks.end as usize;
        model[change.task.as_usize()][blocks].fill(change.state.byte());
    }
}

pub fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..2u32, any::<prop::sample::Index>(), 0..4u32, 0..5usize).prop_map(
        |(task, begin, length, state)| {
            let n_blocks: u64 = GRIDS[task as usize].1.iter().product();
            let begin = begin.index(n_blocks as usize) as u64;
            let end = (begin + 9u64.pow(length)).min(n_blocks);
            Change { task: TaskId(task), blocks: begin..end, state: BlockState::ALL[state] }
        },
    );
    prop::collection::vec(change, 0..6)
}

/// Bytes of which each is the earlier or the later one.
fn mixed(earlier: &[u8], later: &[u8], seed: u64) -> Vec<u8> {
    let mut random = seed | 1;
    let mut choose = |(earlier, later): (&u8, &u8)| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if random.is_multiple_of(2) { *earlier } else { *later }
    };
    earlier.iter().zip(later).map(&mut choose).collect()
}

/// A snapshot with some files, by the end of their names, as they may be in the middle of becoming those of another.
fn with_mixed(base: &Snapshot, earlier: &Snapshot, later: &Snapshot, part: &str, seed: u64) -> Snapshot {
    let mut result = base.clone();
    for (path, content) in &mut result {
        if path.to_string_lossy().contains(part) {
            *content = mixed(&earlier[path], &later[path], seed);
        }
    }
    result
}

const CHUNK: &str = "/c.";
const SUMS: &str = ".sums";
const LOG: &str = "commits.log";

/// What a directory holds after a crash is this, and nothing is amiss with it but the end of the log.
fn assert_survives(crashed: &Snapshot, layout: &Layout, allowed: &[&Model]) {
    let dir = directory();
    restore(dir.path(), crashed);
    let (ledger, repairs) = open(dir.path(), layout);
    assert!(repairs.iter().all(|repair| matches!(repair, Repair::TornLog { .. })), "{repairs:?}");
    let found = said(&ledger);
    assert!(allowed.contains(&&found), "something else than what was committed");
    drop(ledger);
    let (ledger, repairs) = open(dir.path(), layout);
    assert_eq!((said(&ledger), repairs), (found, Vec::new()), "what is mended stays so");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn commits_are_what_the_model_says(batches in prop::collection::vec((changes(), 0..4u8), 1..12)) {
        let (dir, layout) = (directory(), layout(&GRIDS));
        let mut ledger = Ledger::create(dir.path(), &layout).unwrap();
        let mut model: Model = vec![vec![0; 8500], vec![0; 30]];
        for (changes, then) in &batches {
            ledger.commit(changes).unwrap();
            make(&mut model, changes);
            match then {
                0 => ledger.checkpoint().unwrap(),
                1 => {
                    drop(ledger);
                    let (opened, repairs) = open(dir.path(), &layout);
                    prop_assert_eq!(repairs, Vec::new());
                    ledger = opened;
                }
                _ => {}
            }
            prop_assert_eq!(&said(&ledger), &model);
        }
    }

    #[test]
    fn a_crash_loses_nothing_that_was_committed(
        batches in prop::collection::vec(changes(), 1..6),
        before in changes(),
        cut in any::<prop::sample::Index>(),
        seed in any::<u64>(),
    ) {
        let (dir, layout) = (directory(), layout(&GRIDS));
        let mut ledger = Ledger::create(dir.path(), &layout).unwrap();
        let mut model: Model = vec![vec![0; 8500], vec![0; 30]];
        ledger.commit(&before).unwrap();
        make(&mut model, &before);
        ledger.checkpoint().unwrap();
        let checkpoint = snapshot(dir.path());
        let (mut earlier, mut earlier_model) = (checkpoint.clone(), model.clone());
        for changes in &batches {
            (earlier, earlier_model) = (snapshot(dir.path()), model.clone());
            ledger.commit(changes).unwrap();
            make(&mut model, changes);
        }
        let later = snapshot(dir.path());
        let log = |snapshot: &Snapshot| snapshot[Path::new(LOG)].clone();
        let (short, long) = (log(&earlier), log(&later));

        // In the middle of writing the log: of the last commit nothing else is on the disk.
        let mut torn = with_mixed(&earlier, &checkpoint, &earlier, CHUNK, seed);
        let at = short.len() + cut.index(long.len() - short.len() + 1);
        torn.insert(LOG.into(), long[..at].to_vec());
        let expected = if at == long.len() { &model } else { &earlier_model };
        assert_survives(&torn, &layout, &[expected]);
        // The same, where the end of the file is longer than what was written of it.
        let mut garbled = long.clone();
        garbled[at..].fill(0);
        torn.insert(LOG.into(), garbled);
        assert_survives(&torn, &layout, &[&earlier_model, &model]);
        // When it is in the log, and more or less in the maps.
        assert_survives(&with_mixed(&later, &checkpoint, &later, CHUNK, seed), &layout, &[&model]);
        // In the middle of writing the checksums, when the maps are on the disk.
        ledger.checkpoint().unwrap();
        let after = snapshot(dir.path());
        let mut middle = with_mixed(&after, &later, &after, SUMS, seed);
        middle.insert(LOG.into(), long);
        assert_survives(&middle, &layout, &[&model]);
        // When they are whole, and the log is not cut, or just was.
        middle = after.clone();
        middle.insert(LOG.into(), log(&later));
        assert_survives(&middle, &layout, &[&model]);
        assert_survives(&after, &layout, &[&model]);
    }

    /// Whatever happens to a page, its blocks are what they were or not done, and the others are what they were.
    #[test]
    fn a_spoilt_page_is_not_done(
        batches in prop::collection::vec(changes(), 1..4),
        at in 0..8500usize,
        value in any::<u8>(),
        closed in any::<bool>(),
    ) {
        let (dir, layout) = (directory(), layout(&GRIDS));
        let mut ledger = Ledger::create(dir.path(), &layout).unwrap();
        let mut model: Model = vec![vec![0; 8500], vec![0; 30]];
        for changes in &batches {
            ledger.commit(changes).unwrap();
            make(&mut model, changes);
        }
        if closed {
            ledger.checkpoint().unwrap();
        }
        drop(ledger);
        let chunk = dir.path().join("tasks/first.zarr/c.0.0");
        let mut bytes = std::fs::read(&chunk).unwrap();
        let is_spoilt = bytes[at] != value;
        bytes[at] = value;
        std::fs::write(&chunk, &bytes).unwrap();
        let (ledger, repairs) = open(dir.path(), &layout);
        let found = said(&ledger);
        let page = at / 4096 * 4096..(at / 4096 * 4096 + 4096).min(8500);
        if !repairs.is_empty() {
            prop_assert!(is_spoilt);
            prop_assert!(repairs[0].may_lose_work());
            model[0][page].fill(0);
        }
        // What was logged for that byte mends it.
        prop_assert_eq!(found, model);
    }
}

#[test]
fn large_commits_are_written_in_parts() {
    let dir = directory();
    let layout = layout(&[("wide", &[5000, 4096])]);
    let mut ledger = Ledger::create(dir.path(), &layout).unwrap();
    let n_blocks = 5000 * 4096;
    let all = Change { task: TaskId(0), blocks: 0..n_blocks, state: BlockState::Excluded };
    let one = Change { task: TaskId(0), blocks: 77..78, state: BlockState::Done };
    ledger.commit(&[all, one]).unwrap();
    drop(ledger);
    let mut repairs = Vec::new();
    let ledger = Ledger::open(dir.path(), &layout, &[], &mut repairs).unwrap();
    assert_eq!(repairs, []);
    let expected = StateCounts { excluded: n_blocks - 1, done: 1, ..Default::default() };
    assert_eq!(ledger.counts(), [expected]);
    let ranges: Vec<_> = Ranges::new(ledger.map(TaskId(0)).unwrap()).map(Result::unwrap).collect();
    let expected =
        [(BlockState::Excluded, 0..77), (BlockState::Done, 77..78), (BlockState::Excluded, 78..n_blocks)];
    assert_eq!(ranges, expected);
}

#[test]
fn a_log_that_grows_is_emptied() {
    let dir = directory();
    let layout = layout(&[("one", &[1_000_000])]);
    let mut ledger = Ledger::create(dir.path(), &layout).unwrap();
    let length = || dir.path().join(LOG).metadata().unwrap().len();
    let (mut longest, mut at) = (0, 0);
    while length() >= longest {
        longest = length();
        let begin = at % 1_000_000;
        let state = if at / 1_000_000 % 2 == 0 { BlockState::Done } else { BlockState::Failed };
        let change = |n: u64| Change { task: TaskId(0), blocks: begin + 2 * n..begin + 2 * n + 1, state };
        let changes: Vec<Change> = (0..50_000).map(change).collect();
        ledger.commit(&changes).unwrap();
        at += 100_000;
        assert!(longest < 32 << 20, "the log grows without end");
    }
    assert!(longest > 16 << 20);
}
