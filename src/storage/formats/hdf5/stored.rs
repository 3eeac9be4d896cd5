//! What the library asks of an element type.

/// An element type that the library can store.
pub trait Stored: hdf5::H5Type {}
impl<T: hdf5::H5Type> Stored for T {}
