//! A program's first and last word: logging, one error message from all ranks, the exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::RunError;
use super::greeting::{Brought, await_stop, gather, introduce, stop};
use super::launcher::launched_rank;
use super::panics;
use super::place::{Place, abort_all, is_launched, is_mpi_foreign, rank};
use super::worker::with_sources;
use crate::observe::Report;
use crate::plan::BoxError;
use crate::transport::Idle;
use crate::wire::Stop;

/// Blocks failed, were orphaned or remain; or the program failed after a run.
const INCOMPLETE: u8 = 1;
/// Something was wrong before anything ran.
const MISCONFIGURED: u8 = 2;

/// What a rank brings to the end of the program.
const THE_END: &str = "no more pipelines: the program has ended";

/// Whether a run took place in this process.
static HAS_RUN: AtomicBool = AtomicBool::new(false);

/// Whether all ranks have been told that they cannot run, and why, and no run took place since. Some of them may have
/// heard it in [`main`], where they came without running: nobody waits for them there again.
static IS_REFUSED: AtomicBool = AtomicBool::new(false);

pub(super) fn note_run(result: &Result<Report, RunError>) {
    if result.is_ok() {
        HAS_RUN.store(true, Ordering::Relaxed);
    }
    IS_REFUSED.store(matches!(result, Err(RunError::Refused { .. })), Ordering::Relaxed);
}

/// Whether this process is rank 0, or alone: the one that should print. Before MPI is initialized, the launcher is
/// believed.
pub fn is_coordinator() -> bool {
    rank().unwrap_or_else(|| launched_rank(|name| std::env::var(name).ok())) == 0
}

/// Runs a program and turns what it returns into an exit code: 0 when all went well, 1 when blocks failed, were
/// orphaned or remain (or the program failed after a run), 2 when something was wrong before anything ran.
///
/// Under a launcher, all ranks wait here for each other. An error is printed once, by rank 0, with the ranks that it
/// comes from, even when it kept only some of them from starting; no rank is left waiting for another. `env_logger`
/// is set up unless a logger is: warnings are shown unless `RUST_LOG` says otherwise.
///
/// ```no_run
/// fn main() -> std::process::ExitCode {
///     bellis::main(|| {
///         // open arrays, build tasks
///         Ok(())
///     })
/// }
/// ```
pub fn main(program: impl FnOnce() -> Result<(), BoxError>) -> ExitCode {
    start_logging();
    let outcome = panics::catch(program).unwrap_or_else(|panic| Err(panic.into()));
    let own_code = outcome.as_ref().err().map(|error| code_of(&**error));
    let message = outcome.err().map(|error| with_sources(&*error));
    if is_mpi_foreign() {
        // The program started MPI itself: how its ranks stand with each other is its own affair.
        let Some(message) = message else { return ExitCode::SUCCESS };
        print_error(&message);
        let code = own_code.unwrap_or(MISCONFIGURED);
        if is_launched() {
            abort_all(code);
        }
        return ExitCode::from(code);
    }
    match agree(message) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            if is_coordinator() {
                print_error(&message);
            }
            ExitCode::from(own_code.unwrap_or_else(code_by_time))
        }
    }
}

/// What is wrong on any rank, once all of them have come to the end.
fn agree(message: Option<String>) -> Result<(), String> {
    let mine: Brought = message.clone().map_or_else(|| Ok((0, THE_END.to_owned())), Err);
    let to_text = |error: RunError| error.to_string();
    let alone = || message.map_or(Ok(()), Err);
    if !is_launched() || IS_REFUSED.load(Ordering::Relaxed) {
        return alone();
    }
    match Place::find(None) {
        Ok(Place::Alone) => alone(),
        // Whatever keeps the ranks apart has been the program's error already, where there was a run.
        Err(error) => Err(message_or(alone(), error)),
        Ok(Place::Rank { mut transport, .. }) if transport.rank() == 0 => {
            let gathered = gather(&mut *transport, &mine, Idle::default());
            if gathered.is_ok() {
                stop(&mut *transport, Stop::Ended(String::new())).map_err(to_text)?;
            }
            transport.close().map_err(|error| error.to_string())?;
            gathered.map(drop).map_err(to_text)
        }
        Ok(Place::Rank { mut transport, .. }) => {
            introduce(&mut *transport, 1, mine).map_err(to_text)?;
            let stop = await_stop(&mut *transport, Idle::default()).map_err(to_text)?;
            transport.close().map_err(|error| error.to_string())?;
            match stop {
                Stop::Ended(_) => Ok(()),
                Stop::Refused(message) => Err(message),
            }
        }
    }
}

fn message_or(outcome: Result<(), String>, error: RunError) -> String {
    outcome.err().unwrap_or_else(|| error.to_string())
}

fn code_of(error: &(dyn std::error::Error + Send + Sync + 'static)) -> u8 {
    match error.downcast_ref::<RunError>() {
        Some(RunError::Incomplete(_) | RunError::NoWorkers { .. }) => INCOMPLETE,
        _ => code_by_time(),
    }
}

fn code_by_time() -> u8 {
    if HAS_RUN.load(Ordering::Relaxed) { INCOMPLETE } else { MISCONFIGURED }
}

fn print_error(message: &str) {
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

fn start_logging() {
    let rank = launched_rank(|name| std::env::var(name).ok());
    let is_launched = is_launched();
    let environment = env_logger::Env::default().default_filter_or("warn");
    let logger = env_logger::Builder::from_env(environment)
        .format(move |to, record| {
            let place = if is_launched { format!(" rank {rank}") } else { String::new() };
            writeln!(to, "[{}{place}] {}", record.level(), record.args())
        })
        .try_init();
    // A program may have set up a logger of its own.
    drop(logger);
}
