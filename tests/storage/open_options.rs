//! Arrays of which more is said than is in their files: places, channel axes, and a part of the channels.

use bellis::storage::{DynArray, OpenOptions, describe_with};
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, Axis, Slice};
use tempfile::TempDir;

use super::{KINDS, Kind, chunk_files, counting, error_of, roi};

/// Four axes, the first one or two of which are channels if somebody says so.
fn written(kind: &Kind, dir: &TempDir, n_channel_axes: usize) -> ArrayD<u16> {
    let spec = kind.spec(&ArraySpec::new([3, 5, 8, 9]).channel_axes(n_channel_axes), [2, 2, 4, 4]);
    let data = counting::<u16>(&[3, 5, 8, 9]);
    let array = Array::<u16>::create(kind.path_in(dir), &spec).unwrap();
    array.write(&array.roi(), &data).unwrap();
    data
}

#[test]
fn what_is_said_wins_over_the_file() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let (path, data) = (kind.path_in(&dir), written(&kind, &dir, 1));
        let files: Vec<_> = chunk_files(&path).into_iter().map(|file| std::fs::read(file).unwrap()).collect();
        let options = OpenOptions::new().voxel_size([4, 2]).offset([-8, 6]).units("nm").channel_axes(2);
        let array = Array::<u16>::open_with(&path, &options).unwrap();
        assert_eq!(array.roi(), roi([-8, 6], [32, 18]));
        assert_eq!(array.info().axis_names, ["c0^", "d0^", "d1", "d2"]);
        assert_eq!(array.info().units, ["nm", "nm"]);
        assert_eq!(
            array.read(&roi([-4, 8], [8, 4])).unwrap(),
            data.slice(ndarray::s![.., .., 1..3, 1..3]).into_dyn()
        );
        assert_eq!(&describe_with(&path, &options).unwrap(), array.info());
        // Nothing is written, and who says nothing sees what is in the file.
        let unchanged: Vec<_> =
            chunk_files(&path).into_iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert_eq!(files, unchanged);
        assert_eq!(Array::<u16>::open(&path).unwrap().roi(), roi([0, 0, 0], [5, 8, 9]));
        let without = Array::<u16>::open_with(&path, &OpenOptions::new().channel_axes(0)).unwrap();
        assert_eq!(without.roi(), roi([0, 0, 0, 0], [3, 5, 8, 9]));
        assert_eq!(without.info().axis_names, ["c0", "d0", "d1", "d2"]);
    }
}

#[test]
fn channels_are_read_and_written_one_by_one() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let (path, mut data) = (kind.path_in(&dir), written(&kind, &dir, 2));
        let all = Array::<u16>::open(&path).unwrap();
        for channel in 0..3 {
            let one = all.channels([channel..channel + 1, 1..u64::MAX]).unwrap();
            assert_eq!(one.info().shape, [1, 4, 8, 9]);
            let begin = channel as usize;
            let mut part = data.view_mut();
            part.slice_axis_inplace(Axis(0), Slice::from(begin..begin + 1));
            part.slice_axis_inplace(Axis(1), Slice::from(1..));
            assert_eq!(one.read(&one.roi()).unwrap(), part);
            // Past the border, of a part of a part, and as bytes.
            let last = one.channels([0..1, 3..4]).unwrap();
            let read = last.as_dyn().read_bytes(&roi([-1, 2], [3, 9])).unwrap();
            let expected = last.read(&roi([-1, 2], [3, 9])).unwrap();
            assert_eq!(read, expected.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<_>>());
            assert_eq!(expected[[0, 0, 1, 0]], part[[0, 3, 0, 2]]);
            part.mapv_inplace(|value| value + 7);
            one.write(&one.roi(), &part).unwrap();
        }
        assert_eq!(Array::<u16>::open(&path).unwrap().read(&all.roi()).unwrap(), data);
        let like = ArraySpec::like(&all.channels([1..2, 0..5]).unwrap());
        assert_eq!(
            like.resolve(dir.path().join("like.zarr"), bellis::storage::DataType::U8).unwrap().shape,
            [1, 5, 8, 9]
        );
    }
}

#[test]
fn what_does_not_go_with_the_array_is_refused() {
    let kind = &KINDS[0];
    let dir = tempfile::tempdir().unwrap();
    let path = kind.path_in(&dir);
    written(kind, &dir, 1);
    let options = OpenOptions::new;
    for (options, said) in [
        (
            options().voxel_size([1, 2]),
            "its voxel size is said to be [1, 2] but must be 3 values, one for each spatial axis",
        ),
        (
            options().voxel_size([1, 0, 2]),
            "voxel size is said to be [1, 0, 2] but must be 1 or more along every axis",
        ),
        (
            options().offset(vec![0; 9]),
            "offset is said to be [0, 0, 0, 0, 0, 0, 0, 0, 0] but must be 3 values",
        ),
        (
            options().channel_axes(3).offset(vec![]),
            "offset is said to be [] but must be one value, as it has 1 spatial axis",
        ),
        (options().units_per_axis(["nm", "um"]), "units is said to be"),
        (options().channel_axes(4), "channel axes is said to be 4 but must be less than 4"),
        (options().channels([0..1, 2..3]), "channels is said to be 0:1,2:3 but must be one range"),
        (options().channels(1..1), "channels is said to be 1:1 but must be a part of 0:3"),
        (options().channels(2..4), "channels is said to be 2:4 but must be a part of 0:3"),
        (options().channel_axes(0).channels(0), "channels is said to be 0:1 but must be none"),
        (options().offset([i64::MAX, 0, 0]), "does not fit into signed 64-bit"),
    ] {
        let message = error_of(DynArray::open_with(&path, &options));
        assert!(message.contains(said), "{message}");
        if !message.contains("does not fit") {
            assert_eq!(error_of(describe_with(&path, &options)), message);
        }
    }
}

#[test]
fn nine_axes_are_read_with_a_channel_axis() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.n5");
    std::fs::create_dir(&path).unwrap();
    let metadata = serde_json::json!({"dimensions": [2, 1, 1, 1, 1, 1, 1, 1, 3], "blockSize": [2, 1, 1, 1, 1, 1, 1, 1, 3],
        "dataType": "uint8", "compression": {"type": "raw"}});
    std::fs::write(path.join("attributes.json"), metadata.to_string()).unwrap();
    let message = error_of(DynArray::open(&path));
    assert!(message.contains("has 9 spatial axes, and bellis handles at most 8"), "{message}");
    let array = Array::<u8>::open_with(&path, &OpenOptions::new().channel_axes(1)).unwrap();
    assert_eq!(array.roi(), roi([0; 8], [1, 1, 1, 1, 1, 1, 1, 2]));
    let message = error_of(DynArray::open_with(&path, &OpenOptions::new().channel_axes(0)));
    assert!(message.contains("has 9 spatial axes"), "{message}");
}

#[test]
fn like_with_other_channels() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([2, 8, 9])
            .channel_axes(1)
            .axis_names(["t", "y", "x"])
            .units_per_axis(["um", "nm"]);
        let spec = spec.voxel_size([4, 3]).offset([5, 6]);
        let array = Array::<u16>::create(kind.path_in(&dir), &kind.spec(&spec, [2, 4, 4])).unwrap();
        let at = |name: &str| dir.path().join(name).with_extension(kind.suffix).join("b");
        let made =
            |name: &str, spec: ArraySpec| Array::<f32>::create(at(name), &spec).unwrap().info().clone();
        for (name, extents, names) in [
            ("affinities", vec![3, 4], vec!["c0^", "c1^", "y", "x"]),
            ("more", vec![7], vec!["t^", "y", "x"]),
            ("none", vec![], vec!["y", "x"]),
        ] {
            let info = made(name, (kind.spec)(ArraySpec::like(&array).channels(extents.clone())));
            assert_eq!(info.shape, [extents.clone(), vec![8, 9]].concat());
            assert_eq!(info.axis_names, names);
            assert_eq!(
                (&info.units, info.voxel_size, info.offset),
                (&array.info().units, *array.voxel_size(), array.info().offset)
            );
            if !info.is_contiguous {
                assert_eq!(info.chunks, [vec![1; extents.len()], array.info().chunks[1..].to_vec()].concat());
            }
        }
        let fresh = (kind.spec)(ArraySpec::new([8, 9]).channels([3]));
        assert_eq!(made("fresh", fresh).axis_names, ["c0^", "d0", "d1"]);
    }
}
