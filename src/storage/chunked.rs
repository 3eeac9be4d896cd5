//! Arrays that are cut into chunks, each in a file of its own or in a shard with others: what Zarr and N5 have in common.

pub mod array;
pub mod cache;
pub mod codec;
pub mod partial_write;
