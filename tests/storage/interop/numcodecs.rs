//! The codecs of numcodecs, in Zarr v2 and v3: zarr-python 3 writes, bellis reads and continues.

use bellis::storage::DataType;
use serde_json::json;

use super::{Python, Volume, bellis_continues, merged, refusal, require_same};

/// Types of elements and, as arguments, codecs that lose nothing of the tests' numbers.
const EXACT: [(DataType, &str); 38] = [
    (DataType::I32, "dtype='<i4', compressors=numcodecs.LZ4()"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.BZ2(3)"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.LZMA()"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.LZMA(format=2, preset=1)"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.LZMA(check=10, preset=1)"),
    (
        DataType::I32,
        "dtype='<i4', compressors=numcodecs.LZMA(format=3, filters=[dict(id=33, dict_size=65536)])",
    ),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.CRC32()"),
    (DataType::I32, "dtype='<i4', compressors=None, filters=[numcodecs.Delta('<i4')]"),
    (DataType::I32, "dtype='>i4', compressors=None, filters=[numcodecs.Delta('>i4', '<i8')]"),
    (DataType::I32, "dtype='<i4', order='F', compressors=None, filters=[numcodecs.Delta('<i4', '>i4')]"),
    (
        DataType::I32,
        "dtype='<i4', compressors=numcodecs.Zlib(1), filters=[numcodecs.Delta('<i4'), numcodecs.Shuffle(4)]",
    ),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.Blosc(), filters=[numcodecs.Delta('<i4')]"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.Zstd(3), filters=[numcodecs.AsType('>i8', '<i4')]"),
    (DataType::I32, "dtype='<i4', compressors=None, filters=[numcodecs.CRC32()]"),
    (DataType::I32, "dtype='<i4', compressors=None, filters=[numcodecs.CRC32('end')]"),
    (DataType::I32, "dtype='<i4', compressors=None, filters=[numcodecs.CRC32C()]"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.Zlib(1), filters=[numcodecs.Adler32()]"),
    (DataType::I32, "dtype='<i4', compressors=numcodecs.Zstd(1), filters=[numcodecs.Fletcher32()]"),
    (DataType::U16, "dtype='<u2', compressors=numcodecs.Zlib(1), filters=[numcodecs.Shuffle(2)]"),
    (DataType::U8, "dtype='|u1', compressors=numcodecs.LZ4(), filters=[numcodecs.Delta('|u1')]"),
    (DataType::U64, "dtype='<u8', compressors=None, filters=[numcodecs.Delta('<u8')]"),
    (DataType::F32, "dtype='<f4', compressors=None, filters=[numcodecs.Delta('<f4', '<f8')]"),
    (DataType::F32, "dtype='<f4', filters=[numcodecs.FixedScaleOffset(-1000, 16, '<f4', '<i4')]"),
    (DataType::F64, "dtype='>f8', filters=[numcodecs.FixedScaleOffset(-1000.0, 16.0, '>f8', '<u2')]"),
    (DataType::F32, "dtype='<f4', filters=[numcodecs.BitRound(16)]"),
    (DataType::F64, "dtype='<f8', filters=[numcodecs.BitRound(16)]"),
    (DataType::F64, "dtype='<f8', filters=[numcodecs.Quantize(3, '<f8', '<f4')]"),
    (DataType::Bool, "dtype='|b1', filters=[numcodecs.PackBits()]"),
    (DataType::I32, "filters=[v3.Delta(dtype='int32')]"),
    (DataType::I32, "filters=[v3.Delta(dtype='<i4', astype='<i8')]"),
    (DataType::I32, "compressors=[v3.Shuffle(elementsize=4), v3.BZ2(level=5), v3.CRC32()]"),
    (DataType::I32, "compressors=[v3.LZMA(preset=1), v3.Adler32(), v3.Fletcher32()]"),
    (
        DataType::I32,
        "compressors=[v3.LZ4(acceleration=1), v3.Zlib(level=1), v3.GZip(level=1), v3.Zstd(level=1)]",
    ),
    (DataType::I32, "compressors=v3.Blosc(cname='lz4', clevel=5, shuffle=1)"),
    (
        DataType::F64,
        "filters=[v3.FixedScaleOffset(offset=-1000, scale=16, dtype='float64', astype='uint16')]",
    ),
    (DataType::F64, "filters=[v3.Quantize(digits=3, dtype='float64')]"),
    (DataType::F32, "filters=[v3.BitRound(keepbits=16)]"),
    (DataType::I32, "filters=[v3.AsType(encode_dtype='int64', decode_dtype='int32')]"),
];

/// The arguments for arrays of v2, whose type says in which order bytes are.
fn version(options: &str) -> &str {
    if options.contains("v3.") { "zarr_format=3" } else { "zarr_format=2" }
}

/// The type, where it is said, and the other arguments.
fn split(options: &str) -> (Option<&str>, &str) {
    match options.strip_prefix("dtype='").and_then(|rest| rest.split_once("', ")) {
        Some((dtype, rest)) => (Some(dtype), rest),
        None => (None, options),
    }
}

#[test]
fn codecs_that_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, (data_type, options)) in EXACT.into_iter().enumerate() {
        let path = dir.path().join(format!("{number}.zarr"));
        let (dtype, rest) = split(options);
        let mut how = json!({"options": format!("chunks=(8, 6), {}, {rest}", version(options))});
        if let Some(dtype) = dtype {
            how["dtype"] = json!(dtype);
        }
        let volume =
            Volume::new(data_type, &[20, 17]).fill(if data_type == DataType::Bool { 1 } else { 100 });
        bellis_continues(&mut python, &path, volume, ("zarr_write", how), &[("zarr_read", json!({}))]);
    }
}

/// Inside shards, too.
#[test]
fn codecs_in_shards() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, codecs) in
        ["filters=[v3.Delta(dtype='int32')], compressors=v3.BZ2(level=1)", "compressors=GzipCodec(level=1)"]
            .into_iter()
            .enumerate()
    {
        let path = dir.path().join(format!("{number}.zarr"));
        let how = json!({"options": format!("chunks=(4, 6), shards=(8, 12), {codecs}")});
        let volume = Volume::new(DataType::I32, &[20, 17]).fill(100);
        bellis_continues(&mut python, &path, volume, ("zarr_write", how), &[("zarr_read", json!({}))]);
    }
}

/// Types of elements and codecs that round: by numpy's arithmetic to the last bit, both ways.
const ROUNDED: [(&str, &str); 15] = [
    ("<f4", "numcodecs.FixedScaleOffset(1000, 10, '<f4', '<i2')"),
    ("<f4", "numcodecs.FixedScaleOffset(0.1, 3.7, '<f4', '<i4')"),
    ("<f8", "numcodecs.FixedScaleOffset(-1000, 0.05, '<f8', '|u1')"),
    ("<f8", "numcodecs.FixedScaleOffset(1000, 10, '<f8', '<f4')"),
    ("<f8", "numcodecs.FixedScaleOffset(0.3, 1e5, '<f8', '<i8')"),
    ("<f4", "numcodecs.FixedScaleOffset(3, 7, '<f4', '<f8')"),
    ("<i4", "numcodecs.FixedScaleOffset(3, 2, '<i4', '<i8')"),
    ("<u2", "numcodecs.FixedScaleOffset(0.5, 0.25, '<u2', '<i4')"),
    ("<u2", "numcodecs.FixedScaleOffset(3, 0.5, '<u2', '>f4')"),
    ("<f4", "numcodecs.Quantize(1, '<f4')"),
    ("<f8", "numcodecs.Quantize(0, '<f8', '<f4')"),
    ("<f4", "numcodecs.BitRound(3)"),
    ("<f8", "numcodecs.BitRound(0)"),
    ("<f8", "numcodecs.AsType('<i4', '<f8')"),
    ("<f4", "numcodecs.Delta('<f4')"),
];

#[test]
fn codecs_that_round_as_numpy_does() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, (dtype, filter)) in ROUNDED.into_iter().enumerate() {
        let data_type = match &dtype[1..] {
            "f4" => DataType::F32,
            "f8" => DataType::F64,
            "i4" => DataType::I32,
            _ => DataType::U16,
        };
        let volume = Volume::new(data_type, &[40, 33]);
        let how =
            json!({"dtype": dtype, "options": format!("chunks=(16, 10), zarr_format=2, filters=[{filter}]")});
        let [ours, theirs] = ["ours", "theirs"].map(|name| dir.path().join(format!("{number}{name}.zarr")));
        for path in [&ours, &theirs] {
            python.ask("zarr_write", merged(&volume.request(path), &how));
            require_same(&mut python, path, filter);
        }
        // What each writes over it, the other reads as if it had written it.
        let patch = volume.patch(77);
        volume.clone().patch_by_bellis(&ours, 77);
        python.ask("zarr_patch", json!({"path": theirs, "part": patch.part, "seed": 77}));
        let mut read = |path| python.ask("zarr_read", json!({"path": path}))["sha256"].clone();
        assert_eq!(read(&ours), read(&theirs), "{filter}");
        require_same(&mut python, &ours, filter);
    }
}

#[test]
fn codecs_that_bellis_lacks_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let volume = Volume::new(DataType::I32, &[20, 17]);
    for (name, options) in [
        ("jenkins_lookup3", "zarr_format=2, filters=[numcodecs.JenkinsLookup3()]"),
        ("base64", "zarr_format=2, filters=[numcodecs.Base64()]"),
        ("jenkins_lookup3", "compressors=v3.JenkinsLookup3()"),
    ] {
        let path = dir.path().join(format!("{name}{}.zarr", options.len()));
        python.ask("zarr_write", merged(&volume.request(&path), &json!({"options": options})));
        let message = refusal(&path);
        assert!(message.contains(&format!("is coded with {name}, which bellis does not have")), "{message}");
        assert!(!message.contains("repair"), "{message}");
    }
}
