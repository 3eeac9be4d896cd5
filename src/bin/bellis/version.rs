//! `bellis --version`: this program, and the libraries that it was built with.

use std::sync::LazyLock;

use bellis::storage;

/// What `--version` shows; `-V` shows the first line.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mpi = bellis::mpi::library_version().unwrap_or_else(|| "none: built without".to_owned());
    let libraries = std::iter::once(("MPI", mpi)).chain(storage::library_versions());
    let lines = libraries.map(|(name, version)| format!("\n{name}: {version}"));
    format!("{}{}", env!("CARGO_PKG_VERSION"), lines.collect::<String>())
});
