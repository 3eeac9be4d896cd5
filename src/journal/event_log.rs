//! `events.jsonl`: what happened that is worth a line, one JSON object each, across all runs in the directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clock;
use super::durable;
use super::error::JournalError;
use super::paths;
use super::repair::Repair;

/// What is read of the end of the file to find its last lines.
const TAIL_LEN: u64 = 1 << 18;

/// Something that is worth a line. Good blocks are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A run opened the directory.
    Started {
        /// The program and its arguments.
        command_line: Vec<String>,
        /// The batch system's name for the job.
        job_id: Option<String>,
    },
    /// Damage was found and mended.
    Repaired {
        /// What, and how.
        message: String,
    },
    /// Tasks were begun anew.
    Reset {
        /// Their names.
        tasks: Vec<String>,
    },
    /// A worker was lost.
    WorkerLost {
        /// Which.
        worker: u32,
        /// Its machine.
        host: Option<String>,
        /// How that was noticed.
        reason: String,
        /// Blocks of it that go back to ready.
        n_blocks: u64,
    },
    /// A worker gets no more blocks.
    WorkerRetired {
        /// Which.
        worker: u32,
        /// Its machine.
        host: Option<String>,
        /// Why.
        reason: String,
    },
    /// A block failed and is tried again.
    Retried {
        /// Its task.
        task: String,
        /// Its index.
        block: u64,
        /// Where it failed.
        worker: u32,
        /// How often it was tried.
        attempts: u32,
        /// Why it failed.
        message: String,
    },
    /// A block failed for good.
    Failed {
        /// Its task.
        task: String,
        /// Its index.
        block: u64,
        /// Where it failed last.
        worker: u32,
        /// How often it was tried.
        attempts: u32,
        /// Why it failed last.
        message: String,
    },
    /// Failures that are not written down one by one, at the end of a run.
    MoreFailures {
        /// Their task.
        task: String,
        /// Blocks that were tried again.
        n_retried: u64,
        /// Blocks that failed for good.
        n_failed: u64,
    },
    /// No more blocks are handed out.
    Draining {
        /// Why.
        reason: String,
    },
    /// A run closed the directory.
    Ended {
        /// How it ended.
        outcome: String,
    },
}

/// An event and when it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    time: String,
    #[serde(flatten)]
    event: Event,
}

/// The file, open for appending.
#[derive(Debug)]
pub(super) struct EventLog {
    path: PathBuf,
    file: File,
    /// Where the whole lines end.
    length: u64,
    /// There may be part of a line behind `length`.
    is_torn: bool,
}

impl EventLog {
    /// Opens the file, or makes it; a last line that is not whole is cut off.
    pub fn open(dir: &Path, repairs: &mut Vec<Repair>) -> Result<Self, JournalError> {
        let path = paths::events(dir);
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(JournalError::io("open", &path))?;
        let (length, whole) = ends(&mut file).map_err(JournalError::io("read", &path))?;
        let mut log = Self { path, file, length: whole, is_torn: whole < length };
        if log.is_torn {
            repairs.push(Repair::TornEvents { path: log.path.clone(), n_bytes: length - whole });
            log.cut().map_err(JournalError::io("cut", &log.path))?;
        }
        Ok(log)
    }

    /// Appends events. After an error none of them is in the file.
    pub fn append(&mut self, events: &[Event]) -> Result<(), JournalError> {
        let time = clock::now();
        let mut text = String::new();
        for event in events {
            let line = Line { time: time.clone(), event: event.clone() };
            let line = serde_json::to_string(&line).map_err(|error| self.error(error.into()))?;
            text.push_str(&line);
            text.push('\n');
        }
        if self.is_torn {
            self.cut().map_err(|error| self.error(error))?;
        }
        let written = self.file.seek(SeekFrom::Start(self.length));
        if let Err(error) = written.and_then(|_| self.file.write_all(text.as_bytes())) {
            self.is_torn = self.cut().is_err();
            return Err(self.error(error));
        }
        self.length += text.len() as u64;
        Ok(())
    }

    /// Puts on the disk what was appended.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.file.sync_data().map_err(JournalError::io("sync", &self.path))
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.is_torn = false;
        Ok(())
    }

    fn error(&self, error: io::Error) -> JournalError {
        JournalError::io("write", &self.path)(error)
    }
}

/// The last whole lines of the events in a directory, at most so many, and not those of a very long tail.
pub(super) fn last_lines(dir: &Path, n_lines: usize) -> Result<Vec<Value>, JournalError> {
    let path = paths::events(dir);
    let read = |mut file: File| {
        let length = file.metadata()?.len();
        let begin = length.saturating_sub(TAIL_LEN);
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(TAIL_LEN).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = durable::none_if_missing(File::open(&path).and_then(read));
    let bytes = bytes.map_err(JournalError::io("read", &path))?.unwrap_or_default();
    // A line that is cut, at either end, or damaged, is no JSON object.
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
    let lines: Vec<Value> = lines.filter(Value::is_object).collect();
    Ok(lines[lines.len().saturating_sub(n_lines)..].to_vec())
}

/// How long a file is, and where its last whole line ends.
fn ends(file: &mut File) -> io::Result<(u64, u64)> {
    let length = file.metadata()?.len();
    let mut end = length;
    let mut piece = vec![0; 1 << 16];
    while end > 0 {
        let begin = end.saturating_sub(piece.len() as u64);
        let bytes = &mut piece[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(bytes)?;
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok((length, begin + at as u64 + 1));
        }
        end = begin;
    }
    Ok((length, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draining(reason: &str) -> Event {
        Event::Draining { reason: reason.into() }
    }

    #[test]
    fn a_torn_line_is_cut_and_the_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let mut repairs = Vec::new();
        let mut log = EventLog::open(dir.path(), &mut repairs).unwrap();
        log.append(&[draining("one"), draining("two\nlines")]).unwrap();
        drop(log);
        let whole = std::fs::read(paths::events(dir.path())).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in 0..whole.len() {
            std::fs::write(paths::events(dir.path()), &whole[..cut]).unwrap();
            let mut repairs = Vec::new();
            let mut log = EventLog::open(dir.path(), &mut repairs).unwrap();
            let kept = if cut < first { 0 } else { first };
            assert_eq!(repairs.len(), usize::from(kept < cut), "cut at {cut}");
            log.append(&[draining("three")]).unwrap();
            let lines = last_lines(dir.path(), 10).unwrap();
            assert_eq!(lines.len(), 1 + usize::from(kept > 0));
            assert_eq!(lines[lines.len() - 1]["reason"], "three");
        }
    }

    #[test]
    fn lines_are_read_whoever_wrote_them() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            paths::events(dir.path()),
            "{\"event\":\"new\"}\nno json\n17\n{\"event\":\"newer\"}\n{\"ev",
        )
        .unwrap();
        let lines = last_lines(dir.path(), 5).unwrap();
        assert_eq!(
            lines.iter().map(|line| line["event"].as_str().unwrap()).collect::<Vec<_>>(),
            ["new", "newer"]
        );
        assert_eq!(last_lines(dir.path(), 1).unwrap().len(), 1);
    }
}
