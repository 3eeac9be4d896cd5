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
    /// The receiver has gone.
    #[error("endpoint {to} is gone: its thread has ended")]
    Gone {
        /// Who should have received the message.
        to: usize,
    },
}
