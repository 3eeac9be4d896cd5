//! The frame around a program: logging, one error message from all ranks, the exit code.

mod agreement;
mod ending;
pub(super) mod leaving;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use super::deadline::record_begin;
use super::error::{RunError, one_line};
use super::history::{has_run, is_leader};
use super::panics;
use super::startup::membership::{MpiOwner, is_launched, launched_rank, world_rank};
use super::survivors::{has_lost_any, is_headless, may_be_back};
use super::topology::COORDINATOR;
use crate::mpi::{abort, all_have_ended, is_any_open};
use crate::plan::BoxError;
use crate::wire::{Problem, shorten};
use agreement::{Agreement, agree};
use ending::{Ending, Origin, RESUMABLE, Situation, ending, exit_code};
use leaving::{flush, leave, leave_alone};

/// Whether this process is rank 0, or alone: the one that should print. Before MPI is initialized, the launcher is
/// believed.
pub fn is_coordinator() -> bool {
    world_rank().unwrap_or_else(launched_rank) == COORDINATOR
}

/// Runs a program and turns what it returns into an exit code: 0 when all went well; 1 when blocks failed, were
/// orphaned or remain (or the program failed after a run); 2 when something was wrong before anything ran; 75 when the same
/// run, started again, goes on where it ended ([`RunError::is_resumable`]).
///
/// Under a launcher, all ranks wait here for each other. An error is printed once, by rank 0, with the ranks that it
/// comes from, even when it kept only some of them from starting; no rank is left waiting for another. `env_logger`
/// is set up unless a logger is: warnings are shown unless `RUST_LOG` says otherwise.
///
/// A program that initializes MPI itself does so before it calls `main`, on all ranks, and finalizes MPI afterwards. A
/// rank of it that fails by itself waits some seconds for the others and then ends the job: they may be waiting for
/// messages that it will not send.
///
/// After a run that [lost](crate::Options::lost_after) ranks, `main` does not return: MPI would wait for them for ever, so
/// that rank 0 ends the job, with the exit code, once the programs of all ranks that are left have ended.
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
    record_begin();
    start_logging();
    let outcome = panics::catch(program).unwrap_or_else(|panic| Err(panic.into()));
    let error = outcome.err();
    let problem = error.as_deref().map(problem_of);
    let origin = error.as_deref().map_or(Origin::None, Origin::of);
    let is_resumable = problem.as_ref().is_some_and(|problem| problem.is_resumable);
    let code = exit_code(is_resumable, error.as_deref().is_some_and(is_incomplete), has_run());
    let situation =
        Situation { left_run: is_any_open(), owner: MpiOwner::find(), error: origin, is_leader: is_leader() };
    if has_lost_any() {
        // Rank 0 may end all others once they have said that they came to their end.
        flush();
    }
    let agreement = match ending(situation) {
        // Each rank for itself, but the first to come ends the others where the launcher lets it.
        _ if is_headless() && !may_be_back() => Agreement::Apart(problem),
        _ if is_headless() => Agreement::Alone(problem),
        Ending::Abort => Agreement::Alone(problem),
        Ending::Agree => agree(problem, None),
        Ending::AgreeSoon => agree(problem, Some(patience())),
        Ending::Print => {
            print_error(problem.as_ref());
            return ExitCode::from(code);
        }
        Ending::Keep => return ExitCode::from(code),
        Ending::Succeed => return ExitCode::SUCCESS,
    };
    match agreement {
        Agreement::All(problem) => {
            // Job scripts see one code, whichever rank it is of.
            let code = match &problem {
                None => 0,
                Some(problem) if problem.is_resumable => RESUMABLE,
                Some(_) => code,
            };
            if problem.is_some() && is_coordinator() {
                print_error(problem.as_ref());
            }
            if has_lost_any() {
                leave(code)
            }
            all_have_ended();
            ExitCode::from(code)
        }
        Agreement::Apart(problem) => {
            let code = if problem.is_none() { 0 } else { code };
            if problem.is_some() && (is_leader() || is_headless()) {
                print_error(problem.as_ref());
            }
            leave_alone(code)
        }
        Agreement::Alone(problem) => {
            print_error(problem.as_ref());
            abort(code.into())
        }
    }
}

/// How long a rank of a program that owns MPI waits for the others to fail as well. Later ranks wait longer, so that
/// one of them ends the job before the next one reports its error.
fn patience() -> Duration {
    let rank = u32::try_from(world_rank().unwrap_or(0)).unwrap_or(u32::MAX);
    Duration::from_secs(3) + Duration::from_millis(200) * rank.min(100)
}

/// The error as the other ranks get it: with the ranks that a refusal named.
fn problem_of(error: &(dyn Error + Send + Sync + 'static)) -> Problem {
    let of_run = RunError::within(error);
    let ranks = match of_run {
        Some(RunError::Refused { ranks, .. }) => ranks.clone(),
        _ => Vec::new(),
    };
    let is_resumable = of_run.is_some_and(RunError::is_resumable);
    Problem { ranks, why: shorten(one_line(error)), is_resumable }
}

/// Returns whether the error is that of a run that did not complete its blocks.
fn is_incomplete(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    matches!(
        RunError::within(error),
        Some(
            RunError::Incomplete(_)
                | RunError::NoWorkers { .. }
                | RunError::AllHang { .. }
                | RunError::CoordinatorLost { .. }
        )
    )
}

fn print_error(problem: Option<&Problem>) {
    let message = problem.map_or("this rank left a run before its end", |problem| &problem.why);
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {message}");
}

fn start_logging() {
    let rank = launched_rank();
    let is_launched = is_launched();
    let environment = env_logger::Env::default().default_filter_or("warn");
    let logger = env_logger::Builder::from_env(environment)
        .format(move |to, record| {
            // What is on disk is the same for all ranks: one says it.
            if rank > 0 && record.target() == crate::storage::NOTICES {
                return Ok(());
            }
            let sender = if is_launched { format!(" rank {rank}") } else { String::new() };
            writeln!(to, "[{}{sender}] {}", record.level(), record.args())
        })
        .try_init();
    // A program may have set up a logger of its own.
    drop(logger);
}
