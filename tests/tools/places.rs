//! Paths as the tools take them: what is one place and what are two, and what lies in what.

use std::os::unix::fs::symlink;

use bellis::storage::describe;
use bellis::{Array, ArraySpec};
use ndarray::ArrayD;

use super::{Random, assert_tidy, read, run, write};

#[test]
fn an_input_in_hdf5_is_never_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(21).array(&[9, 10], |random| random as u8);
    write(folder.path(), "same.h5/raw", &data);
    write(folder.path(), "same.h5/deep/raw", &data);
    symlink("same.h5", folder.path().join("link.h5")).unwrap();
    std::fs::hard_link(folder.path().join("same.h5"), folder.path().join("hard.h5")).unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let absolute = folder.path().join("same.h5/raw").display().to_string();
    let ways =
        ["same.h5/raw", "./same.h5//raw/", "link.h5/raw", "hard.h5/raw", "sub/../same.h5/raw", &absolute];
    for output in ways.into_iter().chain(["same.h5/deep/../raw", "nothing/../same.h5/raw"]) {
        for (tool, more) in [("label", "--threshold 100 --dtype uint8"), ("convert", "--clip")] {
            run(tool, 0, folder.path(), &format!("same.h5/raw {output} {more}"))
                .failed(2, "is input and output");
        }
    }
    run("label", 2, folder.path(), "link.h5/raw same.h5/raw --threshold 100 --dtype uint8")
        .failed(2, "is input and output");
    assert_eq!(read::<u8>(folder.path(), "same.h5/raw"), data);
    // Beside it there is room.
    run("label", 2, folder.path(), "same.h5/raw same.h5/raws --threshold 100").json();
    run("convert", 0, folder.path(), "same.h5/raw same.h5/deep/again").text();
    assert_eq!(read::<u8>(folder.path(), "same.h5/raw"), data);
    assert_eq!(read::<u8>(folder.path(), "same.h5/deep/again"), data);
}

#[test]
fn level_0_may_be_there_in_hdf5() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(22).array(&[8, 9], |random| random as u8);
    write(folder.path(), "p.h5/0", &data);
    symlink("p.h5", folder.path().join("link.h5")).unwrap();
    for (ranks, dst) in [(0, "p.h5"), (2, "link.h5")] {
        run("downsample", ranks, folder.path(), &format!("p.h5/0 {dst} --dtype float32 --levels 1")).text();
        assert_eq!(read::<u8>(folder.path(), "p.h5/0"), data);
        let window = data.slice(ndarray::s![..2, ..2]).iter().map(|value| f32::from(*value)).sum::<f32>();
        assert_eq!(read::<f32>(folder.path(), "p.h5/1")[[0, 0]], window / 4.0);
    }
}

#[test]
fn the_innermost_container_decides_about_fill_values() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([9, 10]).chunks([4, 4]).fill_value(7u8);
    Array::<u8>::create(folder.path().join("a.zarr"), &spec).unwrap();
    std::fs::create_dir(folder.path().join("plain")).unwrap();
    std::fs::write(folder.path().join("plain/attributes.json"), r#"{"n5": "2.0.0"}"#).unwrap();
    let ways = [
        ("a.n5/b.zarr/raw", "Zarr v3", 7u8),
        ("a.n5/b.h5/raw", "HDF5", 7),
        ("b.zarr/a.n5/raw", "N5", 0),
        ("plain/raw", "N5", 0),
    ];
    for (name, format, fill_value) in ways {
        std::fs::create_dir_all(folder.path().join(name).ancestors().nth(2).unwrap()).unwrap();
        run("convert", 0, folder.path(), &format!("a.zarr {name}")).text();
        let info = describe(folder.path().join(name)).unwrap();
        assert_eq!((info.format, info.fill_value), (format, fill_value.into()), "{name}");
        assert!(read::<u8>(folder.path(), name).iter().all(|value| *value == 7), "{name}");
    }
    // Levels are called as is usual in the format.
    run("downsample", 0, folder.path(), "a.zarr plain/pyramid --levels 1").text();
    run("downsample", 0, folder.path(), "a.zarr a.n5/c.zarr --levels 1").text();
    assert!(folder.path().join("plain/pyramid/s1").exists());
    assert!(folder.path().join("a.n5/c.zarr/1").exists());
}

#[test]
fn a_fill_value_that_n5_drops_need_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([4, 4]).fill_value(f32::NAN);
    let array = Array::<f32>::create(folder.path().join("a.zarr"), &spec).unwrap();
    array.write(&array.roi(), &ArrayD::from_elem(vec![4, 4], 1.0)).unwrap();
    run("convert", 0, folder.path(), "a.zarr b.n5/raw --dtype uint8").text();
    assert!(read::<u8>(folder.path(), "b.n5/raw").iter().all(|value| *value == 1));
    run("convert", 0, folder.path(), "a.zarr b.zarr --dtype uint8").failed(2, "the fill value of a.zarr");
}

#[test]
fn scratch_lies_beside_every_container() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(23).array(&[9, 10], |random| random as u8));
    for file in ["lab.h5", "lab.hdf5", "lab.hdf"] {
        run("label", 2, folder.path(), &format!("a.zarr {file}/labels --threshold 100")).json();
        assert_eq!(describe(folder.path().join(file).join("labels")).unwrap().format, "HDF5");
    }
    assert_tidy(folder.path());
}
