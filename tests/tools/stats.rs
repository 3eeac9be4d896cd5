//! `stats`, against sums over all voxels.

use serde_json::Value;

use super::{RANKS, Random, assert_tidy, read, real_data, run, write};

#[test]
fn integers_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(1).array(&[9, 10, 11], |random| random as i16);
    write(folder.path(), "a.zarr", &data);
    let wide = Random(2).array(&[30, 7], |random| random << 7);
    write(folder.path(), "wide.zarr", &wide);
    for (ranks, block) in RANKS.into_iter().zip(["4,4,4", "9,10,11", "3,8,5", "20,1,4"]) {
        let found = run("stats", ranks, folder.path(), &format!("a.zarr --block {block}")).json();
        let sum: i64 = data.iter().map(|v| i64::from(*v)).sum();
        let squares: i64 = data.iter().map(|v| i64::from(*v).pow(2)).sum();
        let (min, max) = (data.iter().min().unwrap(), data.iter().max().unwrap());
        assert_eq!(found["sum"], sum);
        assert_eq!(found["sum_of_squares"], squares);
        assert_eq!((&found["min"], &found["max"]), (&(*min).into(), &(*max).into()));
        assert_eq!(found["mean"], sum as f64 / 990.0);
        let counts = found["histogram"]["counts"].as_array().unwrap();
        for (value, count) in (*min..=*max).zip(counts) {
            assert_eq!(*count, data.iter().filter(|v| **v == value).count());
        }

        // Beyond 64 bits: compared as text.
        let outcome = run("stats", ranks, folder.path(), "wide.zarr --block 8,8");
        let sum: u128 = wide.iter().map(|v| u128::from(*v)).sum();
        assert!(outcome.text().contains(&format!("\"sum\": {sum},")), "{outcome:#?}");
        let squares = wide.iter().try_fold(0u128, |all, v| all.checked_add(u128::from(*v).pow(2)));
        let squares = squares.map_or("null".to_owned(), |squares| squares.to_string());
        assert!(outcome.text().contains(&format!("\"sum_of_squares\": {squares}\n")), "{outcome:#?}");
    }
    assert_tidy(folder.path());
}

#[test]
fn floats_are_the_same_on_any_number_of_ranks() {
    let folder = tempfile::tempdir().unwrap();
    let mut data = Random(3).array(&[20, 21], |random| (random % 100_000) as f32 / 7.0 - 100.0);
    data[[3, 4]] = f32::NAN;
    data[[5, 6]] = f32::NEG_INFINITY;
    write(folder.path(), "a.zarr", &data);
    let finite = || data.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v));
    let texts: Vec<String> = RANKS
        .into_iter()
        .map(|ranks| run("stats", ranks, folder.path(), "a.zarr --block 8,4 --bins 6").text().to_owned())
        .collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    let found: Value = serde_json::from_str(&texts[0]).unwrap();
    let close = |name: &str, expected: f64| {
        let value = found[name].as_f64().unwrap();
        assert!((value - expected).abs() <= 1e-12 * expected.abs(), "{name} {value} {expected}");
    };
    close("sum", finite().sum());
    close("sum_of_squares", finite().map(|v| v * v).sum());
    close("mean", finite().sum::<f64>() / 418.0);
    close("min", finite().fold(f64::INFINITY, f64::min));
    close("max", finite().fold(f64::NEG_INFINITY, f64::max));
    assert_eq!((&found["not_a_number"], &found["negative_infinity"]), (&1.into(), &1.into()));
    let number = |value: &Value| value.as_f64().unwrap();
    let edges: Vec<f64> = found["histogram"]["edges"].as_array().unwrap().iter().map(number).collect();
    for (bin, count) in found["histogram"]["counts"].as_array().unwrap().iter().enumerate() {
        let inside = |v: &f64| edges[bin] <= *v && (*v < edges[bin + 1] || (bin == 5 && *v == edges[6]));
        assert_eq!(*count, finite().filter(inside).count());
    }
    assert_eq!(read::<f32>(folder.path(), "a.zarr").len(), 420);
}

#[test]
fn sums_beyond_the_type_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &ndarray::arr1(&[1e308, 1.2e308, 1e308, 1e308]).into_dyn());
    let found = run("stats", 2, folder.path(), "a.zarr").json();
    assert_eq!((&found["min"], &found["max"]), (&1e308.into(), &1.2e308.into()));
    // The mean lies between the values, wherever the sum does.
    assert_eq!((&found["sum"], &found["mean"]), (&Value::Null, &1.05e308.into()));
    write(folder.path(), "b.zarr", &ndarray::arr1(&[-1e308, 1e308, 0.0]).into_dyn());
    let found = run("stats", 0, folder.path(), "b.zarr").json();
    assert_eq!((&found["sum"], &found["mean"]), (&0.0.into(), &0.0.into()));
    run("stats", 0, folder.path(), "b.zarr --bins 3").failed(1, "-1e308 and 1e308 are too far apart");
}

#[test]
fn mistakes_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(4).array(&[5, 5], |random| random as u8));
    for ranks in [0, 2] {
        let stats = |arguments: &str| run("stats", ranks, folder.path(), arguments);
        stats("b.zarr").failed(2, "b.zarr does not exist");
        stats("a.zarr --block 3").failed(2, "--block has 1 numbers, but a.zarr has 2 axes");
        stats("a.zarr --bins none").failed(2, "--bins");
        stats("a.zarr --scratch /proc").failed(1, "cannot make the scratch folder /proc/");
    }
}

#[test]
fn a_real_volume() {
    let Some(volume) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (ranks, block) in
        [(1, "64,64,64"), (2, "100,100,100"), (3, "50,300,17"), (4, "128,128,128"), (8, "64,64,64")]
    {
        let found =
            run("stats", ranks, folder.path(), &format!("{} --block {block}", volume.display())).json();
        assert_eq!(found["sum"], 333_468_829);
        assert_eq!(found["sum_of_squares"], 61_389_210_247i64);
    }
    assert_tidy(folder.path());
}

#[cfg(all(feature = "hdf5", feature = "n5"))]
#[test]
fn a_real_volume_in_every_format() {
    let Some(volume) = real_data() else { return };
    let data = volume.parent().and_then(std::path::Path::parent).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["mni152_v3.zarr/t1_sharded", "mni152_v2.zarr/t1", "mni152.n5/t1", "mni152.h5/volumes/t1"] {
        for ranks in [0, 3] {
            let path = data.join(name);
            let arguments = format!("{} --scratch {}", path.display(), folder.path().display());
            let found = run("stats", ranks, folder.path(), &arguments).json();
            assert_eq!(found["sum"], 333_468_829, "{name}");
            assert_eq!(found["sum_of_squares"], 61_389_210_247i64, "{name}");
        }
    }
    assert_tidy(folder.path());
}
