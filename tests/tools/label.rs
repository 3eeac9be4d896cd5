//! `label`, against a flood fill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bellis::storage::{Element, describe};
use bellis::{Array, ArraySpec};
use ndarray::ArrayD;

use super::{Random, Ranks, assert_tidy, read, real_data, run, write};

/// Labels from 1, in the order of first voxels, and how large each component is.
fn flood_fill(data: &ArrayD<u8>, threshold: u8, all: bool) -> (ArrayD<u64>, Vec<u64>) {
    let shape = data.shape();
    let mut labels = ArrayD::zeros(shape);
    let mut sizes = Vec::new();
    let steps: Vec<Vec<isize>> = (0..3usize.pow(shape.len() as u32))
        .map(|n| (0..shape.len()).map(|axis| (n / 3usize.pow(axis as u32) % 3) as isize - 1).collect())
        .filter(|step: &Vec<isize>| {
            let n = step.iter().filter(|along| **along != 0).count();
            n == 1 || (all && n > 1)
        })
        .collect();
    for (start, value) in data.indexed_iter() {
        if *value <= threshold || labels[&start] != 0 {
            continue;
        }
        sizes.push(0);
        let label = sizes.len() as u64;
        labels[&start] = label;
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            sizes[label as usize - 1] += 1;
            for step in &steps {
                let mut next = at.clone();
                let inside = (0..shape.len()).all(|axis| {
                    let position = at[axis].checked_add_signed(step[axis]).filter(|p| *p < shape[axis]);
                    next[axis] = position.unwrap_or(0);
                    position.is_some()
                });
                if inside && data[&next] > threshold && labels[&next] == 0 {
                    labels[&next] = label;
                    open.push(next);
                }
            }
        }
    }
    (labels, sizes)
}

/// Labels `data` in many ways and compares.
fn check(shape: &[usize], density: u64, seed: u64, ways: &[(Ranks, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(seed).array(shape, |random| if random % 100 < density { 101 } else { 100 });
    write(folder.path(), "a.zarr", &data);
    let block_of = |block: &str| block.split(',').take(shape.len()).collect::<Vec<_>>().join(",");
    for (connectivity, all) in [("faces", false), ("all", true)] {
        let (expected, sizes) = flood_fill(&data, 100, all);
        for (number, (ranks, block)) in ways.iter().enumerate() {
            let (block, name) = (block_of(block), format!("{connectivity}{number}.zarr"));
            let arguments = format!(
                "a.zarr {name} --threshold 100 --block {block} --chunks {block} --connectivity {connectivity}"
            );
            let outcome = run("label", *ranks, folder.path(), &arguments);
            let found = outcome.json();
            assert!(read::<u64>(folder.path(), &name) == expected, "{arguments} on {ranks} ranks");
            assert_eq!(found["components"], sizes.len());
            assert_eq!(found["largest"], *sizes.iter().max().unwrap_or(&0));
            assert_eq!(found["voxels"], sizes.iter().sum::<u64>());
            let (info, source) = (
                describe(folder.path().join(&name)).unwrap(),
                describe(folder.path().join("a.zarr")).unwrap(),
            );
            assert_eq!((info.offset, info.voxel_size), (source.offset, source.voxel_size));
            assert_eq!((info.axis_names, info.units), (source.axis_names, source.units));
        }
    }
    assert_tidy(folder.path());
}

#[test]
fn lines() {
    check(&[50], 70, 1, &[(0, "7"), (2, "1"), (3, "50")]);
}

#[test]
fn planes() {
    check(&[23, 31], 55, 2, &[(0, "4,8"), (1, "1,1"), (2, "5,3"), (3, "64,64")]);
}

#[test]
fn volumes() {
    check(&[13, 14, 15], 30, 3, &[(0, "4,4,4"), (1, "13,14,15"), (2, "5,2,7"), (3, "1,20,3")]);
    check(&[13, 14, 15], 12, 4, &[(0, "3,3,3"), (3, "6,5,4")]);
    check(&[9, 8, 7], 0, 5, &[(0, "4,4,4")]);
    check(&[9, 8, 7], 100, 6, &[(2, "2,3,4")]);
}

#[test]
fn four_axes() {
    check(&[5, 6, 7, 8], 20, 7, &[(0, "2,3,4,3"), (2, "5,2,2,8")]);
}

#[test]
fn files_are_the_same_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(8).array(&[13, 14, 15], |random| (random % 4 == 0) as u8));
    for connectivity in [6, 26] {
        let ways = [(0, "4,4,4"), (1, "8,12,4"), (2, "16,16,16"), (3, "4,8,16"), (8, "4,4,4")];
        for (ranks, block) in ways {
            let name = format!("{connectivity}-{ranks}.zarr");
            let arguments =
                format!("a.zarr {name} --threshold 0 --block {block} --connectivity {connectivity}");
            run("label", ranks, folder.path(), &arguments).text();
            let first = folder.path().join(format!("{connectivity}-0.zarr"));
            assert_eq!(files(&folder.path().join(&name)), files(&first), "{arguments}");
        }
    }
}

/// All files below a folder, by relative path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_path_buf(), std::fs::read(&path).unwrap());
            }
        }
    }
    assert!(files.len() > 60, "{files:?}");
    files
}

/// A snail's shell through all blocks: its ends meet only after the last block.
#[test]
fn a_spiral() {
    let folder = tempfile::tempdir().unwrap();
    let n = 33;
    let mut data = ArrayD::<u8>::zeros(vec![n, n]);
    let (mut low, mut high, mut y, mut x) = (0, n - 1, 0, 0);
    while low < high {
        for (to_y, to_x) in [(low, high), (high, high), (high, low), (low + 2, low), (low + 2, low + 2)] {
            while (y, x) != (to_y.min(n - 1), to_x.min(n - 1)) {
                data[[y, x]] = 200;
                (y, x) = (
                    y + usize::from(y < to_y) - usize::from(y > to_y),
                    x + usize::from(x < to_x) - usize::from(x > to_x),
                );
            }
        }
        (low, high) = (low + 2, high - 2);
        data[[y, x]] = 200;
    }
    write(folder.path(), "a.zarr", &data);
    let (expected, sizes) = flood_fill(&data, 0, false);
    assert_eq!(sizes.len(), 1, "the test's own spiral");
    let found = run("label", 3, folder.path(), "a.zarr b.zarr --threshold 0 --block 4,4 --connectivity 4");
    assert_eq!(found.json()["components"], 1);
    assert_eq!(read::<u64>(folder.path(), "b.zarr"), expected);
}

fn threshold<T: Element>(values: [T; 4], threshold: &str, n_voxels: u64) {
    let folder = tempfile::tempdir().unwrap();
    let data = ArrayD::from_shape_vec(vec![4], values.to_vec()).unwrap();
    write(folder.path(), "a.zarr", &data);
    let outcome =
        run("label", 0, folder.path(), &format!("a.zarr b.zarr --threshold {threshold} --dtype uint8"));
    assert_eq!(outcome.json()["voxels"], n_voxels, "{values:?} > {threshold}");
}

#[test]
fn thresholds_are_exact() {
    threshold([1u64 << 63, (1 << 63) + 1, 0, u64::MAX], "9223372036854775808", 2);
    threshold([0u8, 1, 2, 255], "1.5", 2);
    threshold([0u8, 1, 2, 255], "-1", 4);
    threshold([0u8, 1, 2, 255], "255", 0);
    threshold([0u8, 1, 2, 255], "1e300", 0);
    threshold([-3i8, -2, -1, 0], "-2.5", 3);
    threshold([f32::NAN, 0.5, f32::NEG_INFINITY, 1.0], "-inf", 2);
    threshold([f64::NAN, 0.5, 0.25, 1.0], "0.25", 2);
}

#[test]
fn mistakes_are_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(9).array(&[40, 40], |random| (random % 3 == 0) as u8);
    write(folder.path(), "a.zarr", &data);
    for ranks in [0, 2] {
        let label = |arguments: &str| run("label", ranks, folder.path(), &format!("a.zarr {arguments}"));
        label("a.zarr --threshold 1").failed(2, "a.zarr is input and output");
        label("b.zarr --threshold much").failed(2, "use a number");
        label("b.zarr --threshold 0 --connectivity 6").failed(2, "use 4 (faces) or 8 (all)");
        label("b.zarr --threshold 0 --dtype float32").failed(2, "labels are whole numbers");
        label("c.zarr --threshold 0 --block 6,6").failed(2, "use 8,8");
        label("d.zarr --threshold 0 --dtype int8").failed(1, "int8 holds no ");
    }
    assert_tidy(folder.path());
}

#[test]
fn a_real_volume() {
    let Some(volume) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut first: Option<ArrayD<u64>> = None;
    let ways: [(Ranks, &str); 5] =
        [(1, "64,64,64"), (2, "50,60,70"), (3, "189,40,100"), (4, "128,128,128"), (8, "64,64,64")];
    for (connectivity, components, largest) in [(6, 24, 1_813_855), (26, 6, 1_813_876)] {
        for (ranks, block) in ways {
            let arguments = format!(
                "{} {ranks}-{connectivity}.zarr --threshold 100 --connectivity {connectivity} --block {block} --chunks {block}",
                volume.display()
            );
            let found = run("label", ranks, folder.path(), &arguments).json();
            assert_eq!(found["components"], components, "{arguments}");
            assert_eq!(found["largest"], largest, "{arguments}");
            assert_eq!(found["voxels"], 1_813_884, "{arguments}");
            let labels = read::<u64>(folder.path(), &format!("{ranks}-{connectivity}.zarr"));
            let first = first.get_or_insert_with(|| labels.clone());
            assert!(*first == labels, "{arguments} gives other labels");
        }
        first = None;
    }
    assert_tidy(folder.path());
}

#[test]
fn channels_and_time_points_are_labelled_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(77).array(&[2, 3, 9, 10], |random| u8::from(random % 100 < 45));
    let spec = ArraySpec::new([2, 3, 9, 10]).channel_axes(2).chunks([1, 2, 4, 4]).voxel_size([3, 2]);
    let array = Array::<u8>::create(folder.path().join("a.zarr"), &spec).unwrap();
    array.write(&array.roi(), &data).unwrap();
    for (connectivity, all) in [("faces", false), ("all", true)] {
        for ranks in [0, 3] {
            let name = format!("{connectivity}{ranks}.zarr");
            // A mask needs no threshold.
            let arguments = format!("a.zarr {name} --connectivity {connectivity} --block 4,8");
            let found: serde_json::Value =
                serde_json::from_str(run("label", ranks, folder.path(), &arguments).text()).unwrap();
            let labels = read::<u64>(folder.path(), &name);
            let mut n_all = 0;
            for time in 0..2 {
                for channel in 0..3 {
                    let part = ndarray::s![time, channel, .., ..];
                    let (expected, sizes) = flood_fill(&data.slice(part).to_owned().into_dyn(), 0, all);
                    assert_eq!(labels.slice(part).to_owned().into_dyn(), expected, "{time} {channel}");
                    n_all += sizes.len();
                }
            }
            assert_eq!(found["components"], n_all);
        }
    }
}

#[test]
fn other_types_than_masks_need_a_threshold() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &ArrayD::<u16>::zeros(vec![9, 9]));
    run("label", 0, folder.path(), "a.zarr b.zarr").failed(2, "--threshold");
}
