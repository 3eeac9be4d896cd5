//! OME-Zarr 0.4 and 0.5: ome-zarr-models validates what bellis writes, and writes what bellis reads.

use std::path::Path;

use bellis::storage::{ArraySpec, DataType, ZarrVersion, describe, write_multiscales};
use bellis::{Array, Coordinate};
use serde_json::{Value, json};

use super::{Python, Volume};
use crate::mpirun::{Ranks, tool};

const VERSIONS: [(ZarrVersion, &str); 2] = [(ZarrVersion::V2, "v04"), (ZarrVersion::V3, "v05")];

/// What ome-zarr-models makes of the group at `path`: an image of this version, with these axes and levels.
#[track_caller]
fn require_valid(python: &mut Python, path: &Path, version: &str, axes: Value, datasets: Value) {
    let found = python.ask("ome_levels", json!({"path": path}));
    assert_eq!(found["model"], json!(format!("ome_zarr_models.{version}.image.Image")), "{}", path.display());
    assert_eq!(found["axes"], axes, "{version}");
    assert_eq!(found["datasets"], datasets, "{version}");
}

fn dataset(path: &str, scale: Value, translation: Value) -> Value {
    json!({"path": path, "transformations": [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": translation},
    ]})
}

fn space(name: &str, unit: &str) -> Value {
    json!({"name": name, "type": "space", "unit": unit})
}

#[test]
fn pyramids_of_bellis_are_valid() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (version, model) in VERSIONS {
        let path = dir.path().join(format!("{model}.ome.zarr"));
        let level = |name: &str, shape: [u64; 3], voxel_size: [i64; 3]| {
            let spec =
                ArraySpec::new(shape).voxel_size(voxel_size).offset([-80, 40, 3]).zarr_version(version);
            let spec = spec.axis_names(["z", "y", "x"]).units_per_axis(["um", "nm", "nm"]);
            Array::<u16>::create(path.join(name), &spec).unwrap()
        };
        let levels = [level("0", [9, 20, 30], [40, 4, 5]), level("deep/1", [9, 10, 15], [40, 8, 10])];
        write_multiscales(&path, &levels.each_ref().map(Array::info)).unwrap();
        let axes = json!([space("z", "micrometer"), space("y", "nanometer"), space("x", "nanometer")]);
        // The middle of a voxel of level 1 lies 2 and 2.5 further than that of level 0.
        let datasets = json!([
            dataset("0", json!([40.0, 4.0, 5.0]), json!([-80.0, 40.0, 3.0])),
            dataset("deep/1", json!([40.0, 8.0, 10.0]), json!([-80.0, 42.0, 5.5])),
        ]);
        require_valid(&mut python, &path, model, axes, datasets);
    }
}

#[test]
fn pyramids_with_time_and_channels_are_valid() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (version, model) in VERSIONS {
        let path = dir.path().join(format!("{model}.ome.zarr"));
        let spec = ArraySpec::new([2, 3, 4, 5]).channel_axes(2).axis_names(["t", "c", "y", "x"]);
        let spec = spec.voxel_size([4, 2]).offset([8, -8]).zarr_version(version);
        let array = Array::<u8>::create(path.join("0"), &spec).unwrap();
        write_multiscales(&path, &[array.info()]).unwrap();
        let axes = json!([{"name": "t", "type": "time"}, {"name": "c", "type": "channel"},
            {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]);
        let datasets = json!([dataset("0", json!([1.0, 1.0, 4.0, 2.0]), json!([0.0, 0.0, 8.0, -8.0]))]);
        require_valid(&mut python, &path, model, axes, datasets);
        assert_eq!(describe(path.join("0")).unwrap().axis_names, ["t^", "c^", "y", "x"]);
    }
}

#[test]
fn what_downsample_writes_is_valid() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let volume = Volume::new(DataType::U8, &[30, 31, 17]);
    volume.create(&dir.path().join("a.zarr"), &volume.spec().chunks([8, 8, 8]));
    for (version, model) in [("2", "v04"), ("3", "v05")] {
        let path = dir.path().join(format!("{model}.zarr"));
        let arguments = ["a.zarr", path.to_str().unwrap(), "--levels", "2", "--zarr-version", version];
        tool(Ranks::Mpirun(3), "downsample", &arguments).inside(dir.path()).run().succeeded();
        let axes = json!(["z", "y", "x"].map(|name| space(name, "nanometer")));
        let datasets = json!([
            dataset("0", json!([2.0, 3.0, 4.0]), json!([-100.0, -65.0, -30.0])),
            dataset("1", json!([4.0, 6.0, 8.0]), json!([-99.0, -63.5, -28.0])),
            dataset("2", json!([8.0, 12.0, 16.0]), json!([-97.0, -60.5, -24.0])),
        ]);
        require_valid(&mut python, &path, model, axes, datasets);
        let found = python.ask("zarr_read", json!({"path": path.join("0")}));
        volume.require_found(&found, model);
    }
}

#[test]
fn pyramids_of_ome_zarr_models_lie_where_they_say() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let axes = json!([{"name": "c", "type": "channel"}, space("z", "micrometer"), space("y", "micrometer"),
        space("x", "micrometer")]);
    let datasets = json!([
        {"path": "0", "scale": [1, 2, 0.25, 0.5], "translation": [0, -10, 3.5, 0]},
        {"path": "1", "scale": [1, 2, 0.5, 1], "translation": [0, -10, 3.625, 0.25]},
    ]);
    for version in ["0.4", "0.5"] {
        let path = dir.path().join(format!("{version}.ome.zarr"));
        let request = json!({"path": path, "version": version, "axes": axes, "datasets": datasets});
        python.ask("ome_write", request);
        for (number, voxel_size) in [(0, [2000, 250, 500]), (1, [2000, 500, 1000])] {
            let path = path.join(number.to_string());
            let array = Array::<u8>::open(&path).unwrap();
            assert_eq!(array.voxel_size(), &Coordinate::from(voxel_size), "{version}");
            assert_eq!(array.roi().offset(), &Coordinate::from([-10_000, 3500, 0]), "{version}");
            assert_eq!(array.info().axis_names, ["c^", "z", "y", "x"]);
            assert_eq!(array.info().units, ["nm", "nm", "nm"]);
            let voxels = array.read(&array.roi()).unwrap();
            assert_eq!(voxels.shape(), [8; 4]);
            assert!(voxels.iter().all(|&voxel| voxel == number + 1), "{}", path.display());
        }
    }
}
