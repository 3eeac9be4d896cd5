//! What the tests run under a real launcher: `testbed PROGRAM ..`, one module for each program.
//!
//! Cargo builds it for the tests, which find it as `CARGO_BIN_EXE_testbed`, and for nobody else: it wants the feature
//! `_testbed`, which bellis has as its own dev-dependency alone.

#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "hdf5")]
mod hdf5_ranks;
#[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
mod killed;
mod launcher;
#[cfg(all(feature = "hdf5", feature = "zarr"))]
mod outputs;
mod scenarios;
#[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
mod writer;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match &words[..] {
        #[cfg(feature = "hdf5")]
        ["hdf5_ranks", words @ ..] => hdf5_ranks::main(words),
        #[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
        ["killed", words @ ..] => bellis::main(|| killed::run(words)),
        #[cfg(all(feature = "hdf5", feature = "zarr"))]
        ["outputs", words @ ..] => bellis::main(|| outputs::run(words)),
        ["scenario", words @ ..] => scenarios::main(words),
        #[cfg(all(feature = "hdf5", feature = "n5", feature = "zarr"))]
        ["writer", words @ ..] => bellis::main(|| writer::run(words)),
        _ => {
            eprintln!("error: testbed PROGRAM ..: {:?} is no program that was built", words.first());
            ExitCode::FAILURE
        }
    }
}
