//! Why a message was not moved.

use thiserror::Error;

use crate::mpi::MpiError;

/// A message could not be moved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// MPI refused.
    #[error(transparent)]
    Mpi(#[from] MpiError),
    /// A message could not be sent to an endpoint, or did not leave for it.
    #[error("no message reaches rank {to}: {why}")]
    Unsent {
        /// Who should have received the message.
        to: usize,
        /// What MPI says.
        why: MpiError,
    },
    /// MPI says that the process of a rank has ended.
    #[error("the process of rank {rank} has ended: {why}")]
    Ended {
        /// Whose process.
        rank: usize,
        /// What MPI says.
        why: MpiError,
    },
    /// The receiver has gone.
    #[error("endpoint {to} is gone: its thread has ended")]
    Gone {
        /// Who should have received the message.
        to: usize,
    },
}

impl TransportError {
    /// The endpoint that cannot be reached, where the error is about one; all others can be.
    pub fn peer(&self) -> Option<usize> {
        match self {
            Self::Unsent { to: peer, .. } | Self::Ended { rank: peer, .. } | Self::Gone { to: peer } => {
                Some(*peer)
            }
            Self::Mpi(_) => None,
        }
    }
}
