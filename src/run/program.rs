//! A program's first and last word: logging, one error message from all ranks, the exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::RunError;
use super::greeting::{Farewell, await_stop, cut, introduce, part, the_end};
use super::launcher::launched_rank;
use super::panics;
use super::place::{MpiOwner, Place, abort_all, is_launched, is_line_open, mpi_owner, rank};
use super::worker::with_sources;
use crate::plan::BoxError;
use crate::transport::{Idle, Transport};
use crate::wire::Stop;

/// Blocks failed, were orphaned or remain; or the program failed after a run.
const INCOMPLETE: u8 = 1;
/// Something was wrong before anything ran.
const MISCONFIGURED: u8 = 2;

/// Whether a run took place in this process.
static HAS_RUN: AtomicBool = AtomicBool::new(false);

pub(super) fn note_run() {
    HAS_RUN.store(true, Ordering::Relaxed);
}

/// Whether this process was rank 0 of its last run, or alone.
static IS_LEADER: AtomicBool = AtomicBool::new(true);

pub(super) fn note_leader(is_leader: bool) {
    IS_LEADER.store(is_leader, Ordering::Relaxed);
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
/// A program that initializes MPI itself does so before it calls `main`, on all ranks, and finalizes MPI afterwards. A
/// rank of it that fails by itself waits some seconds for the others and then ends the job: they may be waiting for
/// messages that it will not send.
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
    let is_shared = outcome.as_ref().err().is_some_and(|error| is_shared(&**error));
    let message = outcome.err().map(|error| cut(with_sources(&*error)));
    let code = || own_code.unwrap_or_else(code_by_time);
    if is_line_open() {
        print_error(message.as_deref().unwrap_or("this rank left a run before its end"));
        abort_all(code());
    }
    let agreed = match (mpi_owner(), &message) {
        (MpiOwner::Bellis, _) => agree(message, None),
        (MpiOwner::Finalized, None) => return ExitCode::SUCCESS,
        // Other ranks may wait for messages of the program's own that this one will not send.
        (MpiOwner::Program, Some(_)) if !is_shared => agree(message.clone(), Some(patience())),
        // Others may still be in a run of theirs: that is no reason to end them.
        (MpiOwner::Program, _) => agree(message.clone(), None),
        // Nobody can be asked any more, but the leader of a run has the same to tell as its other ranks.
        (MpiOwner::Finalized, Some(_)) if is_shared && !IS_LEADER.load(Ordering::Relaxed) => {
            return ExitCode::from(code());
        }
        (MpiOwner::Finalized, Some(message)) => {
            print_error(message);
            return ExitCode::from(code());
        }
    };
    match agreed {
        Ending::Well => ExitCode::SUCCESS,
        Ending::Wrong(message) => {
            if is_coordinator() {
                print_error(&message);
            }
            ExitCode::from(code())
        }
        Ending::Alone(message) => {
            print_error(&message);
            abort_all(code());
            ExitCode::from(code())
        }
    }
}

/// For so long a rank of a program that owns MPI waits for the others to fail as well. Later ranks wait longer, so
/// that one of them ends the job before the next one speaks up.
fn patience() -> Duration {
    let rank = u32::try_from(rank().unwrap_or(0)).unwrap_or(u32::MAX);
    Duration::from_secs(3) + Duration::from_millis(200) * rank.min(100)
}

/// How the programs of all ranks ended.
enum Ending {
    Well,
    /// What is wrong, on any rank: the same message on all.
    Wrong(String),
    /// What is wrong on this rank; the others did not come to say.
    Alone(String),
}

impl Ending {
    fn of(problem: Option<String>) -> Self {
        problem.map_or(Self::Well, Self::Wrong)
    }
}

/// What is wrong on any rank, once all of them have come to the end. Those that are in a run, or start another one,
/// are refused until they have.
fn agree(message: Option<String>, patience: Option<Duration>) -> Ending {
    let mut message = message;
    while is_launched() {
        let place = match Place::find_within(None, patience) {
            Ok(Some(place)) => place,
            Ok(None) => return Ending::Alone(message.unwrap_or_default()),
            // Whatever keeps the ranks apart has been the program's error already, where there was a run.
            Err(error) => return Ending::Wrong(message.unwrap_or_else(|| error.to_string())),
        };
        let Place::Rank { transport, .. } = place else { break };
        match say_farewell(transport, message) {
            Ok(Farewell::All(problem)) => return Ending::of(problem),
            Ok(Farewell::Refused(refusal)) => message = Some(cut(refusal)),
            Err(error) => return Ending::Alone(error.to_string()),
        }
    }
    Ending::of(message)
}

fn say_farewell(mut transport: Box<dyn Transport>, message: Option<String>) -> Result<Farewell, RunError> {
    let mine = message.map_or_else(the_end, Err);
    let farewell = if transport.rank() == 0 {
        part(&mut *transport, &mine)?
    } else {
        introduce(&mut *transport, 0, mine)?;
        match await_stop(&mut *transport, Idle::default())? {
            Stop::Ended(problem) => Farewell::All(Some(problem).filter(|problem| !problem.is_empty())),
            Stop::Refused(message) => Farewell::Refused(message),
        }
    };
    transport.close()?;
    Ok(farewell)
}

/// Whether all ranks of a run get this error.
fn is_shared(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(
        error.downcast_ref(),
        Some(RunError::Refused { .. } | RunError::OneProcessOnly { .. } | RunError::Incomplete(_))
    )
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
