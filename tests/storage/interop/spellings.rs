//! Metadata as other writers spell them: by hand, each as it was met, and what zarr-python reads.

use std::fs;
use std::path::Path;

use bellis::storage::DynArray;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Python;

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

/// What bellis reads, as the scripts describe it.
fn read_by_bellis(path: &Path) -> Value {
    let array = DynArray::open(path).unwrap_or_else(|error| panic!("{error}"));
    let bytes = array.read_bytes(&array.roi()).unwrap_or_else(|error| panic!("{error}"));
    let digest = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    json!({"shape": array.info().shape, "dtype": array.data_type().name(), "sha256": digest})
}

/// bellis and zarr-python read the same.
#[track_caller]
fn require_same(python: &mut Python, path: &Path, what: &str) {
    let theirs = python.ask("zarr_read", json!({"path": path}));
    let ours = read_by_bellis(path);
    for name in ["shape", "dtype", "sha256"] {
        assert_eq!(ours[name], theirs[name], "{name} of {what}");
    }
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
