//! Files by other hands: by the letter of the specification, and by zarr-python.

use std::fs;
use std::path::Path;

use bellis::geometry::WriteTarget;
use bellis::storage::{ArraySpec, ZarrVersion};
use bellis::{Array, Coordinate};
use ndarray::s;
use sha2::{Digest, Sha256};

use super::{chunk_files, counting, error_of, roi};

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

/// Written by lz4-java 1.8, as N5's reference implementation does: some of its blocks are compressed, some are not.
#[test]
fn lz4_of_java_in_n5() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lz4-java.n5"));
    let voxels = Array::<i16>::open(path).unwrap();
    let voxels = voxels.read(&voxels.roi()).unwrap();
    let expected = (0..900).map(|n: i32| if n < 500 { n / 7 } else { n * n * 31 } as i16);
    assert_eq!(voxels.iter().copied().collect::<Vec<_>>(), expected.collect::<Vec<_>>());

    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("a.n5");
    fs::create_dir_all(copy.join("0/0")).unwrap();
    fs::copy(path.join("attributes.json"), copy.join("attributes.json")).unwrap();
    let block = fs::read(path.join("0/0/0")).unwrap();
    // The magic, the method, the three numbers, and the content of the first block; and the end of all.
    for (at, reason) in [
        (17, "frame"),
        (24, "method"),
        (25, "found none"),
        (29, "256 bytes, not 257"),
        (33, "checksum"),
        (40, "offset"),
        (block.len() - 21, "no LZ4 block"),
    ] {
        let mut spoilt = block.clone();
        spoilt[at] ^= if at == 29 { 1 } else { 0x55 };
        fs::write(copy.join("0/0/0"), spoilt).unwrap();
        let array = Array::<i16>::open(&copy).unwrap();
        let error = array.read(&array.roi()).unwrap_err().to_string();
        assert!(error.contains("corrupt") && error.contains(reason), "{at}: {error}");
    }
}

/// The brain template of the shared data: what zarr-python and h5py wrote, and what numpy says of it.
#[test]
fn real_data_of_reference_implementations() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !data.is_dir() {
        eprintln!("skipped: {} is absent", data.display());
        return;
    }
    let expected: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(data.join("expected.json")).unwrap()).unwrap();
    for name in [
        "mni152_v3.zarr/t1",
        "mni152_v3.zarr/t1_sharded",
        "mni152_v2.zarr/t1",
        "mni152.n5/t1",
        "mni152.h5/volumes/t1",
    ] {
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
    assert_eq!(shards.chunk_grid().chunk_shape, Coordinate::from([128_000; 3]));
    assert_eq!(shards.info().chunks, [32; 3]);
}

/// A new array whose chunks are 4³ in shards of 8³.
fn sharded(path: &Path) -> Array<u16> {
    let spec = ArraySpec::new([10, 16, 9]).chunks([4, 4, 4]).shards([8, 8, 8]);
    Array::<u16>::create(path, &spec).unwrap()
}

#[test]
fn shards_are_read_and_written() {
    let dir = tempfile::tempdir().unwrap();
    let array = sharded(&dir.path().join("a.zarr"));
    assert_eq!(array.chunk_grid().chunk_shape, Coordinate::from([8, 8, 8]));
    let mut data = counting::<u16>(&[10, 16, 9]);
    array.write(&array.roi(), &data).unwrap();
    let part = roi([1, 5, 0], [8, 6, 9]);
    let patch = counting::<u16>(&[8, 6, 9]).mapv(|v| v + 200);
    data.slice_mut(s![1..9, 5..11, ..]).assign(&patch);
    array.write(&part, &patch).unwrap();
    assert_eq!(array.read(&array.roi()).unwrap(), data);
    assert_eq!(array.read(&part).unwrap(), patch);
    assert_eq!(chunk_files(array.path()).len(), 8);
}

#[test]
fn a_spoilt_shard_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let array = sharded(&dir.path().join("a.zarr"));
    let data = counting::<u16>(&[10, 16, 9]);
    array.write(&array.roi(), &data).unwrap();
    let shard = chunk_files(array.path())[0].clone();
    let good = fs::read(&shard).unwrap();
    for length in [0, 10, good.len() - 100, good.len() - 1] {
        fs::write(&shard, &good[..length]).unwrap();
        let message = error_of(array.read(&array.roi()));
        assert!(
            message.starts_with(&format!("chunk {} is corrupt (", shard.display())),
            "{length}: {message}"
        );
    }
    // The index is at the end.
    for bit in (good.len() - 140) * 8..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&shard, bad).unwrap();
        if let Ok(read) = array.read(&array.roi()) {
            assert_eq!(read, data, "bit {bit} went unnoticed");
        }
        let _ = array.read(&roi([3, 3, 3], [2, 2, 2]));
    }
}

/// A group says where the arrays in it lie, and no more: they are whole without it.
#[test]
fn a_group_that_cannot_be_read_takes_no_array_with_it() {
    for (version, file) in [(ZarrVersion::V2, ".zattrs"), (ZarrVersion::V3, "zarr.json")] {
        let dir = tempfile::tempdir().unwrap();
        let group = dir.path().join("a.zarr");
        let spec = ArraySpec::new([4]).zarr_version(version);
        Array::<u8>::create(group.join("raw"), &spec).unwrap();
        // As without attributes of its own, where those of the group are asked for.
        let array = group.join("raw").join(if version == ZarrVersion::V2 { ".zattrs" } else { "zarr.json" });
        let metadata = fs::read_to_string(&array).unwrap().replace("voxel_size", "a").replace("offset", "b");
        fs::write(&array, metadata).unwrap();
        for broken in
            [&b"{\"author\": \"M\xfcller\"}"[..], b"", b"[]", b"{\"node_type\": \"group\", \"attributes\": 3"]
        {
            fs::write(group.join(file), broken).unwrap();
            let array = Array::<u8>::open(group.join("raw")).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(array.read(&array.roi()).unwrap(), ndarray::arr1(&[0, 0, 0, 0]).into_dyn());
        }
    }
}
