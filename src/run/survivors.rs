//! The way to the ranks that are left once some are lost.
//!
//! From then on no call that all ranks make together returns: none that gives a communicator back, makes another one, or
//! ends MPI. So the transport of the run in which ranks were lost serves all that follows, over messages between two ranks
//! at a time: further runs, and the end of the programs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::topology::COORDINATOR;
use crate::mpi::forgo_finalizing;
use crate::transport::Transport;

/// What is known of losses.
#[derive(Default)]
struct Survivors {
    has_lost_any: bool,
    /// Whether rank 0 is among the lost.
    is_headless: bool,
    /// Whether some of the lost may be alive after all: frozen, or out of reach.
    may_be_back: bool,
    /// The transport, while nobody uses it.
    at_rest: Option<Box<dyn Transport>>,
}

static SURVIVORS: Mutex<Survivors> =
    Mutex::new(Survivors { has_lost_any: false, is_headless: false, may_be_back: false, at_rest: None });

fn survivors() -> MutexGuard<'static, Survivors> {
    // It is whole between any two operations.
    SURVIVORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether any rank was lost since this process began.
pub(super) fn has_lost_any() -> bool {
    survivors().has_lost_any
}

/// Returns whether a lost rank may be alive after all.
pub(super) fn may_be_back() -> bool {
    survivors().may_be_back
}

/// Returns whether rank 0 is lost: then there is nobody to agree with.
pub(super) fn is_headless() -> bool {
    survivors().is_headless
}

/// A run, or what else the ranks had to say to each other, is over, and some are lost: keeps the transport for what follows.
pub(super) fn lay_aside(mut transport: Box<dyn Transport>) {
    flush(&mut *transport);
    forgo_finalizing();
    let mut survivors = survivors();
    survivors.has_lost_any = true;
    survivors.may_be_back |= !transport.have_lost_ended();
    survivors.is_headless = transport.is_lost(COORDINATOR);
    survivors.at_rest = transport.rest();
}

/// The transport that was laid aside.
pub(super) fn take_up() -> Option<Box<dyn Transport>> {
    let mut transport = survivors().at_rest.take()?;
    transport.resume();
    Some(transport)
}

/// Waits until all has left that can.
fn flush(transport: &mut dyn Transport) {
    while let Err(error) = transport.flush() {
        let Some(peer) = error.peer() else {
            log::warn!("not everything was sent to the ranks that are left: {error}");
            return;
        };
        transport.forget(peer);
    }
}
