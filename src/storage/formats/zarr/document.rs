//! What the files of an array say, in Zarr v2 or v3 and as whoever wrote them spells it, as metadata of Zarr v3 that zarrs
//! takes.
//!
//! A single value, an array without axes, is taken for one of one voxel along one axis.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use zarrs::array::ArrayMetadataV3;

use super::codec_list::{self, Unusable};
use super::fill_value;
use super::node::read_json;
use super::numpy_type::NumpyType;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::DataType;
use crate::storage::schema::spec::ZarrVersion;

/// The metadata of an array.
pub(super) struct Document {
    pub(super) metadata: ArrayMetadataV3,
    pub(super) attributes: Map<String, Value>,
    /// Whether the file says that there are no axes.
    pub(super) is_scalar: bool,
}

impl Document {
    /// Reads the metadata of the array in `directory`.
    pub(super) fn read(directory: &Path, version: ZarrVersion) -> Result<Self> {
        match version {
            ZarrVersion::V2 => {
                let array = Reader::of(directory, ".zarray")?.v2()?;
                Ok(Self { attributes: Reader::of(directory, ".zattrs")?.content, ..array })
            }
            ZarrVersion::V3 => Reader::of(directory, "zarr.json")?.v3(),
        }
    }
}

/// A metadata file.
struct Reader<'a> {
    directory: &'a Path,
    file: PathBuf,
    content: Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// A file that is not there says nothing.
    fn of(directory: &'a Path, name: &str) -> Result<Self> {
        let file = directory.join(name);
        match read_json(&file)? {
            None => Ok(Self { directory, file, content: Map::new() }),
            Some(Value::Object(content)) => Ok(Self { directory, file, content }),
            Some(_) => {
                Err(StorageError::Metadata { path: file, reason: "it holds no JSON object".to_owned() })
            }
        }
    }

    fn nonsense(&self, reason: impl Into<String>) -> StorageError {
        StorageError::Metadata { path: self.file.clone(), reason: reason.into() }
    }

    fn unusable(&self, codecs: Unusable) -> StorageError {
        match codecs {
            Unusable::Missing(codec) => {
                StorageError::UnsupportedCodec { path: self.directory.to_path_buf(), codec }
            }
            Unusable::Nonsense(reason) => self.nonsense(reason),
        }
    }

    fn list(&self, name: &str) -> Result<&Vec<Value>> {
        let list = self.content.get(name).and_then(Value::as_array);
        list.ok_or_else(|| self.nonsense(format!("no list {name}")))
    }

    fn v2(self) -> Result<Document> {
        if let Some(format) = self.content.get("zarr_format").filter(|format| **format != 2) {
            return Err(self.nonsense(format!("zarr_format is {format}, not 2")));
        }
        let (shape, chunks) = (self.list("shape")?, self.list("chunks")?);
        let dtype = self.content.get("dtype").ok_or_else(|| self.nonsense("no dtype"))?;
        let element = dtype.as_str().and_then(NumpyType::of);
        let element = element.ok_or_else(|| self.other_type(dtype))?;
        let codecs = codec_list::of_v2(&self.content, element.clone(), shape.len());
        let codecs = codecs.map_err(|codecs| self.unusable(codecs))?;
        let separator = self.content.get("dimension_separator").filter(|separator| !separator.is_null());
        // Undefined, says Zarr v2: zarr-python takes 0.
        let fill_value = self.content.get("fill_value").filter(|value| !value.is_null());
        let fill_value = match fill_value {
            Some(value) => value.clone(),
            None => json!(0),
        };
        let metadata = json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": shape,
            "data_type": element.name,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
            "chunk_key_encoding": {"name": "v2",
                "configuration": {"separator": separator.unwrap_or(&json!("."))}},
            "fill_value": self.fill_value(&fill_value, &element.name)?,
            "codecs": codecs,
        });
        self.document(metadata)
    }

    fn v3(self) -> Result<Document> {
        let n_axes = self.list("shape")?.len();
        let data_type = self.content.get("data_type").ok_or_else(|| self.nonsense("no data_type"))?;
        let type_name = data_type.as_str().or_else(|| data_type.get("name")?.as_str());
        let type_name = type_name.ok_or_else(|| self.other_type(data_type))?.to_owned();
        if DataType::from_name(&type_name).is_none() {
            return Err(self.other_type(data_type));
        }
        self.require_usual()?;
        let mut metadata = self.content.clone();
        if let Some(value) = metadata.get_mut("fill_value") {
            *value = self.fill_value(value, &type_name)?;
        }
        if let Some(codecs) = metadata.get_mut("codecs") {
            *codecs =
                codec_list::of_v3(codecs, &type_name, n_axes).map_err(|codecs| self.unusable(codecs))?.into();
        }
        let attributes = metadata.remove("attributes").and_then(|attributes| match attributes {
            Value::Object(attributes) => Some(attributes),
            _ => None,
        });
        let document = self.document(metadata.into())?;
        Ok(Document { attributes: attributes.unwrap_or_default(), ..document })
    }

    /// Refuses extensions of Zarr v3 that change where voxels are.
    fn require_usual(&self) -> Result<()> {
        let name_of =
            |value: &Value| value.as_str().or_else(|| value.get("name")?.as_str()).map(str::to_owned);
        let other = |name: &str, usual: &[&str]| {
            let found = self.content.get(name).and_then(name_of);
            found.filter(|found| !usual.contains(&found.as_str()))
        };
        let unsupported = |what| StorageError::Unsupported { path: self.directory.to_path_buf(), what };
        if let Some(grid) = other("chunk_grid", &["regular"]) {
            return Err(unsupported(format!("chunks that are not all of one shape (chunk grid {grid})")));
        }
        if let Some(encoding) = other("chunk_key_encoding", &["default", "v2", "zarrs.default_suffix"]) {
            return Err(unsupported(format!("chunk key encoding {encoding}")));
        }
        let transformers = self.content.get("storage_transformers").and_then(Value::as_array);
        let needed = |transformer: &&Value| transformer.get("must_understand") != Some(&Value::Bool(false));
        match transformers.into_iter().flatten().find(needed) {
            Some(transformer) => {
                Err(unsupported(format!("storage transformer {}", name_of(transformer).unwrap_or_default())))
            }
            None => self.require_chunk_shape(),
        }
    }

    /// Refuses chunks that do not go with the shape.
    fn require_chunk_shape(&self) -> Result<()> {
        let grid = self.content.get("chunk_grid").unwrap_or(&Value::Null);
        let (shape, chunks) = (self.list("shape")?, grid.pointer("/configuration/chunk_shape"));
        let goes =
            |(chunk, extent): (&Value, &Value)| chunk.as_u64().is_some_and(|chunk| chunk > 0 || *extent == 0);
        match chunks {
            Some(Value::Array(chunks))
                if chunks.len() == shape.len() && chunks.iter().zip(shape).all(goes) =>
            {
                Ok(())
            }
            Some(chunks) => {
                Err(self.nonsense(format!("chunks of shape {chunks} in an array of shape {}", json!(shape))))
            }
            None => Err(self.nonsense("no chunk shape")),
        }
    }

    fn other_type(&self, data_type: &Value) -> StorageError {
        let data_type = data_type.as_str().map_or_else(|| data_type.to_string(), str::to_owned);
        StorageError::UnsupportedDataType { path: self.directory.to_path_buf(), data_type }
    }

    fn fill_value(&self, value: &Value, type_name: &str) -> Result<Value> {
        fill_value::canonical(value, type_name)
            .ok_or_else(|| self.nonsense(format!("fill_value {value}, which no {type_name} is")))
    }

    /// The metadata of Zarr v3 as zarrs has them, without attributes.
    fn document(&self, mut metadata: Value) -> Result<Document> {
        let is_scalar = metadata["shape"].as_array().is_some_and(Vec::is_empty);
        let chunk_shape = metadata.pointer_mut("/chunk_grid/configuration/chunk_shape");
        if is_scalar {
            if let Some(chunk_shape) = chunk_shape {
                *chunk_shape = json!([1]);
            }
            metadata["shape"] = json!([1]);
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.remove("dimension_names");
            }
        } else if let Some(chunks) = chunk_shape.and_then(Value::as_array_mut) {
            // No chunk is stored of an axis without voxels, and some writers say so.
            let lengths = self.list("shape")?;
            let empty = chunks.iter_mut().zip(lengths).filter(|(_, length)| **length == 0);
            empty.filter(|(chunk, _)| **chunk == 0).for_each(|(chunk, _)| *chunk = json!(1));
        }
        let metadata: ArrayMetadataV3 =
            serde_json::from_value(metadata).map_err(|error| self.nonsense(error.to_string()))?;
        if let Some((name, _)) = metadata.additional_fields.iter().find(|(_, field)| field.must_understand())
        {
            let (path, what) = (self.directory.to_path_buf(), format!("{name} in its metadata"));
            return Err(StorageError::Unsupported { path, what });
        }
        Ok(Document { metadata, attributes: Map::new(), is_scalar })
    }
}
