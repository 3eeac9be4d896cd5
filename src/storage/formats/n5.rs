//! N5: the only file, with those below it, that uses the `n5` library.
//!
//! [N5](https://github.com/saalfeldlab/n5) keeps each chunk ("block") in a file with a small header, big endian, and
//! lists axes from the fastest to the slowest: x, y, z. Here they are z, y, x, as zarr-python's N5Store and h5py show
//! them. Attributes that say where the array lies are in z, y, x too, as N5Store writes them.
//!
//! The library decodes metadata and most compression (`codec` the rest). Headers are read here (`block`), as it trusts them,
//! and files are read and replaced by `chunked`, as it writes in place and locks every file.

pub mod array;
mod chunk;
mod codec;
mod create;
mod metadata;

mod block;
mod lz4_blocks;
