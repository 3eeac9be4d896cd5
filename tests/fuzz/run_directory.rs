//! A run directory, of which files are changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bellis::journal::{self, BlockState, Change, Event, Journal, Layout, RunInfo};
use bellis::plan::{Pipeline, Plan, TaskId};
use bellis::{Roi, Task};

use crate::child::Target;
use crate::mutate::change;
use crate::rng::Rng;

/// Opens a run directory after some of its files were changed: nothing is done that was not.
pub fn target(place: &Path) -> Target {
    let layout = layout();
    let made = place.join("made");
    let mut journal = Journal::open(&made, &layout, RunInfo::default()).unwrap();
    let change_to = |blocks, state| Change { task: TaskId(0), blocks, state };
    journal.commit(&[change_to(3..40, BlockState::Done), change_to(50..60, BlockState::Failed)]).unwrap();
    journal.record(&[Event::Draining { reason: "SIGTERM".into() }]).unwrap();
    journal.close("stopped").unwrap();
    let mut journal = Journal::open(&made, &layout, RunInfo::default()).unwrap();
    journal.commit(&[change_to(50..70, BlockState::Done)]).unwrap();
    // As it is when its process ends all of a sudden: with its lock.
    let whole = files(&made);
    drop(journal);
    let dir = place.join("run");
    Box::new(move |rng| {
        let mut spoilt = whole.clone();
        for _ in 0..rng.pick(&[1, 1, 2]) {
            let at = rng.range(0, spoilt.len() as u64 - 1) as usize;
            let content = spoilt.values_mut().nth(at).unwrap();
            *content = change(content, rng);
        }
        let _ = fs::remove_dir_all(&dir);
        for (inner, content) in &spoilt {
            let path = dir.join(inner);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        try_directory(&dir, &layout, rng);
    })
}

fn try_directory(dir: &Path, layout: &Layout, rng: &mut Rng) {
    let _ = journal::status(dir);
    match Journal::open(dir, layout, RunInfo::default()) {
        Ok(mut journal) => {
            for range in journal.ranges(TaskId(0)).unwrap() {
                let (state, blocks) = range.unwrap();
                let was_done = |block: &u64| (3..40).contains(block) || (50..70).contains(block);
                let is_right = state != BlockState::Done || blocks.clone().all(|block| was_done(&block));
                assert!(is_right, "blocks {blocks:?} are done");
            }
            let change = Change { task: TaskId(1), blocks: 0..3, state: BlockState::Done };
            journal.commit(&[change]).unwrap();
            journal.close("tried").unwrap();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if rng.chance(20) {
        let _ = journal::reset(dir, Some("second"), &RunInfo::default());
        let _ = journal::reset(dir, None, &RunInfo::default());
    }
}

fn layout() -> Layout {
    let task = |name: &str, shape: [i64; 2]| {
        let total = Roi::new([0, 0], shape).unwrap();
        Task::builder(name).total_roi(total).block_shape([1, 1]).build().unwrap()
    };
    let pipeline =
        Pipeline::from(task("first", [9, 10])).task(task("second", [3, 1])).edge("first", "second");
    Layout::of(&Plan::new(&pipeline).unwrap())
}

/// The files of a directory.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.insert(path.strip_prefix(dir).unwrap().to_path_buf(), fs::read(path).unwrap());
            }
        }
    }
    files
}
