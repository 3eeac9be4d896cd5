//! Zarr v2 and v3: the only file, with those below it, that uses the `zarrs` library.
//!
//! Metadata of either version, as others spell them, become those of v3 (`document`). zarrs makes codecs of them, and decodes
//! and encodes chunks (`chunk`, `codec`), with those that v2 has besides (`numcodecs`); which chunks, in which order and under which
//! lock, is decided in `chunked`, which also reads and replaces the files.

pub mod array;
mod byte_range;
mod chunk;
mod codec;
mod codec_list;
mod consolidated;
mod create;
mod document;
mod fill_value;
mod metadata;
pub mod usage;

mod library;
mod node;
mod numcodecs;
mod numpy_type;
mod ome;
mod plain_zstd;
pub mod pyramid;
mod shard;
