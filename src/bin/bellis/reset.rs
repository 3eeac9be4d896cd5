//! `bellis reset`.

use std::path::PathBuf;

use bellis::journal::{self, RunInfo};
use serde_json::json;

use super::print;

/// Forgets what is done in a run directory, so that its blocks are processed again
#[derive(clap::Args)]
pub struct Arguments {
    /// The run directory
    dir: PathBuf,
    /// Forget only this task, and those that depend on it [default: all, so that the directory takes another layout]
    task: Option<String>,
}

impl Arguments {
    /// Runs the command, on rank 0 alone.
    pub fn run(self, json: bool) -> bellis::Result {
        if !bellis::is_coordinator() {
            return Ok(());
        }
        let Self { dir, task } = self;
        let info = RunInfo { command_line: std::env::args().collect(), ..RunInfo::default() };
        let tasks = journal::reset(&dir, task.as_deref(), &info)?;
        let text = || match tasks.as_slice() {
            [] => format!("{}: nothing is done", dir.display()),
            tasks => format!("{}: no block is done any more of {}", dir.display(), tasks.join(", ")),
        };
        Ok(print::either(json, text, || json!({"tasks": tasks}))?)
    }
}
