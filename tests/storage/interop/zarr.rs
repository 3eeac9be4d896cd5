//! Zarr v3 and v2: zarr-python 3 and 2, and tensorstore.

use bellis::Array;
use bellis::storage::{ArraySpec, Compression, DataType, ZarrVersion};
use serde_json::{Value, json};

use super::{Python, Verb, Volume, bellis_continues, merged, others_continue};

/// No multiple of any chunk.
const SHAPE: [u64; 3] = [20, 31, 17];

fn zarr_read() -> Verb<'static> {
    ("zarr_read", json!({}))
}

fn tensorstore_read(driver: &str) -> Verb<'static> {
    ("tensorstore_read", json!({"driver": driver}))
}

/// How zarr-python 3 is to create arrays of v3.
const V3: [&str; 21] = [
    "chunks=(8, 16, 10), compressors=None",
    "chunks=(8, 16, 10)",
    "chunks=(8, 16, 10), compressors=ZstdCodec(level=5, checksum=True)",
    "chunks=(8, 16, 10), compressors=GzipCodec(level=6)",
    "chunks=(8, 16, 10), compressors=BloscCodec(cname='lz4', shuffle='noshuffle')",
    "chunks=(8, 16, 10), compressors=BloscCodec(cname='lz4hc', shuffle='bitshuffle')",
    "chunks=(8, 16, 10), compressors=BloscCodec(cname='zstd', shuffle='shuffle')",
    "chunks=(8, 16, 10), compressors=BloscCodec(cname='zlib', shuffle='shuffle')",
    "chunks=(8, 16, 10), compressors=BloscCodec(cname='blosclz', shuffle='shuffle')",
    "chunks=(8, 16, 10), compressors=Crc32cCodec()",
    "chunks=(8, 16, 10), compressors=[GzipCodec(level=1), Crc32cCodec()]",
    "chunks=(8, 16, 10), filters=TransposeCodec(order=(2, 0, 1)), compressors=None",
    "chunks=(8, 16, 10), filters=TransposeCodec(order=(2, 1, 0))",
    "chunks=(8, 16, 10), serializer=BytesCodec(endian='big')",
    "chunks=(8, 16, 10), chunk_key_encoding={'name': 'default', 'separator': '.'}",
    "chunks=(8, 16, 10), chunk_key_encoding={'name': 'v2', 'separator': '.'}",
    "chunks=(8, 16, 10), chunk_key_encoding={'name': 'v2', 'separator': '/'}",
    "chunks=(4, 8, 5), shards=(8, 16, 10)",
    "chunks=(4, 8, 5), shards=(16, 32, 20), compressors=BloscCodec(cname='lz4'), \
     filters=TransposeCodec(order=(1, 2, 0))",
    "chunks=(8, 16, 10), serializer=ShardingCodec(chunk_shape=(4, 8, 5), index_location='start'), \
     compressors=None",
    "chunks=(8, 16, 10), serializer=ShardingCodec(chunk_shape=(2, 16, 5), codecs=[BytesCodec(endian='big'), \
     GzipCodec(), Crc32cCodec()], index_codecs=[BytesCodec()]), compressors=None",
];

#[test]
fn arrays_of_zarr_python_3() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, options) in V3.iter().enumerate() {
        let path = dir.path().join(format!("{number}.zarr"));
        let writer = ("zarr_write", json!({"options": options}));
        let volume = Volume::new(DataType::I32, &SHAPE).fill(-7);
        bellis_continues(&mut python, &path, volume, writer, &[zarr_read(), tensorstore_read("zarr3")]);
    }
}

/// How zarr-python, both 3 and 2, is to create arrays of v2: the types that numpy writes are more there.
const V2: [(&str, &str); 12] = [
    ("<i4", "chunks=(8, 16, 10), compressor=None"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.Blosc('lz4', shuffle=1)"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.Blosc('zstd', shuffle=2)"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.Blosc('zlib', shuffle=0)"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.GZip(4)"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.Zlib(4)"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.Zstd(4)"),
    ("<i4", "chunks=(8, 16, 10), order='F', compressor=None"),
    ("<i4", "chunks=(8, 16, 10), order='F', compressor=numcodecs.Zlib(1)"),
    (">i4", "chunks=(8, 16, 10), compressor=numcodecs.Zlib(1)"),
    (">i4", "chunks=(8, 16, 10), order='F', compressor=numcodecs.Blosc()"),
    ("<i4", "chunks=(8, 16, 10), compressor=numcodecs.Zstd(1)"),
];

#[test]
fn arrays_of_zarr_python_2() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr2");
    for (number, (dtype, options)) in V2.iter().enumerate() {
        for separator in [".", "/"] {
            let path = dir.path().join(format!("{number}{}.zarr", if separator == "/" { "s" } else { "" }));
            let options = format!("{options}, dimension_separator='{separator}'");
            let writer = ("zarr_write", json!({"options": options, "dtype": dtype}));
            let volume = Volume::new(DataType::I32, &SHAPE).fill(-7);
            bellis_continues(&mut python, &path, volume, writer, &[zarr_read()]);
        }
    }
}

#[test]
fn arrays_of_v2_of_zarr_python_3() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, (dtype, options)) in V2.iter().enumerate() {
        let path = dir.path().join(format!("{number}.zarr"));
        let options = format!("zarr_format=2, {}", options.replace("compressor=", "compressors="));
        let writer = ("zarr_write", json!({"options": options, "dtype": dtype}));
        let volume = Volume::new(DataType::I32, &SHAPE).fill(-7);
        bellis_continues(&mut python, &path, volume, writer, &[zarr_read(), tensorstore_read("zarr")]);
    }
}

/// What tensorstore takes as metadata.
fn tensorstore_arrays() -> Vec<(&'static str, Value)> {
    let sharded = |index_location: &str| {
        json!({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 16, 20]}},
            "codecs": [{"name": "sharding_indexed", "configuration": {"chunk_shape": [4, 8, 10],
                "codecs": [{"name": "transpose", "configuration": {"order": [2, 1, 0]}},
                    {"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd"}],
                "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
                "index_location": index_location}}]})
    };
    let v2 = |order: &str, separator: &str, compressor: Value| {
        json!({"chunks": [8, 16, 10], "order": order, "dimension_separator": separator,
            "compressor": compressor, "filters": null})
    };
    vec![
        ("zarr3", json!({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 16, 10]}}})),
        ("zarr3", sharded("end")),
        ("zarr3", sharded("start")),
        ("zarr", v2("C", ".", json!(null))),
        ("zarr", v2("F", "/", json!({"id": "zlib", "level": 3}))),
        ("zarr", v2("C", "/", json!({"id": "zstd", "level": 3}))),
        ("zarr", v2("C", ".", json!({"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}))),
    ]
}

#[test]
fn arrays_of_tensorstore() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, (driver, metadata)) in tensorstore_arrays().into_iter().enumerate() {
        let path = dir.path().join(format!("{number}.zarr"));
        let writer = ("tensorstore_write", json!({"driver": driver, "metadata": metadata}));
        let volume = Volume::new(DataType::F32, &SHAPE).fill(0.5);
        bellis_continues(&mut python, &path, volume, writer, &[zarr_read(), tensorstore_read(driver)]);
    }
}

#[test]
fn every_type_and_number_of_axes() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let (writer, readers) = ("zarr_write", [zarr_read(), tensorstore_read("zarr3")]);
    for data_type in DataType::ALL {
        let fill = if data_type == DataType::Bool { 1 } else { 100 };
        let volume = Volume::new(data_type, &[15, 11]).fill(fill);
        // zarr-python has no bfloat16.
        let of_zarr = if data_type == DataType::BF16 { 0 } else { 2 };
        for version in [2, 3].into_iter().take(of_zarr) {
            let path = dir.path().join(format!("{data_type}.{version}.zarr"));
            let how = (writer, json!({"options": format!("chunks=(7, 5), zarr_format={version}")}));
            bellis_continues(&mut python, &path, volume.clone(), how, &readers[..version - 1]);
        }
        for (version, driver) in [(ZarrVersion::V2, "zarr"), (ZarrVersion::V3, "zarr3")] {
            if of_zarr == 0 && version == ZarrVersion::V2 {
                continue;
            }
            let path = dir.path().join(format!("{data_type}.{version}.bellis.zarr"));
            volume.create(&path, &volume.spec().chunks([7, 5]).zarr_version(version));
            let others = [tensorstore_read(driver), zarr_read()];
            let n_others = if of_zarr > 0 { 2 } else { 1 };
            others_continue(&mut python, &path, volume.clone(), &others[..n_others], &[]);
        }
    }
    for n_axes in 1..=5 {
        let path = dir.path().join(format!("{n_axes}.zarr"));
        let how = (writer, json!({"options": format!("chunks=({})", "3, ".repeat(n_axes))}));
        let volume = Volume::new(DataType::U16, &[11, 5, 7, 8, 10][..n_axes]);
        bellis_continues(&mut python, &path, volume, how, &readers);
    }
}

#[test]
fn fill_values_that_are_no_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let readers = [zarr_read(), tensorstore_read("zarr3")];
    for data_type in [DataType::F32, DataType::F64] {
        for fill in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let volume = Volume::new(data_type, &[10, 10]).fill(fill);
            for version in [2, 3] {
                let path = dir.path().join(format!("{data_type}{fill}{version}.zarr"));
                let how = ("zarr_write", json!({"options": format!("chunks=(4, 4), zarr_format={version}")}));
                bellis_continues(&mut python, &path, volume.clone(), how, &readers[..version - 1]);
            }
            let path = dir.path().join(format!("{data_type}{fill}.zarr"));
            volume.create(&path, &volume.spec().chunks([4, 4]));
            others_continue(&mut python, &path, volume, &readers, &[]);
        }
    }
}

/// A way in which bellis writes Zarr.
type Way = (ZarrVersion, fn(ArraySpec) -> ArraySpec);

const V2_WAYS: [Way; 5] = [
    (ZarrVersion::V2, |spec| spec),
    (ZarrVersion::V2, |spec| spec.compression(Compression::None)),
    (ZarrVersion::V2, |spec| spec.compression(Compression::Zstd { level: 9 })),
    (ZarrVersion::V2, |spec| spec.compression(Compression::Gzip { level: 5 })),
    (ZarrVersion::V2, |spec| spec.compression(Compression::Blosc { level: 5 })),
];

const V3_WAYS: [Way; 8] = [
    (ZarrVersion::V3, |spec| spec),
    (ZarrVersion::V3, |spec| spec.compression(Compression::None)),
    (ZarrVersion::V3, |spec| spec.compression(Compression::Zstd { level: 9 })),
    (ZarrVersion::V3, |spec| spec.compression(Compression::Gzip { level: 5 })),
    (ZarrVersion::V3, |spec| spec.compression(Compression::Blosc { level: 5 })),
    (ZarrVersion::V3, |spec| spec.shards([16, 32, 20])),
    (ZarrVersion::V3, |spec| spec.shards([8, 16, 10]).compression(Compression::None)),
    (ZarrVersion::V3, |spec| spec.shards([8, 16, 10]).compression(Compression::Blosc { level: 1 })),
];

#[test]
fn arrays_of_bellis() {
    let dir = tempfile::tempdir().unwrap();
    let (mut python, mut old) = (Python::start("zarr3"), Python::start("zarr2"));
    for (number, (version, way)) in V2_WAYS.into_iter().chain(V3_WAYS).enumerate() {
        for data_type in [DataType::U8, DataType::I64] {
            let path = dir.path().join(format!("{number}{data_type}.zarr"));
            let volume = Volume::new(data_type, &SHAPE).fill(3);
            let spec = volume.spec().chunks([4, 16, 10]).zarr_version(version);
            volume.create(&path, &way(spec));
            let driver = if version == ZarrVersion::V2 { "zarr" } else { "zarr3" };
            if version == ZarrVersion::V2 {
                others_continue(&mut old, &path, volume.clone(), &[zarr_read()], &[]);
            }
            let readers = [zarr_read(), tensorstore_read(driver)];
            let patchers = [("zarr_patch", json!({})), ("tensorstore_patch", json!({"driver": driver}))];
            others_continue(&mut python, &path, volume, &readers, &patchers);
        }
    }
}

/// An array without axes is read and written as one of one voxel.
#[test]
fn single_values() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, options) in [
        "zarr_format=3",
        "zarr_format=3, chunk_key_encoding={'name': 'v2', 'separator': '.'}",
        "zarr_format=3, chunk_key_encoding={'name': 'default', 'separator': '.'}",
        "zarr_format=3, compressors=[GzipCodec(level=1), Crc32cCodec()]",
        "zarr_format=2",
        "zarr_format=2, order='F', filters=[numcodecs.Delta('<i4')]",
    ]
    .into_iter()
    .enumerate()
    {
        let path = dir.path().join(format!("{number}.zarr"));
        python.ask("zarr_value", json!({"path": path, "value": 77, "options": options}));
        let array = Array::<i32>::open(&path).unwrap();
        assert_eq!((array.info().shape.as_slice(), array.roi().shape()[0]), (&[1][..], 1), "{options}");
        assert_eq!(array.read(&array.roi()).unwrap(), ndarray::arr1(&[77]).into_dyn(), "{options}");
        array.write(&array.roi(), &ndarray::arr1(&[-5])).unwrap();
        assert_eq!(python.ask("zarr_read_value", json!({"path": path})), json!(-5), "{options}");
    }
}

/// Arrays of which an axis has no voxel are opened, read and made.
#[test]
fn arrays_without_voxels() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, options) in ["chunks=(1, 5)", "zarr_format=2, chunks=(1, 5)", "chunks=(2, 5), shards=(4, 5)"]
        .into_iter()
        .enumerate()
    {
        let (theirs, ours) =
            (dir.path().join(format!("{number}.zarr")), dir.path().join(format!("{number}b.zarr")));
        let volume = Volume::new(DataType::I32, &[0, 5]);
        python.ask("zarr_write", merged(&volume.request(&theirs), &json!({"options": options})));
        volume.require_read_by_bellis(&theirs);
        let version = if number == 1 { ZarrVersion::V2 } else { ZarrVersion::V3 };
        volume.create(&ours, &volume.spec().zarr_version(version));
        volume.require_read_by_bellis(&ours);
        others_continue(&mut python, &ours, volume, &[zarr_read()], &[]);
    }
}

/// What bellis adds to a group with consolidated metadata is seen by those who read nothing else of it.
#[test]
fn groups_with_consolidated_metadata() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for version in [2, 3] {
        let path = dir.path().join(format!("{version}.zarr"));
        python.ask("zarr_consolidated", json!({"path": path, "zarr_format": version}));
        let members = |python: &mut Python| python.ask("zarr_members", json!({"path": path}));
        assert_eq!(members(&mut python), json!(["old"]));
        let volume = Volume::new(DataType::U8, &[9, 8]);
        for name in ["deep/er/new", "new"] {
            volume.create(&path.join(name), &volume.spec().chunks([4, 4]));
        }
        assert_eq!(members(&mut python), json!(["deep", "deep/er", "deep/er/new", "new", "old"]));
        let described =
            python.ask("zarr_consolidated_attributes", json!({"path": path, "member": "deep/er/new"}));
        assert_eq!(described["axis_names"], json!(["y", "x"]));
        for group in ["", "deep/er"] {
            let level = bellis::storage::describe(path.join(group).join("new")).unwrap();
            bellis::storage::write_multiscales(path.join(group), &[&level]).unwrap();
            let described =
                python.ask("zarr_consolidated_attributes", json!({"path": path, "member": group}));
            let multiscales =
                if version == 2 { &described["multiscales"] } else { &described["ome"]["multiscales"] };
            assert_eq!(multiscales[0]["datasets"][0]["path"], "new", "{version} {group}");
        }
        // Of many who add to it at once, nobody is lost.
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (path, volume) = (path.join(format!("n{number}")), &volume);
                scope.spawn(move || volume.create(&path, &volume.spec().chunks([4, 4])));
            }
        });
        assert_eq!(members(&mut python).as_array().unwrap().len(), 5 + 8);
    }
}
