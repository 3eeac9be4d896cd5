//! `downsample`, against the windows one by one.

use bellis::storage::{Element, describe};
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, IxDyn, Slice};

use super::{RANKS, Random, assert_tidy, read, real_data, run, write};

/// The level after `data`, each voxel made of its window by `reduce`.
fn next_level<T: Element>(
    data: &ArrayD<T>,
    factors: &[usize],
    crop: bool,
    reduce: impl Fn(Vec<T>) -> T,
) -> ArrayD<T> {
    let extent = |(n, f): (&usize, &usize)| if crop { n / f } else { n.div_ceil(*f) };
    let shape: Vec<usize> = data.shape().iter().zip(factors).map(extent).collect();
    ArrayD::from_shape_fn(IxDyn(&shape), |at| {
        let window = data.slice_each_axis(|axis| {
            let (axis, extent) = (axis.axis.index(), axis.len);
            let begin = at[axis] * factors[axis];
            Slice::from(begin..(begin + factors[axis]).min(extent))
        });
        reduce(window.iter().copied().collect())
    })
}

type Method = fn(Vec<i16>) -> i16;

/// Rounded to the nearest, halfway to the even one.
fn mean(values: Vec<i16>) -> i16 {
    let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
    (sum / values.len() as f64).round_ties_even() as i16
}

/// The most frequent, the smallest of several.
fn mode(values: Vec<i16>) -> i16 {
    let count = |value: i16| values.iter().filter(|v| **v == value).count();
    values.iter().copied().max_by_key(|v| (count(*v), -i32::from(*v))).unwrap()
}

fn max(values: Vec<i16>) -> i16 {
    values.into_iter().max().unwrap()
}

#[test]
fn whole_pyramids() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(1).array(&[13, 14, 17], |random| (random % 5) as i16 * 3 - 7);
    write(folder.path(), "a.zarr", &data);
    let before = describe(folder.path().join("a.zarr")).unwrap();
    let methods: [(&str, Method); 3] = [("mean", mean), ("mode", mode), ("max", max)];
    let ways = [
        ("2", [2, 2, 2], "4,4,4"),
        ("1,2,3", [1, 2, 3], "8,4,4"),
        ("2", [2, 2, 2], "16,8,4"),
        ("3", [3; 3], "4,8,12"),
    ];
    for (name, reduce) in methods {
        for (ranks, (factor, factors, block)) in RANKS.into_iter().zip(ways) {
            for odd in ["keep", "crop"] {
                let dst = format!("{name}-{ranks}-{odd}.zarr");
                let arguments = format!(
                    "a.zarr {dst} --levels 2 --method {name} --factor {factor} --odd {odd} --block {block}"
                );
                run("downsample", ranks, folder.path(), &arguments).text();
                let mut expected = data.clone();
                for level in 0..3u32 {
                    assert!(
                        read::<i16>(folder.path(), &format!("{dst}/{level}")) == expected,
                        "{arguments}, level {level}"
                    );
                    expected = next_level(&expected, &factors, odd == "crop", reduce);
                    let info = describe(folder.path().join(format!("{dst}/{level}"))).unwrap();
                    assert_eq!(info.offset, before.offset);
                    let size = |axis: usize| before.voxel_size[axis] * (factors[axis] as i64).pow(level);
                    assert_eq!(info.voxel_size, [size(0), size(1), size(2)].into());
                    assert_eq!((&info.axis_names, &info.units), (&before.axis_names, &before.units));
                }
            }
        }
    }
    assert_tidy(folder.path());
}

#[test]
fn channels_stay_apart_and_level_0_may_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(2).array(&[2, 9, 7], |random| (random % 1000) as i16);
    let spec = ArraySpec::new([2, 9, 7]).channel_axes(1).chunks([1, 4, 4]);
    let array = Array::<i16>::create(folder.path().join("a.zarr/0"), &spec).unwrap();
    array.write(&array.roi(), &data).unwrap();
    run("downsample", 3, folder.path(), "a.zarr/0 a.zarr").text();
    assert_eq!(read::<i16>(folder.path(), "a.zarr/0"), data);
    let level = next_level(&data, &[1, 2, 2], false, mean);
    assert_eq!(read::<i16>(folder.path(), "a.zarr/1"), level);
    // 9 x 7 is one chunk of 4 x 4 after two levels.
    assert_eq!(read::<i16>(folder.path(), "a.zarr/2"), next_level(&level, &[1, 2, 2], false, mean));
    assert!(!folder.path().join("a.zarr/3").exists());
}

/// The volume `a.zarr` of these axes becomes a pyramid, which has metadata or says why it has none.
fn metadata_of(names: &[&str], n_channel_axes: usize, why_not: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new(vec![4; names.len()]).channel_axes(n_channel_axes).axis_names(names.to_vec());
    Array::<u8>::create(folder.path().join("a.zarr"), &spec).unwrap();
    let outcome = run("downsample", 2, folder.path(), "a.zarr b.zarr --levels 1");
    outcome.text();
    let said = outcome.stderr.contains("no OME-Zarr metadata");
    assert_eq!(said, why_not.is_some(), "{names:?}: {outcome:#?}");
    assert!(outcome.stderr.contains(why_not.unwrap_or_default()), "{names:?}: {outcome:#?}");
    let group = std::fs::read_to_string(folder.path().join("b.zarr/zarr.json")).unwrap();
    assert_eq!(group.contains("multiscales"), why_not.is_none(), "{names:?}: {group}");
    assert_eq!(describe(folder.path().join("b.zarr/1")).unwrap().voxel_size[0], 2);
}

#[test]
fn metadata_is_valid_or_left_out() {
    metadata_of(&["y", "x"], 0, None);
    metadata_of(&["c^", "y", "x"], 1, None);
    metadata_of(&["t^", "c^", "z", "y", "x"], 2, None);
    metadata_of(&["x"], 0, Some("2 or 3 axes in space: these are 1"));
    metadata_of(&["w", "z", "y", "x"], 0, Some("2 or 3 axes in space: these are 4"));
    metadata_of(&["a", "w", "z", "y", "x"], 0, Some("2 or 3 axes in space: these are 5"));
    metadata_of(&["c^", "d^", "y", "x"], 2, Some("at most the axes time (t) and channel"));
    metadata_of(&["c^", "t^", "y", "x"], 2, Some("in this order"));
    metadata_of(&["z", "x", "x"], 0, Some("two are called \"x\""));
    metadata_of(&["x^", "y", "x"], 1, Some("two are called \"x\""));
}

#[test]
fn large_integers_and_floats() {
    let folder = tempfile::tempdir().unwrap();
    let data = ArrayD::from_shape_vec(vec![4], vec![u64::MAX, u64::MAX - 1, 1, 4]).unwrap();
    write(folder.path(), "a.zarr", &data);
    run("downsample", 0, folder.path(), "a.zarr b.zarr --levels 1").text();
    assert_eq!(read::<u64>(folder.path(), "b.zarr/1").as_slice(), Some(&[u64::MAX - 1, 2][..]));
    let data = ArrayD::from_shape_vec(vec![4], vec![f32::NAN, 1.0, 0.5, 1.0]).unwrap();
    write(folder.path(), "f.zarr", &data);
    run("downsample", 0, folder.path(), "f.zarr m.zarr --levels 1 --method max").text();
    let level = read::<f32>(folder.path(), "m.zarr/1");
    assert!(level[[0]].is_nan() && level[[1]] == 1.0);
}

#[test]
fn mistakes_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &ArrayD::<u8>::zeros(vec![20, 3]));
    for ranks in [0, 2] {
        let downsample =
            |arguments: &str| run("downsample", ranks, folder.path(), &format!("a.zarr {arguments}"));
        downsample("b.zarr --factor 1").failed(2, "makes no smaller volume");
        downsample("b.zarr --factor 2,2,2").failed(2, "--factor has 3 numbers, but a.zarr has 2 axes");
        downsample("b.zarr --method median").failed(2, "--method");
        downsample("c.zarr --levels 2 --odd crop").failed(2, "too small to be cropped");
        downsample("d.zarr --block 6,4").failed(2, "use 8,4");
    }
}

#[test]
fn a_real_volume() {
    let Some(volume) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (ranks, block) in
        [(1, "64,64,64"), (2, "64,128,64"), (3, "128,64,192"), (4, "128,128,128"), (8, "64,64,64")]
    {
        let arguments = format!(
            "{} {ranks}.zarr --levels 3 --odd crop --dtype float32 --block {block}",
            volume.display()
        );
        run("downsample", ranks, folder.path(), &arguments).text();
        let level = read::<f32>(folder.path(), &format!("{ranks}.zarr/1"));
        assert_eq!(level.shape(), [94, 116, 98]);
        assert_eq!(level.iter().map(|v| f64::from(*v)).sum::<f64>(), 41_683_603.625);
        assert_eq!(level[[47, 58, 49]], 200.25);
        for further in ["2", "3"] {
            let name = |ranks: usize| format!("{ranks}.zarr/{further}");
            assert!(read::<f32>(folder.path(), &name(ranks)) == read::<f32>(folder.path(), &name(1)));
        }
    }
}
