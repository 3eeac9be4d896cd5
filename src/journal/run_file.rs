//! `run.json`: what the run directory is about, and each run that worked on it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::clock;
use super::durable;
use super::error::JournalError;
use super::layout::Layout;
use super::paths;
use super::run_info::RunInfo;
use super::state::StateCounts;

/// The format of the whole run directory.
pub(super) const FORMAT: u64 = 1;
/// How the file begins: eight digits follow, which are zeros while the checksum is taken.
const BEGIN: &str = "{\n  \"checksum\": \"";
const NO_SUM: &str = "00000000";

/// The content of the file. What a newer version of the same format added is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunFile {
    /// The checksum of the whole file, with zeros here. Whoever edits the file takes this line out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    checksum: String,
    pub format: u64,
    #[serde(flatten)]
    pub layout: Layout,
    pub runs: Vec<RunRecord>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// One run, as `run.json` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What it said of itself.
    #[serde(flatten)]
    pub info: RunInfo,
    /// When it opened the directory, UTC.
    pub start: String,
    /// When it closed it; `None` while it runs, and when it never did.
    pub end: Option<String>,
    /// How it ended, in its own words.
    pub outcome: Option<String>,
    /// What it found, by task.
    pub found: BTreeMap<String, StateCounts>,
    /// What it left, by task.
    pub left: Option<BTreeMap<String, StateCounts>>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl RunRecord {
    /// A run that starts now.
    pub(super) fn start(info: RunInfo, found: BTreeMap<String, StateCounts>) -> Self {
        let start = clock::now();
        Self { info, start, end: None, outcome: None, found, left: None, other: Map::new() }
    }

    /// The run ends now.
    pub(super) fn end(&mut self, outcome: &str, left: BTreeMap<String, StateCounts>) {
        self.end = Some(clock::now());
        self.outcome = Some(outcome.into());
        self.left = Some(left);
    }
}

impl RunFile {
    /// The file of a directory in which nobody ran.
    pub fn new(layout: Layout) -> Self {
        Self { checksum: String::new(), format: FORMAT, layout, runs: Vec::new(), other: Map::new() }
    }

    /// Reads the file of a run directory; `None` where there is none.
    pub fn read(dir: &Path) -> Result<Option<Self>, JournalError> {
        let path = paths::run_file(dir);
        let Some(bytes) = durable::read(&path)? else { return Ok(None) };
        let damaged = |reason: String| JournalError::Damaged {
            path: path.clone(),
            reason,
            remedy: format!("restore it, or forget what is done with `bellis reset {}`", dir.display()),
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(format!("it is no JSON ({error})")))?;
        if let Some(sum) = value.get("checksum")
            && sum.as_str() != Some(&checksum(&bytes))
        {
            let hint = "its checksum is wrong (if you edited it, take out the line \"checksum\")";
            return Err(damaged(hint.into()));
        }
        match value.get("format").and_then(Value::as_u64) {
            Some(found) if found > FORMAT => {
                return Err(JournalError::NewerFormat { path, found, known: FORMAT });
            }
            Some(1) => {}
            _ => return Err(damaged("it names no format".into())),
        }
        let file: Self = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        match file.layout.tasks.iter().find(|task| task.n_blocks().is_none()) {
            Some(task) => Err(damaged(format!("the grid of task {:?} is none", task.name))),
            None => Ok(Some(file)),
        }
    }

    /// Puts the file in place, whole.
    pub fn write(&mut self, dir: &Path) -> Result<(), JournalError> {
        self.checksum = NO_SUM.into();
        let path = paths::run_file(dir);
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| JournalError::io("write", &path)(error.into()))?;
        let sum = checksum(text.as_bytes());
        let text = text.replacen(&format!("{BEGIN}{NO_SUM}"), &format!("{BEGIN}{sum}"), 1) + "\n";
        durable::replace(&path, text.as_bytes())
    }
}

/// The checksum of a file that begins with one.
fn checksum(bytes: &[u8]) -> String {
    let bytes = bytes.trim_ascii_end();
    let (begin, end) = (BEGIN.len(), BEGIN.len() + NO_SUM.len());
    let sum = match bytes.get(end..) {
        Some(rest) if bytes.starts_with(BEGIN.as_bytes()) => {
            let begin = crc32c::crc32c_append(crc32c::crc32c(&bytes[..begin]), NO_SUM.as_bytes());
            crc32c::crc32c_append(begin, rest)
        }
        _ => crc32c::crc32c(bytes),
    };
    format!("{sum:08x}")
}
