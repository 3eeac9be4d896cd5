//! Style as a test: which module may use which, and what no source file may hold.
//!
//! The tables below are the house rules; extend them where a module, a library or a feature joins. The rules
//! read the source with comments and strings blanked out, so that only code counts; `imports.rs` has those about files
//! that use each other. `self_test.rs` shows each rule a snippet that breaks it.

mod house;
mod imports;
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
    ("mpi", &[]),
    ("plan", &["geometry"]),
    ("scheduler", &["plan", "geometry"]),
    ("wire", &["plan", "geometry"]),
    ("transport", &["mpi"]),
    ("journal", &["plan", "geometry"]),
    ("storage", &["geometry", "mpi"]),
    ("observe", &["journal", "scheduler", "plan", "geometry"]),
    ("run", &["observe", "storage", "journal", "transport", "wire", "scheduler", "plan", "mpi", "geometry"]),
    ("tools", ANYTHING),
    ("capi", ANYTHING),
    ("lib", ANYTHING),
    ("bin", ANYTHING),
];

/// Libraries that are used behind one door, or a codec's behind one for each format that has it: the files whose path
/// begins so.
const DOORS: &[(&str, &[&str])] = &[
    ("mpi", &["src/mpi", "src/storage/formats/hdf5/mpio"]),
    // N5 takes blosc from it.
    ("zarrs", &["src/storage/formats/zarr", "src/storage/formats/n5/codec"]),
    ("zstd", &["src/storage/formats/zarr", "src/storage/formats/n5/codec"]),
    (
        "lz4_flex",
        &[
            "src/storage/formats/n5/codec",
            "src/storage/formats/n5/lz4_blocks",
            "src/storage/formats/zarr/numcodecs",
        ],
    ),
    ("twox_hash", &["src/storage/formats/n5/lz4_blocks"]),
    ("quick_cache", &["src/storage/context"]),
    ("rustix", &["src/storage/disk/files", "src/storage/voxels/uninit"]),
    ("hdf5", &["src/storage/formats/hdf5"]),
    ("hdf5_sys", &["src/storage/formats/hdf5"]),
    (
        "flate2",
        &["src/storage/formats/hdf5", "src/storage/formats/n5/codec", "src/storage/formats/zarr/numcodecs"],
    ),
    ("mpi_sys", &["src/storage/formats/hdf5/mpio"]),
    ("bzip2", &["src/storage/formats/n5/codec", "src/storage/formats/zarr/numcodecs"]),
    ("liblzma", &["src/storage/formats/n5/codec", "src/storage/formats/zarr/numcodecs"]),
    ("clap", &["src/bin/bellis"]),
    ("clap_complete", &["src/bin/bellis"]),
    ("clap_mangen", &["src/bin/bellis"]),
    ("png", &["src/tools/smooth/picture"]),
    ("crc32c", &["src/journal", "src/storage/formats/zarr/numcodecs"]),
    ("jiff", &["src/journal/clock"]),
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
    let complaints: Vec<String> =
        sources().iter().flat_map(|(name, text)| rules::complaints(name, text)).collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn files_import_in_one_direction_and_from_where_things_are_defined() {
    let complaints = imports::complaints(&sources());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn the_features_exist() {
    let manifest = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    let complaints = rules::feature_complaints(&manifest);
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// The files of `src`: their paths from the root of the repository, and their texts.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let name =
        |path: &Path| path.strip_prefix(root).expect("found under the root").to_string_lossy().into_owned();
    rust_files(&root.join("src")).iter().map(|path| (name(path), read(path))).collect()
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
