//! Damaged input of all kinds, changed at random by a seed: an answer or an error, and never a panic, a crash, a hang or gigabytes
//! of memory.
//!
//! Each target runs in processes of its own, which have little memory and are watched: libraries in C end the process, or
//! never return. `BELLIS_FUZZ_S=n` sets for how many seconds each is fed, `BELLIS_FUZZ_SEED=n` tries that seed alone, and
//! `BELLIS_FUZZ_FROM=n` begins with another one than 0.

#![cfg(all(feature = "hdf5", feature = "n5", feature = "zarr", feature = "mpi"))]
// Helpers of tests may stop at a surprise and may print, as tests may.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod arrays;
mod child;
mod messages;
mod mutate;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/rng.rs"]
mod rng;
mod run_directory;

use child::{Blame, feed};

#[test]
fn messages_of_ranks() {
    feed("messages_of_ranks", Blame::Ours, |_| Box::new(messages::try_one));
}

#[test]
fn files_of_run_directories() {
    feed("files_of_run_directories", Blame::Ours, run_directory::target);
}

#[test]
fn metadata_of_zarr_v3() {
    feed("metadata_of_zarr_v3", Blame::Ours, |place| arrays::target(place, arrays::zarr_v3, "zarr.json"));
}

#[test]
fn metadata_of_zarr_v2() {
    feed("metadata_of_zarr_v2", Blame::Ours, |place| arrays::target(place, arrays::zarr_v2, ".z"));
}

#[test]
fn attributes_of_n5() {
    feed("attributes_of_n5", Blame::Ours, |place| arrays::target(place, arrays::n5, "attributes.json"));
}

#[test]
fn chunks_of_all_formats() {
    feed("chunks_of_all_formats", Blame::Ours, |place| arrays::target(place, arrays::chunked, ""));
}

#[test]
fn files_of_hdf5() {
    feed("files_of_hdf5", Blame::Library, |place| arrays::target(place, arrays::hdf5, ".h5"));
}
