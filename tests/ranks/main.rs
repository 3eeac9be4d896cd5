//! bellis under a real launcher: whole runs, and jobs that are killed.

#![cfg(feature = "mpi")]
#![allow(clippy::unwrap_used, clippy::print_stderr)] // A test may stop at a surprise, its helpers too.

mod detection;
#[path = "../common/figures.rs"]
mod figures;
#[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/job.rs"]
mod job;
#[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
mod kills;
mod limits;
mod losses;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/mpirun.rs"]
mod mpirun;
#[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
#[path = "../common/python.rs"]
mod python;
mod runs;
mod signals;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/spawn.rs"]
mod spawn;
mod timeouts;
