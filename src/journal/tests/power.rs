//! Everything that is done to the files is taken down, and the power goes at each point of it: what was not synced is
//! on the disk, or not, byte by byte; and again while the next run mends that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::crash::{GRIDS, Model, changes, make, said};
use super::support::{Snapshot, directory, layout, restore, snapshot};
use crate::journal::ledger::Ledger;
use crate::journal::ledger_file::trace::{self, Op};
use crate::journal::repair::Repair;

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn is_heads(&mut self) -> bool {
        self.next() >> 32 & 1 == 0
    }
}

/// Does to a file's content what was done to the file; of bytes that are `unsure`, each is written or not.
fn apply(content: &mut Vec<u8>, op: &Op, unsure: Option<&mut Random>) {
    match (op, unsure) {
        (Op::Sync, _) => {}
        (Op::SetLength(length), None) => content.resize(*length as usize, 0),
        (Op::SetLength(length), Some(random)) => {
            if random.is_heads() {
                content.resize(*length as usize, 0);
            }
        }
        (Op::Write(offset, bytes), unsure) => {
            let begin = *offset as usize;
            let mut end = begin + bytes.len();
            let Some(random) = unsure else {
                content.resize(content.len().max(end), 0);
                content[begin..end].copy_from_slice(bytes);
                return;
            };
            // All of it, none of it, the first bytes, or any.
            let (kind, cut) = (random.next() % 4, random.next() as usize % (bytes.len() + 1));
            if kind == 3 {
                end = begin + cut;
            }
            if kind == 0 || end == begin {
                return;
            }
            content.resize(content.len().max(end), 0);
            for at in begin..end {
                if kind != 2 || random.is_heads() {
                    content[at] = bytes[at - begin];
                }
            }
        }
    }
}

/// What the disk holds when the power goes after so many of these steps.
fn without_power(before: &Snapshot, ops: &[(PathBuf, Op)], random: &mut Random) -> Snapshot {
    let mut after = before.clone();
    let mut last_sync = BTreeMap::new();
    for (at, (path, op)) in ops.iter().enumerate() {
        if *op == Op::Sync {
            last_sync.insert(path, at);
        }
    }
    for (at, (path, op)) in ops.iter().enumerate() {
        let is_sure = last_sync.get(path).is_some_and(|sync| at < *sync);
        apply(after.get_mut(path).unwrap(), op, if is_sure { None } else { Some(&mut *random) });
    }
    after
}

/// What others see after so many of these steps, whatever is on the disk.
fn with_power(before: &Snapshot, ops: &[(PathBuf, Op)]) -> Snapshot {
    let mut after = before.clone();
    ops.iter().for_each(|(path, op)| apply(after.get_mut(path).unwrap(), op, None));
    after
}

/// What was done in a directory.
fn end(dir: &Path) -> Vec<(PathBuf, Op)> {
    let within = |(path, op): (PathBuf, Op)| (path.strip_prefix(dir).unwrap().to_path_buf(), op);
    trace::end().into_iter().map(within).collect()
}

/// Whether the log is on the disk for sure.
fn is_synced(ops: &[(PathBuf, Op)]) -> bool {
    ops.iter().any(|(path, op)| path.ends_with("commits.log") && *op == Op::Sync)
}

/// Opens what a crash left, and takes down what that does to the files.
fn open_after(crashed: &Snapshot, allowed: &[&Model]) -> (Model, Vec<(PathBuf, Op)>) {
    let dir = directory();
    restore(dir.path(), crashed);
    let mut repairs = Vec::new();
    trace::begin();
    let ledger = Ledger::open(dir.path(), &layout(&GRIDS), &[], &mut repairs).unwrap();
    let ops = end(dir.path());
    assert!(repairs.iter().all(|repair| matches!(repair, Repair::TornLog { .. })), "{repairs:?}");
    let found = said(&ledger);
    assert!(allowed.contains(&&found), "something else than what was committed");
    (found, ops)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn power_that_goes_at_any_point_loses_nothing(
        batches in prop::collection::vec((changes(), any::<bool>()), 1..6),
        seed in 1..u64::MAX,
    ) {
        let random = &mut Random(seed);
        let (dir, layout) = (directory(), layout(&GRIDS));
        let mut ledger = Ledger::create(dir.path(), &layout).unwrap();
        let before = snapshot(dir.path());
        let mut model: Model = vec![vec![0; 8500], vec![0; 30]];
        // The state before each batch, and how many steps were done when it was committed.
        let (mut models, mut committed) = (vec![model.clone()], Vec::new());
        trace::begin();
        for (changes, is_checkpoint) in &batches {
            ledger.commit(changes).unwrap();
            committed.push(trace::length());
            make(&mut model, changes);
            models.push(model.clone());
            if *is_checkpoint {
                ledger.checkpoint().unwrap();
            }
        }
        let ops = end(dir.path());
        drop(ledger);
        for n_done in 0..=ops.len() {
            let n_committed = committed.iter().filter(|at| **at <= n_done).count();
            let now = &models[n_committed];
            let allowed = [now, models.get(n_committed + 1).unwrap_or(now)];
            // The power goes, and once more while the next run opens what is left.
            let crashed = without_power(&before, &ops[..n_done], random);
            let (found, opening) = open_after(&crashed, &allowed);
            let opening = &opening[..random.next() as usize % (opening.len() + 1)];
            open_after(&without_power(&crashed, opening, random), &[&found]);
            // The process is killed, and the power goes while the next run opens what it wrote.
            let (found, opening) = open_after(&with_power(&before, &ops[..n_done]), &allowed);
            let opening = &opening[..random.next() as usize % (opening.len() + 1)];
            let crashed = without_power(&before, &[&ops[..n_done], opening].concat(), random);
            open_after(&crashed, &[&found, if is_synced(opening) { &found } else { now }]);
        }
    }
}
