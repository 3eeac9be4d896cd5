//! Zarr v2 and v3: the only file, with those below it, that uses the `zarrs` library.
//!
//! zarrs reads metadata, and decodes and encodes chunks (`chunk`, `codec`); which chunks, in which order and under which
//! lock, is decided in `chunked`, which also reads and replaces the files.

pub mod array;
mod chunk;
mod codec;
mod create;
mod metadata;
pub mod usage;

mod library;
mod node;
mod ome;
mod plain_zstd;
pub mod pyramid;
mod shard;
mod store;
