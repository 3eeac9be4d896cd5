//! What an N5 dataset takes on disk.

use super::metadata;
use crate::storage::disk::count::{files_below, is_chunk_name};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::usage::{Usage, n_chunks};

/// What the dataset takes, of which at most so many files are looked at.
pub fn usage(info: &ArrayInfo, max_files: u64) -> Result<Usage> {
    let count =
        files_below(&info.path, is_chunk_name, max_files).map_err(StorageError::io("read", &info.path))?;
    let attributes = metadata::read(&info.path)?.unwrap_or_default();
    let compression = metadata::compression(&attributes).unwrap_or_default();
    let (kind, level) =
        (compression["type"].as_str(), compression.get("level").or(compression.get("clevel")));
    let codec = match (kind, level) {
        (None | Some("raw"), _) => "none".to_owned(),
        (Some(kind), Some(level)) => format!("{kind}:{level}"),
        (Some(kind), None) => kind.to_owned(),
    };
    Ok(Usage {
        codec,
        n_chunks: n_chunks(&info.shape, &info.write_chunk),
        n_present: count.n_files,
        n_bytes: count.n_bytes,
        n_files: count.n_looked_at,
        is_cut: count.is_cut,
    })
}
