//! N5: zarr-python 2's N5Store and tensorstore, which has its axes the other way round.

use std::fs;

use bellis::storage::{Compression, DataType};
use serde_json::{Value, json};

use super::{Python, Verb, Volume, bellis_continues, merged, others_continue, refusal};

const SHAPE: [u64; 3] = [20, 31, 17];

fn n5store_read() -> Verb<'static> {
    ("zarr_read", json!({}))
}

fn tensorstore_read() -> Verb<'static> {
    ("tensorstore_read", json!({"driver": "n5"}))
}

/// What N5Store is to compress with.
const OF_N5STORE: [&str; 10] = [
    "None",
    "'default'",
    "numcodecs.Blosc('zstd', 3, numcodecs.Blosc.BITSHUFFLE, 512)",
    "numcodecs.Zlib(1)",
    "numcodecs.Zstd(3)",
    "numcodecs.GZip(5)",
    "numcodecs.BZ2(5)",
    "numcodecs.LZ4()",
    "numcodecs.LZMA(preset=1)",
    "numcodecs.LZMA(format=1, preset=1)",
];

#[test]
fn arrays_of_n5store() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr2");
    for (number, compressor) in OF_N5STORE.iter().enumerate() {
        for data_type in [DataType::U8, DataType::I16, DataType::F64] {
            let path = dir.path().join(format!("{number}.n5/deep/{data_type}"));
            let options = format!("chunks=(8, 16, 10), compressor={compressor}");
            let writer = ("zarr_write", json!({"options": options}));
            bellis_continues(&mut python, &path, Volume::new(data_type, &SHAPE), writer, &[n5store_read()]);
        }
    }
}

/// What tensorstore is to compress with.
fn of_tensorstore() -> Vec<Value> {
    vec![
        json!({"type": "raw"}),
        json!({"type": "gzip", "level": 3}),
        json!({"type": "bzip2", "blockSize": 9}),
        json!({"type": "xz", "preset": 2}),
        json!({"type": "zstd", "level": 4}),
        json!({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}),
    ]
}

#[test]
fn arrays_of_tensorstore() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, compression) in of_tensorstore().into_iter().enumerate() {
        let path = dir.path().join(format!("a.n5/{number}"));
        let metadata = json!({"blockSize": [10, 16, 8], "compression": compression});
        let writer = ("tensorstore_write", json!({"driver": "n5", "metadata": metadata}));
        let volume = Volume::new(DataType::U32, &SHAPE);
        bellis_continues(&mut python, &path, volume, writer, &[tensorstore_read()]);
    }
}

/// Before N5 2.0 a compression was a name alone.
#[test]
fn datasets_of_old() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for name in ["raw", "gzip", "bzip2", "xz"] {
        let path = dir.path().join(format!("a.n5/{name}"));
        let metadata = json!({"blockSize": [10, 16, 8], "compression": {"type": name}});
        let how = json!({"driver": "n5", "metadata": metadata});
        let mut volume = Volume::new(DataType::I16, &SHAPE);
        python.ask("tensorstore_write", merged(&volume.request(&path), &how));
        let file = path.join("attributes.json");
        let mut attributes: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        attributes["compressionType"] = json!(name);
        attributes.as_object_mut().unwrap().remove("compression").unwrap();
        fs::write(&file, attributes.to_string()).unwrap();
        volume.require_read_by_bellis(&path);
        volume.patch_by_bellis(&path, 1000);
        volume.require_read_by_bellis(&path);
    }
}

#[test]
fn arrays_of_bellis() {
    let dir = tempfile::tempdir().unwrap();
    let (mut python, mut n5store) = (Python::start("zarr3"), Python::start("zarr2"));
    let ways = [
        None,
        Some(Compression::None),
        Some(Compression::Gzip { level: 9 }),
        Some(Compression::Bzip2 { level: 3 }),
        Some(Compression::Xz { level: 2 }),
        Some(Compression::Zstd { level: 2 }),
        Some(Compression::Blosc { level: 3 }),
    ];
    for (number, way) in ways.into_iter().enumerate() {
        for data_type in [DataType::U8, DataType::I64, DataType::F32] {
            let path = dir.path().join(format!("{number}.n5/{data_type}"));
            let volume = Volume::new(data_type, &SHAPE);
            let spec = volume.spec().chunks([4, 16, 10]);
            volume.create(&path, &way.into_iter().fold(spec, |spec, way| spec.compression(way)));
            others_continue(&mut n5store, &path, volume.clone(), &[n5store_read()], &[]);
            let patcher = ("tensorstore_patch", json!({"driver": "n5"}));
            others_continue(&mut python, &path, volume, &[tensorstore_read()], &[patcher]);
        }
    }
}

/// Neither of the two knows LZ4 in N5, so the frame is taken out of the block and read with the LZ4 library.
#[test]
fn blocks_of_lz4_are_frames() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.n5");
    let mut volume = Volume::new(DataType::U8, &[40, 30]);
    volume.writes[0].part = vec![[0, 40], [0, 30]];
    volume.create(&path, &volume.spec().chunks([40, 30]).compression(Compression::Lz4));
    let mut python = Python::start("zarr3");
    let found = python.ask("lz4_block", json!({"path": path.join("0/0")}));
    assert_eq!(found, json!({"shape": [40, 30], "sha256": volume.sha256()}));
    python.ask("lz4_write", json!({"path": path.join("0/0"), "shape": [40, 30], "seed": 77}));
    volume.writes[0].seed = 77;
    volume.require_read_by_bellis(&path);
}

#[test]
fn every_type_and_number_of_axes() {
    let dir = tempfile::tempdir().unwrap();
    let (mut python, mut n5store) = (Python::start("zarr3"), Python::start("zarr2"));
    let numbers_of_axes = (1..=5).map(|n_axes| (DataType::U16, vec![3; n_axes]));
    let types = DataType::ALL.into_iter().take(10).map(|data_type| (data_type, vec![7, 5]));
    for (data_type, chunks) in types.chain(numbers_of_axes) {
        let path = dir.path().join(format!("{data_type}{chunks:?}.n5/a"));
        let volume = Volume::new(data_type, &[11, 5, 7, 8, 10][..chunks.len()]);
        let options = format!("chunks=tuple({chunks:?}), compressor=numcodecs.GZip(1)");
        let writer = ("zarr_write", json!({"options": options}));
        bellis_continues(&mut n5store, &path, volume.clone(), writer, &[n5store_read()]);
        let path = path.with_file_name("b");
        volume.create(&path, &volume.spec().chunks(chunks));
        others_continue(&mut n5store, &path, volume.clone(), &[n5store_read()], &[]);
        others_continue(&mut python, &path, volume, &[tensorstore_read()], &[]);
    }
}

/// tensorstore and Java's tools say what axes are in the order of the disk; N5Store, funlib and bellis in C order.
#[test]
fn places_in_the_order_of_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.n5");
    let volume = Volume::new(DataType::U8, &SHAPE);
    let metadata = json!({"blockSize": [10, 16, 8], "compression": {"type": "raw"}, "axes": ["x", "y", "z"],
        "units": ["um", "um", "nm"], "resolution": [4, 5, 40]});
    let more = json!({"driver": "n5", "metadata": metadata, "attributes": {}});
    Python::start("zarr3").ask("tensorstore_write", merged(&volume.request(&path), &more));
    let info = bellis::storage::describe(&path).unwrap();
    assert_eq!(info.axis_names, ["z", "y", "x"]);
    assert_eq!(info.voxel_size.as_slice(), [40, 5, 4]);
    assert_eq!(info.units, ["nm", "um", "um"]);
}

#[test]
fn codecs_that_bellis_lacks_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let volume = Volume::new(DataType::U16, &SHAPE);
    let mut n5store = Python::start("zarr2");
    let path = dir.path().join("lzma.n5/a");
    let options = json!({"options": "chunks=(8, 16, 10), compressor=numcodecs.LZMA(format=2)"});
    n5store.ask("zarr_write", merged(&volume.request(&path), &options));
    let message = refusal(&path);
    assert!(message.contains("is coded with lzma, which bellis does not have"), "{message}");
}
