//! The end of a run, and of the programs of all ranks: rank 0 says so, and the others wait for it.

use super::error::RunError;
use super::messages::{receive_from_coordinator, send_to_workers, tell_lost};
use super::startup::handshake::{disagreement, receive_hellos, send_hello};
use super::topology::COORDINATOR;
use crate::transport::{Idle, Transport, Waiting};
use crate::wire::{Hello, Problem, Stop, ToWorker, WireError, decode};

/// How the ranks stand when the program of one of them has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    /// All programs have ended, with this error if any.
    AllEnded(Option<Problem>),
    /// Some ranks were in a run. They were refused for this reason, and will come to their end as well.
    Refused(Problem),
}

/// On a rank whose program has ended, with this error if any: tells the others, or hears how theirs ended.
pub(super) fn shut_down(transport: &mut dyn Transport, error: Option<Problem>) -> Result<Shutdown, RunError> {
    let local = Hello::Ended { error };
    if transport.rank() == COORDINATOR {
        return shut_down_all(transport, local);
    }
    send_hello(transport, local)?;
    loop {
        match wait_for_stop(transport, Idle::default())? {
            Stop::AllEnded { error } => return Ok(Shutdown::AllEnded(error)),
            // What goes on without this rank.
            _ if transport.is_lost(transport.rank()) => {}
            Stop::Refused(problem) => return Ok(Shutdown::Refused(problem)),
            Stop::Finished(_) | Stop::Lost => {
                return Err(WireError::Unexpected("the end of a run that was none".to_owned()).into());
            }
        }
    }
}

/// On rank 0: hears how the others' programs ended, and tells them.
fn shut_down_all(transport: &mut dyn Transport, local: Hello) -> Result<Shutdown, RunError> {
    let hellos = receive_hellos(transport, local, Idle::default())?;
    let problem = disagreement(&hellos);
    match problem {
        Some(problem) if !hellos.iter().all(|hello| matches!(hello, Hello::Ended { .. } | Hello::Lost)) => {
            stop_all(transport, Stop::Refused(problem.clone()))?;
            Ok(Shutdown::Refused(problem))
        }
        error => {
            stop_all(transport, Stop::AllEnded { error: error.clone() })?;
            Ok(Shutdown::AllEnded(error))
        }
    }
}

/// On rank 0: tells every worker that the run is over, and who was lost.
pub(super) fn stop_all(transport: &mut dyn Transport, stop: Stop) -> Result<(), RunError> {
    let told = tell_lost(transport);
    told.and(send_to_workers(transport, &ToWorker::Stop(stop)))
}

/// On a worker that does not work: waits until rank 0 says that the run is over, and how.
pub(super) fn wait_for_stop(transport: &mut dyn Transport, idle: Idle) -> Result<Stop, RunError> {
    let mut buffer = Vec::new();
    let mut waiting = Waiting::new(idle);
    loop {
        if receive_from_coordinator(transport, &mut buffer)?.is_none() {
            waiting.pause(|limit| transport.sleep(limit));
            continue;
        }
        match decode(&buffer)? {
            ToWorker::Stop(stop) => return Ok(stop),
            ToWorker::Lost(ranks) => ranks.iter().for_each(|rank| transport.forget(*rank as usize)),
            ToWorker::Assign(_) | ToWorker::Recall | ToWorker::Status | ToWorker::Sync { .. } => {}
        }
    }
}
