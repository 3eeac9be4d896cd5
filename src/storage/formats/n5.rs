//! N5, with no library of its own: metadata and headers are read here, codecs come from theirs.
//!
//! [N5](https://github.com/saalfeldlab/n5) keeps each chunk ("block") in a file with a small header, big endian, and
//! lists axes from the fastest to the slowest: x, y, z. Here they are z, y, x, as zarr-python's N5Store and h5py show
//! them. Attributes that say where the array lies are in z, y, x too, as N5Store writes them.
//!
//! Headers (`n5/block.rs`) are not trusted: what they say is compared with what the dataset says before there is memory for
//! it. Files are read and replaced by `chunked`.

pub mod array;
mod chunk;
mod codec;
mod create;
mod metadata;
pub mod usage;

mod block;
mod lz4_blocks;
