//! The codecs of [numcodecs], as archives in Zarr v2 hold them, and in Zarr v3 under names such as `numcodecs.delta`.
//!
//! numcodecs hands bytes from codec to codec, and a filter takes them for numbers of a type that its configuration names.
//! So all of them are bytes to bytes here, filters too, with numpy's arithmetic. What Zarr v3 has itself (Zstandard, and
//! Blosc but for parts of a chunk) zarrs does.
//!
//! [numcodecs]: https://numcodecs.readthedocs.io

mod blosc;
mod checksum;
mod compressor;
mod filter;
mod number;
pub(super) mod plugin;
mod step;
