//! Arrays on disk, as a program sees them: one suite for every format and version, and the errors people meet.

#![cfg(feature = "zarr")]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bellis::geometry::OnLattice;
use bellis::storage::{
    ArraySpec, Compression, DataType, Element, FillValue, StorageError, ZarrVersion, describe,
};
use bellis::{Array, Border, Coordinate, Roi};
use ndarray::{Array3, ArrayD, Axis, IxDyn, ShapeBuilder, s};
use sha2::{Digest, Sha256};

const VERSIONS: [ZarrVersion; 2] = [ZarrVersion::V2, ZarrVersion::V3];

fn roi<const N: usize>(offset: [i64; N], shape: [i64; N]) -> Roi {
    Roi::new(offset, shape).unwrap()
}

/// An array whose voxels all differ, as far as its type allows.
fn counting<T: Element>(shape: &[usize]) -> ArrayD<T> {
    let mut count = 0u8;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        count = count.wrapping_mul(5).wrapping_add(17) % 101;
        T::from_fill(FillValue::from(count)).unwrap()
    })
}

fn error_of<T>(result: Result<T, StorageError>) -> String {
    let message = result.err().expect("must fail").to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

/// Files left in `directory` and below whose name ends in `suffix`.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn chunk_files(array: &Path) -> Vec<PathBuf> {
    let is_chunk = |path: &PathBuf| !path.file_name().unwrap().to_string_lossy().contains("z");
    files_below(array).into_iter().filter(is_chunk).collect()
}

// The suite ------------------------------------------------------------------------------------------------------------

#[test]
fn every_type_round_trips() {
    fn check<T: Element>(version: ZarrVersion, compression: Compression) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zarr");
        let fill = T::from_fill(FillValue::Integer(7)).unwrap();
        let spec = ArraySpec::new([7, 9]).chunks([4, 5]).fill_value(fill).zarr_version(version);
        let array = Array::<T>::create(&path, &spec.compression(compression)).unwrap();
        let data = counting::<T>(&[7, 5]);
        array.write(&roi([0, 0], [7, 5]), &data).unwrap();
        let array = Array::<T>::open(&path).unwrap();
        let read = array.read(&array.roi()).unwrap();
        assert_eq!(read.slice(s![.., ..5]).into_dyn(), data);
        assert!(read.slice(s![.., 5..]).iter().all(|&v| v == fill));
        assert_eq!(array.info().data_type, T::DATA_TYPE);
        assert_eq!(array.fill_value(), fill);
    }
    for version in VERSIONS {
        let compressions = [
            Compression::None,
            Compression::default(),
            Compression::Gzip { level: 3 },
            Compression::Blosc { level: 5 },
        ];
        for compression in compressions {
            check::<u8>(version, compression);
            check::<u16>(version, compression);
            check::<u32>(version, compression);
            check::<u64>(version, compression);
            check::<i8>(version, compression);
            check::<i16>(version, compression);
            check::<i32>(version, compression);
            check::<i64>(version, compression);
            check::<f32>(version, compression);
            check::<f64>(version, compression);
        }
    }
}

#[test]
fn extreme_fill_values_survive() {
    fn check<T: Element>(value: T) {
        for version in VERSIONS {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.zarr");
            let spec = ArraySpec::new([3]).fill_value(value).zarr_version(version);
            Array::<T>::create(&path, &spec).unwrap();
            let read = Array::<T>::open(&path).unwrap().read(&roi([-1], [5])).unwrap();
            assert!(read.iter().all(|&v| format!("{v:?}") == format!("{value:?}")), "{value:?} {read:?}");
        }
    }
    check(u64::MAX);
    check(i64::MIN);
    check(i64::MAX);
    check(i8::MIN);
    check(f32::NAN);
    check(f64::INFINITY);
    check(f32::NEG_INFINITY);
    check(0.1f32);
    check(f64::MIN_POSITIVE);
}

#[test]
fn one_to_five_axes_with_and_without_channels() {
    for version in VERSIONS {
        for n_axes in 1..=5usize {
            for n_channels in 0..2usize.min(n_axes) {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join("group.zarr/a");
                let shape: Vec<u64> = (0..n_axes as u64).map(|axis| 4 + axis % 3).collect();
                let n_spatial = n_axes - n_channels;
                let voxel_size = Coordinate::from_fn(n_spatial, |axis| axis as i64 + 1);
                let offset = Coordinate::from_fn(n_spatial, |axis| -10 + 7 * axis as i64);
                let spec = ArraySpec::new(shape.clone())
                    .chunks(vec![3; n_axes])
                    .channel_axes(n_channels)
                    .offset(offset)
                    .voxel_size(voxel_size)
                    .units("nm")
                    .zarr_version(version);
                let array = Array::<u16>::create(&path, &spec).unwrap();
                let usizes: Vec<usize> = shape.iter().map(|&v| v as usize).collect();
                let data = counting::<u16>(&usizes);
                array.write(&array.roi(), &data).unwrap();

                let array = Array::<u16>::open(&path).unwrap();
                assert_eq!(array.info().n_channel_axes(), n_channels);
                assert_eq!(array.roi().offset(), &offset);
                assert_eq!(array.read(&array.roi()).unwrap(), data);
                // One voxel in from each side along the spatial axes.
                let less = voxel_size.checked_mul(&Coordinate::splat(n_spatial, -1)).unwrap();
                let inner = array.roi().grow(&less, &less).unwrap();
                let expected = data.slice_each_axis(|slot| match slot.axis.index() < n_channels {
                    true => (..).into(),
                    false => (1..-1).into(),
                });
                assert_eq!(array.read(&inner).unwrap(), expected);
                let lattice = array.lattice();
                assert_eq!(lattice.extent, array.roi());
                assert_eq!(lattice.cell, voxel_size.checked_mul(&Coordinate::splat(n_spatial, 3)).unwrap());
                assert_eq!(array.label(), path.display().to_string());
            }
        }
    }
}

/// What `numpy.pad` and scipy say of each voxel, one at a time.
fn oracle(data: &Array3<i32>, roi_in_voxels: [(i64, i64); 2], border: Border<i32>) -> ArrayD<i32> {
    let [(y0, y1), (x0, x1)] = roi_in_voxels;
    let at = |voxel: i64, extent: i64| match border {
        _ if (0..extent).contains(&voxel) => Some(voxel),
        Border::Constant(_) => None,
        Border::Nearest => Some(voxel.clamp(0, extent - 1)),
        Border::Reflect => {
            let mut voxel = voxel;
            while !(0..extent).contains(&voxel) {
                voxel = if voxel < 0 { -1 - voxel } else { 2 * extent - 1 - voxel };
            }
            Some(voxel)
        }
    };
    let (c, h, w) = data.dim();
    let shape = (c, (y1 - y0) as usize, (x1 - x0) as usize);
    Array3::from_shape_fn(shape, |(c, y, x)| {
        match (at(y0 + y as i64, h as i64), at(x0 + x as i64, w as i64), border) {
            (Some(y), Some(x), _) => data[[c, y as usize, x as usize]],
            (_, _, Border::Constant(value)) => value,
            _ => unreachable!(),
        }
    })
    .into_dyn()
}

#[test]
fn borders_are_those_of_the_oracle() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([2, 6, 5])
            .channel_axes(1)
            .chunks([1, 4, 2])
            .offset([-6, 30])
            .voxel_size([2, 10])
            .fill_value(-5)
            .zarr_version(version);
        let array = Array::<i32>::create(dir.path().join("a.zarr"), &spec).unwrap();
        let data = counting::<i32>(&[2, 6, 5]).into_dimensionality().unwrap();
        array.write(&array.roi(), &data).unwrap();
        let spans = |extent: i64| {
            [
                (0, extent),
                (-2, 3),
                (3, extent + 2),
                (-1, 1),
                (-20, 20),
                (-4, -1),
                (extent + 1, extent + 3),
                (2, 2),
            ]
        };
        for (y0, y1) in spans(6) {
            for (x0, x1) in spans(5) {
                let roi = roi([-6 + 2 * y0, 30 + 10 * x0], [2 * (y1 - y0), 10 * (x1 - x0)]);
                let expected = |border| oracle(&data, [(y0, y1), (x0, x1)], border);
                assert_eq!(array.read(&roi).unwrap(), expected(Border::Constant(-5)), "{roi}");
                for border in [Border::Constant(9), Border::Nearest, Border::Reflect] {
                    let read = array.read_with(&roi, border).unwrap();
                    assert!(read.is_standard_layout());
                    assert_eq!(read, expected(border), "{roi} {border:?}");
                }
            }
        }
    }
}

#[test]
fn views_in_any_memory_order_are_written_as_they_look() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([6, 8]).chunks([4, 3]).zarr_version(version);
        let array = Array::<f64>::create(dir.path().join("a.zarr"), &spec).unwrap();
        let whole = roi([0, 0], [6, 8]);
        let data = counting::<f64>(&[8, 6]).into_dimensionality::<ndarray::Ix2>().unwrap();
        array.write(&whole, &data.t()).unwrap();
        assert_eq!(array.read(&whole).unwrap(), data.t().into_dyn());

        let large = counting::<f64>(&[12, 16]).into_dimensionality::<ndarray::Ix2>().unwrap();
        let strided = large.slice(s![..;2, ..;-2]);
        array.write(&whole, &strided).unwrap();
        assert_eq!(array.read(&whole).unwrap(), strided.into_dyn());

        let fortran = ArrayD::<f64>::from_elem(IxDyn(&[6, 8]).f(), 3.0);
        array.write(&whole, &fortran).unwrap();
        assert_eq!(array.read(&whole).unwrap(), fortran);
    }
}

#[test]
fn parts_of_chunks_keep_the_rest() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([10, 10]).chunks([4, 4]).fill_value(1u8).zarr_version(version);
        let array = Array::<u8>::create(dir.path().join("a.zarr"), &spec).unwrap();
        let mut expected = ArrayD::from_elem(IxDyn(&[10, 10]), 1u8);
        for (step, (offset, shape)) in
            [([0, 0], [10, 10]), ([3, 3], [2, 2]), ([1, 5], [8, 1]), ([8, 8], [2, 2]), ([9, 0], [1, 10])]
                .into_iter()
                .enumerate()
        {
            let part = roi(offset, shape);
            let data =
                counting::<u8>(&[shape[0] as usize, shape[1] as usize]).mapv(|v| v.wrapping_add(step as u8));
            let [y, x] = offset.map(|v| v as usize);
            expected.slice_mut(s![y..y + shape[0] as usize, x..x + shape[1] as usize]).assign(&data);
            array.write(&part, &data).unwrap();
            assert_eq!(array.read(&array.roi()).unwrap(), expected);
        }
        assert_eq!(chunk_files(array.path()).len(), 9);
    }
}

#[test]
fn chunks_of_fill_values_take_no_space() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([8]).chunks([4]).fill_value(3).zarr_version(version);
        let array = Array::<i32>::create(dir.path().join("a.zarr"), &spec).unwrap();
        array.write(&roi([0], [4]), &ndarray::arr1(&[1, 2, 3, 4])).unwrap();
        assert_eq!(chunk_files(array.path()).len(), 1);
        array.write(&roi([0], [4]), &ndarray::arr1(&[3; 4])).unwrap();
        assert_eq!(chunk_files(array.path()).len(), 0);
        assert_eq!(array.read(&array.roi()).unwrap(), ndarray::arr1(&[3; 8]).into_dyn());
    }
}

#[test]
fn a_whole_chunk_is_written_without_reading_the_former_one() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([10]).chunks([4]).zarr_version(version);
        let array = Array::<u16>::create(dir.path().join("a.zarr"), &spec).unwrap();
        array.write(&array.roi(), &counting::<u16>(&[10])).unwrap();
        for chunk in chunk_files(array.path()) {
            fs::write(chunk, b"spoilt").unwrap();
        }
        // Also at the border, where the chunk reaches past the array.
        array.write(&array.roi(), &counting::<u16>(&[10])).unwrap();
        assert_eq!(array.read(&array.roi()).unwrap(), counting::<u16>(&[10]));
        assert_eq!(chunk_files(array.path()).len(), 3);
    }
}

#[test]
fn empty_rois_are_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let array = Array::<u8>::create(dir.path().join("a.zarr"), &ArraySpec::new([10, 10])).unwrap();
    for empty in [roi([0, 0], [0, 5]), roi([-100, 7], [3, 0]), roi([10, 10], [0, 0])] {
        let shape: Vec<usize> = empty.shape().iter().map(|v| v as usize).collect();
        for border in [Border::Constant(1), Border::Nearest, Border::Reflect] {
            assert_eq!(array.read_with(&empty, border).unwrap().shape(), shape);
        }
        array.write(&empty, &ArrayD::<u8>::zeros(shape)).unwrap();
    }
    assert!(chunk_files(array.path()).is_empty());
}

#[test]
fn like_copies_everything_but_the_type() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([3, 20, 30])
            .channel_axes(1)
            .chunks([3, 8, 8])
            .offset([-4, 8])
            .voxel_size([4, 2])
            .axis_names(["rgb", "y", "x"])
            .units_per_axis(["nm", "um"])
            .fill_value(255u8)
            .zarr_version(version);
        let input = Array::<u8>::create(dir.path().join("a.zarr"), &spec).unwrap();
        let output = Array::<f32>::create(dir.path().join("b.zarr"), &ArraySpec::like(&input)).unwrap();
        let (input, output) = (input.info(), output.info());
        assert_eq!(output.axis_names, ["rgb^", "y", "x"]);
        assert_eq!(output.units, ["nm", "um"]);
        assert_eq!(output.fill_value, FillValue::Float(255.0));
        assert_eq!(output.data_type, DataType::F32);
        assert_eq!((&output.shape, &output.chunks), (&input.shape, &input.chunks));
        assert_eq!((output.offset, output.voxel_size), (input.offset, input.voxel_size));
        assert_eq!(output.format, "Zarr v3");
        assert_eq!(&describe(&input.path).unwrap(), input);
    }
}

// Creating -------------------------------------------------------------------------------------------------------------

#[test]
fn creating_again_opens_and_another_shape_is_refused() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/a.zarr/volumes/raw");
        let spec = ArraySpec::new([8, 8]).chunks([4, 4]).voxel_size([2, 2]).zarr_version(version);
        let array = Array::<i64>::create(&path, &spec).unwrap();
        array.write(&array.roi(), &counting::<i64>(&[8, 8])).unwrap();
        let again = Array::<i64>::create(&path, &spec).unwrap();
        assert_eq!(again.read(&again.roi()).unwrap(), counting::<i64>(&[8, 8]));

        let refused = |other: &ArraySpec| error_of(Array::<i64>::create(&path, other));
        let shown = path.display();
        assert_eq!(
            refused(&spec.clone().offset([2, 0])),
            format!(
                "{shown} exists with offset (0, 0) but (2, 0) is asked for: remove it or choose another path"
            )
        );
        assert!(refused(&spec.clone().voxel_size([2, 4])).contains("voxel size (2, 2) but (2, 4)"));
        assert!(refused(&spec.clone().chunks([4, 8])).contains("chunk shape [4, 4] but [4, 8]"));
        let other = ArraySpec::new([8, 9]).chunks([4, 4]).voxel_size([2, 2]);
        assert!(refused(&other).contains("shape [8, 8] but [8, 9]"));
        assert!(error_of(Array::<u8>::create(&path, &spec)).contains("data type int64 but uint8"));
        let channels = ArraySpec::new([8, 8]).chunks([4, 4]).channel_axes(1);
        assert!(refused(&channels).contains("number of channel axes 0 but 1"));
        // Nothing was changed, and nothing is left over.
        assert_eq!(again.read(&again.roi()).unwrap(), counting::<i64>(&[8, 8]));
        assert!(
            files_below(dir.path()).iter().all(|file| file.extension().is_none_or(|suffix| suffix != "tmp"))
        );
    }
}

#[test]
fn a_new_array_follows_the_version_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let group = dir.path().join("a.zarr");
    let spec = ArraySpec::new([4]);
    Array::<u8>::create(group.join("x"), &spec.clone().zarr_version(ZarrVersion::V2)).unwrap();
    let second = Array::<u8>::create(group.join("deep/y"), &spec).unwrap();
    assert_eq!(second.info().format, "Zarr v2");
    let refused = error_of(Array::<u8>::create(group.join("z"), &spec.clone().zarr_version(ZarrVersion::V3)));
    assert!(refused.contains("Zarr version is") && refused.contains("group"), "{refused}");
    assert!(error_of(Array::<u8>::create(group.join("x/inside"), &spec)).contains("below the array"));
    assert!(error_of(Array::<u8>::create(&group, &spec)).contains("a Zarr v2 group"));
}

#[test]
fn many_threads_create_one_array() {
    for version in VERSIONS {
        for _ in 0..20 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.zarr/raw");
            let spec = ArraySpec::new([16]).chunks([1]).offset([3]).zarr_version(version);
            std::thread::scope(|scope| {
                for thread in 0..8 {
                    let (path, spec) = (&path, &spec);
                    scope.spawn(move || {
                        let array = Array::<u32>::create(path, spec).unwrap();
                        array.write(&roi([3 + thread], [1]), &ndarray::arr1(&[thread as u32 + 1])).unwrap();
                    });
                }
            });
            let array = Array::<u32>::open(&path).unwrap();
            assert_eq!(
                array.read(&roi([3], [8])).unwrap(),
                ndarray::arr1(&[1, 2, 3, 4, 5, 6, 7, 8]).into_dyn()
            );
        }
    }
}

#[test]
fn creators_that_disagree_do_not_all_succeed_with_their_own() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.zarr");
        let outcomes: Vec<bool> = std::thread::scope(|scope| {
            let create = |thread: i64| {
                let spec = ArraySpec::new([16]).offset([thread % 2]).zarr_version(version);
                Array::<u32>::create(&path, &spec).is_ok_and(|array| array.roi().offset()[0] == thread % 2)
            };
            let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || create(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winner = Array::<u32>::open(&path).unwrap().roi().offset()[0];
        for (thread, succeeded) in outcomes.into_iter().enumerate() {
            assert_eq!(succeeded, thread as i64 % 2 == winner);
        }
    }
}

const CHILD: &str = "BELLIS_TEST_STORAGE_CHILD";

/// What the processes of the next test run: this test again, told by the environment where.
#[test]
fn child_process() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (index, path) = task.split_once(' ').unwrap();
    let index: i64 = index.parse().unwrap();
    let version = if path.contains("v2") { ZarrVersion::V2 } else { ZarrVersion::V3 };
    for repetition in 0..10 {
        let path = Path::new(path).join(format!("{repetition}.zarr/raw"));
        let spec = ArraySpec::new([16, 16]).chunks([4, 4]).zarr_version(version);
        let array = Array::<i64>::create(path, &spec).unwrap();
        array.write(&roi([4 * index, 0], [4, 16]), &ArrayD::from_elem(IxDyn(&[4, 16]), index + 1)).unwrap();
    }
}

#[test]
fn many_processes_create_one_array() {
    for version in ["v2", "v3"] {
        let dir = tempfile::Builder::new().prefix(version).tempdir().unwrap();
        let start = |index: usize| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "child_process"])
                .env(CHILD, format!("{index} {}", dir.path().display()))
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let children: Vec<_> = (0..4).map(start).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        for repetition in 0..10 {
            let array = Array::<i64>::open(dir.path().join(format!("{repetition}.zarr/raw"))).unwrap();
            let data = array.read(&array.roi()).unwrap();
            for (row, values) in data.axis_iter(Axis(0)).enumerate() {
                assert!(values.iter().all(|&v| v == row as i64 / 4 + 1));
            }
        }
    }
}

#[test]
fn threads_that_share_chunks_lose_nothing() {
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([64]).chunks([32]).zarr_version(version);
        let array = Array::<u8>::create(dir.path().join("a.zarr"), &spec).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let array = array.clone();
                scope.spawn(move || {
                    for voxel in (thread..64).step_by(8) {
                        array.write(&roi([voxel], [1]), &ndarray::arr1(&[voxel as u8 + 1])).unwrap();
                    }
                });
            }
        });
        let expected: Vec<u8> = (1..=64).collect();
        assert_eq!(array.read(&array.roi()).unwrap().into_raw_vec_and_offset().0, expected);
    }
}

// Bad input ------------------------------------------------------------------------------------------------------------

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("a.zarr");
    let shown = missing.display();
    assert_eq!(
        error_of(Array::<u8>::open(&missing)),
        format!(
            "{shown} does not exist ({} does): check the path, or create the array first",
            dir.path().display()
        )
    );
    Array::<u8>::create(missing.join("raw"), &ArraySpec::new([4])).unwrap();
    Array::<u8>::create(missing.join("deep/labels"), &ArraySpec::new([4])).unwrap();
    assert_eq!(
        error_of(Array::<u8>::open(missing.join("row"))),
        format!(
            "{shown}/row does not exist (arrays in {shown}: deep/labels, raw): check the path, or create the array first"
        )
    );
    assert_eq!(
        error_of(Array::<u8>::open(&missing)),
        format!(
            "{shown} is no array but a Zarr v3 group, with arrays deep/labels, raw below it: \
             open one of them, as in {shown}/deep/labels"
        )
    );
    assert!(error_of(Array::<u8>::open("no-such.zarr")).starts_with("no-such.zarr does not exist: check"));
}

#[test]
fn other_things_than_arrays_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    fs::write(&file, "hello").unwrap();
    let shown = file.display();
    assert_eq!(
        error_of(Array::<u8>::open(&file)),
        format!("{shown} is no array but a file: give the path of an array")
    );
    assert!(error_of(Array::<u8>::open(file.join("raw"))).contains(&format!("below the file {shown}")));
    let empty = error_of(Array::<u8>::open(dir.path()));
    assert!(empty.contains("a directory without array metadata"), "{empty}");
    let hdf5 = dir.path().join("a.h5");
    fs::write(&hdf5, b"\x89HDF\r\n\x1a\nrest").unwrap();
    assert!(
        error_of(Array::<u8>::open(hdf5.join("raw"))).contains("is in format HDF5, which is not available")
    );
    let spec = ArraySpec::new([4]);
    assert!(error_of(Array::<u8>::create(dir.path().join("a.n5/x"), &spec)).contains("is in format N5"));
    let unknown = dir.path().join("a");
    assert_eq!(
        error_of(Array::<u8>::create(&unknown, &spec)),
        format!(
            "cannot tell the format of {0}: end the name of the file in .zarr, as in {0}.zarr",
            unknown.display()
        )
    );
}

#[test]
fn another_type_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    Array::<u8>::create(&path, &ArraySpec::new([4])).unwrap();
    assert_eq!(
        error_of(Array::<f32>::open(&path)),
        format!("{} holds uint8 but was opened as Array<f32>: open it as Array<u8>", path.display())
    );
    let metadata = fs::read_to_string(path.join("zarr.json")).unwrap();
    fs::write(path.join("zarr.json"), metadata.replace("uint8", "bool").replace(": 0", ": false")).unwrap();
    let refused = error_of(Array::<u8>::open(&path));
    assert!(refused.contains("holds bool, which bellis does not handle: convert it"), "{refused}");
}

#[test]
fn rois_must_fit_the_array() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let array =
        Array::<u8>::create(&path, &ArraySpec::new([10, 10]).voxel_size([4, 2]).offset([2, 0])).unwrap();
    let shown = path.display();
    assert_eq!(
        error_of(array.read(&roi([0], [4]))),
        format!("{shown} has 2 spatial axes but ROI [0:4] has 1: use a ROI of 2 axes")
    );
    assert_eq!(
        error_of(array.read(&roi([4, 0], [4, 4]))),
        format!(
            "{shown}: ROI [4:8, 0:4] does not fall on whole voxels of size (4, 2) counted from offset (2, 0): \
             use a ROI whose begin and shape are multiples of the voxel size"
        )
    );
    let data = ArrayD::<u8>::zeros(IxDyn(&[2, 2]));
    assert_eq!(
        error_of(array.write(&roi([-2, 0], [8, 4]), &data)),
        format!(
            "cannot write ROI [-2:6, 0:4] to {shown}, which covers [2:42, 0:20]: \
             intersect the ROI with the array's first"
        )
    );
    assert_eq!(
        error_of(array.write(&roi([2, 0], [12, 4]), &data)),
        format!(
            "cannot write data of shape [2, 2] to ROI [2:14, 0:4] of {shown}: that ROI takes shape [3, 2]"
        )
    );
    let huge = roi([2, 0], [1 << 60, 1 << 50]);
    assert!(error_of(array.read(&huge)).contains("does not fit into memory"));
    assert!(error_of(array.read(&roi([2, 0], [1 << 46, 2]))).contains("does not fit into memory"));
}

#[test]
fn specifications_must_make_sense() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let refused = |spec: ArraySpec| error_of(Array::<u8>::create(&path, &spec));
    let shown = path.display();
    assert_eq!(
        refused(ArraySpec::new([0])),
        format!("cannot create {shown}: shape is [0] but must be 1 or more along every axis")
    );
    assert!(refused(ArraySpec::new([4]).chunks([0])).contains("chunk shape is [0]"));
    assert!(refused(ArraySpec::new([4]).chunks([4, 4])).contains("as many axes as the shape"));
    assert!(refused(ArraySpec::new([])).contains("1 to 8 spatial axes"));
    assert!(refused(ArraySpec::new([4]).channel_axes(1)).contains("1 to 8 spatial axes"));
    assert!(refused(ArraySpec::new([1; 9])).contains("1 to 8 spatial axes"));
    assert!(refused(ArraySpec::new([4]).offset([1, 2])).contains("offset is (1, 2)"));
    assert!(refused(ArraySpec::new([4]).voxel_size([0])).contains("voxel size is (0)"));
    assert!(refused(ArraySpec::new([4]).axis_names(["y", "x"])).contains("one name per axis"));
    assert!(refused(ArraySpec::new([4]).axis_names(["c^"])).contains("only in the names of channel axes"));
    assert!(refused(ArraySpec::new([4, 4, 4]).units_per_axis(["nm", "nm"])).contains("units"));
    assert!(refused(ArraySpec::new([4]).fill_value(256)).contains("fill value is 256"));
    assert!(refused(ArraySpec::new([u64::MAX])).contains("shape"));
    assert!(refused(ArraySpec::new([i64::MAX as u64]).voxel_size([2])).contains("does not fit"));
    assert!(!path.exists());
}

#[test]
fn unwritable_places_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let path = file.join("a.zarr");
    let refused = error_of(Array::<u8>::create(&path, &ArraySpec::new([4])));
    assert!(
        refused.contains(&path.display().to_string()) && refused.contains("Not a directory"),
        "{refused}"
    );

    let array = Array::<u8>::create(dir.path().join("b.zarr"), &ArraySpec::new([4])).unwrap();
    fs::write(array.path().join("c"), "in the way").unwrap();
    let refused = error_of(array.write(&array.roi(), &ArrayD::from_elem(IxDyn(&[4]), 1u8)));
    assert!(
        refused.starts_with(&format!("cannot write chunk {}", array.path().join("c/0").display())),
        "{refused}"
    );
}

#[test]
fn bad_metadata_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let v3 = dir.path().join("v3.zarr");
    let v2 = dir.path().join("v2.zarr");
    Array::<u8>::create(&v3, &ArraySpec::new([4])).unwrap();
    Array::<u8>::create(&v2, &ArraySpec::new([4]).zarr_version(ZarrVersion::V2)).unwrap();
    let good = fs::read_to_string(v3.join("zarr.json")).unwrap();
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{good}");
        fs::write(v3.join("zarr.json"), good.replace(from, to)).unwrap();
        error_of(Array::<u8>::open(&v3))
    };
    let file = v3.join("zarr.json").display().to_string();
    let codec = with("\"zstd\"", "\"no-such-codec\"");
    assert!(codec.contains(&file) && codec.contains("no-such-codec"), "{codec}");
    assert!(with("\"array\"", "\"thing\"").contains("node_type is \"thing\""));
    assert!(with("\"regular\"", "\"odd\"").contains(&file));
    let half = good[..good.len() / 2].to_owned();
    assert!(with(&good, &half).contains(&file));
    assert!(with(&good, "").contains("cannot be used"));
    assert!(with(&good, "\u{0}\u{1}").contains("cannot be used"));
    assert!(
        with("\"voxel_size\": [\n      1\n    ]", "\"voxel_size\": [0.5]")
            .contains("attribute voxel_size is 0.5")
    );

    for file in [".zattrs", ".zarray"] {
        let former = fs::read(v2.join(file)).unwrap();
        fs::write(v2.join(file), "{not json").unwrap();
        let message = error_of(Array::<u8>::open(&v2));
        assert!(message.contains(&v2.join(file).display().to_string()), "{message}");
        fs::write(v2.join(file), former).unwrap();
    }
    Array::<u8>::open(&v2).unwrap();
}

#[test]
fn a_corrupt_chunk_is_named() {
    for version in VERSIONS {
        for compression in [
            Compression::None,
            Compression::default(),
            Compression::Gzip { level: 1 },
            Compression::Blosc { level: 5 },
        ] {
            let dir = tempfile::tempdir().unwrap();
            let spec =
                ArraySpec::new([64, 64]).chunks([32, 32]).zarr_version(version).compression(compression);
            let array = Array::<u16>::create(dir.path().join("a.zarr"), &spec).unwrap();
            let data = counting::<u16>(&[64, 64]);
            array.write(&array.roi(), &data).unwrap();
            let chunk = chunk_files(array.path())[2].clone();
            let good = fs::read(&chunk).unwrap();
            let expected = format!("chunk {} is corrupt (", chunk.display());
            for length in [0, 1, 3, good.len() / 2, good.len() - 1] {
                fs::write(&chunk, &good[..length]).unwrap();
                for part in [array.roi(), roi([30, 3], [20, 9]), roi([32, 0], [32, 32])] {
                    // Of an uncompressed chunk only the bytes that are wanted are read: those may all be there.
                    if let (Compression::None, Ok(read)) = (compression, array.read(&part)) {
                        let [y, x] = [part.offset()[0] as usize, part.offset()[1] as usize];
                        let [h, w] = [part.shape()[0] as usize, part.shape()[1] as usize];
                        assert_eq!(read, data.slice(s![y..y + h, x..x + w]).into_dyn());
                        continue;
                    }
                    let message = error_of(array.read(&part));
                    assert!(
                        message.starts_with(&expected),
                        "{compression:?} cut to {length}, {part}: {message}"
                    );
                }
                let part = roi([40, 4], [1, 1]);
                let message = error_of(array.write(&part, &ArrayD::<u16>::zeros(IxDyn(&[1, 1]))));
                assert!(message.starts_with(&expected), "{compression:?} cut to {length}: {message}");
                assert_eq!(fs::read(&chunk).unwrap(), &good[..length], "a spoilt chunk is not written over");
            }
            // The others can still be read.
            array.read(&roi([0, 0], [32, 64])).unwrap();
        }
    }
}

#[test]
fn the_default_compression_notices_every_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    let array = Array::<u8>::create(dir.path().join("a.zarr"), &ArraySpec::new([16, 16])).unwrap();
    let data = counting::<u8>(&[16, 16]);
    array.write(&array.roi(), &data).unwrap();
    let chunk = chunk_files(array.path())[0].clone();
    let good = fs::read(&chunk).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&chunk, bad).unwrap();
        // A bit that says nothing about the content may flip unnoticed.
        if let Ok(read) = array.read(&array.roi()) {
            assert_eq!(read, data, "bit {bit} went unnoticed");
        }
    }
}

#[test]
fn no_flipped_bit_brings_the_process_down() {
    for version in VERSIONS {
        for compression in [
            Compression::None,
            Compression::default(),
            Compression::Gzip { level: 1 },
            Compression::Blosc { level: 5 },
        ] {
            let dir = tempfile::tempdir().unwrap();
            let spec = ArraySpec::new([16, 16]).zarr_version(version).compression(compression);
            let array = Array::<u32>::create(dir.path().join("a.zarr"), &spec).unwrap();
            array.write(&array.roi(), &counting::<u32>(&[16, 16])).unwrap();
            let chunk = chunk_files(array.path())[0].clone();
            let good = fs::read(&chunk).unwrap();
            for bit in 0..good.len().min(64) * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                fs::write(&chunk, bad).unwrap();
                let _ = array.read(&array.roi());
                let _ = array.read(&roi([3, 3], [2, 2]));
            }
        }
    }
}

// Files by other hands -------------------------------------------------------------------------------------------------

/// Written by the Zarr v2 specification, by hand: big endian, column-major, no compressor, `.` between the indices.
#[test]
fn big_endian_column_major_v2() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    fs::create_dir(&path).unwrap();
    let metadata = r#"{"zarr_format": 2, "shape": [2, 3], "chunks": [2, 3], "dtype": ">i2", "order": "F",
        "fill_value": null, "compressor": null, "filters": null}"#;
    fs::write(path.join(".zarray"), metadata).unwrap();
    fs::write(path.join(".zattrs"), r#"{"resolution": [4.0, 2], "units": "nm"}"#).unwrap();
    fs::write(path.join("0.0"), [0, 0, 1, 0, 0, 1, 1, 1, 0, 2, 1, 2]).unwrap();
    let array = Array::<i16>::open(&path).unwrap();
    assert_eq!(array.read(&array.roi()).unwrap(), ndarray::arr2(&[[0, 1, 2], [256, 257, 258]]).into_dyn());
    assert_eq!(array.voxel_size(), &Coordinate::from([4, 2]));
    assert_eq!(array.info().units, ["nm", "nm"]);
    array.write(&roi([4, 4], [4, 2]), &ndarray::arr2(&[[-1i16]])).unwrap();
    assert_eq!(fs::read(path.join("0.0")).unwrap(), [0, 0, 1, 0, 0, 1, 1, 1, 0, 2, 255, 255]);
}

/// The brain template of the shared data: what zarr-python wrote, and what numpy says of it.
#[test]
fn real_data_of_zarr_python() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !data.is_dir() {
        eprintln!("skipped: {} is absent", data.display());
        return;
    }
    let expected: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(data.join("expected.json")).unwrap()).unwrap();
    for name in ["mni152_v3.zarr/t1", "mni152_v3.zarr/t1_sharded", "mni152_v2.zarr/t1"] {
        let array = Array::<u8>::open(data.join(name)).unwrap();
        assert_eq!(array.roi(), roi([-72000, -134000, -98000], [189_000, 233_000, 197_000]), "{name}");
        assert_eq!(array.voxel_size(), &Coordinate::from([1000, 1000, 1000]));
        assert_eq!(array.info().axis_names, ["z", "y", "x"]);
        assert_eq!(array.info().units, ["um", "um", "um"]);
        let voxels = array.read(&array.roi()).unwrap();
        let sum: u64 = voxels.iter().map(|&v| u64::from(v)).sum();
        assert_eq!(Some(sum), expected["sum"].as_u64(), "{name}");
        let digest = Sha256::digest(voxels.as_slice().unwrap());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Some(digest.as_str()), expected["sha256_c_order"].as_str(), "{name}");
        // Piece by piece, with context.
        let block = roi([-72000 + 50_000, -134_000 + 60_000, -98_000], [70_000, 11_000, 197_000]);
        assert_eq!(array.read(&block).unwrap(), voxels.slice(s![50..120, 60..71, ..]).into_dyn(), "{name}");
    }
    let shards = Array::<u8>::open(data.join("mni152_v3.zarr/t1_sharded")).unwrap();
    assert_eq!(shards.lattice().cell, Coordinate::from([128_000; 3]));
    assert!(error_of(Array::<u8>::open(data.join("mni152.n5/t1"))).contains("format N5"));
    assert!(error_of(Array::<u8>::open(data.join("mni152.h5/volumes/t1"))).contains("format HDF5"));
}
