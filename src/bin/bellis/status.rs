//! `bellis status`.

use std::path::PathBuf;

use bellis::journal::{self, Holder, Status, TaskStatus};
use serde_json::{Value, json};

use super::print;

/// Shows where a run stands, by its run directory: while it goes on, or after it
#[derive(clap::Args)]
pub struct Arguments {
    /// The run directory
    dir: PathBuf,
}

impl Arguments {
    /// Runs the command, on rank 0 alone.
    pub fn run(self, json: bool) -> bellis::Result {
        if !bellis::is_coordinator() {
            return Ok(());
        }
        let status = journal::status(&self.dir)?;
        Ok(print::either(json, || text(&status), || value(&status))?)
    }
}

fn text(status: &Status) -> String {
    let mut lines = vec![format!("{}: {}", status.dir.display(), state(status))];
    for TaskStatus { name, counts, problem, .. } in &status.tasks {
        let total = counts.total();
        let percent = 100.0 * (counts.done + counts.excluded) as f64 / total.max(1) as f64;
        let mut line = format!("  {name:<12} {} of {total} blocks done ({percent:.1} %)", counts.done);
        for (number, word) in
            [(counts.failed, "failed"), (counts.orphaned, "orphaned"), (counts.excluded, "excluded")]
        {
            if number > 0 {
                line.push_str(&format!(", {number} {word}"));
            }
        }
        lines.push(line);
        lines.extend(problem.iter().map(|problem| format!("    {problem}")));
    }
    lines.join("\n")
}

/// Whether a run goes on, or how the last one ended.
fn state(status: &Status) -> String {
    match &status.holder {
        Some(Holder { owner, silent, is_left_behind: false, .. }) => {
            let who = owner.as_ref().map_or_else(|| "somebody".to_owned(), ToString::to_string);
            format!("a run goes on, by {who}; last sign of life {} s ago", silent.as_secs())
        }
        _ => match status.runs.last() {
            Some(run) => match (&run.end, &run.outcome) {
                (Some(end), Some(outcome)) => format!("the last run ended {end}: {outcome}"),
                _ => format!("the last run, of {}, did not come to its end", run.start),
            },
            None => "no run so far".to_owned(),
        },
    }
}

fn value(status: &Status) -> Value {
    let tasks = status.tasks.iter().map(
        |TaskStatus { name, counts, problem, .. }| json!({"name": name, "counts": counts, "problem": problem}),
    );
    let is_running = status.holder.as_ref().is_some_and(|holder| !holder.is_left_behind);
    json!({
        "state": state(status),
        "is_running": is_running,
        "tasks": tasks.collect::<Vec<_>>(),
        "runs": status.runs,
        "last_events": status.last_events,
    })
}
