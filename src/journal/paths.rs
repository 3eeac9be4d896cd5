//! Where things are in a run directory.

use std::path::{Path, PathBuf};

use super::zarr_metadata;

/// Names of tasks that are longer than this are shortened in file names.
const MAX_NAME_LEN: usize = 150;

pub(super) fn run_file(dir: &Path) -> PathBuf {
    dir.join("run.json")
}

pub(super) fn events(dir: &Path) -> PathBuf {
    dir.join("events.jsonl")
}

pub(super) fn commit_log(dir: &Path) -> PathBuf {
    dir.join("commits.log")
}

pub(super) fn lock(dir: &Path) -> PathBuf {
    dir.join("lock")
}

pub(super) fn tasks(dir: &Path) -> PathBuf {
    dir.join("tasks")
}

/// What tasks keep for themselves until they are done.
pub(super) fn scratch(dir: &Path) -> PathBuf {
    dir.join("scratch")
}

/// What one task keeps for itself.
pub(super) fn scratch_of(dir: &Path, task: &str) -> PathBuf {
    scratch(dir).join(file_name(task))
}

/// The files of one task's done map.
#[derive(Debug, Clone)]
pub(super) struct MapPaths {
    /// The Zarr array.
    pub array: PathBuf,
    /// Its metadata.
    pub metadata: PathBuf,
    /// Its chunk.
    pub chunk: PathBuf,
    /// The checksums of the chunk's pages.
    pub sums: PathBuf,
}

impl MapPaths {
    pub fn of(dir: &Path, task: &str, n_axes: usize) -> Self {
        let name = file_name(task);
        let array = tasks(dir).join(format!("{name}.zarr"));
        Self {
            metadata: array.join("zarr.json"),
            chunk: array.join(zarr_metadata::chunk_name(n_axes)),
            sums: tasks(dir).join(format!("{name}.sums")),
            array,
        }
    }
}

/// A task's name as a file system takes it: `%` and two digits for each byte that is not a letter, a digit, `_`, `-`
/// or a `.` within.
pub(super) fn file_name(task: &str) -> String {
    let mut name = String::new();
    for (at, byte) in task.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => name.push(char::from(byte)),
            b'.' if at > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    if name.len() > MAX_NAME_LEN {
        name.truncate(MAX_NAME_LEN);
        name.push_str(&format!("~{:08x}", crc32c::crc32c(task.as_bytes())));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_file_of_its_own() {
        let long = "x".repeat(300);
        let names = ["a", "a/b", "a%2fb", "..", ".", "a b", "größe", &long, &format!("{long}y")];
        let files: Vec<String> = names.iter().map(|name| file_name(name)).collect();
        assert_eq!(files[..4], ["a", "a%2fb", "a%252fb", "%2e."]);
        for (at, file) in files.iter().enumerate() {
            assert!(!file.contains('/') && !file.starts_with('.') && file.len() < 200, "{file}");
            assert!(!files[..at].contains(file), "{file} comes twice");
        }
    }
}
