//! The codecs that metadata list, in the order and the words that zarrs takes: those of Zarr v2 (an order, filters, a
//! compressor), and those of Zarr v3 as other writers spell them.
//!
//! What only an encoder needs (levels, checksums that a decoder finds by itself) may be missing or beyond what there is.

use serde_json::{Map, Value, json};
use zarrs::array::Codec;
use zarrs::metadata::v3::MetadataV3;
use zarrs::plugin::PluginCreateError;

use super::numcodecs::plugin::{PREFIX, check};
use super::numpy_type::NumpyType;

/// Why codecs cannot be used.
#[derive(Debug)]
pub(super) enum Unusable {
    /// There is none of this name, or not for these elements.
    Missing(String),
    /// The metadata make no sense.
    Nonsense(String),
}

type Result<T> = std::result::Result<T, Unusable>;

/// What the metadata of an array in Zarr v2 say, of elements of a type.
pub(super) fn of_v2(array: &Map<String, Value>, element: NumpyType, n_axes: usize) -> Result<Vec<Value>> {
    let mut codecs = Vec::new();
    match array.get("order") {
        Some(Value::String(order)) if order == "F" => {
            codecs.extend((n_axes > 1).then(|| transposed((0..n_axes).rev().collect())));
        }
        None | Some(Value::Null) => {}
        Some(Value::String(order)) if order == "C" => {}
        Some(other) => return Err(Unusable::Nonsense(format!("order {other}, neither C nor F"))),
    }
    codecs.push(bytes(element.is_big_endian));
    let mut current = element;
    let filters = match array.get("filters") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(filters)) => filters,
        Some(other) => return Err(Unusable::Nonsense(format!("filters {other}, which is no list"))),
    };
    let compressor = array.get("compressor").filter(|compressor| !compressor.is_null());
    for step in filters.iter().chain(compressor) {
        let id = step.get("id").and_then(Value::as_str);
        let (Some(id), Value::Object(configuration)) = (id, step) else {
            return Err(Unusable::Nonsense(format!("codec {step} without an id")));
        };
        let mut configuration = configuration.clone();
        configuration.remove("id");
        codecs.push(numcodec(id, configuration, &mut current)?);
    }
    Ok(codecs)
}

/// What a list of codecs of Zarr v3 says, of elements of the type of this name in an array of so many axes.
pub(super) fn of_v3(codecs: &Value, type_name: &str, n_axes: usize) -> Result<Vec<Value>> {
    let Value::Array(codecs) = codecs else {
        return Err(Unusable::Nonsense(format!("codecs {codecs}, which is no list")));
    };
    let mut current = NumpyType::of(type_name);
    let (mut made, mut filters) = (Vec::new(), Vec::new());
    for codec in codecs {
        let (name, mut configuration) = name_and_configuration(codec)?;
        // zarrs writes this one without a prefix.
        let id = name.strip_prefix("numcodecs.").or((name == "bitround").then_some(name));
        match (name, id, &mut current) {
            ("sharding_indexed", ..) => made.push(sharding(configuration, type_name, n_axes)?),
            ("transpose", ..) if n_axes == 0 => {}
            // As the drafts of Zarr v3 had it.
            ("transpose", ..) if configuration.get("order").is_some_and(|order| order == "C") => {}
            ("transpose", ..) if configuration.get("order").is_some_and(|order| order == "F") => {
                made.push(transposed((0..n_axes).rev().collect()));
            }
            ("bytes", _, Some(current)) if !filters.is_empty() => {
                made.push(bytes(false));
                made.append(&mut filters);
                if is_big_endian(&configuration)? {
                    made.push(numcodec("astype", turned(current), current)?);
                }
            }
            ("bytes", ..) => made.push(bytes(is_big_endian(&configuration)?)),
            ("gzip" | "zstd" | "blosc", _, Some(current)) => {
                made.push(numcodec(name, configuration, current)?);
            }
            // All in one order, so that they fit to each other.
            (_, Some(id), Some(current)) if is_filter(id) => {
                for name in ["dtype", "astype", "decode_dtype", "encode_dtype"] {
                    if let Some(Value::String(text)) = configuration.get_mut(name)
                        && let Some(number) = NumpyType::of(text)
                    {
                        *text = NumpyType { is_big_endian: false, ..number }.text();
                    }
                }
                current.is_big_endian = false;
                filters.push(numcodec(id, configuration, current)?);
            }
            (_, Some(id), Some(current)) => {
                if id == "shuffle" && configuration.get("elementsize").is_none_or(Value::is_null) {
                    configuration.insert("elementsize".to_owned(), json!(current.size()));
                }
                made.push(numcodec(id, configuration, current)?);
            }
            _ => made.extend(known(codec)?),
        }
    }
    match filters.is_empty() {
        true => Ok(made),
        false => Err(Unusable::Missing("filters of numcodecs before another codec than bytes".to_owned())),
    }
}

fn name_and_configuration(codec: &Value) -> Result<(&str, Map<String, Value>)> {
    let name = codec.as_str().or_else(|| codec.get("name")?.as_str());
    let name = name.ok_or_else(|| Unusable::Nonsense(format!("codec {codec} without a name")))?;
    let configuration = codec.get("configuration").and_then(Value::as_object);
    Ok((name, configuration.cloned().unwrap_or_default()))
}

/// Whether this codec of numcodecs comes before numbers become bytes.
fn is_filter(id: &str) -> bool {
    ["delta", "fixedscaleoffset", "quantize", "astype", "bitround", "packbits"].contains(&id)
}

/// A codec that zarrs has, as it is; none where it need not be understood.
fn known(codec: &Value) -> Result<Option<Value>> {
    let metadata: MetadataV3 =
        serde_json::from_value(codec.clone()).map_err(|error| Unusable::Nonsense(error.to_string()))?;
    match Codec::from_metadata(&metadata) {
        Ok(_) => Ok(Some(codec.clone())),
        Err(_) if !metadata.must_understand() => Ok(None),
        Err(PluginCreateError::Unsupported(_)) => Err(Unusable::Missing(metadata.name().to_owned())),
        Err(error) => Err(Unusable::Nonsense(format!("codec {}: {error}", metadata.name()))),
    }
}

fn sharding(mut configuration: Map<String, Value>, type_name: &str, n_axes: usize) -> Result<Value> {
    // The index has an axis more, of two numbers for each chunk.
    let index_axes = n_axes.max(1) + 1;
    for (name, type_name, n_axes) in [("codecs", type_name, n_axes), ("index_codecs", "uint64", index_axes)] {
        if let Some(codecs) = configuration.get_mut(name) {
            *codecs = of_v3(codecs, type_name, n_axes)?.into();
        }
    }
    if n_axes == 0 {
        configuration.insert("chunk_shape".to_owned(), json!([1]));
    }
    Ok(json!({"name": "sharding_indexed", "configuration": configuration}))
}

fn transposed(order: Vec<usize>) -> Value {
    json!({"name": "transpose", "configuration": {"order": order}})
}

/// Little endian where nothing is said, as zarr-python has it.
fn is_big_endian(bytes: &Map<String, Value>) -> Result<bool> {
    match bytes.get("endian") {
        None | Some(Value::Null) => Ok(false),
        Some(Value::String(order)) if order == "little" => Ok(false),
        Some(Value::String(order)) if order == "big" => Ok(true),
        Some(other) => Err(Unusable::Nonsense(format!("endian {other}, neither little nor big"))),
    }
}

fn bytes(is_big_endian: bool) -> Value {
    let order = if is_big_endian { "big" } else { "little" };
    json!({"name": "bytes", "configuration": {"endian": order}})
}

/// From little endian to big endian, of the same numbers.
fn turned(number: &NumpyType) -> Map<String, Value> {
    let big = NumpyType { is_big_endian: true, ..number.clone() };
    Map::from_iter(
        [("decode_dtype", number.text()), ("encode_dtype", big.text())]
            .map(|(k, v)| (k.to_owned(), v.into())),
    )
}

/// A codec of numcodecs, with all that it takes from the elements that come to it, and which it may change.
fn numcodec(id: &str, mut configuration: Map<String, Value>, current: &mut NumpyType) -> Result<Value> {
    match id.strip_prefix("numcodecs.").unwrap_or(id) {
        "blosc" => return blosc(&configuration, current.size()),
        "zstd" => return Ok(zstd(&configuration)),
        "bitround" => drop(configuration.insert("dtype".to_owned(), current.text().into())),
        "delta" | "fixedscaleoffset" | "quantize" => default(&mut configuration, "dtype", current),
        "astype" => default(&mut configuration, "decode_dtype", current),
        _ => {}
    }
    match check(id, &configuration) {
        None => return Err(Unusable::Missing(id.to_owned())),
        Some(Err(what)) => return Err(Unusable::Missing(what)),
        Some(Ok(())) => {}
    }
    let encoded = ["encode_dtype", "astype", "dtype"].into_iter();
    let mut encoded = encoded.filter_map(|name| NumpyType::of(configuration.get(name)?.as_str()?));
    if let Some(encoded) = encoded.next() {
        *current = encoded;
    } else if id == "packbits" {
        *current = NumpyType { name: "uint8".into(), is_big_endian: false };
    }
    Ok(json!({"name": format!("{PREFIX}{id}"), "configuration": configuration}))
}

fn default(configuration: &mut Map<String, Value>, name: &str, current: &NumpyType) {
    if configuration.get(name).is_none_or(Value::is_null) {
        configuration.insert(name.to_owned(), current.text().into());
    }
}

/// Blosc, whose frames say how they are to be decoded: numcodecs has numbers for what Zarr v3 has words for.
fn blosc(configuration: &Map<String, Value>, size: usize) -> Result<Value> {
    const COMPRESSORS: [&str; 6] = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"];
    let number = |name: &str| configuration.get(name).and_then(Value::as_i64);
    let by_size = if size == 1 { "bitshuffle" } else { "shuffle" };
    let shuffle = match configuration.get("shuffle") {
        Some(Value::String(word)) => word.as_str(),
        Some(other) => match other.as_i64() {
            Some(0) => "noshuffle",
            Some(1) => "shuffle",
            Some(2) => "bitshuffle",
            _ => by_size,
        },
        None => by_size,
    };
    let name = configuration.get("cname").and_then(Value::as_str).unwrap_or("lz4");
    if !COMPRESSORS.contains(&name) {
        return Err(Unusable::Missing(format!("blosc of {name}")));
    }
    let typesize = number("typesize").filter(|size| (1..=255).contains(size));
    Ok(json!({"name": format!("{PREFIX}blosc"), "configuration": {
        "cname": name,
        "clevel": number("clevel").unwrap_or(5).clamp(0, 9),
        "shuffle": shuffle,
        "typesize": typesize.map_or(json!(size), |size| json!(size)),
        "blocksize": number("blocksize").unwrap_or(0).max(0),
    }}))
}

fn zstd(configuration: &Map<String, Value>) -> Value {
    let level = configuration.get("level").and_then(Value::as_i64).unwrap_or(0);
    let has_checksum = configuration.get("checksum").and_then(Value::as_bool).unwrap_or(false);
    json!({"name": "zstd", "configuration": {"level": level.clamp(-131_072, 22), "checksum": has_checksum}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(codecs: Result<Vec<Value>>) -> Vec<String> {
        let codecs = codecs.expect("usable");
        codecs.iter().map(|codec| codec["name"].as_str().expect("named").replace(PREFIX, "")).collect()
    }

    fn v2(array: Value, dtype: &str) -> Result<Vec<Value>> {
        of_v2(array.as_object().expect("the test's own"), NumpyType::of(dtype).expect("known"), 2)
    }

    #[test]
    fn filters_follow_the_bytes() {
        let filters = json!([{"id": "fixedscaleoffset", "offset": 0, "scale": 2, "dtype": ">f4", "astype": "<i2"},
            {"id": "shuffle", "elementsize": 2}]);
        let array = json!({"order": "F", "filters": filters, "compressor": {"id": "blosc", "shuffle": 1}});
        let codecs = v2(array, ">f4").expect("usable");
        assert_eq!(codecs[1]["configuration"], json!({"endian": "big"}));
        assert_eq!(codecs[4]["configuration"]["typesize"], 2);
        assert_eq!(names(Ok(codecs)), ["transpose", "bytes", "fixedscaleoffset", "shuffle", "blosc"]);

        let codecs = json!([{"name": "numcodecs.delta", "configuration": {"dtype": "float64"}},
            {"name": "numcodecs.bitround", "configuration": {"keepbits": 3}},
            {"name": "bytes", "configuration": {"endian": "big"}}, {"name": "gzip"}]);
        let codecs = of_v3(&codecs, "float64", 2);
        assert_eq!(names(codecs), ["bytes", "delta", "bitround", "astype", "gzip"]);
    }

    #[test]
    fn what_encoders_need_may_be_missing() {
        for (compressor, configuration) in [
            (json!({"id": "zstd"}), json!({"level": 0, "checksum": false})),
            (json!({"id": "zstd", "level": 99}), json!({"level": 22, "checksum": false})),
            (
                json!({"id": "blosc", "shuffle": -1}),
                json!({"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}),
            ),
        ] {
            let codecs = v2(json!({"compressor": compressor}), "<f4").expect("usable");
            assert_eq!(codecs[1]["configuration"], configuration);
        }
        let codecs = of_v3(&json!(["bytes", {"name": "zstd", "configuration": {"level": 3}}]), "uint8", 1);
        assert_eq!(codecs.expect("usable")[1]["configuration"]["checksum"], false);
    }

    #[test]
    fn what_is_missing_is_told_from_nonsense() {
        let missing = |codecs| match codecs {
            Err(Unusable::Missing(what)) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(v2(json!({"compressor": {"id": "pcodec", "level": 8}}), "<f4")), "pcodec");
        assert!(missing(v2(json!({"filters": [{"id": "delta", "dtype": "<f2"}]}), "<f2")).contains("<f2"));
        assert_eq!(
            missing(v2(json!({"compressor": {"id": "blosc", "cname": "lz5"}}), "<f4")),
            "blosc of lz5"
        );
        let sharded = json!([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2],
            "codecs": ["bytes", "strange"], "index_codecs": ["bytes"]}}]);
        assert_eq!(missing(of_v3(&sharded, "uint8", 1)), "strange");
        let draft = json!([{"name": "transpose", "configuration": {"order": "F"}}, "bytes"]);
        assert_eq!(of_v3(&draft, "uint8", 3).expect("usable")[0]["configuration"]["order"], json!([2, 1, 0]));
        let optional = json!(["bytes", {"name": "strange", "must_understand": false}]);
        assert_eq!(names(of_v3(&json!([{"name": "bytes"}]), "uint8", 1)), ["bytes"]);
        assert_eq!(of_v3(&optional, "uint8", 1).expect("usable").len(), 1);
        for nonsense in [json!({"order": "X"}), json!({"filters": 3}), json!({"compressor": "gzip"})] {
            assert!(matches!(v2(nonsense, "<f4"), Err(Unusable::Nonsense(_))));
        }
        assert!(matches!(of_v3(&json!({}), "uint8", 1), Err(Unusable::Nonsense(_))));
    }
}
