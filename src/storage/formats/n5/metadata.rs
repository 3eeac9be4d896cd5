//! What the `attributes.json` of N5 datasets and groups say.

use std::borrow::Cow;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::codec::{Codec, Unusable};
use crate::geometry::Writers;
use crate::storage::disk::json;
use crate::storage::error::{Result, StorageError};
use crate::storage::format::arrays_below;
use crate::storage::schema::attributes;
use crate::storage::schema::element::{DataType, FillValue};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::OpenOptions;
use crate::storage::schema::resolve::fits_into_memory;

/// The format's name.
pub(super) const FORMAT: &str = "N5";

/// A dataset, with its axes in C order.
pub(super) struct Dataset {
    pub(super) data_type: DataType,
    pub(super) shape: Vec<u64>,
    pub(super) chunks: Vec<u64>,
    pub(super) codec: Codec,
    attributes: Map<String, Value>,
}

/// What the attributes of a dataset must hold, beside its compression; from the fastest axis to the slowest.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declared {
    dimensions: Vec<u64>,
    block_size: Vec<u32>,
    data_type: String,
}

/// The file that makes a directory an N5 group or dataset.
pub(super) fn file_in(directory: &Path) -> PathBuf {
    directory.join("attributes.json")
}

/// The attributes in `directory`; `None` where it has none.
pub(super) fn read(directory: &Path) -> Result<Option<Map<String, Value>>> {
    let path = file_in(directory);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(StorageError::io("read", path)(error)),
    };
    json::parse(&text)
        .and_then(serde_json::from_value)
        .map(Some)
        .map_err(|error| StorageError::Metadata { path, reason: error.to_string() })
}

/// How the blocks of a dataset are compressed: N5 before 2.0 has a name alone.
pub(super) fn compression(attributes: &Map<String, Value>) -> Option<Value> {
    match attributes.get("compression").or(attributes.get("compressionType"))? {
        Value::String(name) => Some(json!({"type": name})),
        compression => Some(compression.clone()),
    }
}

pub(super) fn is_dataset(directory: &Path) -> bool {
    matches!(read(directory), Ok(Some(attributes)) if attributes.contains_key("dimensions"))
}

pub(super) fn not_an_array(path: &Path, found: &str) -> StorageError {
    let arrays = arrays_below(path);
    StorageError::NotAnArray { path: path.to_path_buf(), found: found.to_owned(), arrays }
}

impl Dataset {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let attributes = match read(path)? {
            Some(attributes) if attributes.contains_key("dimensions") => attributes,
            Some(_) => return Err(not_an_array(path, "an N5 group")),
            None => return Err(not_an_array(path, "a directory without N5 metadata")),
        };
        let unusable = |reason: String| StorageError::Metadata { path: file_in(path), reason };
        let codec = compression(&attributes).ok_or_else(|| unusable("no compression".to_owned()))?;
        let codec = Codec::of(&codec).map_err(|codec| match codec {
            Unusable::Missing(codec) => StorageError::UnsupportedCodec { path: path.to_path_buf(), codec },
            Unusable::Nonsense(reason) => unusable(reason),
        })?;
        let declared = Declared::deserialize(&attributes).map_err(|error| unusable(error.to_string()))?;
        let data_type = DataType::from_name(&declared.data_type).ok_or_else(|| {
            StorageError::UnsupportedDataType { path: path.to_path_buf(), data_type: declared.data_type }
        })?;
        let shape: Vec<u64> = declared.dimensions.into_iter().rev().collect();
        let chunks: Vec<u64> = declared.block_size.into_iter().rev().map(u64::from).collect();
        if chunks.len() != shape.len() || shape.is_empty() || chunks.contains(&0) {
            return Err(unusable(format!(
                "dimensions {shape:?} and block size {chunks:?} do not go together"
            )));
        }
        if !fits_into_memory(&chunks, data_type) {
            return Err(unusable("its chunks do not fit into memory".to_owned()));
        }
        Ok(Self { data_type, shape, chunks, codec, attributes })
    }

    pub(super) fn info(
        &self,
        path: &Path,
        fill_value: FillValue,
        options: &OpenOptions,
    ) -> Result<ArrayInfo> {
        let found = attributes::parse(path, &self.shape, &in_c_order(&self.attributes), options)?;
        Ok(ArrayInfo {
            path: path.to_path_buf(),
            format: FORMAT,
            data_type: self.data_type,
            shape: self.shape.clone(),
            chunks: self.chunks.clone(),
            shards: None,
            is_contiguous: false,
            writers: Writers::Any,
            write_chunk: self.chunks.clone(),
            offset: found.offset,
            voxel_size: found.voxel_size,
            axis_names: found.axis_names,
            units: found.units,
            fill_value,
        })
    }
}

/// What says where the array lies, from the slowest axis to the fastest. Whoever names the `axes`, as tensorstore does,
/// lists them and what belongs to them as the disk has them: the other way round.
fn in_c_order(attributes: &Map<String, Value>) -> Cow<'_, Map<String, Value>> {
    let Some(Value::Array(axes)) = attributes.get("axes") else { return Cow::Borrowed(attributes) };
    if ["axis_names", "offset", "voxel_size"].iter().any(|name| attributes.contains_key(*name)) {
        return Cow::Borrowed(attributes);
    }
    let mut turned = attributes.clone();
    turned.insert("axis_names".to_owned(), Value::Array(axes.clone()));
    for name in ["axis_names", "resolution", "units"] {
        if let Some(Value::Array(values)) = turned.get_mut(name) {
            values.reverse();
        }
    }
    Cow::Owned(turned)
}
