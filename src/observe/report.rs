//! How a run went: the execution summary, and what a program can ask it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::geometry::Roi;
use crate::scheduler::Counts;

/// How a run went. Every rank gets the same one.
///
/// [`Display`](fmt::Display) writes the execution summary.
#[must_use = "blocks that failed are an error only in into_result()"]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The tasks, in the order of the pipeline.
    pub tasks: Vec<TaskReport>,
    /// Seconds from the first worker to the last block.
    pub elapsed_s: f64,
    /// Workers that took part: ranks, or threads where there are no ranks.
    pub n_workers: usize,
    /// Blocks that they processed at once.
    pub n_slots: u64,
    /// Workers among them that were lost before the end.
    pub n_lost: usize,
    /// Workers among them that got no more blocks at some time: blocks failed there that succeeded elsewhere, or they could
    /// not be prepared.
    #[serde(default)]
    pub n_retired: usize,
    /// Why the run was given up before its blocks had ended, if it was.
    #[serde(default)]
    pub given_up: Option<String>,
    /// Slots among them that hang in a block for longer than it may take.
    #[serde(default)]
    pub n_hung: usize,
    /// The most memory in bytes that a worker said to use, where status checks were made.
    pub most_memory: Option<u64>,
    /// What blocks read of arrays that are kept in chunks.
    pub chunk_reads: ChunkReads,
    /// Whether a signal, or a time limit, asked the run to end, which it may have done with all blocks completed.
    pub is_interrupted: bool,
    /// Outputs that are no longer there, whatever was written to them.
    #[serde(default)]
    pub outputs_gone: Vec<OutputGone>,
}

/// An array that a task wrote, and that is no longer the one that it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutputGone {
    /// The task.
    pub task: String,
    /// The array.
    pub output: String,
    /// What is wrong with it.
    pub why: String,
    /// Whether the run directory no longer has the task's blocks as done, so that the same run does them again.
    pub is_taken_back: bool,
}

impl OutputGone {
    /// An output that is gone, which no run directory knows of.
    pub fn new(task: &str, output: &str, why: String) -> Self {
        Self { task: task.to_owned(), output: output.to_owned(), why, is_taken_back: false }
    }
}

impl fmt::Display for OutputGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, output, why, is_taken_back } = self;
        write!(f, "the output {output} of task {task:?} is gone: {why} while the run wrote it; ")?;
        f.write_str(if *is_taken_back {
            "none of its blocks counts as done any more: run again to process them, and see who removes it"
        } else {
            "see who removes it, then run again"
        })
    }
}

/// What was read of Zarr and N5 arrays, by all workers together. Displayed as a line of the summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChunkReads {
    /// Chunks that were found decoded in the cache.
    pub n_hits: u64,
    /// Chunks that had to be decoded.
    pub n_misses: u64,
    /// Bytes that reads returned.
    pub bytes_read: u64,
    /// Bytes that decoding made.
    pub bytes_decoded: u64,
}

/// How one task went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskReport {
    /// Its name.
    pub name: String,
    /// How its blocks ended.
    #[serde(with = "CountsFields")]
    pub counts: Counts,
    /// Seconds that workers spent on its blocks, all together.
    pub busy_s: f64,
    /// The first failures, by time; [`TaskReport::MAX_FAILURES`] at most.
    pub failures: Vec<BlockFailure>,
}

/// A block that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockFailure {
    /// Which block of the task.
    pub index: u64,
    /// What it should have written, in world units, as text.
    pub write_roi: String,
    /// The worker on which it failed last.
    pub worker: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// What the last failure said.
    pub message: String,
}

/// The fields of [`Counts`], which knows nothing of files.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Counts")]
struct CountsFields {
    total: u64,
    pending: u64,
    ready: u64,
    in_flight: u64,
    #[serde(default)]
    unsynced: u64,
    completed: u64,
    skipped: u64,
    failed: u64,
    orphaned: u64,
}

impl Report {
    /// A report without tasks.
    pub fn new(elapsed_s: f64, n_workers: usize, n_slots: u64) -> Self {
        Self {
            tasks: Vec::new(),
            elapsed_s,
            n_workers,
            n_slots,
            n_lost: 0,
            n_retired: 0,
            given_up: None,
            n_hung: 0,
            most_memory: None,
            chunk_reads: ChunkReads::default(),
            is_interrupted: false,
            outputs_gone: Vec::new(),
        }
    }

    /// Whether every block of every task completed, and what they wrote is there.
    pub fn all_completed(&self) -> bool {
        self.outputs_gone.is_empty() && self.tasks.iter().all(|task| task.counts.all_completed())
    }

    /// The report of a task by name.
    pub fn task(&self, name: &str) -> Option<&TaskReport> {
        self.tasks.iter().find(|task| task.name == name)
    }

    fn sum(&self, part: impl Fn(&Counts) -> u64) -> u64 {
        self.tasks.iter().map(|task| part(&task.counts)).sum()
    }
}

impl ChunkReads {
    /// Chunks that were wanted, each time that one was.
    pub fn n(&self) -> u64 {
        self.n_hits + self.n_misses
    }

    /// Which part of them was found in the cache, from 0 to 1.
    pub fn hit_rate(&self) -> f64 {
        if self.n() == 0 { 0.0 } else { self.n_hits as f64 / self.n() as f64 }
    }
}

impl TaskReport {
    /// So many failures are kept for each task.
    pub const MAX_FAILURES: usize = 10;

    /// The report of a task that has not begun.
    pub fn new(name: &str, counts: Counts) -> Self {
        Self { name: name.to_owned(), counts, busy_s: 0.0, failures: Vec::new() }
    }

    /// Keeps a failure, if there is room.
    pub fn add_failure(&mut self, index: u64, write_roi: &Roi, worker: u32, attempts: u32, message: String) {
        if self.failures.len() < Self::MAX_FAILURES {
            self.failures.push(BlockFailure {
                index,
                write_roi: write_roi.to_string(),
                worker,
                attempts,
                message,
            });
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Execution Summary")?;
        writeln!(f, "-----------------")?;
        for task in &self.tasks {
            writeln!(f, "{task}")?;
        }
        if self.chunk_reads.n() > 0 {
            writeln!(f, "{}", self.chunk_reads)?;
        }
        let (failed, orphaned) = (self.sum(|c| c.failed), self.sum(|c| c.orphaned));
        let remaining = self.sum(Counts::open);
        if self.all_completed() {
            write!(f, "all blocks processed successfully")?;
        } else {
            let mut parts = Vec::new();
            for (count, what) in [(failed, "failed"), (orphaned, "orphaned"), (remaining, "not processed")] {
                if count > 0 {
                    parts.push(format!("{count} blocks {what}"));
                }
            }
            parts.extend(self.outputs_gone.iter().map(ToString::to_string));
            let why = if self.is_interrupted { "interrupted: " } else { "" };
            write!(f, "{why}{}", parts.join(", "))?;
        }
        let n_blocks = self.sum(|c| c.completed + c.failed);
        write!(f, " ({n_blocks} blocks in {:.2} s on {} slots)", self.elapsed_s, self.n_slots)?;
        for (n, one, many) in [
            (self.n_lost, "was lost", "were lost"),
            (self.n_retired, "was taken out of service", "were taken out of service"),
        ] {
            match n {
                0 => {}
                1 => write!(f, "; 1 of {} workers {one}", self.n_workers)?,
                n => write!(f, "; {n} of {} workers {many}", self.n_workers)?,
            }
        }
        match self.n_hung {
            0 => {}
            1 => write!(f, "; 1 slot hangs in a block")?,
            n_hung => write!(f, "; {n_hung} slots hang in blocks")?,
        }
        match &self.given_up {
            None => Ok(()),
            Some(why) => write!(f, "; given up: {why}"),
        }
    }
}

impl fmt::Display for ChunkReads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "chunks read: {} ({:.0} % from the cache), {:.1} MiB decoded for {:.1} MiB wanted",
            self.n(),
            100.0 * self.hit_rate(),
            mib(self.bytes_decoded),
            mib(self.bytes_read)
        )
    }
}

impl fmt::Display for TaskReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { total, completed, skipped, failed, orphaned, .. } = self.counts;
        writeln!(f, "Task {}:", self.name)?;
        writeln!(f, "num blocks : {total}")?;
        writeln!(f, "completed ✔: {completed} (skipped {skipped})")?;
        writeln!(f, "failed ✗: {failed}")?;
        writeln!(f, "orphaned ∅: {orphaned}")?;
        if self.counts.open() > 0 {
            writeln!(f, "not processed: {}", self.counts.open())?;
        }
        for failure in &self.failures {
            writeln!(f, "  {failure}")?;
        }
        let hidden = failed.saturating_sub(self.failures.len() as u64);
        if hidden > 0 {
            writeln!(f, "  and {hidden} more failed blocks")?;
        }
        Ok(())
    }
}

impl fmt::Display for BlockFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { index, write_roi, worker, attempts, message } = self;
        write!(f, "block {index} {write_roi} failed {attempts} times, last on worker {worker}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(counts: Counts) -> Report {
        let mut report = Report::new(1.5, 2, 2);
        report.tasks.push(TaskReport::new("square", counts));
        report
    }

    #[test]
    fn the_summary_is_the_one_that_users_know() {
        let text = report(Counts { total: 250, completed: 250, ..Counts::default() }).to_string();
        let expected = "Execution Summary\n-----------------\nTask square:\nnum blocks : 250\n\
            completed ✔: 250 (skipped 0)\nfailed ✗: 0\norphaned ∅: 0\n\n\
            all blocks processed successfully (250 blocks in 1.50 s on 2 slots)";
        assert_eq!(text, expected);
    }

    #[test]
    fn failures_and_what_remains_are_told() {
        let counts =
            Counts { total: 20, completed: 2, failed: 12, orphaned: 1, pending: 5, ..Counts::default() };
        let mut report = report(counts);
        report.is_interrupted = true;
        let roi = Roi::new([0], [1]).expect("a box");
        for index in 0..12 {
            report.tasks[0].add_failure(index, &roi, 3, 2, "no luck".to_owned());
        }
        let text = report.to_string();
        assert!(text.contains("  block 0 [0:1] failed 2 times, last on worker 3: no luck\n"), "{text}");
        assert!(text.contains("and 2 more failed blocks"), "{text}");
        assert!(
            text.contains("interrupted: 12 blocks failed, 1 blocks orphaned, 5 blocks not processed"),
            "{text}"
        );
    }

    #[test]
    fn a_report_survives_json() -> Result<(), serde_json::Error> {
        let report = report(Counts { total: 9, completed: 8, failed: 1, ..Counts::default() });
        assert_eq!(serde_json::from_str::<Report>(&serde_json::to_string(&report)?)?, report);
        Ok(())
    }
}
