//! Layouts, snapshots of directories, and what a done map says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::journal::layout::{Layout, TaskLayout};
use crate::journal::scan::Ranges;

/// The content of the files of a directory, but for its lock.
pub type Snapshot = BTreeMap<PathBuf, Vec<u8>>;

/// A directory that is gone with the test; in memory where that is possible, as these tests sync without end.
pub fn directory() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    if in_memory.is_dir() { TempDir::new_in(in_memory).unwrap() } else { TempDir::new().unwrap() }
}

/// A layout of tasks with these names and grids, each of which waits for the one before.
pub fn layout(tasks: &[(&str, &[u64])]) -> Layout {
    let task = |(at, (name, grid)): (usize, &(&str, &[u64]))| TaskLayout {
        name: (*name).into(),
        grid: grid.to_vec(),
        words: format!("{} blocks of (10)", grid.iter().product::<u64>()),
        after: tasks[..at].last().map(|(name, _)| (*name).to_owned()).into_iter().collect(),
    };
    Layout {
        fingerprint: "0123456789abcdef".into(),
        pipeline: tasks.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" + "),
        tasks: tasks.iter().enumerate().map(task).collect(),
    }
}

/// One byte for each block, as its state is handed out.
pub fn states(ranges: Ranges) -> Vec<u8> {
    let mut states = Vec::new();
    for range in ranges {
        let (state, blocks) = range.unwrap();
        assert_eq!(blocks.start, states.len() as u64, "one range follows the other");
        assert!(blocks.start < blocks.end, "no range is empty");
        assert_ne!(states.last(), Some(&state.byte()), "ranges are as long as can be");
        states.resize(blocks.end as usize, state.byte());
    }
    states
}

/// What is in a directory.
pub fn snapshot(dir: &Path) -> Snapshot {
    let mut files = Snapshot::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let inner = path.strip_prefix(dir).unwrap().to_path_buf();
            if path.is_dir() {
                open.push(path);
            } else if inner != Path::new("lock") {
                files.insert(inner, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Makes a directory what it was, without a lock.
pub fn restore(dir: &Path, snapshot: &Snapshot) {
    if dir.exists() {
        fs::remove_dir_all(dir).unwrap();
    }
    for (inner, content) in snapshot {
        let path = dir.join(inner);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}
