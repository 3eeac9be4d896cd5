//! Every example is run, alone and on several ranks, with good input and with bad.

#![allow(clippy::unwrap_used)] // A test may stop at a surprise, its helpers too.

mod bad_input;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/mpirun.rs"]
mod mpirun;
mod programs;
mod smooth;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/spawn.rs"]
mod spawn;

use mpirun::Ranks;

/// How every example is started.
const RANKS: [Ranks; 4] = [Ranks::Alone, Ranks::Mpirun(1), Ranks::Mpirun(2), Ranks::Mpirun(3)];

/// A path as an argument.
fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("the tests' own paths are UTF-8")
}
