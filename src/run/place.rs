//! Where this process stands: alone, or one of several ranks with a line to the others.

use super::error::RunError;
use super::launcher::{Launcher, launcher};
use crate::transport::Transport;

/// Where this process stands.
pub(super) enum Place {
    /// No other ranks.
    Alone,
    /// One of several ranks.
    #[cfg_attr(not(feature = "mpi"), expect(dead_code, reason = "there are no ranks without MPI"))]
    Rank {
        /// The line to the others, on a communicator of its own.
        transport: Box<dyn Transport>,
        /// Whether several threads may use it, one at a time.
        may_share: bool,
    },
}

fn launched() -> Launcher {
    launcher(|name| std::env::var(name).ok())
}

/// Whether a launcher says that there are other ranks.
pub(super) fn is_launched() -> bool {
    launched() != Launcher::Alone
}

#[cfg(feature = "mpi")]
pub(super) use with_mpi::{Comm, abort_all, is_mpi_foreign, rank};

#[cfg(feature = "mpi")]
mod with_mpi {
    use super::{Launcher, Place, RunError, launched};
    use crate::transport::mpi::{self, MpiTransport};

    pub(in crate::run) use crate::transport::mpi::Comm;

    impl Place {
        /// Finds out, on the given communicator, on MPI's world if MPI is initialized, or as the launcher says; in
        /// the latter case MPI is initialized. All ranks do so together.
        pub fn find(communicator: Option<Comm<'_>>) -> Result<Self, RunError> {
            if communicator.is_none() && !mpi::is_initialized() && launched() == Launcher::Alone {
                return Ok(Self::Alone);
            }
            let environment = mpi::environment()?;
            let comm = communicator.unwrap_or_else(Comm::world);
            let (_, size) = comm.rank_and_size()?;
            match launched() {
                Launcher::Ranks(Some(launched)) if communicator.is_none() && size == 1 && launched > 1 => {
                    Err(RunError::WrongLauncher { launched, seen: size })
                }
                _ if size == 1 => Ok(Self::Alone),
                _ => Ok(Self::Rank {
                    transport: Box::new(MpiTransport::duplicate(comm)?),
                    may_share: environment.is_serialized,
                }),
            }
        }
    }

    /// Whether MPI was initialized by the program and not by bellis.
    pub fn is_mpi_foreign() -> bool {
        mpi::is_initialized() && mpi::environment().is_ok_and(|environment| !environment.is_ours)
    }

    /// Ends all ranks at once.
    pub fn abort_all(code: u8) {
        mpi::abort(code.into());
    }

    /// The rank in MPI's world, where MPI is initialized.
    pub fn rank() -> Option<usize> {
        mpi::is_initialized().then(|| Comm::world().rank_and_size().ok().map(|(rank, _)| rank)).flatten()
    }
}

#[cfg(not(feature = "mpi"))]
pub(super) use without_mpi::{Comm, abort_all, is_mpi_foreign, rank};

#[cfg(not(feature = "mpi"))]
mod without_mpi {
    use std::marker::PhantomData;

    use super::{Place, RunError, is_launched};

    /// There is none.
    #[derive(Debug, Clone, Copy)]
    pub struct Comm<'c>(PhantomData<&'c ()>);

    impl Place {
        /// Alone, unless a launcher says otherwise.
        pub fn find(_: Option<Comm<'_>>) -> Result<Self, RunError> {
            if is_launched() { Err(RunError::WithoutMpi) } else { Ok(Self::Alone) }
        }
    }

    pub fn is_mpi_foreign() -> bool {
        false
    }

    pub fn abort_all(_: u8) {}

    pub fn rank() -> Option<usize> {
        None
    }
}
