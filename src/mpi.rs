//! The only place that calls MPI. Without the feature `mpi` the same names stand for a process that has none.
//!
//! rsmpi drops MPI's return codes, and a scheduler that must survive needs them: calls go to the C interface that rsmpi
//! binds (`mpi::ffi`), with `MPI_ERRORS_RETURN`, and every code is looked at. (HDF5's MPI-IO, whose library wants
//! communicators of its own, has a door of its own in `storage`.)

#[cfg(not(feature = "mpi"))]
mod absent;
#[cfg(feature = "mpi")]
mod communicator;
#[cfg(feature = "mpi")]
mod environment;
mod error;
#[cfg(feature = "mpi")]
mod failures;
#[cfg(feature = "mpi")]
mod request;

#[cfg(not(feature = "mpi"))]
pub use absent::{
    Comm, Communicator, Duplication, Environment, SendRequest, abort, all_have_ended, environment, exit_now,
    flush_c, forgo_finalizing, is_any_open, is_foreign, is_initialized, library_version,
};
#[cfg(feature = "mpi")]
pub use communicator::{Comm, Communicator, Duplication, is_any_open};
#[cfg(feature = "mpi")]
pub use environment::{
    Environment, abort, all_have_ended, environment, exit_now, flush_c, forgo_finalizing, is_foreign,
    is_initialized, library_version,
};
pub use error::MpiError;
#[cfg(feature = "mpi")]
pub use request::SendRequest;
