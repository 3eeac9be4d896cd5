//! How results are shown: as text for people, or as JSON for programs. Standard output is the program's; bellis itself writes
//! to standard error.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use thiserror::Error;

/// Standard output takes no more: a full disk, say.
#[derive(Debug, Error)]
#[error("cannot print to standard output: {0}")]
pub struct PrintError(#[from] io::Error);

/// Whether a result is lost.
static HAS_FAILED: AtomicBool = AtomicBool::new(false);

/// Returns whether something could not be printed: then the command did its work, and failed all the same.
pub fn has_failed() -> bool {
    HAS_FAILED.load(Ordering::Relaxed)
}

/// Prints a line once, on rank 0.
///
/// # Errors
/// It cannot be printed, so that the result is lost.
pub fn line(line: &str) -> Result<(), PrintError> {
    if !bellis::is_coordinator() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        // Such as `| head`: who has read enough is told no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => {
            HAS_FAILED.fetch_or(other.is_err(), Ordering::Relaxed);
            Ok(other?)
        }
    }
}

/// Prints a result as it was asked for.
///
/// # Errors
/// As [`line`].
pub fn either(
    json: bool,
    text: impl FnOnce() -> String,
    value: impl FnOnce() -> Value,
) -> Result<(), PrintError> {
    if json { line(&value().to_string()) } else { line(&text()) }
}
