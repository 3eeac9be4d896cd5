//! Who this process is: alone, or one of several ranks with a transport to the others.

use super::launcher::{Launcher, launcher};
use crate::run::error::RunError;
use crate::transport::Transport;

/// Who this process is in a run.
pub(in crate::run) enum Membership {
    /// No other ranks.
    Alone,
    /// One of several ranks.
    #[cfg_attr(not(feature = "mpi"), expect(dead_code, reason = "there are no ranks without MPI"))]
    Rank {
        /// The transport to the others, on a communicator of its own.
        transport: Box<dyn Transport>,
        /// Whether one thread may use it while another one, in the program's closures, calls MPI as well.
        may_share: bool,
    },
}

/// Who initialized MPI, and so says when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "mpi"), expect(dead_code, reason = "there is no MPI that a program could own"))]
pub(in crate::run) enum MpiOwner {
    /// bellis, or nobody so far.
    Bellis,
    /// The program, which has not finalized it yet.
    Program,
    /// The program, which has finalized it.
    Finalized,
}

fn launched() -> Launcher {
    launcher(|name| std::env::var(name).ok())
}

/// Whether a launcher says that there are other ranks.
pub(in crate::run) fn is_launched() -> bool {
    launched() != Launcher::Alone
}

#[cfg(all(feature = "hdf5", feature = "mpi"))]
pub(in crate::run) use with_mpi::ranks;
#[cfg(feature = "mpi")]
pub(in crate::run) use with_mpi::{Comm, abort_all, is_run_open, mpi_owner, rank};

#[cfg(feature = "mpi")]
mod with_mpi {
    use std::time::Duration;

    use super::{Launcher, Membership, MpiOwner, RunError, launched};
    use crate::transport::mpi::{self, MpiTransport};

    pub(in crate::run) use crate::transport::mpi::Comm;

    impl Membership {
        /// Finds out, on the given communicator, on MPI's world if MPI is initialized, or as the launcher says; in
        /// the latter case MPI is initialized. All ranks do so together.
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
            Ok(MpiTransport::duplicate(comm, patience)?.map(|transport| Self::Rank {
                transport: Box::new(transport),
                may_share: environment.is_multiple,
            }))
        }
    }

    /// The ranks that a run would have, and how MPI is set up; `None` for one that is alone. MPI is initialized where
    /// a launcher started several.
    pub fn ranks<'c>(
        communicator: Option<Comm<'c>>,
    ) -> Result<Option<(Comm<'c>, mpi::Environment)>, RunError> {
        if communicator.is_none() && !mpi::is_initialized() && launched() == Launcher::Alone {
            return Ok(None);
        }
        let environment = mpi::environment()?;
        let comm = communicator.unwrap_or_else(Comm::world);
        let (_, size) = comm.rank_and_size()?;
        match launched() {
            Launcher::Ranks(Some(launched)) if communicator.is_none() && size == 1 && launched > 1 => {
                Err(RunError::WrongLauncher { launched, seen: size })
            }
            _ if size == 1 => Ok(None),
            _ => Ok(Some((comm, environment))),
        }
    }

    /// Whose MPI it is.
    pub fn mpi_owner() -> MpiOwner {
        match (mpi::is_foreign(), mpi::is_initialized()) {
            (false, _) => MpiOwner::Bellis,
            (true, true) => MpiOwner::Program,
            (true, false) => MpiOwner::Finalized,
        }
    }

    /// Whether this rank left a run in the middle, so that others may wait for it.
    pub fn is_run_open() -> bool {
        mpi::is_any_open()
    }

    /// Ends all ranks at once.
    pub fn abort_all(code: u8) {
        mpi::abort(code.into());
    }

    /// The rank in MPI's world, where MPI is initialized and there are others.
    pub fn rank() -> Option<usize> {
        let (rank, size) = mpi::is_initialized().then(|| Comm::world().rank_and_size().ok()).flatten()?;
        (size > 1).then_some(rank)
    }
}

#[cfg(not(feature = "mpi"))]
pub(in crate::run) use without_mpi::{Comm, abort_all, is_run_open, mpi_owner, rank};

#[cfg(not(feature = "mpi"))]
mod without_mpi {
    use std::marker::PhantomData;
    use std::time::Duration;

    use super::{Membership, MpiOwner, RunError, is_launched};

    /// There is none.
    #[derive(Debug, Clone, Copy)]
    pub struct Comm<'c>(PhantomData<&'c ()>);

    impl Membership {
        /// Alone, unless a launcher says otherwise.
        pub fn find(_: Option<Comm<'_>>) -> Result<Self, RunError> {
            if is_launched() { Err(RunError::WithoutMpi) } else { Ok(Self::Alone) }
        }

        pub fn find_within(comm: Option<Comm<'_>>, _: Option<Duration>) -> Result<Option<Self>, RunError> {
            Self::find(comm).map(Some)
        }
    }

    pub fn mpi_owner() -> MpiOwner {
        MpiOwner::Bellis
    }

    pub fn is_run_open() -> bool {
        false
    }

    pub fn abort_all(_: u8) {}

    pub fn rank() -> Option<usize> {
        None
    }
}
