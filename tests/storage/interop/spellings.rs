//! Metadata as other writers spell them: by hand, each as it was met, and what zarr-python reads.

use std::fs;
use std::path::Path;

use bellis::storage::{DataType, DynArray};
use serde_json::{Value, json};

use super::{Python, Volume, merged, refusal, require_same};

/// The metadata of an array of six voxels in two chunks, in Zarr v2.
fn v2(dtype: &str, fill_value: &str) -> String {
    format!(
        r#"{{"zarr_format": 2, "shape": [6], "chunks": [3], "dtype": "{dtype}", "order": "C",
        "fill_value": {fill_value}, "compressor": null, "filters": null}}"#
    )
}

/// The same in Zarr v3.
fn v3(data_type: &str, fill_value: &str) -> String {
    format!(
        r#"{{"zarr_format": 3, "node_type": "array", "shape": [6], "data_type": "{data_type}",
        "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": [3]}}}},
        "chunk_key_encoding": {{"name": "default", "configuration": {{"separator": "/"}}}},
        "fill_value": {fill_value}, "codecs": [{{"name": "bytes", "configuration": {{"endian": "little"}}}}],
        "attributes": {{}}}}"#
    )
}

/// Puts metadata where they belong.
fn write(array: &Path, metadata: &[u8]) {
    let is_v2 = String::from_utf8_lossy(metadata).replace('\0', "").contains("\"zarr_format\": 2");
    fs::create_dir_all(array).unwrap();
    fs::write(array.join(if is_v2 { ".zarray" } else { "zarr.json" }), metadata).unwrap();
}

#[test]
fn numbers_that_json_does_not_have() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let mut number = 0;
    for fill_value in ["NaN", "Infinity", "-Infinity", "1e999", "\"NaN\"", "\"-Infinity\""] {
        for metadata in [v2("<f4", fill_value), v2(">f8", fill_value), v3("float32", fill_value)] {
            let path = dir.path().join(format!("{number}.zarr"));
            number += 1;
            write(&path, metadata.as_bytes());
            require_same(&mut python, &path, &metadata);
        }
    }
}

/// As PowerShell and other programs on Windows write text.
#[test]
fn byte_order_marks() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, metadata) in [v2("<i2", "7"), v3("uint8", "7")].into_iter().enumerate() {
        let utf16 = |of_unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            std::iter::once(0xFEFF).chain(metadata.encode_utf16()).flat_map(of_unit).collect()
        };
        let utf8 = [&[0xEF, 0xBB, 0xBF], metadata.as_bytes()].concat();
        for (name, text) in [("8", utf8), ("le", utf16(u16::to_le_bytes)), ("be", utf16(u16::to_be_bytes))] {
            let path = dir.path().join(format!("{number}{name}.zarr"));
            write(&path, &text);
            require_same(&mut python, &path, name);
        }
    }
}

/// Fill values as n5-zarr, old bioformats2raw, zarr-python 2 and hands write them.
#[test]
fn fill_values() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, metadata) in [
        v2("|u1", "\"0\""),
        v2("|u1", "0.0"),
        v2("<i4", "1e3"),
        v2("<i4", "\"-12\""),
        v2(">u8", "18446744073709551615"),
        v2("<f4", "\"7\""),
        v2("<f4", "7"),
        v2("<f8", "0.1"),
        v2("<f8", "9.969209968386869e+36"),
        v2("<f4", "null"),
        v2("<i2", "null"),
        v2("|b1", "0"),
        v2("|b1", "true"),
        v2("<f2", "NaN"),
        v2("<f2", "\"7\""),
        v2("<c8", "[0.5, NaN]"),
        v3("bool", "true"),
        v3("complex64", "[1, -Infinity]"),
        v3("int32", "5.0"),
        v3("uint16", "1e3"),
        v3("uint8", "\"0\""),
        v3("float32", "7"),
        v3("float64", "\"0x7ff8000000000001\""),
    ]
    .iter()
    .enumerate()
    {
        let path = dir.path().join(format!("{number}.zarr"));
        write(&path, metadata.as_bytes());
        require_same(&mut python, &path, metadata);
    }
}

/// What zarr-python refuses in one version or the other means the same here.
#[test]
fn fill_values_of_known_meaning() {
    let dir = tempfile::tempdir().unwrap();
    for (number, (metadata, expected)) in [
        // Bytes have no order.
        (v2(">u1", "7"), vec![7]),
        (v2("<u1", "7"), vec![7]),
        (v2(">i1", "-7"), vec![249]),
        (v2("<i4", "true"), 1i32.to_ne_bytes().to_vec()),
        (v3("int32", "false"), 0i32.to_ne_bytes().to_vec()),
        (v3("float64", "true"), 1f64.to_ne_bytes().to_vec()),
        (v2("<f8", "\"-inf\""), f64::NEG_INFINITY.to_ne_bytes().to_vec()),
        (v3("float32", "\"7\""), 7f32.to_ne_bytes().to_vec()),
        (v3("int16", "\" -3 \""), (-3i16).to_ne_bytes().to_vec()),
    ]
    .into_iter()
    .enumerate()
    {
        let path = dir.path().join(format!("{number}.zarr"));
        write(&path, metadata.as_bytes());
        let array = DynArray::open(&path).unwrap_or_else(|error| panic!("{metadata}: {error}"));
        assert_eq!(array.fill_value(), expected, "{metadata}");
        assert_eq!(array.read_bytes(&array.roi()).unwrap(), expected.repeat(6), "{metadata}");
    }
}

#[test]
fn fill_values_that_mean_nothing_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for (number, (metadata, named)) in [
        (v2("|u1", "256"), "fill_value 256, which no uint8 is"),
        (v2("|u1", "\"-1\""), "fill_value \"-1\", which no uint8 is"),
        (v2("<i4", "0.5"), "fill_value 0.5, which no int32 is"),
        (v2("<i4", "NaN"), "fill_value \"NaN\", which no int32 is"),
        (v2("<f4", "\"none\""), "fill_value \"none\", which no float32 is"),
        (v3("float32", "null"), "fill_value null, which no float32 is"),
        (v3("uint8", "[0]"), "fill_value [0], which no uint8 is"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = dir.path().join(format!("{number}.zarr"));
        write(&path, metadata.as_bytes());
        let message = refusal(&path);
        assert!(message.contains(named) && message.contains("repair the file"), "{message}");
    }
}

/// How zarr-python is to write, and what then becomes of its metadata: at a pointer, another value or none.
type Change = (&'static str, &'static str, Option<Value>);

fn codecs_without_what_encoders_need() -> Vec<Change> {
    let v2 = |codec: &'static str, name: &'static str, value| (codec, name, value);
    vec![
        v2("zarr_format=2, compressors=numcodecs.GZip(1)", "/compressor/level", Some(json!(-1))),
        v2("zarr_format=2, compressors=numcodecs.GZip(1)", "/compressor/level", Some(json!(77))),
        v2("zarr_format=2, compressors=numcodecs.GZip(1)", "/compressor/level", None),
        v2("zarr_format=2, compressors=numcodecs.Zlib(1)", "/compressor/level", Some(json!(-1))),
        v2("zarr_format=2, compressors=numcodecs.Zlib(1)", "/compressor/level", None),
        v2("zarr_format=2, compressors=numcodecs.Zstd(1)", "/compressor/level", None),
        v2("zarr_format=2, compressors=numcodecs.BZ2(1)", "/compressor/level", None),
        v2("zarr_format=2, compressors=numcodecs.LZ4(1)", "/compressor/acceleration", None),
        v2("zarr_format=2, compressors=numcodecs.LZMA()", "/compressor/format", None),
        v2("zarr_format=2, compressors=numcodecs.Blosc()", "/compressor/clevel", Some(json!(12))),
        v2("zarr_format=2, compressors=numcodecs.Blosc()", "/compressor/cname", None),
        v2("zarr_format=2, compressors=numcodecs.Blosc()", "/compressor/shuffle", Some(json!(-1))),
        v2("zarr_format=2, compressors=numcodecs.Blosc()", "/compressor/blocksize", None),
        v2("zarr_format=2, compressors=None", "/filters", None),
        v2("zarr_format=2, compressors=None", "/filters", Some(json!([]))),
        v2("zarr_format=2, compressors=None", "/dimension_separator", None),
        ("compressors=ZstdCodec(level=3)", "/codecs/1/configuration/checksum", None),
        ("compressors=ZstdCodec(level=3)", "/codecs/1/configuration/level", None),
        ("compressors=ZstdCodec(level=3)", "/codecs/1/configuration", None),
        ("compressors=GzipCodec(level=3)", "/codecs/1/configuration/level", None),
        ("compressors=GzipCodec(level=3)", "/codecs/1/configuration/level", Some(json!(-1))),
        ("compressors=BloscCodec()", "/codecs/1/configuration/typesize", None),
        ("compressors=BloscCodec()", "/codecs/1/configuration/blocksize", None),
        ("compressors=BloscCodec()", "/codecs/1/configuration/shuffle", None),
    ]
}

#[test]
fn codecs_may_lack_what_only_encoders_need() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, (options, pointer, value)) in codecs_without_what_encoders_need().into_iter().enumerate() {
        let path = dir.path().join(format!("{number}.zarr"));
        let mut volume = Volume::new(DataType::I32, &[13, 11]);
        let how = json!({"options": format!("chunks=(5, 6), {options}")});
        python.ask("zarr_write", merged(&volume.request(&path), &how));
        let file = path.join(if options.contains("zarr_format=2") { ".zarray" } else { "zarr.json" });
        let mut metadata: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let (above, name) = pointer.rsplit_once('/').unwrap();
        let above = metadata.pointer_mut(above).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => above.insert(name.to_owned(), value),
            None => above.remove(name),
        };
        fs::write(&file, metadata.to_string()).unwrap();
        volume.require_read_by_bellis(&path);
        volume.patch_by_bellis(&path, 1000);
        volume.require_read_by_bellis(&path);
    }
}

/// As pigz, bgzip and whoever appends make it.
#[test]
fn gzip_of_several_members() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, options) in
        ["zarr_format=2, compressors=numcodecs.GZip(1)", "compressors=GzipCodec(level=3)"]
            .into_iter()
            .enumerate()
    {
        let volume = Volume::new(DataType::I32, &[6]);
        let path = |part: &str| dir.path().join(format!("{number}{part}.zarr"));
        // Two halves of a chunk are two members.
        for (part, chunks) in [("whole", 6), ("halves", 3)] {
            let how = json!({"options": format!("chunks=({chunks},), {options}")});
            python.ask("zarr_write", merged(&volume.request(&path(part)), &how));
        }
        let chunk = |part: &str, index: u8| match number {
            0 => path(part).join(index.to_string()),
            _ => path(part).join(format!("c/{index}")),
        };
        let both = [0, 1].map(|index| fs::read(chunk("halves", index)).unwrap()).concat();
        assert_ne!(fs::read(chunk("whole", 0)).unwrap(), both);
        fs::write(chunk("whole", 0), both).unwrap();
        require_same(&mut python, &path("whole"), options);
        volume.require_read_by_bellis(&path("whole"));
    }
}

/// As some writers leave it out where it is this machine's: zarr-python takes little endian.
#[test]
fn bytes_without_an_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let said = r#", "configuration": {"endian": "little"}"#;
    for (number, metadata) in [v3("int32", "7"), v3("float64", "0.5")].into_iter().enumerate() {
        let path = dir.path().join(format!("{number}.zarr"));
        assert!(metadata.contains(said));
        write(&path, metadata.replace(said, "").as_bytes());
        fs::create_dir(path.join("c")).unwrap();
        fs::write(path.join("c/0"), (0..3 * 4 * (number as u8 + 1)).collect::<Vec<_>>()).unwrap();
        require_same(&mut python, &path, &metadata);
    }
}
