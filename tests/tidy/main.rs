//! Style as a test: which module may use which, and what no source file may hold.
//!
//! The tables below are the house rules; extend them where a module, a library or a feature joins. The rules
//! read the source with comments and strings blanked out, so that only code counts. `self_test.rs` shows each
//! rule a snippet that breaks it.

mod rules;
mod self_test;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Stands for "every module".
const ANYTHING: &[&str] = &["anything"];

/// The modules of the crate, each with the modules that it may use.
const HOUSE: &[(&str, &[&str])] = &[
    ("geometry", &[]),
    ("plan", &["geometry"]),
    ("scheduler", &["plan", "geometry"]),
    ("wire", &["plan", "geometry"]),
    ("transport", &[]),
    ("journal", &["plan"]),
    ("storage", &["geometry"]),
    ("observe", &["scheduler", "plan", "geometry"]),
    ("run", ANYTHING),
    ("lib", ANYTHING),
    ("bin", ANYTHING),
];

/// Libraries that are used behind one door, or a codec's behind one for each format that has it: the files whose path
/// begins so.
const DOORS: &[(&str, &[&str])] = &[
    ("mpi", &["src/transport/mpi", "src/run", "src/storage/hdf5/mpio"]),
    // N5 takes blosc from it.
    ("zarrs", &["src/storage/zarr", "src/storage/n5/codec"]),
    ("zstd", &["src/storage/zarr", "src/storage/n5/codec"]),
    ("lz4_flex", &["src/storage/n5/lz4_blocks"]),
    ("twox_hash", &["src/storage/n5/lz4_blocks"]),
    ("quick_cache", &["src/storage/cache"]),
    ("rustix", &["src/storage/uninit"]),
    ("hdf5", &["src/storage/hdf5"]),
    ("hdf5_sys", &["src/storage/hdf5"]),
    ("flate2", &["src/storage/hdf5", "src/storage/n5/codec"]),
    ("mpi_sys", &["src/storage/hdf5/mpio"]),
    ("n5", &["src/storage/n5"]),
];

/// What a module stays pure of, outside its tests: a path and all under it, or a name wherever it stands.
const PURITY: &[(&str, &[&str])] = &[
    ("geometry", &["std::fs", "std::io", "std::net", "std::process", "std::thread", "std::time", "Instant"]),
    (
        "plan",
        &["std::fs", "std::io", "std::net", "std::process", "std::thread", "std::time", "Instant", "rand"],
    ),
    (
        "scheduler",
        &[
            "std::env",
            "std::fs",
            "std::io",
            "std::net",
            "std::process",
            "std::thread",
            "std::time",
            "HashMap",
            "HashSet",
            "Instant",
            "RandomState",
            "SystemTime",
            "hash_map",
            "hash_set",
            "rand",
        ],
    ),
];

/// Macros that no file holds, and those that only a program may hold.
const UNFINISHED: &[&str] = &["dbg", "todo", "unimplemented"];
const PRINTING: &[&str] = &["eprint", "eprintln", "print", "println"];

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 80;

/// Features that are there, and on by default.
const FEATURES: &[&str] = &["hdf5", "mpi", "n5", "zarr"];

#[test]
fn the_source_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut complaints = Vec::new();
    for path in rust_files(&root.join("src")) {
        let text = read(&path);
        let name = path.strip_prefix(root).expect("found under the root").to_string_lossy();
        complaints.extend(rules::complaints(&name, &text));
    }
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_features_exist() {
    let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let complaints = rules::feature_complaints(&manifest);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// All `.rs` files under a directory, in a fixed order.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a source directory can be listed") {
            let path = entry.expect("a directory entry can be read").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "no source in {}", directory.display());
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
