//! What people get wrong, and what they are told.

use std::fs;

use bellis::Array;
use bellis::storage::{ArraySpec, Compression, ZarrVersion, describe};
use ndarray::{ArrayD, IxDyn};

use super::{error_of, roi};

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
fn arrays_that_are_there_are_listed_in_every_format() {
    for (suffix, group) in [("zarr", "a Zarr v3 group"), ("n5", "an N5 group"), ("h5", "an HDF5 ")] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("a.{suffix}"));
        let shown = path.display();
        for name in ["raw", "deep/labels", "deep/er/mask"] {
            Array::<u8>::create(path.join(name), &ArraySpec::new([4])).unwrap();
        }
        let refused = |name: &str| {
            let path = format!("{shown}{name}");
            let of_opening = error_of(Array::<u8>::open(&path));
            assert_eq!(error_of(describe(&path)), of_opening);
            of_opening
        };
        for (missing, nearest, arrays) in [
            ("/row", "", "deep/er/mask, deep/labels, raw"),
            ("/row/raw", "", "deep/er/mask, deep/labels, raw"),
            ("/deep/lables", "/deep", "er/mask, labels"),
            ("/deep/er/task", "/deep/er", "mask"),
        ] {
            // Of HDF5 all that is in the file is listed.
            let all = ("", "deep/er/mask, deep/labels, raw");
            let (nearest, arrays) = if suffix == "h5" { all } else { (nearest, arrays) };
            assert_eq!(
                refused(missing),
                format!(
                    "{shown}{missing} does not exist (arrays in {shown}{nearest}: {arrays}): \
                     check the path, or create the array first"
                )
            );
        }
        for (name, arrays) in [("", "deep/er/mask, deep/labels, raw"), ("/deep", "er/mask, labels")] {
            let message = refused(name);
            let expected = format!("{shown}{name} is no array but {group}");
            assert!(message.starts_with(&expected), "{message}");
            assert!(
                message.contains(&format!("with arrays {arrays} below it: open one of them")),
                "{message}"
            );
        }
    }
}

/// As other writers leave them: only the root says that it is N5.
#[test]
fn groups_of_n5_need_no_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.n5");
    Array::<u8>::create(path.join("volumes/deep/raw"), &ArraySpec::new([4])).unwrap();
    for group in ["volumes/deep", "volumes"] {
        fs::remove_file(path.join(group).join("attributes.json")).unwrap();
        for name in ["", "/volumes/row"] {
            let message = error_of(Array::<u8>::open(format!("{}{name}", path.display())));
            assert!(message.contains("deep/raw"), "{name}: {message}");
        }
        Array::<u8>::open(path.join("volumes/deep/raw")).unwrap();
    }
}

#[test]
fn other_things_than_arrays_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    fs::write(&file, "hello").unwrap();
    let shown = file.display();
    assert_eq!(
        error_of(Array::<u8>::open(&file)),
        format!("{shown} is no array but a file that is not HDF5: give the path of an array")
    );
    assert!(
        error_of(Array::<u8>::open(file.join("raw")))
            .contains(&format!("below the file {shown}, which is not HDF5"))
    );
    let empty = error_of(Array::<u8>::open(dir.path()));
    assert!(empty.contains("a directory without array metadata"), "{empty}");
    let spec = ArraySpec::new([4]);
    let unknown = dir.path().join("a");
    assert_eq!(
        error_of(Array::<u8>::create(&unknown, &spec)),
        format!(
            "cannot tell the format of {0}: end the name of the file in .zarr, .n5 or .h5, as in {0}.zarr",
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
    fs::write(path.join("zarr.json"), metadata.replace("uint8", "string").replace(": 0", ": \"\"")).unwrap();
    let refused = error_of(Array::<u8>::open(&path));
    assert!(refused.contains("holds string, which bellis does not handle: convert it"), "{refused}");
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
    let vast = Array::<u8>::create(dir.path().join("b.zarr"), &ArraySpec::new([1 << 50])).unwrap();
    assert!(error_of(vast.read(&vast.roi())).contains("does not fit into memory"));
}

#[test]
fn specifications_must_make_sense() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let refused = |spec: ArraySpec| error_of(Array::<u8>::create(&path, &spec));
    let shown = path.display();
    assert_eq!(
        refused(ArraySpec::new([1 << 63])),
        format!(
            "cannot create {shown}: shape is [9223372036854775808] but must be less than 2^63 along every axis"
        )
    );
    assert!(refused(ArraySpec::new([4]).chunks([0])).contains("chunk shape is [0]"));
    assert!(refused(ArraySpec::new([4]).chunks([4, 4])).contains("as many axes as the shape"));
    assert!(refused(ArraySpec::new([4, 4]).chunks([1 << 62, 1 << 62])).contains("less than 2 GiB"));
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
fn unknown_codecs_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([4]).compression(Compression::Gzip { level: 1 });
    let v2 = spec.clone().zarr_version(ZarrVersion::V2);
    let sharded = spec.clone().chunks([2]).shards([4]);
    for (name, file, spec, known) in [
        ("v3.zarr", "zarr.json", &spec, "\"name\": \"gzip\""),
        ("sharded.zarr", "zarr.json", &sharded, "\"name\": \"gzip\""),
        ("sharded-index.zarr", "zarr.json", &sharded, "\"name\": \"crc32c\""),
        ("v2.zarr", ".zarray", &v2, "\"id\": \"gzip\""),
        ("a.n5", "attributes.json", &spec, "\"type\": \"gzip\""),
    ] {
        let path = dir.path().join(name);
        Array::<u8>::create(&path, spec).unwrap();
        let (file, good) = (path.join(file), fs::read_to_string(path.join(file)).unwrap());
        assert!(good.contains(known), "{good}");
        let codec = known.split('"').nth(3).unwrap();
        fs::write(&file, good.replace(known, &known.replace(codec, "nonsense"))).unwrap();
        for message in [error_of(Array::<u8>::open(&path)), error_of(describe(&path))] {
            let begin =
                format!("{} is coded with nonsense, which bellis does not have: read", path.display());
            assert!(message.starts_with(&begin), "{message}");
        }
    }
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
    assert!(codec.contains("is coded with no-such-codec, which bellis does not have"), "{codec}");
    assert!(with("\"array\"", "\"thing\"").contains("node_type is \"thing\""));
    // What is valid, and beyond bellis, is not to be repaired.
    for (from, to, said) in [
        (
            "\"regular\"",
            "\"rectilinear\"",
            "has chunks that are not all of one shape (chunk grid rectilinear), which",
        ),
        ("\"default\"", "\"fancy\"", "has chunk key encoding fancy, which bellis does not handle"),
        (
            "\"codecs\"",
            "\"storage_transformers\": [{\"name\": \"cut\"}], \"codecs\"",
            "has storage transformer cut, which",
        ),
    ] {
        let message = with(from, to);
        assert!(message.contains(said) && !message.contains("repair"), "{message}");
    }
    for chunks in ["[0]", "[4, 4]", "[-1]", "4"] {
        let mut metadata: serde_json::Value = serde_json::from_str(&good).unwrap();
        metadata["chunk_grid"]["configuration"]["chunk_shape"] = chunks.parse().unwrap();
        fs::write(v3.join("zarr.json"), metadata.to_string()).unwrap();
        let message = error_of(Array::<u8>::open(&v3));
        assert!(message.contains("in an array of shape [4])") && message.contains(&file), "{message}");
    }
    let endian = with(
        "\"codecs\": [",
        "\"codecs\": [{\"name\": \"bytes\", \"configuration\": {\"endian\": \"middle\"}}, ",
    );
    assert!(endian.contains("(endian \"middle\", neither little nor big): repair"), "{endian}");
    let half = good[..good.len() / 2].to_owned();
    assert!(with(&good, &half).contains(&file));
    assert!(with(&good, "").contains("cannot be used"));
    assert!(with(&good, "\u{0}\u{1}").contains("cannot be used"));

    for file in [".zattrs", ".zarray"] {
        let former = fs::read(v2.join(file)).unwrap();
        fs::write(v2.join(file), "{not json").unwrap();
        let message = error_of(Array::<u8>::open(&v2));
        assert!(message.contains(&v2.join(file).display().to_string()), "{message}");
        fs::write(v2.join(file), former).unwrap();
    }
    Array::<u8>::open(&v2).unwrap();
}

/// More than any machine addresses: an error, where running out of memory would end the process.
#[test]
fn chunks_that_fit_into_no_memory_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([10, 10]).chunks([1 << 15, 1 << 15]).shards([1 << 31, 1 << 31]);
    let array = Array::<u8>::create(dir.path().join("a.zarr"), &spec).unwrap();
    let ones = ArrayD::from_elem(IxDyn(&[10, 10]), 1u8);
    let message = error_of(array.write(&array.roi(), &ones));
    assert!(
        message.contains("c/0/0") && message.contains("no memory for its 4611686018427387904 bytes"),
        "{message}"
    );
    assert!(error_of(array.write(&roi([0, 0], [1, 1]), &ndarray::arr2(&[[1u8]]))).contains("no memory"));

    let path = dir.path().join("b.zarr");
    Array::<u8>::create(&path, &ArraySpec::new([10, 10]).chunks([10, 10]))
        .unwrap()
        .write(&array.roi(), &ones)
        .unwrap();
    let metadata = fs::read_to_string(path.join("zarr.json")).unwrap();
    let huge = serde_json::from_str::<serde_json::Value>(&metadata).unwrap();
    let mut huge = huge.clone();
    huge["chunk_grid"]["configuration"]["chunk_shape"] = serde_json::json!([1u64 << 31, 1u64 << 31]);
    fs::write(path.join("zarr.json"), huge.to_string()).unwrap();
    let array = Array::<u8>::open(&path).unwrap();
    let message = error_of(array.read(&array.roi()));
    assert!(message.contains("c/0/0") && message.contains("no memory for its"), "{message}");
}

/// As Python's json module writes a mean of nothing.
#[test]
fn attributes_may_hold_nan() {
    for (name, version) in
        [("a.zarr", Some(ZarrVersion::V2)), ("b.zarr", Some(ZarrVersion::V3)), ("c.n5/raw", None)]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let spec = ArraySpec::new([4]).voxel_size([5]);
        let spec = version.into_iter().fold(spec, |spec, version| spec.zarr_version(version));
        let array = Array::<u8>::create(&path, &spec).unwrap();
        array.write(&array.roi(), &ndarray::arr1(&[1u8, 2, 3, 4])).unwrap();
        let mut files = [".zattrs", "zarr.json", "attributes.json"].iter().map(|file| path.join(file));
        let file = files.find(|file| file.exists()).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let more = text.replacen(
            "\"voxel_size\"",
            "\"mean\": NaN, \"range\": [-Infinity, Infinity], \"voxel_size\"",
            1,
        );
        assert_ne!(more, text);
        fs::write(&file, more).unwrap();
        let array = Array::<u8>::open(&path).unwrap();
        assert_eq!(array.voxel_size()[0], 5);
        assert_eq!(array.read(&array.roi()).unwrap(), ndarray::arr1(&[1, 2, 3, 4]).into_dyn());
    }
}

#[test]
fn shards_that_are_not_made_of_whole_chunks_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let spec = ArraySpec::new([8, 8]).chunks([2, 4]).shards(vec![4, 8]);
    Array::<u8>::create(&path, &spec).unwrap();
    let good = fs::read_to_string(path.join("zarr.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&good).unwrap();
    for inner in ["[2]", "[3, 4]", "[2, 4, 1]", "[8, 8]", "[1099511627776, 1099511627776]"] {
        let mut changed = metadata.clone();
        changed["codecs"][0]["configuration"]["chunk_shape"] = serde_json::from_str(inner).unwrap();
        fs::write(path.join("zarr.json"), changed.to_string()).unwrap();
        let message = error_of(describe(&path));
        assert!(message.contains("[4, 8] are not made of whole chunks of"), "{inner}: {message}");
        assert_eq!(error_of(Array::<u8>::open(&path)), message);
    }
}

#[test]
fn more_chunks_than_can_be_counted_are_as_many_as_can() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.zarr", "a.n5"] {
        let path = dir.path().join(name);
        Array::<u8>::create(&path, &ArraySpec::new([8, 8, 8]).chunks([1, 1, 1])).unwrap();
        let file = if name == "a.n5" { "attributes.json" } else { "zarr.json" };
        let good = fs::read_to_string(path.join(file)).unwrap();
        let mut metadata: serde_json::Value = serde_json::from_str(&good).unwrap();
        let shape = if name == "a.n5" { "dimensions" } else { "shape" };
        metadata[shape] = serde_json::json!([1u64 << 40, 1u64 << 40, 1u64 << 40]);
        fs::write(path.join(file), metadata.to_string()).unwrap();
        assert_eq!(bellis::storage::usage(&path, u64::MAX).unwrap().n_chunks, u64::MAX, "{name}");
    }
}
