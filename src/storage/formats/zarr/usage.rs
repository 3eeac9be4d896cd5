//! What a Zarr array takes on disk.

use std::fs;

use serde_json::Value;

use crate::storage::disk::count::{files_below, is_chunk_name};
use crate::storage::disk::json;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::usage::{Usage, n_chunks};

/// The version of zarrs.
pub fn library_version() -> String {
    zarrs::version::version_str().to_owned()
}

/// What the array takes, of which at most so many files are looked at.
pub fn usage(info: &ArrayInfo, max_files: u64) -> Result<Usage> {
    let count =
        files_below(&info.path, is_chunk_name, max_files).map_err(StorageError::io("read", &info.path))?;
    Ok(Usage {
        codec: codec(info)?,
        n_chunks: n_chunks(&info.shape, &info.write_chunk),
        n_present: count.n_files,
        n_bytes: count.n_bytes,
        n_files: count.n_looked_at,
        is_cut: count.is_cut,
    })
}

fn codec(info: &ArrayInfo) -> Result<String> {
    let (v3, v2) = (info.path.join("zarr.json"), info.path.join(".zarray"));
    let file = if v3.is_file() { v3 } else { v2 };
    let text = fs::read(&file).map_err(StorageError::io("read", &file))?;
    // It was read before, or the array would not have been described.
    let metadata = json::parse(&text).unwrap_or_default();
    Ok(match metadata.get("codecs").and_then(Value::as_array) {
        Some(codecs) => codecs.iter().map(of_v3).collect::<Vec<_>>().join(", "),
        None => of_v2(&metadata),
    })
}

fn of_v3(codec: &Value) -> String {
    let name = codec.get("name").or(Some(codec)).and_then(Value::as_str).unwrap_or("unnamed");
    let configuration = codec.get("configuration");
    match configuration.and_then(|configuration| configuration.get("codecs")).and_then(Value::as_array) {
        Some(inner) => format!("{name} ({})", inner.iter().map(of_v3).collect::<Vec<_>>().join(", ")),
        None => with_level(name, configuration.and_then(|with| with.get("level").or(with.get("clevel")))),
    }
}

fn of_v2(metadata: &Value) -> String {
    let filters = metadata.get("filters").and_then(Value::as_array).into_iter().flatten();
    let steps = filters.chain(metadata.get("compressor").filter(|compressor| !compressor.is_null()));
    let named = |step: &Value| {
        let name = step.get("id").and_then(Value::as_str).unwrap_or("unnamed");
        with_level(name, step.get("level").or(step.get("clevel")))
    };
    let steps: Vec<String> = steps.map(named).collect();
    if steps.is_empty() { "none".to_owned() } else { steps.join(", ") }
}

fn with_level(name: &str, level: Option<&Value>) -> String {
    level.map_or_else(|| name.to_owned(), |level| format!("{name}:{level}"))
}
