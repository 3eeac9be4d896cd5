//! HDF5 written by real ranks: directly and through MPI-IO, to the end and with a rank that is lost.

#![allow(clippy::print_stderr)]

use std::path::Path;
use std::process::{Command, Output};

use bellis::Array;

use super::roi;

/// Where cargo puts examples beside tests.
fn program() -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("examples/hdf5_ranks")
}

fn mpirun(ranks: usize, arguments: &[&str], path: &Path) -> Option<Output> {
    if !program().exists() {
        eprintln!("skipped: {} is not built (cargo test builds it)", program().display());
        return None;
    }
    let mut command = Command::new("mpirun");
    command.args(["-n", &ranks.to_string()]).arg(program()).arg(arguments[0]).arg(path).args(&arguments[1..]);
    for name in
        ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMPI_MCA_rmaps_base_oversubscribe"]
    {
        command.env(name, "1");
    }
    command
        .env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        .env("OMPI_MCA_mpi_yield_when_idle", "1");
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: no mpirun ({error})");
            None
        }
    }
}

#[test]
fn all_ranks_write_one_dataset() {
    for way in ["direct", "mpio"] {
        for chunk in ["0", "12"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.h5/volumes/raw");
            let Some(output) = mpirun(3, &[way, "48", "16", chunk], &path) else { return };
            assert!(output.status.success(), "{way} {chunk}: {}", String::from_utf8_lossy(&output.stderr));
            let array = Array::<u8>::open(&path).unwrap();
            let data = array.read(&array.roi()).unwrap();
            for ((z, y, x), &value) in data.into_dimensionality::<ndarray::Ix3>().unwrap().indexed_iter() {
                assert_eq!(
                    usize::from(value),
                    z / 16 * 9 + y / 16 * 3 + x / 16 + 1,
                    "{way} {chunk}: {z} {y} {x}"
                );
            }
        }
    }
}

#[test]
fn after_a_lost_rank_the_file_is_whole() {
    for way in ["direct", "mpio"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5/raw");
        let Some(output) = mpirun(3, &[way, "48", "16", "0", "4"], &path) else { return };
        assert!(!output.status.success(), "the last rank was killed");
        let array = Array::<u8>::open(&path).unwrap();
        // What the lost rank had written before it was lost: blocks 2, 5, 8 and 11.
        for index in [2, 5, 8, 11i64] {
            let block = roi([index / 9 * 16, index / 3 % 3 * 16, index % 3 * 16], [16; 3]);
            let data = array.read(&block).unwrap();
            assert!(data.iter().all(|&value| i64::from(value) == index + 1), "{way}: block {index}");
        }
    }
}

#[test]
fn compressed_output_of_several_ranks_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5/raw");
    let Some(output) = mpirun(2, &["compressed", "8", "4", "4"], &path) else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.matches("cannot be written by several ranks: write Zarr").count(), 2, "{text}");
    assert!(!dir.path().join("a.h5").exists());
}
