//! `bellis smooth`: the numbers that scipy gives, the same bytes whatever the blocks and ranks.

use std::path::{Path, PathBuf};

use bellis::storage::{ArraySpec, Element};
use bellis::{Array, Coordinate, Roi};
use ndarray::{ArrayD, IxDyn};
use sha2::{Digest, Sha256};

use super::mpirun::{Ranks, tool};
use super::{RANKS, text};

/// The real volume, beside the repository; absent from a copy of the repository alone.
fn real_data() -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !folder.join("mni152_v3.zarr/t1").exists() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder.to_path_buf())
}

fn smoothed(ranks: Ranks, input: &Path, output: &Path, more: &[&str]) -> ArrayD<f32> {
    let mut arguments = vec!["--input", text(input), "--output", text(output), "--sigma", "2"];
    arguments.extend(more);
    tool(ranks, "smooth", &arguments).run().succeeded();
    let smooth = Array::<f32>::open(output).unwrap();
    smooth.read(&smooth.roi()).unwrap()
}

/// Of the values in C order, little-endian.
fn sha256(data: &ArrayD<f32>) -> String {
    let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_real_volume_is_smoothed_as_scipy_does_it() {
    let Some(data) = real_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut first: Option<String> = None;
    for block in ["64,64,64", "50,60,70", "200,200,200"] {
        for n_ranks in [1, 2, 3, 4, 8] {
            let what = format!("blocks of {block} on {n_ranks} ranks");
            let output = folder.path().join(format!("{block}-{n_ranks}.zarr"));
            let input = data.join("mni152_v3.zarr/t1");
            let smooth = smoothed(Ranks::Mpirun(n_ranks), &input, &output, &["--block", block]);
            let sha256 = sha256(&smooth);
            if first.is_none() {
                compare_with_scipy(&smooth, &data.join("expected.json"));
                assert_eq!(place_in_the_world(&output), place_in_the_world(&input));
            }
            assert_eq!(first.get_or_insert_with(|| sha256.clone()), &sha256, "{what}");
            std::fs::remove_dir_all(output).unwrap();
        }
    }
}

fn compare_with_scipy(smooth: &ArrayD<f32>, expected: &Path) {
    let expected: serde_json::Value = serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap();
    let expected = &expected["gaussian_sigma2_truncate4"];
    let is_close = |found: f64, expected: &serde_json::Value| {
        let expected = expected.as_f64().unwrap();
        assert!((found - expected).abs() <= 1e-3 * expected.abs(), "{found} instead of {expected}");
    };
    let points = expected["nearest"].as_object().unwrap();
    assert_eq!(points.len(), 6);
    for (point, value) in points {
        let point: Coordinate = point.parse().unwrap();
        let index: Vec<usize> = point.iter().map(|at| usize::try_from(at).unwrap()).collect();
        is_close(smooth[IxDyn(&index)].into(), value);
    }
    is_close(smooth.iter().map(|value| f64::from(*value)).sum(), &expected["nearest_sum"]);
}

/// Offset, voxel size, axis names and units.
fn place_in_the_world(path: &Path) -> (Coordinate, Coordinate, Vec<String>, Vec<String>) {
    let info = bellis::storage::describe(path).unwrap();
    (info.offset, info.voxel_size, info.axis_names, info.units)
}

#[test]
fn a_made_up_volume_is_the_same_everywhere() {
    let mut first: Option<(String, Vec<u8>)> = None;
    for ranks in RANKS {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("smooth.zarr");
        let pictures = folder.path().join("pictures");
        let more = ["--shape", "70,65,90", "--block", "30,40,50", "--png", text(&pictures)];
        let smooth = smoothed(ranks, Path::new("made-up"), &output, &more);
        let cells = Array::<u8>::open(folder.path().join("made-up.zarr")).unwrap();
        let cells: Vec<u8> = cells.read(&cells.roi()).unwrap().iter().copied().collect();
        assert!((0..=255u8).filter(|grey| cells.contains(grey)).count() > 100, "cells have many greys");
        for name in ["before.png", "after.png"] {
            let picture = std::fs::File::open(pictures.join(name)).unwrap();
            let picture = png::Decoder::new(std::io::BufReader::new(picture)).read_info().unwrap();
            assert_eq!(picture.info().size(), (90, 65), "{name}");
        }
        let this = (sha256(&smooth), cells);
        assert!(*first.get_or_insert_with(|| this.clone()) == this, "{ranks:?}");
    }
}

#[test]
fn an_output_that_is_there_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("a.zarr"), folder.path().join("b.zarr"));
    let array = Array::<u16>::create(&input, &ArraySpec::new([20, 30])).unwrap();
    let once = smoothed(Ranks::Mpirun(2), &input, &output, &["--block", "9,9"]);
    assert!(once.iter().all(|value| *value == 0.0));
    array.write(&array.roi(), &ArrayD::from_elem(IxDyn(&[20, 30]), 7)).unwrap();
    let again = smoothed(Ranks::Mpirun(2), &input, &output, &["--block", "9,9"]);
    assert!(again.iter().all(|value| (value - 7.0).abs() < 1e-5));
}

#[test]
fn any_type_and_any_number_of_axes() {
    fn try_one<T: Element>(one: T, spec: ArraySpec, more: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let array = Array::<T>::create(folder.path().join("a.zarr"), &spec).unwrap();
        let roi = array.roi();
        let voxel = Roi::new(roi.center(), *array.voxel_size()).unwrap();
        let shape = array.read(&voxel).unwrap().raw_dim();
        array.write(&voxel, &ArrayD::from_elem(shape, one)).unwrap();
        // The tool compares with the sum over all axes by itself.
        let smooth = smoothed(Ranks::Alone, array.path(), &folder.path().join("b.zarr"), more);
        let sum: f64 = smooth.iter().map(|value| f64::from(*value)).sum();
        let channels: u64 = array.info().channel_shape().iter().product();
        let expected = channels as f64;
        assert!((sum - expected).abs() < 1e-3 * expected, "{sum}: {:?}", array.info());
    }
    let spec = |shape: &[u64]| ArraySpec::new(shape);
    try_one(1u8, spec(&[40]), &["--block", "7"]);
    try_one(1u16, spec(&[40, 50]), &["--block", "11,50"]);
    try_one(1u32, spec(&[40, 30]).offset([-100, 7]).voxel_size([10, 1]), &[]);
    try_one(1u64, spec(&[30, 30, 30]), &["--block", "8,8,8"]);
    try_one(1i8, spec(&[30]), &[]);
    try_one(1i16, spec(&[30]), &[]);
    try_one(1i32, spec(&[30]), &[]);
    try_one(1i64, spec(&[30]), &[]);
    try_one(1f32, spec(&[3, 30, 40]).channel_axes(1), &["--block", "16,32", "--chunks", "8,16"]);
    try_one(1f64, spec(&[20, 20, 20, 20]), &["--block", "10,10,10,20"]);
}

#[test]
fn the_summary_tells_what_was_decoded_and_what_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.zarr");
    let spec = ArraySpec::new([96, 96, 96]).chunks([32, 32, 32]);
    let array = Array::<u8>::create(&input, &spec).unwrap();
    array.write(&array.roi(), &ArrayD::from_shape_fn(IxDyn(&[96; 3]), |at| at[2] as u8)).unwrap();
    let summary = |cache_mib: &str, output: &str| {
        let output = folder.path().join(output);
        let arguments =
            ["--input", text(&input), "--output", text(&output), "--sigma", "2", "--block", "32,32,32"];
        let run = tool(Ranks::Mpirun(3), "smooth", &arguments).env("BELLIS_CACHE_MIB", cache_mib).run();
        run.succeeded();
        let line = run.stderr.lines().find_map(|line| line.strip_prefix("chunks read: ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no line about chunks\n{run}"))
    };
    // 27 blocks of which each reads itself and its neighbours: (2 + 3 + 2)^3 chunks, and no worker decodes one twice.
    let kept = summary("64", "kept.zarr");
    assert!(kept.starts_with("343 (") && kept.contains(" MiB decoded for "), "{kept}");
    let percent: u32 = kept["343 (".len()..].split_once(' ').unwrap().0.parse().unwrap();
    assert!(percent >= 80, "{kept}");
    let none = summary("0", "none.zarr");
    assert!(none.starts_with("343 (0 % from the cache)"), "{none}");
}
