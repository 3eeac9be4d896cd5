//! Masks, floats of 16 bits and complex numbers, through every tool that takes them.

use bellis::storage::{Complex, DataType, bf16, describe, f16};
use ndarray::{ArrayD, arr1};

use super::{Random, read, run, write};

fn mask() -> ArrayD<bool> {
    Random(3).array(&[9, 10, 11], |random| random % 3 == 0)
}

#[test]
fn masks_go_through_every_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mask = mask();
    write(path, "mask.zarr", &mask);
    let n_true = mask.iter().filter(|value| **value).count();

    let found = run("stats", 2, path, "mask.zarr").json();
    assert_eq!((&found["sum"], &found["data_type"]), (&n_true.into(), &"bool".into()));
    assert_eq!(found["histogram"]["counts"], serde_json::json!([990 - n_true, n_true]));

    run("convert", 0, path, "mask.zarr copy.h5/mask --compression gzip").text();
    run("convert", 2, path, "copy.h5/mask v2.zarr --zarr-version 2").text();
    assert_eq!(read::<bool>(path, "v2.zarr"), mask);
    // N5 has bytes for it.
    run("convert", 0, path, "v2.zarr a.n5/mask").text();
    assert_eq!(read::<u8>(path, "a.n5/mask"), mask.mapv(u8::from));
    run("convert", 0, path, "a.n5/mask back.zarr --dtype bool").text();
    assert_eq!(read::<bool>(path, "back.zarr"), mask);

    run("label", 2, path, "mask.zarr labels.zarr --threshold 0").text();
    assert_eq!(read::<u64>(path, "labels.zarr").mapv(|label| label > 0), mask);

    run("downsample", 0, path, "mask.zarr pyramid.zarr --levels 1 --method max").text();
    let level = read::<bool>(path, "pyramid.zarr/1");
    let any = |z: usize, y: usize, x: usize| {
        let within = |n: usize, extent: usize| (2 * n..(2 * n + 2).min(extent)).collect::<Vec<_>>();
        let (zs, ys, xs) = (within(z, 9), within(y, 10), within(x, 11));
        zs.iter().any(|&z| ys.iter().any(|&y| xs.iter().any(|&x| mask[[z, y, x]])))
    };
    level.indexed_iter().for_each(|(at, value)| assert_eq!(*value, any(at[0], at[1], at[2]), "{at:?}"));
    run("downsample", 0, path, "mask.zarr pyramid.n5 --levels 1").text();
    assert_eq!(describe(path.join("pyramid.n5/s1")).unwrap().data_type, DataType::U8);

    run("smooth", 0, path, "--input mask.zarr --output smooth.zarr --sigma 1").text();
    run("convert", 0, path, "mask.zarr numbers.zarr --dtype float32").text();
    run("smooth", 0, path, "--input numbers.zarr --output expected.zarr --sigma 1").text();
    assert_eq!(read::<f32>(path, "smooth.zarr"), read::<f32>(path, "expected.zarr"));
}

#[test]
fn floats_of_16_bits_go_through_every_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let data = Random(4).array(&[9, 10, 11], |random| f16::from_f32((random % 4096) as f32 / 16.0 - 100.0));
    write(path, "a.zarr", &data);
    run("convert", 2, path, "a.zarr a.h5/a").text();
    run("convert", 0, path, "a.h5/a b.h5/b --dtype bfloat16").text();
    run("convert", 0, path, "b.h5/b b.zarr").text();
    assert_eq!(read::<f16>(path, "a.h5/a"), data);
    assert_eq!(read::<bf16>(path, "b.zarr"), data.mapv(|value| bf16::from_f32(value.into())));

    let found = run("stats", 2, path, "a.zarr --bins 10").json();
    let sum: f64 = data.iter().map(|value| f64::from(*value)).sum();
    assert_eq!((&found["sum"], &found["data_type"]), (&sum.into(), &"float16".into()));
    run("convert", 0, path, "a.zarr wide.zarr --dtype float64").text();
    for tool in ["label SRC DST --threshold 20", "smooth --input SRC --output DST --sigma 1"] {
        let both = ["a.zarr", "wide.zarr"].map(|source| {
            let output = format!("of-{source}-{}.zarr", &tool[..5]);
            let (name, arguments) = tool.split_once(' ').unwrap();
            run(name, 0, path, &arguments.replace("SRC", source).replace("DST", &output)).text();
            output
        });
        match tool.starts_with("label") {
            true => assert_eq!(read::<u64>(path, &both[0]), read::<u64>(path, &both[1])),
            false => assert_eq!(read::<f32>(path, &both[0]), read::<f32>(path, &both[1])),
        }
    }
    run("downsample", 0, path, "a.zarr halves.zarr --levels 1").text();
    run("downsample", 0, path, "wide.zarr doubles.zarr --levels 1").text();
    run("convert", 0, path, "doubles.zarr/1 expected.zarr --dtype float16").text();
    assert_eq!(read::<f16>(path, "halves.zarr/1"), read::<f16>(path, "expected.zarr"));
}

#[test]
fn what_16_bits_lose() {
    let folder = tempfile::tempdir().unwrap();
    let convert = |name: &str, to: &str| run("convert", 0, folder.path(), &format!("{name}.zarr {to}"));
    write(folder.path(), "large.zarr", &arr1(&[65504u32, 70_000]).into_dyn());
    convert("large", "a.zarr --dtype float16").failed(1, "70000 lies beyond float16");
    convert("large", "clipped.zarr --dtype float16 --clip").text();
    assert_eq!(read::<f16>(folder.path(), "clipped.zarr"), arr1(&[f16::MAX, f16::MAX]).into_dyn());
    convert("large", "b.zarr --dtype bool").failed(1, "lies beyond bool");
    write(folder.path(), "fine.zarr", &arr1(&[257u16]).into_dyn());
    convert("fine", "c.zarr --dtype bfloat16").failed(1, "cannot hold the value 257 exactly");
    // Just above halfway between 1 and the next one.
    write(folder.path(), "half.zarr", &arr1(&[1.0 + 2f64.powi(-11) + 2f64.powi(-40)]).into_dyn());
    convert("half", "d.zarr --dtype float16").text();
    assert_eq!(read::<f16>(folder.path(), "d.zarr"), arr1(&[f16::from_bits(0x3C01)]).into_dyn());
}

#[test]
fn complex_numbers_are_converted_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let part = |random: u64| (random % 1000) as f64 / 8.0 - 50.0;
    let data = Random(5).array(&[9, 10, 11], |random| Complex::new(part(random), part(random >> 20)));
    write(path, "a.zarr", &data);
    run("convert", 2, path, "a.zarr a.h5/a --dtype complex64").text();
    run("convert", 0, path, "a.h5/a back.zarr --dtype complex128 --zarr-version 2").text();
    assert_eq!(read::<Complex<f64>>(path, "back.zarr"), data);
    for (name, block) in [("a.zarr", "4,4,4"), ("a.h5/a", "9,10,11")] {
        let found = run("stats", 2, path, &format!("{name} --block {block} --bins 5")).json();
        let sum: Complex<f64> = data.iter().sum();
        assert_eq!(found["sum"], serde_json::json!([sum.re, sum.im]));
        assert_eq!(found["mean"], serde_json::json!([sum.re / 990.0, sum.im / 990.0]));
        assert_eq!(found["sum_of_squares"], data.iter().map(Complex::norm_sqr).sum::<f64>());
        assert!(found["min"].is_null() && found["max"].is_null());
    }
    run("convert", 0, path, "a.zarr b.zarr --dtype float64")
        .failed(1, "has no imaginary part, and the value");
    write(path, "real.zarr", &arr1(&[Complex::new(3.0f32, 0.0)]).into_dyn());
    run("convert", 0, path, "real.zarr int.zarr --dtype int8").text();
    assert_eq!(read::<i8>(path, "int.zarr"), arr1(&[3i8]).into_dyn());
    run("label", 0, path, "a.zarr l.zarr --threshold 0").failed(2, "complex128 has no order");
    run("downsample", 0, path, "a.zarr d.zarr --levels 1").failed(2, "complex128 has no order");
    run("smooth", 0, path, "--input a.zarr --output s.zarr --sigma 1").failed(2, "complex128 has no order");
}
