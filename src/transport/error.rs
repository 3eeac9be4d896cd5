//! Why a message was not moved.

use thiserror::Error;

/// A message could not be moved.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// An MPI call failed.
    #[error("{call} failed on rank {rank}: {message}")]
    Mpi {
        /// The MPI function.
        call: &'static str,
        /// The rank on which it failed.
        rank: usize,
        /// MPI's message.
        message: String,
    },
    /// The receiver has gone.
    #[error("endpoint {to} is gone: its thread has ended")]
    Gone {
        /// Who should have received the message.
        to: usize,
    },
    /// A message larger than MPI can count.
    #[error("a message of {0} bytes is too large for MPI: send fewer blocks at once")]
    TooLarge(usize),
    /// MPI was shut down before the run.
    #[error("MPI is finalized already: start the run before MPI_Finalize")]
    Finalized,
}
