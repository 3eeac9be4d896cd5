//! Writes the metadata of new Zarr arrays and the groups they lie in, so that creators may race.
//!
//! Each file appears complete or not at all, and never over one that is there: of all who create, one writes it, and
//! everybody then opens what is there and compares.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::consolidated;
use super::node::{Node, node, not_an_array};
use crate::storage::context::Context;
use crate::storage::disk::files::{create_new, directories_above, require_writable};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::attributes;
use crate::storage::schema::element::{DataType, FillValue};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::resolve::resolve;
use crate::storage::schema::spec::{ArraySpec, Compression, ZarrVersion};

/// What is to be created.
pub(super) struct Wanted {
    pub(super) info: ArrayInfo,
    /// Whether there is an array, of whatever kind.
    pub(super) is_there: bool,
    groups: Vec<PathBuf>,
    version: ZarrVersion,
    codec: Option<Value>,
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
        let groups = groups_above(path);
        let version = version(path, &groups, spec)?;
        let info = resolve(path.to_path_buf(), version.format(), data_type, spec)?;
        let compression = spec.compression.unwrap_or(Compression::ZARR_DEFAULT);
        let codec = codec(compression, data_type, version).ok_or_else(|| {
            let rule = "Zstd, Gzip, Blosc or None in Zarr";
            invalid("compression", format!("{compression:?}"), rule)
        })?;
        if let (ZarrVersion::V2, DataType::BF16) = (version, data_type) {
            let rule = "another one, such as float16, or in Zarr v3: v2 has no name for it";
            return Err(invalid("data type", data_type.to_string(), rule));
        }
        if let (ZarrVersion::V2, Some(shards)) = (version, &info.shards) {
            let rule = "left out: Zarr v3 has shards, v2 has none";
            return Err(invalid("shard shape", format!("{shards:?}"), rule));
        }
        let is_there = match node(path)? {
            Some(Node::Array(_)) => true,
            Some(Node::Group(version)) => {
                return Err(not_an_array(path, &format!("a {} group", version.format())));
            }
            None => false,
        };
        if !is_there {
            require_writable(path).map_err(StorageError::io("create", path))?;
        }
        Ok(Self { info, is_there, groups, version, codec })
    }

    /// Writes the metadata of the array, unless there is one, and of the groups above it.
    pub(super) fn create(&self, context: &Context) -> Result<()> {
        if self.is_there {
            return Ok(());
        }
        for group in &self.groups {
            write_new(group, &group_files(self.version))?;
        }
        write_new(&self.info.path, &array_files(&self.info, self.codec.clone(), self.version))?;
        consolidated::refresh(context, &self.info.path);
        Ok(())
    }
}

/// The version that was asked for, or that of the groups.
fn version(path: &Path, groups: &[PathBuf], spec: &ArraySpec) -> Result<ZarrVersion> {
    let mut version = spec.zarr_version;
    for group in groups {
        match node(group)? {
            Some(Node::Array(_)) => {
                return Err(not_an_array(path, &format!("below the array {}", group.display())));
            }
            Some(Node::Group(of_group)) if *version.get_or_insert(of_group) != of_group => {
                return Err(StorageError::InvalidSpec {
                    path: path.to_path_buf(),
                    property: "Zarr version",
                    value: version.map_or_else(String::new, |version| version.format().to_owned()),
                    rule: "that of the group it is created in, or none",
                });
            }
            Some(Node::Group(_)) | None => {}
        }
    }
    Ok(version.unwrap_or(ZarrVersion::V3))
}

/// The groups that an array at `path` lies in, from the root down: all directories from the first one that is a group
/// already or is called `.zarr`.
fn groups_above(path: &Path) -> Vec<PathBuf> {
    let mut above = directories_above(path);
    let is_root = |directory: &PathBuf| {
        let called_zarr = directory.extension().is_some_and(|suffix| suffix == "zarr");
        called_zarr || ["zarr.json", ".zgroup", ".zarray"].iter().any(|name| directory.join(name).exists())
    };
    match above.iter().position(is_root) {
        Some(root) => above.split_off(root),
        None => Vec::new(),
    }
}

/// Writes each file to `directory` unless it exists: the last one is what makes the others count.
fn write_new(directory: &Path, files: &[(&str, Value)]) -> Result<()> {
    for (name, content) in files {
        let path = directory.join(name);
        create_new(&path, format!("{content:#}").as_bytes()).map_err(StorageError::io("create", path))?;
    }
    Ok(())
}

fn group_files(version: ZarrVersion) -> Vec<(&'static str, Value)> {
    match version {
        ZarrVersion::V2 => vec![(".zgroup", json!({"zarr_format": 2}))],
        ZarrVersion::V3 => {
            vec![("zarr.json", json!({"zarr_format": 3, "node_type": "group", "attributes": {}}))]
        }
    }
}

fn array_files(info: &ArrayInfo, codec: Option<Value>, version: ZarrVersion) -> Vec<(&'static str, Value)> {
    let attributes = attributes::to_json(info);
    match version {
        ZarrVersion::V2 => {
            let array = json!({
                "zarr_format": 2,
                "shape": info.shape,
                "chunks": info.chunks,
                "dtype": dtype_v2(info.data_type),
                "order": "C",
                "fill_value": fill_value_json(info),
                "dimension_separator": "/",
                "compressor": codec,
                "filters": null,
            });
            vec![(".zattrs", attributes), (".zarray", array)]
        }
        ZarrVersion::V3 => {
            let bytes = match info.data_type.size() {
                1 => json!({"name": "bytes"}),
                _ => json!({"name": "bytes", "configuration": {"endian": "little"}}),
            };
            let mut codecs: Vec<Value> = std::iter::once(bytes).chain(codec).collect();
            if info.shards.is_some() {
                codecs = vec![sharding(info, codecs)];
            }
            let array = json!({
                "zarr_format": 3,
                "node_type": "array",
                "shape": info.shape,
                "data_type": info.data_type.name(),
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": info.write_chunk}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "fill_value": fill_value_json(info),
                "codecs": codecs,
                "attributes": attributes,
                "dimension_names": dimension_names(info),
            });
            vec![("zarr.json", array)]
        }
    }
}

/// The names of the axes as everybody else has them, OME-Zarr among them: only `axis_names` marks channels.
fn dimension_names(info: &ArrayInfo) -> Vec<&str> {
    info.axis_names.iter().map(|name| name.trim_end_matches('^')).collect()
}

/// Chunks coded by `codecs` in a shard, with an index at its end that tells a spoilt index from a good one.
fn sharding(info: &ArrayInfo, codecs: Vec<Value>) -> Value {
    json!({"name": "sharding_indexed", "configuration": {
        "chunk_shape": info.chunks,
        "codecs": codecs,
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "end",
    }})
}

/// numpy's name of the type, little endian. It has none for bfloat16, of which no array of v2 is made.
fn dtype_v2(data_type: DataType) -> String {
    let kind = match data_type {
        DataType::U8 | DataType::U16 | DataType::U32 | DataType::U64 => 'u',
        DataType::I8 | DataType::I16 | DataType::I32 | DataType::I64 => 'i',
        DataType::F16 | DataType::F32 | DataType::F64 => 'f',
        DataType::C64 | DataType::C128 => 'c',
        DataType::Bool => 'b',
        DataType::BF16 => return data_type.name().to_owned(),
    };
    let order = if data_type.size() == 1 { '|' } else { '<' };
    format!("{order}{kind}{}", data_type.size())
}

fn fill_value_json(info: &ArrayInfo) -> Value {
    match info.fill_value {
        FillValue::Integer(value) if info.data_type == DataType::Bool => json!(value != 0),
        FillValue::Integer(value) => match u64::try_from(value) {
            Ok(value) => json!(value),
            // No element is smaller than an i64.
            Err(_) => json!(value as i64),
        },
        FillValue::Float(value) => float_json(value),
        FillValue::Complex(real, imaginary) => json!([float_json(real), float_json(imaginary)]),
    }
}

fn float_json(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

/// The compressor, as each version spells it; `None` where Zarr has no such thing.
fn codec(compression: Compression, data_type: DataType, version: ZarrVersion) -> Option<Option<Value>> {
    let size = data_type.size();
    // Bytes of one-byte elements are already in order: shuffle their bits.
    let (shuffle_v2, shuffle_v3) = if size == 1 { (2, "bitshuffle") } else { (1, "shuffle") };
    let codec = match (version, compression) {
        (_, Compression::None) => return Some(None),
        // Readers of v2 older than numcodecs 0.13 know of no checksum here.
        (ZarrVersion::V2, Compression::Zstd { level }) => json!({"id": "zstd", "level": level}),
        (ZarrVersion::V2, Compression::Gzip { level }) => json!({"id": "gzip", "level": level}),
        (ZarrVersion::V2, Compression::Blosc { level }) => {
            json!({"id": "blosc", "cname": "zstd", "clevel": level, "shuffle": shuffle_v2, "blocksize": 0})
        }
        (ZarrVersion::V3, Compression::Zstd { level }) => {
            json!({"name": "zstd", "configuration": {"level": level, "checksum": true}})
        }
        (ZarrVersion::V3, Compression::Gzip { level }) => {
            json!({"name": "gzip", "configuration": {"level": level}})
        }
        (ZarrVersion::V3, Compression::Blosc { level }) => json!({"name": "blosc", "configuration": {
            "cname": "zstd", "clevel": level, "shuffle": shuffle_v3, "typesize": size, "blocksize": 0,
        }}),
        _ => return None,
    };
    Some(Some(codec))
}
