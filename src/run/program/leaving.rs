//! How a rank's process ends after a loss: MPI cannot be finalized, since that would wait for the lost ranks.
//!
//! A rank that leaves without finalizing MPI makes some launchers end the others at once, with an exit code of their own;
//! and one that is lost may be no more than frozen, and keep the launcher waiting. So all wait for rank 0, which has heard
//! that they came to their end, and ends the job as a whole with its exit code.

use std::io::Write as _;
use std::thread::sleep;
use std::time::Duration;

use super::ending::RESUMABLE;
use crate::mpi::{abort, exit_now};
use crate::run::error::RunError;
use crate::run::startup::membership::world_rank;
use crate::run::survivors::may_be_back;
use crate::run::topology::COORDINATOR;

/// Time for launchers to take what ranks have printed.
const GRACE: Duration = Duration::from_millis(300);

/// So long a rank waits for its end: Open MPI 4, told to let ranks go on when one has ended (`--enable-recovery`), ends
/// nobody but those that are frozen, once all others have left.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ends the job on rank 0, and waits for that on the others; or just this process, where the launcher was told of every loss
/// and lets the others go on.
pub(super) fn leave(code: u8) -> ! {
    flush();
    if !may_be_back() {
        exit_now(code.into());
    }
    if world_rank() == Some(COORDINATOR) {
        log::warn!(
            "ranks were lost, and MPI waits for them: the job is ended by MPI_Abort, with exit code {code}"
        );
        sleep(GRACE);
        abort(code.into());
    }
    sleep(PATIENCE);
    exit_now(code.into())
}

/// Ends this process, without a word to the others: there is no way to them.
pub(super) fn leave_alone(code: u8) -> ! {
    flush();
    exit_now(code.into())
}

/// Ends the job, or the process that is alone, in the middle of a run: everybody waits for rank 0, or is at work.
pub(in crate::run) fn leave_at_once(error: &RunError) -> ! {
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {error}");
    flush();
    if world_rank().is_some() {
        sleep(GRACE);
        abort(RESUMABLE.into());
    }
    exit_now(RESUMABLE.into())
}

/// Ends the process, or the job: so many loops of the program's hang in a block, and the run cannot return before they do.
pub(in crate::run) fn leave_hung(n_loops: usize, error: Option<&RunError>) -> ! {
    let why = error.map_or_else(String::new, |error| format!(" ({error})"));
    // Nothing is left to do when standard error is closed.
    let _ = writeln!(
        std::io::stderr(),
        "error: the run is over{why}, but {n_loops} loops of the program do not return: the process ends"
    );
    flush();
    if world_rank().is_some() {
        sleep(GRACE);
        abort(1);
    }
    exit_now(1)
}

/// Lets go of all that was printed.
pub(super) fn flush() {
    // Nothing is left to do when an output is closed.
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().flush();
    crate::mpi::flush_c();
}
