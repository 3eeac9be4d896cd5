//! All ranks at the end of their programs: what went wrong on any of them, the same on all.

use std::time::Duration;

use crate::run::error::RunError;
use crate::run::messages::close;
use crate::run::shutdown::{Shutdown, shut_down};
use crate::run::startup::membership::{Membership, is_launched};
use crate::transport::Transport;
use crate::wire::{Problem, shorten};

/// How the programs of all ranks ended.
pub(super) enum Agreement {
    /// All have come to their end, with this error if any.
    All(Option<Problem>),
    /// Ranks were lost, and nothing leads to the others any more: only what this rank knows.
    Apart(Option<Problem>),
    /// The others did not come; the error of this rank, if it has one.
    Alone(Option<Problem>),
}

/// What is wrong on any rank, once all of them have come to the end. Those that are in a run, or start another one,
/// are refused until they have.
pub(super) fn agree(problem: Option<Problem>, patience: Option<Duration>) -> Agreement {
    let mut problem = problem;
    while is_launched() {
        let membership = match Membership::find_within(None, patience) {
            Ok(Some(membership)) => membership,
            Ok(None) => return Agreement::Alone(problem),
            Err(RunError::Survivors) => return Agreement::Apart(problem),
            // Whatever keeps the ranks apart has been the program's error already, where there was a run.
            Err(error) => return Agreement::All(problem.or_else(|| Some((&error).into()))),
        };
        let Membership::Rank { transport, .. } = membership else { break };
        match exchange(transport, problem) {
            Ok(Shutdown::AllEnded(error)) => return Agreement::All(error),
            Ok(Shutdown::Refused(refusal)) => {
                problem = Some(Problem { why: shorten(refusal.why), ..refusal });
            }
            Err(error) => return Agreement::Alone(Some((&error).into())),
        }
    }
    Agreement::All(problem)
}

fn exchange(mut transport: Box<dyn Transport>, problem: Option<Problem>) -> Result<Shutdown, RunError> {
    let shutdown = shut_down(&mut *transport, problem)?;
    close(transport)?;
    Ok(shutdown)
}
