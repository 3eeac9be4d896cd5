//! Why MPI did not do what it was asked.

use thiserror::Error;

/// An MPI call failed, or cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MpiError {
    /// An MPI call failed.
    #[error("{call} failed on rank {rank}: {message}")]
    Call {
        /// The MPI function.
        call: &'static str,
        /// The rank on which it failed.
        rank: usize,
        /// MPI's message.
        message: String,
    },
    /// A message is larger than MPI can count.
    #[error("a message of {0} bytes is too large for MPI: send fewer blocks at once")]
    TooLarge(usize),
    /// A rank that is none.
    #[error("there is no rank {0}")]
    NoRank(usize),
    /// MPI was shut down before the run.
    #[error("MPI is finalized already: start the run before MPI_Finalize")]
    Finalized,
    /// The program was built without MPI.
    #[error("bellis was built without the feature mpi: build with it")]
    Absent,
}
