//! Who this process is: alone, or one of several ranks with a transport to the others.

use std::sync::OnceLock;
use std::time::Duration;

use super::launcher::{Launcher, launcher, rank_said};
use super::losses::{Behaviour, behaviour};
use crate::mpi::{Comm, Environment, MpiError, environment, is_foreign, is_initialized};
use crate::run::error::RunError;
use crate::run::survivors::{has_lost_any, take_up};
use crate::transport::Transport;
use crate::transport::mpi::MpiTransport;

/// Who this process is in a run.
pub(in crate::run) enum Membership {
    /// No other ranks.
    Alone,
    /// One of several ranks.
    Rank {
        /// The transport to the others, on a communicator of its own.
        transport: Box<dyn Transport>,
        /// Whether one thread may use it while another one, in the program's closures, calls MPI as well.
        may_share: bool,
    },
}

impl Membership {
    /// Finds out, on the given communicator, on MPI's world if MPI is initialized, or as the launcher says; in the
    /// latter case MPI is initialized. All ranks do so together.
    pub fn find(communicator: Option<Comm<'_>>) -> Result<Self, RunError> {
        let found = Self::find_within(communicator, None)?;
        Ok(found.expect("without a time limit it waits until all ranks have come"))
    }

    /// As [`find`](Self::find); `None` unless all ranks do so within some time.
    pub fn find_within(
        communicator: Option<Comm<'_>>,
        patience: Option<Duration>,
    ) -> Result<Option<Self>, RunError> {
        let Some((comm, environment)) = ranks(communicator)? else { return Ok(Some(Self::Alone)) };
        if has_lost_any() {
            return survivors(comm, environment).map(Some);
        }
        Ok(MpiTransport::duplicate(comm, patience)?.map(|transport| Self::Rank {
            transport: Box::new(transport),
            may_share: environment.is_multiple,
        }))
    }
}

/// Who this process is after a loss.
fn survivors(comm: Comm<'_>, environment: Environment) -> Result<Membership, RunError> {
    let transport = if comm.is_world() { take_up() } else { None };
    let transport = transport.ok_or(RunError::Survivors)?;
    Ok(Membership::Rank { transport, may_share: environment.is_multiple })
}

/// The ranks that a run would have, and how MPI is set up; `None` for one that is alone. MPI is initialized where a
/// launcher started several.
pub(in crate::run) fn ranks<'c>(
    communicator: Option<Comm<'c>>,
) -> Result<Option<(Comm<'c>, Environment)>, RunError> {
    let launched = launched();
    if communicator.is_none() && !is_initialized() && launched == Launcher::Alone {
        return Ok(None);
    }
    let environment = environment().map_err(|error| match error {
        MpiError::Absent => RunError::WithoutMpi,
        other => RunError::Transport(other.into()),
    })?;
    let Some(comm) = communicator.or_else(Comm::world) else { return Ok(None) };
    let (_, size) = comm.rank_and_size().map_err(|error| RunError::Transport(error.into()))?;
    match launched {
        Launcher::Ranks(launched, kind) if communicator.is_none() && size == 1 => {
            // Where the launcher keeps the number to itself, a rank beyond the first gives it away.
            match launched.unwrap_or(launched_rank() + 1) {
                0 | 1 => Ok(None),
                launched => Err(RunError::WrongLauncher {
                    launcher: kind.name(),
                    launched,
                    seen: size,
                    hint: kind.hint(),
                }),
            }
        }
        _ if size == 1 => Ok(None),
        _ => Ok(Some((comm, environment))),
    }
}

/// Who initialized MPI, and so says when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum MpiOwner {
    /// bellis, or nobody so far.
    Bellis,
    /// The program, which has not finalized it yet.
    Program,
    /// The program, which has finalized it.
    Finalized,
}

impl MpiOwner {
    /// Finds out.
    pub fn find() -> Self {
        match (is_foreign(), is_initialized()) {
            (false, _) => Self::Bellis,
            (true, true) => Self::Program,
            (true, false) => Self::Finalized,
        }
    }
}

/// The rank in MPI's world, where MPI is initialized and there are others.
pub(in crate::run) fn world_rank() -> Option<usize> {
    let (rank, size) = Comm::world()?.rank_and_size().ok()?;
    (size > 1).then_some(rank)
}

/// Returns whether a launcher says that there are other ranks.
pub(in crate::run) fn is_launched() -> bool {
    launched() != Launcher::Alone
}

/// How the launcher behaves when a rank is lost.
pub(in crate::run) fn launcher_behaviour() -> Behaviour {
    behaviour(launched(), |name| std::env::var(name).ok())
}

fn launched() -> Launcher {
    said_at_start().0
}

/// This process's rank, as the launcher says; 0 where nobody does.
pub(in crate::run) fn launched_rank() -> usize {
    said_at_start().1
}

/// What the launcher said, before MPI was initialized: a library adds variables of its own.
fn said_at_start() -> (Launcher, usize) {
    static SAID: OnceLock<(Launcher, usize)> = OnceLock::new();
    let variable = |name: &str| std::env::var(name).ok();
    *SAID.get_or_init(|| (launcher(variable), rank_said(variable)))
}
