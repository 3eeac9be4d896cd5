//! Writes the attributes of new N5 datasets and the groups they lie in, so that creators may race: each file appears
//! complete or not at all, and never over one that is there.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::metadata::{FORMAT, file_in, is_dataset, not_an_array, read};
use crate::storage::disk::files::{create_new, directories_above, require_writable};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::attributes;
use crate::storage::schema::element::{DataType, FillValue};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::resolve::resolve;
use crate::storage::schema::spec::{ArraySpec, Compression};

/// What zarr-python and older readers take.
const VERSION: &str = "2.0.0";

/// What is to be created.
pub(super) struct Wanted {
    pub(super) info: ArrayInfo,
    /// Whether there is a dataset, of whatever kind.
    pub(super) is_there: bool,
    groups: Vec<PathBuf>,
    codec: Value,
}

impl Wanted {
    /// What `spec` asks for at `path`, where nothing is in its way.
    pub(super) fn of(path: &Path, data_type: DataType, spec: &ArraySpec) -> Result<Self> {
        let invalid = |property, value: String, rule| StorageError::InvalidSpec {
            path: path.to_path_buf(),
            property,
            value,
            rule,
        };
        let info = resolve(path.to_path_buf(), FORMAT, data_type, spec)?;
        if matches!(
            data_type,
            DataType::Bool | DataType::F16 | DataType::BF16 | DataType::C64 | DataType::C128
        ) {
            let rule = "uint8 to uint64, int8 to int64, float32 or float64: N5 knows no others";
            return Err(invalid("data type", data_type.to_string(), rule));
        }
        if info.fill_value.to_bytes(data_type) != FillValue::Integer(0).to_bytes(data_type) {
            return Err(invalid("fill value", spec.fill_value.to_string(), "0: N5 knows no other"));
        }
        if let Some(shards) = &info.shards {
            return Err(invalid("shard shape", format!("{shards:?}"), "left out: only Zarr v3 has shards"));
        }
        if info.chunks.iter().any(|&extent| u32::try_from(extent).is_err()) {
            let (value, rule) = (format!("{:?}", info.chunks), "less than 2^32 along every axis");
            return Err(invalid("chunk shape", value, rule));
        }
        let groups = groups_above(path);
        if let Some(dataset) = groups.iter().find(|group| is_dataset(group)) {
            return Err(not_an_array(path, &format!("below the array {}", dataset.display())));
        }
        let is_there = match read(path)? {
            Some(found) if found.contains_key("dimensions") => true,
            Some(_) => return Err(not_an_array(path, "an N5 group")),
            None => false,
        };
        if !is_there {
            require_writable(path).map_err(StorageError::io("create", path))?;
        }
        let codec = codec(spec.compression.unwrap_or(Compression::N5_DEFAULT));
        Ok(Self { info, is_there, groups, codec })
    }

    /// Writes the attributes of the dataset, unless there is one, and of the groups above it.
    pub(super) fn create(&self) -> Result<()> {
        if self.is_there {
            return Ok(());
        }
        for group in &self.groups {
            write_new(group, &json!({"n5": VERSION}))?;
        }
        write_new(&self.info.path, &dataset(&self.info, self.codec.clone(), self.groups.is_empty()))
    }
}

/// The groups that an array at `path` lies in, from the root down: all directories from the first one that has
/// attributes already or is called `.n5`.
fn groups_above(path: &Path) -> Vec<PathBuf> {
    let mut above = directories_above(path);
    let is_root = |directory: &PathBuf| {
        directory.extension().is_some_and(|suffix| suffix == "n5") || file_in(directory).exists()
    };
    above.iter().position(is_root).map_or_else(Vec::new, |root| above.split_off(root))
}

fn write_new(directory: &Path, attributes: &Value) -> Result<()> {
    let path = file_in(directory);
    create_new(&path, format!("{attributes:#}").as_bytes()).map_err(StorageError::io("create", path))?;
    Ok(())
}

/// A dataset's attributes; a dataset that is a container of its own also tells the version.
fn dataset(info: &ArrayInfo, compression: Value, is_root: bool) -> Value {
    let reversed = |extents: &[u64]| extents.iter().rev().copied().collect::<Vec<_>>();
    let mut all = attributes::to_json(info);
    all["dimensions"] = json!(reversed(&info.shape));
    all["blockSize"] = json!(reversed(&info.chunks));
    all["dataType"] = json!(info.data_type.name());
    all["compression"] = compression;
    if is_root {
        all["n5"] = json!(VERSION);
    }
    all
}

/// N5 has them all.
fn codec(compression: Compression) -> Value {
    match compression {
        Compression::None => json!({"type": "raw"}),
        Compression::Gzip { level } => {
            json!({"type": "gzip", "level": level, "useZlib": false})
        }
        Compression::Bzip2 { level } => {
            json!({"type": "bzip2", "blockSize": level})
        }
        Compression::Zstd { level } => {
            json!({"type": "zstd", "level": level})
        }
        // As N5Store names the parameters: tensorstore takes no others.
        Compression::Blosc { level } => json!({
            "type": "blosc", "cname": "zstd", "clevel": level, "shuffle": 1, "blocksize": 0,
        }),
        Compression::Lz4 => json!({"type": "lz4", "blockSize": 65536}),
        Compression::Xz { level } => json!({"type": "xz", "preset": level}),
    }
}
