//! The frame around a program: logging, one error message from all ranks, the exit code.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use super::error::{RunError, one_line};
use super::history::{has_run, is_leader};
use super::panics;
use super::shutdown::{Shutdown, shut_down, wait_for_stop};
use super::startup::handshake::{ended, send_hello};
use super::startup::launcher::launched_rank;
use super::startup::membership::{Membership, MpiOwner, is_launched, world_rank};
use crate::mpi::{abort, is_any_open};
use crate::plan::BoxError;
use crate::transport::{Idle, Transport};
use crate::wire::{Stop, shorten};

/// Blocks failed, were orphaned or remain; or the program failed after a run.
const INCOMPLETE: u8 = 1;
/// Something was wrong before anything ran.
const MISCONFIGURED: u8 = 2;

/// Whether this process is rank 0, or alone: the one that should print. Before MPI is initialized, the launcher is
/// believed.
pub fn is_coordinator() -> bool {
    world_rank().unwrap_or_else(|| launched_rank(|name| std::env::var(name).ok())) == 0
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
    let message = outcome.err().map(|error| shorten(one_line(&*error)));
    let code = || own_code.unwrap_or_else(code_by_time);
    if is_any_open() {
        print_error(message.as_deref().unwrap_or("this rank left a run before its end"));
        abort(code().into());
    }
    let agreed = match (MpiOwner::find(), &message) {
        (MpiOwner::Bellis, _) => agree(message, None),
        (MpiOwner::Finalized, None) => return ExitCode::SUCCESS,
        // Other ranks may wait for messages of the program's own that this one will not send.
        (MpiOwner::Program, Some(_)) if !is_shared => agree(message.clone(), Some(patience())),
        // Others may still be in a run of theirs: that is no reason to end them.
        (MpiOwner::Program, _) => agree(message.clone(), None),
        // Nobody can be asked any more, but the leader of a run has the same to tell as its other ranks.
        (MpiOwner::Finalized, Some(_)) if is_shared && !is_leader() => {
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
            abort(code().into())
        }
    }
}

/// How long a rank of a program that owns MPI waits for the others to fail as well. Later ranks wait longer, so that
/// one of them ends the job before the next one reports its error.
fn patience() -> Duration {
    let rank = u32::try_from(world_rank().unwrap_or(0)).unwrap_or(u32::MAX);
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
        let membership = match Membership::find_within(None, patience) {
            Ok(Some(membership)) => membership,
            Ok(None) => return Ending::Alone(message.unwrap_or_default()),
            // Whatever keeps the ranks apart has been the program's error already, where there was a run.
            Err(error) => return Ending::Wrong(message.unwrap_or_else(|| error.to_string())),
        };
        let Membership::Rank { transport, .. } = membership else { break };
        match exchange_endings(transport, message) {
            Ok(Shutdown::AllEnded(problem)) => return Ending::of(problem),
            Ok(Shutdown::Refused(refusal)) => message = Some(shorten(refusal)),
            Err(error) => return Ending::Alone(error.to_string()),
        }
    }
    Ending::of(message)
}

fn exchange_endings(
    mut transport: Box<dyn Transport>,
    message: Option<String>,
) -> Result<Shutdown, RunError> {
    let mine = message.map_or_else(ended, Err);
    let shutdown = if transport.rank() == 0 {
        shut_down(&mut *transport, &mine)?
    } else {
        send_hello(&mut *transport, 0, mine)?;
        match wait_for_stop(&mut *transport, Idle::default())? {
            Stop::Ended(problem) => Shutdown::AllEnded(Some(problem).filter(|problem| !problem.is_empty())),
            Stop::Refused(message) => Shutdown::Refused(message),
        }
    };
    transport.close()?;
    Ok(shutdown)
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
    if has_run() { INCOMPLETE } else { MISCONFIGURED }
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
            let sender = if is_launched { format!(" rank {rank}") } else { String::new() };
            writeln!(to, "[{}{sender}] {}", record.level(), record.args())
        })
        .try_init();
    // A program may have set up a logger of its own.
    drop(logger);
}
