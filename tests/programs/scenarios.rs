//! What a run does and how it ends, one small scenario per call: `scenario SCENARIO DIRECTORY [NUMBER or WORD]`.
//!
//! Workers write down in the directory what they did; rank 0 checks it
//! after the run and prints facts, `name=value`, on standard output. Everybody else keeps silent.

mod blocks;
mod embedded;
mod ends;
mod limits;
mod loops;
mod lost;
mod record;
mod signals;

use std::path::PathBuf;
use std::process::ExitCode;

use bellis::{Report, Roi, Task, TaskBuilder};

use super::launcher;

/// The arguments, and which rank of how many this process is.
#[derive(Debug, Clone)]
struct Call {
    scenario: String,
    directory: PathBuf,
    more: Vec<String>,
    rank: usize,
    size: usize,
}

impl Call {
    fn read(words: &[&str]) -> Self {
        let (rank, size) = launcher::rank_and_size();
        let word = |at: usize, otherwise: &str| (*words.get(at).unwrap_or(&otherwise)).to_owned();
        Self {
            scenario: word(0, ""),
            directory: word(1, ".").into(),
            more: words.iter().skip(2).map(|&word| word.to_owned()).collect(),
            rank,
            size,
        }
    }

    /// The first of the further arguments, as a number.
    fn number(&self, otherwise: i64) -> i64 {
        self.more.first().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// Whether this rank is the one that the further arguments mean: `first`, `last` or `all`.
    fn is_meant(&self) -> bool {
        match self.more.first().map(String::as_str) {
            Some("first") => self.rank == 0,
            Some("last") => self.rank + 1 == self.size,
            _ => true,
        }
    }
}

/// A line of tasks' blocks along one axis: `n` of them, without conflicts.
fn line(name: &str, n: i64) -> bellis::Result<TaskBuilder> {
    Ok(Task::builder(name).total_roi(Roi::new([0], [n])?).block_shape([1]).read_write_conflict(false))
}

/// Prints a fact, on rank 0 alone.
fn fact(name: &str, value: impl std::fmt::Display) {
    if bellis::is_coordinator() {
        println!("{name}={value}");
    }
}

/// Prints how a run went.
fn facts(report: &Report) {
    for task in &report.tasks {
        let counts = task.counts;
        fact(
            &task.name,
            format_args!(
                "total {} completed {} skipped {} failed {} orphaned {} open {}",
                counts.total,
                counts.completed,
                counts.skipped,
                counts.failed,
                counts.orphaned,
                counts.open()
            ),
        );
    }
    fact("workers", report.n_workers);
    fact("slots", report.n_slots);
    fact("interrupted", report.is_interrupted);
}

pub fn main(words: &[&str]) -> ExitCode {
    let call = Call::read(words);
    if call.scenario.starts_with("embedded") {
        return embedded::main(&call);
    }
    if call.scenario.starts_with("bare") {
        return ends::bare(&call);
    }
    bellis::main(|| match call.scenario.split_once('-').map_or("", |(kind, _)| kind) {
        "blocks" => blocks::run(&call),
        "limits" => limits::run(&call),
        "loops" => loops::run(&call),
        "ends" => ends::run(&call),
        "lost" => lost::run(&call),
        "signals" => signals::run(&call),
        _ => Err(format!("scenario {:?} is unknown", call.scenario).into()),
    })
}
