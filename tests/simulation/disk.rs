//! What is on the disk, and what of it a crash leaves: the voxels of blocks, and the run directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bellis::journal::{BlockState, Change, Journal, Layout, Repair, RunInfo};
use bellis::plan::{Plan, TaskId};

use crate::oracle::{Number, Oracle};
use crate::rng::Rng;

/// What blocks wrote, by block: the value of a block follows from those that it read.
pub struct Voxels {
    values: Vec<Option<u64>>,
    is_durable: Vec<bool>,
    pub n_processed: Vec<u64>,
}

impl Voxels {
    /// Nothing.
    pub fn new(n_blocks: usize) -> Self {
        Self {
            values: vec![None; n_blocks],
            is_durable: vec![false; n_blocks],
            n_processed: vec![0; n_blocks],
        }
    }

    /// What a block makes of what it reads now: of all blocks that it waits for, and, where tasks write in place, of such
    /// that wait for it and should not have written yet.
    pub fn read(&self, oracle: &Oracle, block: Number) -> u64 {
        let mut value = mix(block as u64 + 1, 0);
        for up in read_by(oracle, block) {
            let read =
                self.values[up].unwrap_or_else(|| panic!("block {block} reads {up}, which is not there"));
            value = mix(value, read);
        }
        let task = |block: Number| oracle.first.partition_point(|first| *first <= block);
        for down in oracle.downstream[block].iter().copied().filter(|down| task(*down) == task(block)) {
            if !oracle.only_apart.contains(&(block, down)) && self.values[down].is_some() {
                value = mix(value, 1);
            }
        }
        value
    }

    /// A block has been processed, and what it wrote may not be on the disk. Where the same is there, it stays.
    pub fn write(&mut self, block: Number, value: u64) {
        self.n_processed[block] += 1;
        self.is_durable[block] &= self.values[block] == Some(value);
        self.values[block] = Some(value);
    }

    /// What a block wrote is on the disk.
    pub fn sync(&mut self, block: Number) {
        self.is_durable[block] = self.values[block].is_some();
    }

    /// A machine is gone: what it wrote and was not synced is on the disk, or not.
    pub fn lose_power(&mut self, blocks: impl Iterator<Item = Number>, rng: &mut Rng) {
        for block in blocks {
            if self.values[block].is_some() && !self.is_durable[block] {
                if rng.chance(50) {
                    self.values[block] = None;
                } else {
                    self.is_durable[block] = true;
                }
            }
        }
    }

    /// Whether a block is on the disk.
    pub fn is_durable(&self, block: Number) -> bool {
        self.is_durable[block]
    }

    /// Everything is there, and what it would be after a run that nothing happened to.
    pub fn require_whole(&self, oracle: &Oracle) {
        let mut right = vec![None; self.values.len()];
        for block in 0..right.len() {
            let right = right_value(oracle, &mut right, block);
            assert_eq!(self.values[block], Some(right), "block {block} holds something else");
            assert!(self.is_durable[block] && self.n_processed[block] > 0, "block {block}");
        }
    }
}

/// The blocks whose voxels a block reads.
fn read_by(oracle: &Oracle, block: Number) -> impl Iterator<Item = Number> + '_ {
    let upstream = oracle.upstream[block].iter().copied();
    upstream.filter(move |up| !oracle.only_apart.contains(&(*up, block)))
}

fn right_value(oracle: &Oracle, known: &mut Vec<Option<u64>>, block: Number) -> u64 {
    if let Some(value) = known[block] {
        return value;
    }
    let mut value = mix(block as u64 + 1, 0);
    for up in read_by(oracle, block).collect::<Vec<_>>() {
        value = mix(value, right_value(oracle, known, up));
    }
    known[block] = Some(value);
    value
}

fn mix(value: u64, other: u64) -> u64 {
    (value ^ other.rotate_left(31)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) ^ other
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A run directory, and what is known of it.
pub struct RunDirectory {
    directory: tempfile::TempDir,
    layout: Layout,
    first: Vec<Number>,
    journal: Option<Journal>,
    /// The files when it was opened, when all was on the disk.
    opened: Files,
    /// The blocks that a commit has returned for.
    pub is_done: Vec<bool>,
    /// Those of the commit in which the crash came: done, or not.
    is_unsure: Vec<bool>,
}

impl RunDirectory {
    /// One that is not there yet.
    pub fn new(plan: &Plan, oracle: &Oracle) -> Self {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self {
            directory: made.expect("a directory can be made"),
            layout: Layout::of(plan),
            first: oracle.first.clone(),
            journal: None,
            opened: Files::new(),
            is_done: vec![false; oracle.n_blocks()],
            is_unsure: vec![false; oracle.n_blocks()],
        }
    }

    /// Opens it: all that was committed is there, and nothing else but what a crash left open.
    pub fn open(&mut self) {
        let path = self.directory.path();
        let journal = Journal::open(path, &self.layout, RunInfo::default()).expect("a crash breaks nothing");
        let is_expected = |of: &Repair| matches!(of, Repair::TornLog { .. } | Repair::TornEvents { .. });
        assert!(journal.repairs().iter().all(is_expected), "{:?}", journal.repairs());
        for (task, first) in (0..).map(TaskId).zip(&self.first[..self.first.len() - 1]) {
            for range in journal.ranges(task).expect("it has the task") {
                let (state, blocks) = range.expect("it can be read");
                for block in blocks.map(|index| first + index as usize) {
                    let is_done = state == BlockState::Done;
                    assert!(
                        is_done == self.is_done[block] || self.is_unsure[block],
                        "block {block}: {state:?}"
                    );
                    self.is_done[block] = is_done;
                }
            }
        }
        self.is_unsure.fill(false);
        self.journal = Some(journal);
        self.opened = self.files();
    }

    /// The blocks that are done, as ranges.
    pub fn done(&self) -> Vec<(TaskId, std::ops::Range<u64>)> {
        let mut ranges = Vec::new();
        for (task, bounds) in (0..).map(TaskId).zip(self.first.windows(2)) {
            let done = &self.is_done[bounds[0]..bounds[1]];
            let mut begin = 0;
            while begin < done.len() {
                let length = done[begin..].iter().take_while(|is| **is).count();
                if length > 0 {
                    ranges.push((task, begin as u64..(begin + length) as u64));
                }
                begin += length.max(1);
            }
        }
        ranges
    }

    /// Commits changes.
    pub fn commit(&mut self, changes: &[Change]) {
        let journal = self.journal.as_mut().expect("it is open");
        journal.commit(changes).expect("the disk is there");
        self.note(changes);
    }

    /// The machine stops in the middle of a commit.
    pub fn commit_and_crash(&mut self, changes: &[Change], rng: &mut Rng) {
        let log = Path::new("commits.log");
        let before = self.files();
        self.journal.as_mut().expect("it is open").commit(changes).expect("the disk is there");
        self.journal = None;
        let after = self.files();
        let (short, whole) = (before[log].len(), &after[log]);
        // A log that was emptied meanwhile is no torn one.
        let begin = short.min(whole.len());
        let cut = begin + rng.range(0, (whole.len() - begin) as u64) as usize;
        let latest = if cut == whole.len() { &after } else { &before };
        let mut left = self.without_power(latest, rng);
        left.insert(log.into(), whole[..cut].to_vec());
        if cut < whole.len() && rng.chance(30) {
            // The file is as long as it was to be, and its end was not written.
            left.entry(log.into()).or_default().resize(whole.len(), 0);
        }
        self.put(&left);
        for change in changes {
            let first = self.first[change.task.as_usize()];
            for index in change.blocks.clone() {
                self.is_unsure[first + index as usize] = true;
            }
        }
    }

    /// The process ends, or the machine stops, between two commits.
    pub fn crash(&mut self, has_power: bool, rng: &mut Rng) {
        self.journal = None;
        if !has_power {
            let left = self.without_power(&self.files(), rng);
            self.put(&left);
        }
    }

    /// Closes it.
    pub fn close(&mut self, outcome: &str) {
        let journal = self.journal.take().expect("it is open");
        journal.close(outcome).expect("the disk is there");
    }

    fn note(&mut self, changes: &[Change]) {
        for change in changes {
            let first = self.first[change.task.as_usize()];
            for index in change.blocks.clone() {
                self.is_done[first + index as usize] = change.state == BlockState::Done;
            }
        }
    }

    /// What is written into the maps is not synced before a checkpoint: each byte is there, or not. The same goes for the
    /// end of the events.
    fn without_power(&self, latest: &Files, rng: &mut Rng) -> Files {
        let mut left = latest.clone();
        for (path, content) in &mut left {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(earlier) = self.opened.get(path) else { continue };
            if name.starts_with("c.") && earlier.len() == content.len() {
                for (byte, was) in content.iter_mut().zip(earlier) {
                    *byte = if rng.chance(50) { *was } else { *byte };
                }
            } else if name == "events.jsonl" && earlier.len() < content.len() {
                let length = rng.range(earlier.len() as u64, content.len() as u64);
                content.truncate(length as usize);
            }
        }
        left
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        let mut open = vec![self.directory.path().to_path_buf()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).expect("it is there") {
                let path = entry.expect("it can be listed").path();
                let inner = path.strip_prefix(self.directory.path()).expect("it is in it").to_path_buf();
                if path.is_dir() {
                    open.push(path);
                } else if inner != Path::new("lock") {
                    files.insert(inner, fs::read(path).expect("it can be read"));
                }
            }
        }
        files
    }

    fn put(&self, files: &Files) {
        for (inner, content) in files {
            fs::write(self.directory.path().join(inner), content).expect("it can be written");
        }
    }
}
