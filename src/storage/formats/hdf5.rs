//! HDF5: the only file, with those below it, that uses the `hdf5` library.
//!
//! Two ways lead to the data. **Directly**: where a dataset is not filtered and all of its space is allocated, the
//! library says once at which addresses its bytes lie, the file is closed, and from then on bytes go by `pread` and
//! `pwrite`: without the library's global lock, from all slots at once, from as many processes as there are, with
//! nothing to close at the end and nothing that a lost rank could leave half done. Compressed chunks are read in much the same
//! way, and decoded here. **Through the library** goes what is left: writing compressed chunks, rarer filters, datasets
//! without space yet, and types of another byte order.
//!
//! What elements are in a file and how they become those in memory is said by `types` and `stored`, for all of these ways; that
//! nothing is read that nobody wrote, by `transfer`.
//!
//! What is created without compression can be written directly, so by many ranks: the file is made complete by one
//! process, with early allocation, and closed, before any other opens it (`hdf5/create.rs`).

pub mod array;
mod chunk;
mod codec;
mod create;
mod metadata;
pub mod usage;

mod attribute;
mod byte_layout;
mod creation_lock;
mod direct;
mod failure;
mod filters;
mod handle;
mod library;
mod location;
mod lzf;
#[cfg(feature = "mpi")]
pub mod mpio;
mod reachable;
mod stored;
mod transfer;
mod types;
