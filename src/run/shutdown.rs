//! The end of a run, and of the programs of all ranks: rank 0 says so, and the others wait for it.

use super::error::RunError;
use super::messages::send_to_workers;
use super::startup::handshake::{LocalHello, PROGRAM_ENDED, disagreement, receive_hellos};
use crate::transport::{Idle, Transport, Waiting};
use crate::wire::{Stop, ToWorker, decode};

/// How the ranks stand when rank 0's program has ended.
pub(super) enum Shutdown {
    /// All programs have ended, with this error if any.
    AllEnded(Option<String>),
    /// Some ranks were in a run. They were refused, with this message, and will come to their end as well.
    Refused(String),
}

/// On rank 0, whose program has ended: hears how the others' ended, and tells them.
pub(super) fn shut_down(transport: &mut dyn Transport, local: &LocalHello) -> Result<Shutdown, RunError> {
    let hellos = receive_hellos(transport, Idle::default())?;
    let problem = disagreement(local, &hellos);
    if hellos.iter().all(|hello| hello.slots == 0) {
        stop_all(transport, Stop::Ended(problem.clone().unwrap_or_default()))?;
        return Ok(Shutdown::AllEnded(problem));
    }
    let message = problem.unwrap_or_else(|| PROGRAM_ENDED.to_owned());
    stop_all(transport, Stop::Refused(message.clone()))?;
    Ok(Shutdown::Refused(message))
}

/// On rank 0: tells every worker that the run is over.
pub(super) fn stop_all(transport: &mut dyn Transport, stop: Stop) -> Result<(), RunError> {
    send_to_workers(transport, &ToWorker::Stop(stop))
}

/// On a worker that does not work: waits until rank 0 says that the run is over, and how.
pub(super) fn wait_for_stop(transport: &mut dyn Transport, idle: Idle) -> Result<Stop, RunError> {
    let mut buffer = Vec::new();
    let mut waiting = Waiting::new(idle);
    loop {
        if transport.try_receive(&mut buffer)?.is_none() {
            waiting.pause(|limit| transport.sleep(limit));
        } else if let ToWorker::Stop(stop) = decode(&buffer)? {
            return Ok(stop);
        }
    }
}
