//! Inputs of which the command line says what their files do not say, or say wrongly.

use bellis::storage::describe;
use ndarray::{Axis, Slice};
use serde_json::json;

use super::{Random, read, run, write};

/// Each tool, on SRC.
const TOOLS: [(&str, &str); 5] = [
    ("convert", "SRC convert.zarr"),
    ("downsample", "SRC downsample.zarr --levels 1"),
    ("label", "SRC label.zarr --threshold 100"),
    ("smooth", "SRC smooth.zarr --sigma 1"),
    ("stats", "SRC"),
];

/// The first array that a tool makes.
fn output(tool: &str) -> Option<String> {
    match tool {
        "stats" => None,
        "downsample" => Some("downsample.zarr/0".to_owned()),
        tool => Some(format!("{tool}.zarr")),
    }
}

#[test]
fn voxels_lie_where_the_command_line_says() {
    for suffix in ["zarr", "n5", "h5"] {
        let folder = tempfile::tempdir().unwrap();
        let data = Random(31).array(&[8, 9, 10], |random| random as u8);
        let source = format!("a.{suffix}/raw");
        write(folder.path(), &source, &data);
        let ranks = if suffix == "n5" { 2 } else { 0 };
        for (tool, arguments) in TOOLS {
            let arguments = arguments.replace("SRC", &source);
            let said = "--voxel-size 40,4,4 --offset -80,8,0 --units um";
            run(tool, ranks, folder.path(), &format!("{arguments} {said}")).text();
            let Some(name) = output(tool) else { continue };
            let info = describe(folder.path().join(&name)).unwrap();
            assert_eq!(info.roi().unwrap(), "[-80:240, 8:44, 0:40]".parse().unwrap(), "{name}");
            assert_eq!(info.units, ["um"; 3], "{name}");
        }
        let copy = read::<u8>(folder.path(), "convert.zarr");
        assert_eq!(copy, data);
        let level = describe(folder.path().join("downsample.zarr/1")).unwrap();
        assert_eq!(level.voxel_size, [80, 8, 8].into());
    }
}

#[test]
fn numbers_that_do_not_go_with_the_input_are_refused_before_there_is_an_output() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(7).array(&[8, 8, 8], |random| random as u8));
    for (tool, arguments) in TOOLS {
        let arguments = arguments.replace("SRC", "a.zarr");
        for (said, message) in [
            (
                "--voxel-size 4,4",
                "its voxel size is said to be [4, 4] but must be 3 values, one for each spatial axis",
            ),
            ("--offset 1", "its offset is said to be [1] but must be 3 values"),
            ("--voxel-size 4,0,4", "'--voxel-size <Z,Y,X>'"),
            ("--offset 1,2,x", "'--offset <Z,Y,X>'"),
            ("--channels 3:3", "use a number, such as 2, or a range, such as 2:5 or :"),
            ("--channels 0", "its channels is said to be 0:1 but must be none, as it has no channel axes"),
        ] {
            run(tool, 0, folder.path(), &format!("{arguments} {said}")).failed(2, message);
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    run("smooth", 0, folder.path(), "made-up b.zarr --voxel-size 4,4,4")
        .failed(2, "the made-up volume lies where it is made");
}

#[test]
fn one_time_point_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(9).array(&[3, 8, 9, 10], |random| random as u8);
    write(folder.path(), "a.zarr", &data);
    // What is written there has four axes in space.
    let mut expected = data.clone();
    expected.slice_axis_inplace(Axis(0), Slice::from(1..2));
    run("convert", 2, folder.path(), "a.zarr one.zarr --channel-axes 1 --channels 1").text();
    assert_eq!(read::<u8>(folder.path(), "one.zarr"), expected);
    let info = describe(folder.path().join("one.zarr")).unwrap();
    assert_eq!((info.n_channel_axes(), &info.axis_names[..2]), (1, &["t^".to_owned(), "z".to_owned()][..]));
    run("convert", 0, folder.path(), "a.zarr rest.h5/raw --channel-axes 1 --channels 1:").text();
    let figures = run("stats", 0, folder.path(), "rest.h5/raw --channels 0").json();
    let sum: u64 = expected.iter().map(|value| u64::from(*value)).sum();
    assert_eq!(figures["sum"], json!(sum));
    run("label", 2, folder.path(), "a.zarr label.zarr --channel-axes 1 --channels 2 --threshold 200").json();
    assert_eq!(describe(folder.path().join("label.zarr")).unwrap().shape, [1, 8, 9, 10]);
}

#[test]
fn what_no_array_can_be_is_said_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.n5");
    std::fs::create_dir(&path).unwrap();
    let metadata = json!({"dimensions": [4, 4], "blockSize": [4, 4], "dataType": "uint8", "compression": {"type": "raw"},
        "resolution": [0.5, 0.5], "units": {"x": "pixel"}});
    std::fs::write(path.join("attributes.json"), metadata.to_string()).unwrap();
    let silent = run("convert", 0, folder.path(), "a.n5 silent.zarr --voxel-size 500,500 --units nm");
    silent.text();
    assert!(silent.stderr.is_empty(), "{silent:?}");
    let warned = run("convert", 0, folder.path(), "a.n5 warned.zarr");
    warned.text();
    assert!(warned.stderr.contains("attribute resolution is [0.5,0.5], which is set aside"), "{warned:?}");
    assert!(warned.stderr.contains("--voxel-size"), "{warned:?}");
}

#[test]
fn level_0_cannot_be_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "p.zarr/0", &Random(7).array(&[8, 8, 8], |random| random as u8));
    run("downsample", 0, folder.path(), "p.zarr/0 p.zarr --levels 1 --voxel-size 9,9,9")
        .failed(2, "p.zarr/0 is level 0 itself, and does not say what was said of it");
    // What it says anyway may be said again.
    run("downsample", 0, folder.path(), "p.zarr/0 p.zarr --levels 1 --voxel-size 2,3,4").text();
}
