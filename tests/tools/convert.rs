//! `convert`, against conversions of single values.

use bellis::storage::{DataType, Element, describe};
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, arr1};

use super::{RANKS, Random, assert_tidy, read, real_data, run, write};

#[test]
fn all_types_go_through_all_types_and_back() {
    let folder = tempfile::tempdir().unwrap();
    // Every type holds 0 to 127.
    let data = Random(1).array(&[9, 10, 11], |random| (random % 128) as u8);
    write(folder.path(), "uint8.zarr", &data);
    let mut from = DataType::U8;
    let types = DataType::ALL.into_iter().skip(1).filter(|data_type| *data_type != DataType::Bool).chain([
        DataType::I8,
        DataType::F64,
        DataType::U8,
    ]);
    for (number, to) in types.enumerate() {
        let name = if number >= 13 { format!("{to}-again.zarr") } else { format!("{to}.zarr") };
        let from_name = if number >= 14 { format!("{from}-again.zarr") } else { format!("{from}.zarr") };
        let arguments = format!("{from_name} {name} --dtype {to}");
        run("convert", RANKS[number % 4], folder.path(), &arguments).text();
        let info = describe(folder.path().join(&name)).unwrap();
        assert_eq!(info.data_type, to);
        from = to;
    }
    assert_eq!(read::<u8>(folder.path(), "uint8-again.zarr"), data);
    assert_eq!(read::<f32>(folder.path(), "float32.zarr"), data.mapv(f32::from));
    assert_eq!(read::<i64>(folder.path(), "int64.zarr"), data.mapv(i64::from));
}

#[test]
fn chunks_codecs_and_versions_change_and_voxels_stay() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(2).array(&[9, 10, 11], |random| random as u16);
    write(folder.path(), "a.zarr", &data);
    let before = describe(folder.path().join("a.zarr")).unwrap();
    let codecs = ["none", "zstd:3", "gzip", "blosc:9"];
    for (ranks, codec) in RANKS.into_iter().zip(codecs) {
        for version in [2, 3] {
            let name = format!("{version}-{ranks}.zarr/deep/raw");
            let arguments = format!(
                "a.zarr {name} --chunks 3,5,2 --block 6,5,4 --compression {codec} --zarr-version {version}"
            );
            run("convert", ranks, folder.path(), &arguments).text();
            let info = describe(folder.path().join(&name)).unwrap();
            assert_eq!(
                (info.format, &info.chunks[..]),
                (["Zarr v2", "Zarr v3"][version - 2], &[3, 5, 2][..])
            );
            assert_eq!((info.offset, info.voxel_size), (before.offset, before.voxel_size));
            assert_eq!((&info.axis_names, &info.units), (&before.axis_names, &before.units));
            assert_eq!(read::<u16>(folder.path(), &name), data);
        }
    }
    assert_tidy(folder.path());
}

#[test]
fn channels_and_fill_values_go_along() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([3, 9, 10]).channel_axes(1).chunks([2, 4, 4]).fill_value(7u8);
    let array = Array::<u8>::create(folder.path().join("a.zarr"), &spec).unwrap();
    run("convert", 2, folder.path(), "a.zarr b.zarr --dtype float64 --chunks 5,5").text();
    let copy = Array::<f64>::open(folder.path().join("b.zarr")).unwrap();
    assert_eq!((copy.fill_value(), &copy.info().chunks[..]), (7.0, &[2, 5, 5][..]));
    assert!(copy.read(&array.roi()).unwrap().iter().all(|value| *value == 7.0));
    assert_eq!(copy.info().axis_names, array.info().axis_names);
}

/// Converts `values`, or tells why not.
fn one<S: Element, T: Element>(values: &[S], options: &str) -> Result<Vec<T>, String> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &arr1(values).into_dyn());
    let arguments = format!("a.zarr b.zarr --dtype {} {options}", T::DATA_TYPE);
    let outcome = run("convert", 0, folder.path(), &arguments);
    match outcome.code {
        Some(0) => Ok(read::<T>(folder.path(), "b.zarr").into_iter().collect()),
        _ => {
            outcome.failed(1, "the value");
            Err(outcome.stderr)
        }
    }
}

#[test]
fn nothing_is_lost_unless_allowed() {
    assert!(one::<u16, u8>(&[255, 256], "").unwrap_err().contains("256 lies beyond uint8"));
    assert!(one::<u16, u8>(&[255, 256], "--round").unwrap_err().contains("--clip"));
    assert_eq!(one::<u16, u8>(&[255, 256], "--clip"), Ok(vec![255, 255]));
    assert_eq!(one::<i64, u64>(&[-1, i64::MAX], "--clip"), Ok(vec![0, i64::MAX as u64]));
    assert_eq!(one::<u64, i8>(&[u64::MAX], "--clip"), Ok(vec![127]));

    assert!(one::<f32, u8>(&[1.5], "--clip").unwrap_err().contains("--round"));
    assert_eq!(one::<f32, u8>(&[0.5, 1.5, 2.5, 254.5], "--round"), Ok(vec![0, 2, 2, 254]));
    assert_eq!(
        one::<f64, i16>(&[-1e9, 1e9, f64::NAN, f64::INFINITY], "--clip"),
        Ok(vec![i16::MIN, i16::MAX, 0, i16::MAX])
    );
    assert!(one::<f64, i16>(&[f64::NAN], "--round").unwrap_err().contains("NaN lies beyond int16"));

    assert!(one::<u32, f32>(&[(1 << 24) + 1], "").unwrap_err().contains("cannot hold the value 16777217"));
    assert_eq!(one::<u32, f32>(&[(1 << 24) + 1], "--round"), Ok(vec![16_777_216.0]));
    assert_eq!(one::<u64, f64>(&[1 << 60], ""), Ok(vec![(1u64 << 60) as f64]));
    assert_eq!(one::<f64, f32>(&[0.1, f64::INFINITY], ""), Ok(vec![0.1, f32::INFINITY]));
    assert!(one::<f64, f32>(&[1e300], "").unwrap_err().contains("--clip"));
    assert_eq!(one::<f64, f32>(&[-1e300], "--clip"), Ok(vec![f32::MIN]));
}

#[test]
fn mistakes_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &ArrayD::<u8>::zeros(vec![20, 20]));
    for ranks in [0, 2] {
        let convert = |arguments: &str| run("convert", ranks, folder.path(), arguments);
        convert("a.zarr").failed(2, "<DST>");
        convert("a.zarr a.zarr").failed(2, "is input and output");
        convert("no.zarr b.zarr").failed(2, "no.zarr does not exist");
        convert("a.zarr b.zarr --dtype complex32").failed(2, "use one of uint8");
        convert("a.zarr b.zarr --chunks 1,2,3").failed(2, "--chunks has 3 numbers");
        convert("a.zarr b.zarr --compression zstd:99").failed(2, "22");
        convert("a.zarr c.zarr --block 6,4").failed(2, "use 8,4");
        convert("a.zarr plain").failed(2, "plain");
    }
}

#[cfg(feature = "hdf5")]
#[test]
fn compressed_hdf5_is_for_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(5).array(&[20, 20], |random| random as u16);
    write(folder.path(), "a.zarr", &data);
    let convert = |ranks: super::Ranks, name: &str| {
        run("convert", ranks, folder.path(), &format!("a.zarr {name} --compression gzip --chunks 5,5"))
    };
    convert(3, "b.h5/raw").failed(2, "only one process can: it is compressed HDF5; write Zarr");
    for ranks in [0, 2] {
        let name = format!("{ranks}.h5/raw");
        convert(ranks, &name).text();
        assert_eq!(read::<u16>(folder.path(), &name), data);
    }
}

#[test]
fn a_real_volume() {
    let Some(volume) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut name = volume.display().to_string();
    let there_and_back =
        [(2, "uint16 --zarr-version 2 --chunks 50,60,70"), (3, "float32"), (8, "uint8 --chunks 100,64,64")];
    for (ranks, options) in there_and_back {
        let next = format!("{ranks}.zarr");
        run("convert", ranks, folder.path(), &format!("{name} {next} --dtype {options}")).text();
        name = next;
    }
    let before = Array::<u8>::open(&volume).unwrap();
    let after = Array::<u8>::open(folder.path().join(&name)).unwrap();
    assert!(before.read(&before.roi()).unwrap() == after.read(&after.roi()).unwrap());
    assert_eq!(after.info().units, before.info().units);
}

/// An array without voxels becomes one without voxels, and is measured as such; nothing else is made of it.
#[test]
fn arrays_without_voxels() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([0, 5]).chunks([1, 5]).voxel_size([4, 4]);
    Array::<u16>::create(folder.path().join("a.zarr"), &spec).unwrap();
    for ranks in [0, 2] {
        for name in ["b.zarr", "c.n5/raw"] {
            run("convert", ranks, folder.path(), &format!("a.zarr {ranks}{name} --dtype float32")).text();
            let info = describe(folder.path().join(format!("{ranks}{name}"))).unwrap();
            assert_eq!((info.shape, info.data_type), (vec![0, 5], DataType::F32), "{name}");
            assert_eq!(info.voxel_size, bellis::Coordinate::from([4, 4]));
        }
        let figures = run("stats", ranks, folder.path(), "a.zarr").json();
        assert_eq!((&figures["voxels"], &figures["min"]), (&0.into(), &serde_json::Value::Null), "{figures}");
        for (tool, arguments) in [("label", "a.zarr d.zarr --threshold 1"), ("downsample", "a.zarr d.zarr")] {
            run(tool, ranks, folder.path(), arguments).failed(2, "a.zarr has no voxels, its shape is [0, 5]");
            assert!(!folder.path().join("d.zarr").exists());
        }
    }
    assert_tidy(folder.path());
}

/// A single value becomes an array of one voxel.
#[test]
fn single_values() {
    let folder = tempfile::tempdir().unwrap();
    let value = folder.path().join("a.zarr");
    std::fs::create_dir_all(value.join("c")).unwrap();
    let metadata = r#"{"zarr_format": 3, "node_type": "array", "shape": [], "data_type": "int16", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": []}},
        "chunk_key_encoding": {"name": "default"}, "attributes": {"offset": [], "units": []},
        "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}], "dimension_names": []}"#;
    std::fs::write(value.join("zarr.json"), metadata).unwrap();
    std::fs::remove_dir(value.join("c")).unwrap();
    std::fs::write(value.join("c"), [1, 2]).unwrap();
    run("convert", 0, folder.path(), "a.zarr b.zarr").text();
    assert_eq!(read::<i16>(folder.path(), "b.zarr"), arr1(&[258]).into_dyn());
    assert_eq!(run("stats", 2, folder.path(), "a.zarr").json()["sum"], 258);
}

#[test]
fn chunks_of_a_record_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([20_000]).chunks([1]).shards([20_000]);
    let array = Array::<i32>::create(folder.path().join("a.zarr"), &spec).unwrap();
    let data = ndarray::Array1::from_iter(0..20_000);
    array.write(&array.roi(), &data).unwrap();
    run("convert", 0, folder.path(), "a.zarr b.zarr").text();
    assert_eq!(describe(folder.path().join("b.zarr")).unwrap().chunks, [32_768]);
    assert_eq!(read::<i32>(folder.path(), "b.zarr"), data.into_dyn());
}

/// A value that the type does not hold stays one: it is told once, and not tried again.
#[test]
fn what_never_fits_is_tried_once() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &ndarray::ArrayD::from_elem(vec![4, 4], 300u16));
    let spots = ndarray::ArrayD::from_shape_fn(vec![40, 40], |at| u8::from(at[0] % 2 == 0 && at[1] % 2 == 0));
    write(folder.path(), "spots.zarr", &spots);
    for (ranks, tool, arguments) in [
        (0, "convert", "a.zarr b.zarr --dtype uint8"),
        (2, "convert", "a.zarr c.zarr --dtype uint8"),
        (0, "downsample", "a.zarr d.zarr --dtype uint8 --levels 1"),
        (0, "label", "spots.zarr e.zarr --dtype uint8"),
    ] {
        let failed = run(tool, ranks, folder.path(), arguments);
        failed.failed(1, "");
        assert!(!failed.stderr.contains("tried again"), "{failed:?}");
    }
}
