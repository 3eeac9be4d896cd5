//! Arrays of all formats, of which metadata, or chunks, are changed: opened, looked at, and read in part.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bellis::storage::{ArraySpec, Compression, DataType, DynArray, ZarrVersion, arrays, describe, usage};
use bellis::{Coordinate, Roi};

use crate::child::Target;
use crate::mutate::{change, change_bytes};
use crate::rng::Rng;
use crate::run_directory::files;

/// What is changed, and where the arrays are in it.
type Sample = (BTreeMap<PathBuf, Vec<u8>>, Vec<PathBuf>);

/// Makes arrays in a folder, and changes the files whose names have `part` in them, or end with it; all but metadata where it
/// is empty.
pub fn target(place: &Path, make: fn(&Path) -> Vec<PathBuf>, part: &'static str) -> Target {
    let made = place.join("made");
    fs::create_dir_all(&made).unwrap();
    let within = |path: PathBuf| path.strip_prefix(place.join("made")).unwrap().to_path_buf();
    let paths: Vec<PathBuf> = make(&made).into_iter().map(within).collect();
    // One container a sample: what is changed is written anew each time.
    let mut samples: Vec<Sample> = Vec::new();
    for container in fs::read_dir(&made).unwrap().map(|entry| entry.unwrap().path()) {
        let name = PathBuf::from(container.file_name().unwrap());
        let content = if container.is_dir() {
            files(&container).into_iter().map(|(inner, content)| (name.join(inner), content)).collect()
        } else {
            BTreeMap::from([(name.clone(), fs::read(&container).unwrap())])
        };
        samples.push((content, paths.iter().filter(|path| path.starts_with(&name)).cloned().collect()));
    }
    samples.sort_by(|a, b| a.1.cmp(&b.1));
    let work = place.join("work");
    Box::new(move |rng| {
        let (whole, paths) = &samples[rng.range(0, samples.len() as u64 - 1) as usize];
        let is_meant = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy();
            let is_metadata = name.ends_with(".json") || name.starts_with(".z");
            if part.is_empty() { !is_metadata } else { name.contains(part) }
        };
        let meant: Vec<&PathBuf> = whole.keys().filter(|path| is_meant(path)).collect();
        let mut spoilt = whole.clone();
        for _ in 0..rng.pick(&[1, 1, 2]) {
            let path = meant[rng.range(0, meant.len() as u64 - 1) as usize];
            let content = spoilt.get_mut(path).unwrap();
            if part.ends_with("json") || part.starts_with(".z") {
                *content = change(content, rng);
            } else {
                (0..rng.pick(&[1, 1, 2, 6])).for_each(|_| change_bytes(content, rng));
            }
        }
        let _ = fs::remove_dir_all(&work);
        for (inner, content) in &spoilt {
            let path = work.join(inner);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        for path in paths {
            look(&work.join(path), rng);
        }
    })
}

/// Opens an array, and reads some voxels at either end.
fn look(path: &Path, rng: &mut Rng) {
    let _ = describe(path);
    if rng.chance(20) {
        let _ = usage(path, 10_000);
        let _ = arrays(path.parent().unwrap(), 100);
    }
    let Ok(array) = DynArray::open(path) else { return };
    let (roi, voxel_size) = (array.roi(), *array.voxel_size());
    let n_axes = roi.n_axes();
    if n_axes == 0 {
        return;
    }
    // Of channels all are read.
    let n_channels: u64 = array.info().channel_shape().iter().copied().fold(1, u64::saturating_mul);
    if n_channels > 1000 {
        return;
    }
    let shape =
        Coordinate::from_fn(n_axes, |axis| (voxel_size[axis].saturating_mul(5)).min(roi.shape()[axis]));
    let last = Coordinate::from_fn(n_axes, |axis| roi.end()[axis].saturating_sub(shape[axis]));
    for begin in [*roi.begin(), last] {
        if let Ok(part) = Roi::new(begin, shape) {
            let _ = array.read_bytes(&part);
        }
    }
}

/// Creates an array with something in every chunk.
fn make(path: &Path, data_type: DataType, spec: &ArraySpec) -> PathBuf {
    let array = DynArray::create(path, data_type, spec).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let n_bytes = array.read_bytes(&array.roi()).unwrap().len();
    let voxels: Vec<u8> = (0..n_bytes).map(|at| (at * 7 % 50) as u8).collect();
    array.write_bytes(&array.roi(), &voxels).unwrap();
    path.to_path_buf()
}

fn plain() -> ArraySpec {
    ArraySpec::new([10, 12, 14])
        .chunks([4, 6, 7])
        .offset([-10, 0, 20])
        .voxel_size([2, 3, 4])
        .axis_names(["z", "y", "x"])
        .units("nm")
}

fn compressed(text: &str) -> ArraySpec {
    plain().compression(text.parse::<Compression>().unwrap())
}

/// Zarr v3: plain, in shards, with channels, and in a group that is an OME-Zarr.
pub fn zarr_v3(place: &Path) -> Vec<PathBuf> {
    let sharded = plain().chunks([2, 3, 7]).shards(vec![4, 6, 14]);
    let channels = ArraySpec::new([2, 9, 9]).channel_axes(1).chunks([1, 4, 4]).fill_value(7u8);
    let mut paths = vec![
        make(&place.join("plain.zarr"), DataType::U16, &compressed("zstd:3")),
        make(&place.join("blosc.zarr"), DataType::F32, &compressed("blosc:5")),
        make(&place.join("sharded.zarr/s"), DataType::U8, &sharded),
        make(&place.join("channels.zarr/c"), DataType::I64, &channels),
    ];
    let levels: Vec<PathBuf> = ["s0", "s1"].map(|name| place.join("ome.zarr").join(name)).to_vec();
    for (level, path) in levels.iter().enumerate() {
        let side = 8 >> level;
        let spec = ArraySpec::new([side; 3]).chunks([4; 3]).voxel_size([1 << level; 3]);
        make(path, DataType::U8, &spec.axis_names(["z", "y", "x"]).units("nm"));
    }
    let infos: Vec<_> = levels.iter().map(|path| describe(path).unwrap()).collect();
    bellis::storage::write_multiscales(place.join("ome.zarr"), &infos.iter().collect::<Vec<_>>()).unwrap();
    paths.extend(levels);
    paths
}

/// Zarr v2: as bellis writes it, and as others do: with filters, big endian, in a group with consolidated metadata.
pub fn zarr_v2(place: &Path) -> Vec<PathBuf> {
    let v2 = |text: &str| compressed(text).zarr_version(ZarrVersion::V2);
    let mut paths = vec![
        make(&place.join("zstd.zarr"), DataType::U16, &v2("zstd:3")),
        make(&place.join("blosc.zarr/b"), DataType::F64, &v2("blosc:5")),
    ];
    let filters = [
        r#"{"id": "delta", "dtype": ">i2", "astype": ">i2"}"#,
        r#"{"id": "shuffle", "elementsize": 2}"#,
        r#"{"id": "fixedscaleoffset", "scale": 2, "offset": 3, "dtype": ">i2", "astype": "<i2"}"#,
        r#"{"id": "quantize", "digits": 2, "dtype": "<f4"}"#,
        r#"{"id": "bitround", "keepbits": 3}"#,
        r#"{"id": "astype", "encode_dtype": "<i4", "decode_dtype": ">i2"}"#,
        r#"{"id": "fletcher32"}"#,
    ];
    let compressors = [
        "null",
        r#"{"id": "zlib", "level": 1}"#,
        r#"{"id": "lz4", "acceleration": 1}"#,
        r#"{"id": "bz2", "level": 1}"#,
        r#"{"id": "lzma", "format": 1, "check": -1, "preset": null, "filters": null}"#,
        r#"{"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}"#,
        r#"{"id": "crc32", "location": "start"}"#,
    ];
    for (number, (filter, compressor)) in filters.iter().zip(compressors).enumerate() {
        let container = place.join(format!("foreign{number}.zarr"));
        let array = container.join("a");
        fs::create_dir_all(&array).unwrap();
        let dtype = if number == 3 { "<f4" } else { ">i2" };
        let metadata = format!(
            r#"{{"zarr_format": 2, "shape": [6, 8], "chunks": [4, 4], "dtype": "{dtype}", "order": "F", "fill_value": 1,
            "compressor": {compressor}, "filters": [{filter}], "dimension_separator": "/"}}"#
        );
        let attributes =
            r#"{"resolution": [4.0, 2], "offset": [1, 2], "units": "nm", "axis_names": ["y", "x"]}"#;
        let all = format!(
            r#"{{"zarr_consolidated_format": 1, "metadata": {{".zgroup": {{"zarr_format": 2}},
            "a/.zarray": {metadata}, "a/.zattrs": {attributes}}}}}"#
        );
        fs::write(container.join(".zgroup"), r#"{"zarr_format": 2}"#).unwrap();
        fs::write(container.join(".zmetadata"), all).unwrap();
        fs::write(array.join(".zarray"), metadata).unwrap();
        fs::write(array.join(".zattrs"), attributes).unwrap();
        fs::create_dir_all(array.join("0")).unwrap();
        fs::write(array.join("0/0"), [7; 40]).unwrap();
        paths.push(array);
    }
    paths
}

/// N5 with each compression.
pub fn n5(place: &Path) -> Vec<PathBuf> {
    let kinds = ["gzip:1", "zstd:3", "blosc:5", "lz4", "bzip2:1", "xz:1", "none"];
    let path = |kind: &str| place.join(format!("{}.n5/deep/raw", kind.replace(':', "-")));
    kinds.map(|kind| make(&path(kind), DataType::I16, &compressed(kind))).to_vec()
}

/// Of all formats in chunks.
pub fn chunked(place: &Path) -> Vec<PathBuf> {
    let mut paths = n5(place);
    for (name, make_all) in [("v3", zarr_v3 as fn(&Path) -> _), ("v2", zarr_v2)] {
        let folder = place.join(name);
        fs::create_dir_all(&folder).unwrap();
        paths.extend(make_all(&folder));
    }
    paths
}

/// HDF5: in one piece, in chunks, compressed.
pub fn hdf5(place: &Path) -> Vec<PathBuf> {
    let contiguous = ArraySpec::new([10, 12]).units("nm").voxel_size([4, 5]);
    vec![
        make(&place.join("contiguous.h5/deep/raw"), DataType::U16, &contiguous),
        make(&place.join("chunked.h5/raw"), DataType::U16, &compressed("none")),
        make(&place.join("gzip.h5/raw"), DataType::F32, &compressed("gzip:1")),
    ]
}
