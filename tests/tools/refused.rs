//! A run that is refused leaves nothing that is in the way of the next one.

use std::path::Path;

use bellis::storage::describe;
use ndarray::ArrayD;

use super::{RANKS, Random, read, run, write};

/// `a.zarr`, of 20 x 20 x 20 voxels in chunks of 4.
fn write_input(folder: &Path) -> ArrayD<u16> {
    let data = Random(41).array(&[20, 20, 20], |random| random as u16);
    write(folder, "a.zarr", &data);
    data
}

/// Only the input is there.
#[track_caller]
fn assert_untouched(folder: &Path) {
    let names: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.zarr"]);
}

#[test]
fn blocks_that_cut_chunks_are_refused_before_there_is_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_input(folder.path());
    let tools = [("convert", ""), ("label", "--threshold 9"), ("downsample", "--levels 1")];
    for (tool, more) in tools {
        for (ranks, name) in RANKS.into_iter().zip(["y.zarr", "y.zarr/deep/raw", "y.n5/raw", "y.h5/raw"]) {
            if !name.contains("h5") {
                let refused = run(tool, ranks, folder.path(), &format!("a.zarr {name} --block 6,6,6 {more}"));
                refused.failed(2, &format!("cuts the chunks of {name}"));
                refused.failed(2, "use 8,8,8");
            }
            run(tool, ranks, folder.path(), &format!("a.zarr {name} --block 6,6 {more}"))
                .failed(2, "--block has 2 numbers, but a.zarr has 3 axes");
            assert_untouched(folder.path());
        }
    }
    run("convert", 2, folder.path(), "a.zarr y.zarr --block 6,6,6 --chunks 3,3,3").text();
    assert_eq!(read::<u16>(folder.path(), "y.zarr"), data);
}

#[test]
fn compressed_hdf5_from_several_ranks_is_refused_before_there_is_an_output() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_input(folder.path());
    for (tool, more) in [("convert", ""), ("label", "--threshold 9"), ("downsample", "--levels 1")] {
        let arguments = format!("a.zarr y.h5/raw {more}");
        let refused = run(tool, 3, folder.path(), &format!("{arguments} --compression gzip"));
        refused.failed(2, "y.h5/raw");
        refused.failed(2, "only one process can: it is compressed HDF5");
        assert_untouched(folder.path());
    }
    run("convert", 3, folder.path(), "a.zarr y.h5/raw").text();
    assert_eq!(read::<u16>(folder.path(), "y.h5/raw"), data);
    for ranks in [0, 2] {
        run("convert", ranks, folder.path(), &format!("a.zarr {ranks}.h5/raw --compression gzip")).text();
        assert_eq!(read::<u16>(folder.path(), &format!("{ranks}.h5/raw")), data);
    }
}

#[test]
fn pyramids_are_refused_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    write_input(folder.path());
    for ranks in [0, 2] {
        run("downsample", ranks, folder.path(), "a.zarr p.zarr --levels 5 --odd crop")
            .failed(2, "too small to be cropped: use fewer --levels");
        assert_untouched(folder.path());
    }
    run("downsample", 0, folder.path(), "a.zarr p.zarr --levels 4 --odd crop --factor 1,2,2").text();
    assert_eq!(describe(folder.path().join("p.zarr/4")).unwrap().shape, [20, 1, 1]);
}
