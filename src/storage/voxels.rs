//! Boxes of voxels, the stretches of bytes that they are in memory and in files, and the memory that they are copied to.

pub mod border;
pub mod buffer;
pub mod plain;
pub mod scratch;
pub mod spans;
pub mod uninit;
