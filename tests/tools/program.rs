//! Runs a tool, alone or under mpirun, and tells how it went.

use std::path::Path;

use crate::mpirun;

/// 0 for alone, without a launcher; else the number of ranks.
pub type Ranks = usize;

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stderr: String,
    run: mpirun::Outcome,
}

/// Runs `tool` with the words of `arguments`, in `folder`.
pub fn run(tool: &str, ranks: Ranks, folder: &Path, arguments: &str) -> Outcome {
    let ranks = match ranks {
        0 => mpirun::Ranks::Alone,
        n_ranks => mpirun::Ranks::Mpirun(n_ranks),
    };
    let words: Vec<&str> = arguments.split_whitespace().collect();
    let run = mpirun::tool(ranks, tool, &words).env("BELLIS_PROGRESS", "off").inside(folder).run();
    Outcome { code: run.code, stderr: run.stderr.clone(), run }
}

impl Outcome {
    /// It ended well, and said nothing of errors: what it printed.
    #[track_caller]
    pub fn text(&self) -> &str {
        let is_well = self.code == Some(0) && !self.stderr.contains("error");
        assert!(is_well, "{} failed: {self:#?}", self.run.what);
        &self.run.stdout
    }

    /// The JSON that it printed.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// It ended with this code and exactly one line `error: ..` that contains `text`.
    #[track_caller]
    pub fn failed(&self, code: i32, text: &str) {
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let is_right = self.code == Some(code) && matches!(errors[..], [error] if error.contains(text));
        assert!(is_right, "code {code} and one line with {text:?} are wanted: {self:#?}");
    }
}
