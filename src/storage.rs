//! Bulk data on disk, read and written by ROI in world units.
//!
//! An [`Array`] is what a task's function holds: it says which part of the world it covers, reads any ROI of it and
//! writes any ROI inside it, from as many threads and ranks at once as there are. The blocks that travel between
//! ranks carry no data; every worker opens the arrays itself and goes to the disk.
//!
//! ```
//! # #[cfg(feature = "zarr")] {
//! use bellis::storage::{Array, ArraySpec};
//! use bellis::Roi;
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("a.zarr");
//! let spec = ArraySpec::new([100, 200]).voxel_size([4, 2]).offset([-40, 0]).units("nm");
//! let array = Array::<f32>::create(&path, &spec)?;
//! let roi = Roi::new([0, 0], [8, 6])?;
//! array.write(&roi, &ndarray::arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))?;
//! assert_eq!(array.read(&roi)?[[1, 2]], 6.0);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Chunks that blocks share
//!
//! A read takes each chunk that it meets from memory, if this process has decoded it before and its file has not changed
//! since, or decodes it. Chunks of which a read took only a part are kept, as the next block is likely to want the rest;
//! all arrays of a [`Context`] share its memory ([`Options::cache_mib`](crate::Options::cache_mib)) for that. The
//! [report](crate::Report::chunk_reads) says how often that helped. Chunks larger than an eighth of the cache are decoded in
//! part where the codec can, and never kept.
//!
//! # What the end of a process, or of a node, leaves
//!
//! Chunks and shards are written to a new file that then takes the old one's name, so each is always the old one or the new
//! one. What a process wrote is in the system's hands when the write returns: nobody's end but the node's takes it. With
//! [`Durability::Block`](crate::Durability::Block) not even that.
//!
//! # HDF5 from several ranks
//!
//! [`Array::create`] makes an uncompressed dataset with all of its space, in a file that is closed before another rank
//! opens it; [`Array::write`] then puts bytes at their addresses with `pwrite`, from all ranks and slots at once. No call
//! is collective, there is nothing to close, and after a lost rank the file is whole. This is the default: it reads short
//! rows several times faster than call by call, writes up to twice as fast as MPI-IO and at worst 8 % slower on a local disk
//! (`benches/README.md` has the figures), and needs neither the HDF5 library's global lock nor an initialized MPI.
//! `Array::create_mpio` goes through the library's MPI-IO driver instead, for file systems that want it. Chunks as large as
//! a block ([`ArraySpec::chunks`]) make each write one call, and many times faster than the short rows of a contiguous
//! dataset. A fill value other than 0 is written out when the dataset is created.
//!
//! Compressed datasets are read by as many ranks and slots as there are, and each slot decodes on its own. They are written
//! by one process: a task that [declares](crate::TaskBuilder::writes) one as output is refused on several ranks, and
//! otherwise a second process that writes waits for HDF5's file lock and then fails. Several ranks write Zarr, with shards
//! where few files are wanted.
//!
//! # HDF5 of others
//!
//! A file is HDF5 by its content, behind a user block too, whatever its name. Enums are their integers (that of `FALSE` and `TRUE` is
//! `bool`), compounds of `r` and `i` complex numbers; a field of other compounds is `PATH@FIELD`; arrays in elements are
//! more axes, the last ones; a single value is an array of one. Deflate, shuffle, Fletcher32 and h5py's LZF are read
//! without the library's lock, other filters if the library has them or finds their plug-ins in `HDF5_PLUGIN_PATH`.
//! What it lacks, a filter or a raw file, is an error of [`Array::open`].
//!
//! # Layout
//!
//! * [`DynArray`] checks ROIs and sizes, and moves bytes: what is true of every format; [`Array`] is its view as elements of
//!   one type, with borders;
//! * `schema` is what an array should be (`spec`), will be (`resolve`) and is (`info`), the numbers in it (`element`),
//!   and how all that is written as text (`names`);
//!   `attributes` are the part of it that Zarr, N5 and HDF5 files keep in the same way, as [funlib.persistence] does;
//! * `context` is what arrays share beside their files: cache, sync, counters;
//! * `error` is what can go wrong, and `fault` whose fault that is;
//! * `backend` is what a format must offer, `format` finds out which one a path is in, `listing` is which arrays lie below one;
//! * `formats` has a folder for each of Zarr (v2 and v3), N5 and HDF5: the only one that knows of its library (N5 asks zarrs
//!   for blosc);
//! * `chunked` reads and writes what is cut into files, as Zarr and N5 are: which files, under which lock (`array`); `codec`
//!   is what it asks of a format, `partial_write` what is written of a part, `cache` keeps what was decoded;
//! * `voxels` copies parts of boxes of voxels (`buffer`), span by span of their bytes (`spans`), fills what lies past an array's
//!   end (`border`), and has the memory for all that (`uninit`, `scratch`); the boxes are geometry's;
//! * `disk` replaces `files`, reads their metadata (`json`), lets threads take turns (`locks`) and warns
//!   of what is there (`notice`).
//!
//! [funlib.persistence]: https://github.com/funkelab/funlib.persistence

// What the formats share has fewer users, or none, where some of them are not built in.
#![cfg_attr(not(all(feature = "hdf5", feature = "n5", feature = "zarr")), allow(dead_code))]

mod array;
mod backend;
mod chunked;
mod context;
mod disk;
mod dyn_array;
mod error;
mod fault;
mod format;
mod formats;
mod listing;
mod schema;
mod usage;
mod voxels;
mod witness;

use std::path::Path;

#[doc(inline)]
pub use crate::geometry::Writers;
pub use array::Array;
pub use context::Context;
pub(crate) use context::Statistics;
pub(crate) use context::SyncBy;
pub(crate) use disk::notice::TARGET as NOTICES;
pub use dyn_array::DynArray;
pub use error::{Result, StorageError};
pub(crate) use fault::is_place;
pub use format::Format;
pub use formats::driver::library_versions;
#[cfg(all(feature = "hdf5", feature = "mpi"))]
pub use formats::hdf5::mpio::MpiIo;
pub use half::{bf16, f16};
pub use num_complex::Complex;
pub use schema::element::{DataType, Element, FillValue};
pub use schema::info::ArrayInfo;
pub use schema::names::{ParseCompressionError, ParseDataTypeError, ParseZarrVersionError};
pub use schema::open_options::{Channels, OpenOptions};
pub use schema::spec::{ArraySpec, Compression, ZarrVersion};
pub use usage::{Arrays, Usage, arrays, usage};
pub use voxels::border::Border;
pub(crate) use witness::{Mark, Witness};

/// What the array at `path` is, whatever its data type: for tools that choose the type of [`Array`] by it.
///
/// Reads the metadata and no chunk.
///
/// # Errors
/// As [`Array::open`], but for the data type.
pub fn describe(path: impl AsRef<Path>) -> Result<ArrayInfo> {
    describe_with(path, &OpenOptions::new())
}

/// As [`describe`], of an array that these options say more of.
///
/// # Errors
/// As [`Array::open_with`], but for the data type.
pub fn describe_with(path: impl AsRef<Path>, options: &OpenOptions) -> Result<ArrayInfo> {
    let path = path.as_ref();
    format::of_existing(path)?.describe(path, options)
}

/// Says in the Zarr group at `path` that these arrays in it are the levels of one pyramid, the finest first: OME-Zarr
/// 0.5 in a group of Zarr v3, 0.4 in one of v2. Viewers then show them as one image, and [`Array::open`] finds the
/// place of levels that do not say it themselves.
///
/// Channel axes become axes of type `channel`, or `time` if called `t`; metric units such as `nm` get the
/// long names that OME-Zarr asks for. One rank calls it, once the arrays exist.
///
/// # Errors
/// No Zarr group; an array outside of it, or with other axes than the first.
#[cfg(feature = "zarr")]
pub fn write_multiscales(path: impl AsRef<Path>, levels: &[&ArrayInfo]) -> Result<()> {
    write_multiscales_in(Context::process(), path, levels)
}

/// As [`write_multiscales`], in another context than the process's.
///
/// # Errors
/// As [`write_multiscales`].
#[cfg(feature = "zarr")]
pub fn write_multiscales_in(context: &Context, path: impl AsRef<Path>, levels: &[&ArrayInfo]) -> Result<()> {
    formats::zarr::pyramid::write_multiscales(context, path.as_ref(), levels)
}
