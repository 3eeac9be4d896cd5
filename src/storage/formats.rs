//! The file formats, a folder for each: the only ones that know of their library. Another format is another such folder.
//!
//! What each of them has has the same name in each:
//!
//! * `array` describes, opens and creates arrays: all that others ask of a format;
//! * `metadata` is what the files say that an array is, `create` writes it for a new one;
//! * `chunk` reads and writes what is stored as one, `codec` is what is done to the voxels in it.

pub mod driver;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "n5")]
pub mod n5;
#[cfg(feature = "zarr")]
pub mod zarr;
