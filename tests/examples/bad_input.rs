//! Input that cannot be: one line that says what to do, exit code 2, on any number of ranks; never a hang.

use std::fs;
use std::path::Path;

use bellis::Array;
use bellis::storage::ArraySpec;
use ndarray::{ArrayD, IxDyn};
use tempfile::TempDir;

use super::mpirun::{Ranks, Scenario, program, tool};
use super::text;

const BAD_RANKS: [Ranks; 5] =
    [Ranks::Alone, Ranks::Mpirun(1), Ranks::Mpirun(2), Ranks::Mpirun(3), Ranks::Mpirun(8)];

/// A folder with a volume of shape (20, 20, 20) in `volume.zarr/raw` and a file in `file`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([20, 20, 20]).chunks([10, 10, 10]);
    let volume = Array::<u8>::create(folder.path().join("volume.zarr/raw"), &spec).unwrap();
    volume.write(&volume.roi(), &ArrayD::from_elem(IxDyn(&[20, 20, 20]), 7)).unwrap();
    fs::write(folder.path().join("file"), "no array").unwrap();
    folder
}

/// Runs the same on every number of ranks, and wants `exit code 2` and one line with `message`.
fn refused(name: &str, arguments: &[&str], message: &str, with: impl Fn(Scenario) -> Scenario) {
    let folder = folder();
    for ranks in BAD_RANKS {
        with(tool(ranks, name, arguments).inside(folder.path())).run().failed(2, message);
    }
}

fn smooth_refused(arguments: &[&str], message: &str) {
    refused("smooth", arguments, message, |scenario| scenario);
}

#[test]
fn no_array() {
    smooth_refused(
        &["--input", "nothing.zarr", "--output", "b.zarr"],
        "nothing.zarr does not exist: check the path, or create the array first",
    );
    smooth_refused(
        &["--input", "volume.zarr", "--output", "b.zarr"],
        "volume.zarr is no array but a Zarr v3 group, with arrays raw below it: open one of them, as in \
         volume.zarr/raw",
    );
    smooth_refused(
        &["--input", "file", "--output", "b.zarr"],
        "file is no array but a file that is not HDF5: give the path of an array",
    );
}

#[test]
fn another_type_of_element() {
    let folder = folder();
    Array::<u8>::create(folder.path().join("a.zarr"), &ArraySpec::new([100])).unwrap();
    for ranks in BAD_RANKS {
        let scenario = program(ranks, "readme", &[]).inside(folder.path());
        scenario.run().failed(2, "a.zarr holds uint8 but was opened as Array<i64>: open it as Array<u8>");
    }
}

#[test]
fn another_number_of_axes() {
    let input = ["--input", "volume.zarr/raw", "--output", "b.zarr"];
    let message = "--block has 2 numbers, but volume.zarr/raw has 3 axes: give one for each";
    smooth_refused(&[&input[..], &["--block", "8,8"]].concat(), message);
    let folder = folder();
    Array::<i64>::create(folder.path().join("a.zarr"), &ArraySpec::new([32_768, 2])).unwrap();
    for ranks in BAD_RANKS {
        // The task of the README has blocks of one axis.
        program(ranks, "readme", &[]).inside(folder.path()).run().failed(2, "axes");
    }
}

#[test]
fn an_output_that_cannot_be_written() {
    let input = ["--input", "volume.zarr/raw", "--output"];
    smooth_refused(&[&input[..], &["file/b.zarr"]].concat(), "Not a directory (os error 20); check the path");
    smooth_refused(&[&input[..], &["/proc/b.zarr"]].concat(), "cannot create /proc/b.zarr/zarr.json");
    smooth_refused(
        &[&input[..], &["b"]].concat(),
        "cannot tell the format of b: end the name of the file in .zarr",
    );
    smooth_refused(
        &[&input[..], &["volume.zarr/raw"]].concat(),
        "is input and output: choose another output",
    );
    smooth_refused(
        &[&input[..], &["b.zarr", "--block", "15,15,15", "--chunks", "10,10,10"]].concat(),
        "would write the same chunk of b.zarr at the same time",
    );
}

#[test]
fn an_output_that_is_something_else() {
    let folder = folder();
    Array::<u8>::create(folder.path().join("b.zarr"), &ArraySpec::new([20, 20, 20])).unwrap();
    for ranks in BAD_RANKS {
        let arguments = ["--input", "volume.zarr/raw", "--output", "b.zarr"];
        let message =
            "b.zarr exists with data type uint8 but float32 is asked for: remove it or choose another path";
        tool(ranks, "smooth", &arguments).inside(folder.path()).run().failed(2, message);
    }
}

#[test]
fn options_and_environment() {
    let good = ["--input", "volume.zarr/raw", "--output", "b.zarr"];
    for (more, message) in [
        (["--sigma", "0"], "invalid value '0' for '--sigma <SIGMA>': use a number of voxels above 0"),
        (["--block", "0,8,8"], "invalid value '0' for '--block <Z,Y,X>'"),
        (["--blok", "8,8,8"], "unexpected argument '--blok' found"),
        (["--blocks", "8,8,8"], "use TASK:INDEX or TASK:FIRST-LAST"),
    ] {
        smooth_refused(&[&good[..], &more].concat(), message);
    }
    smooth_refused(&good[..2], "required arguments were not provided: --output <PATH>; --help lists");
    let unknown = "environment variable BELLIS_CREDIT is unknown: bellis knows BELLIS_CREDITS, ";
    refused("smooth", &good, unknown, |scenario| scenario.env("BELLIS_CREDIT", "3"));
    let value = "BELLIS_IDLE=\"snooze\" is not possible: use spin, yield or sleep";
    refused("smooth", &good, value, |scenario| scenario.env("BELLIS_IDLE", "snooze"));
    for (flag, message) in [
        (["--idle", "snooze"], "--idle=\"snooze\" is not possible: use spin, yield or sleep"),
        (["--credits", "-1"], "--credits=\"-1\" is not possible: use a whole number from 0 to 4096"),
    ] {
        smooth_refused(&[&good[..], &flag].concat(), message);
    }
}

#[test]
fn help_is_printed_once() {
    for ranks in BAD_RANKS {
        let outcome = tool(ranks, "smooth", &["--help"]).run();
        outcome.succeeded();
        assert_eq!(outcome.stdout.matches("Usage:").count(), 1, "{outcome}");
    }
}

#[test]
fn one_rank_alone_with_bad_input() {
    let folder = folder();
    let good = ["--input", "volume.zarr/raw", "--output", "b.zarr"];
    let bad = ["--input", "nothing.zarr", "--output", "b.zarr"];
    let start = |n: usize, first: &[&str]| tool(Ranks::Mpirun(n), "smooth", first).inside(folder.path());
    start(1, &bad)
        .and(2, &[&["smooth"], &good[..]].concat())
        .run()
        .failed(2, "rank 0 of 3: nothing.zarr does not exist");
    start(2, &good)
        .and(1, &[&["smooth"], &bad[..]].concat())
        .run()
        .failed(2, "rank 2 of 3: nothing.zarr does not exist");
    start(3, &good).and(1, &[&["smooth"], &["--help"][..]].concat()).run().failed(2, "rank 3");
}

#[test]
fn a_corrupt_chunk_fails_its_blocks() {
    let folder = folder();
    let chunk = Path::new("volume.zarr/raw/c/1/1/1");
    fs::write(folder.path().join(chunk), "no chunk").unwrap();
    let arguments =
        ["--input", "volume.zarr/raw", "--output", "b.zarr", "--block", "10,10,10", "--sigma", "0.5"];
    for ranks in BAD_RANKS {
        let smooth = tool(ranks, "smooth", &arguments).inside(folder.path());
        // With a context of 2 voxels, all 8 blocks read it.
        let outcome = smooth.env("BELLIS_FAIL_FAST", "off").run();
        outcome.failed(1, "8 blocks failed, 0 orphaned, 0 not processed; first: task \"smooth\", block ");
        outcome.failed(1, &format!("chunk {} is corrupt (", text(chunk)));
    }
}
