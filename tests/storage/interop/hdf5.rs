//! HDF5: h5py, and `h5dump`, which comes with the HDF5 library.

use std::path::{Path, PathBuf};
use std::process::Command;

use bellis::Array;
use bellis::storage::{ArraySpec, Complex, Compression, DataType, Element, Writers, describe, f16};
use ndarray::ArrayD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Python, Verb, Volume, bellis_continues, merged, others_continue, refusal};
use crate::spawn::output;

const SHAPE: [u64; 3] = [20, 31, 17];

/// A verb of the script, about the dataset `name` of a file: bellis's path holds both, h5py wants them apart.
fn of_h5py<'a>(verb: &'a str, file: &Path, name: &str, more: Value) -> Verb<'a> {
    (verb, merged(&json!({"path": file, "name": name}), &more))
}

/// How h5py is to create datasets: the type of their elements and the rest.
const OF_H5PY: [(&str, &str); 18] = [
    ("<i4", ""),
    ("<i4", "dcpl=early()"),
    ("<i4", "chunks=(8, 16, 10)"),
    ("<i4", "chunks=(8, 16, 10), dcpl=early()"),
    ("<i4", "chunks=(8, 16, 10), maxshape=(None, 40, 40)"),
    ("<i4", "chunks=(8, 16, 10), maxshape=(None, None, 40)"),
    ("<i4", "chunks=(8, 16, 10), maxshape=(40, 40, 40), dcpl=early()"),
    ("<i4", "chunks=(8, 16, 10), compression='gzip'"),
    ("<i4", "chunks=(8, 16, 10), compression='gzip', compression_opts=9, shuffle=True"),
    ("<i4", "chunks=(8, 16, 10), shuffle=True"),
    ("<i4", "chunks=(8, 16, 10), dcpl=deflate_then_shuffle()"),
    ("<i4", "chunks=(8, 16, 10), fletcher32=True"),
    ("<i4", "chunks=(8, 16, 10), compression='gzip', shuffle=True, fletcher32=True"),
    ("<i4", "chunks=(8, 16, 10), scaleoffset=0"),
    ("<i4", "chunks=(8, 16, 10), dcpl=early(), fletcher32=True"),
    (">i4", ""),
    (">i4", "chunks=(8, 16, 10)"),
    (">i4", "chunks=(8, 16, 10), compression='gzip', shuffle=True"),
];

#[test]
fn datasets_of_h5py() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (file_number, file_options) in ["", "libver='v110'", "userblock_size=512"].into_iter().enumerate() {
        let file = dir.path().join(format!("{file_number}.h5"));
        for (number, (dtype, options)) in OF_H5PY.iter().enumerate() {
            let name = format!("group/{number}");
            let more = json!({"dtype": dtype, "options": options, "file_options": file_options});
            let writer = of_h5py("h5py_write", &file, &name, more);
            let reader = of_h5py("h5py_read", &file, &name, json!({}));
            let volume = Volume::new(DataType::I32, &SHAPE).fill(-7);
            bellis_continues(&mut python, &file.join(&name), volume, writer, &[reader]);
        }
    }
}

#[test]
fn small_and_unwritten_datasets_of_h5py() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let file = dir.path().join("a.h5");
    let reader = |name| of_h5py("h5py_read", &file, name, json!({}));
    let small = Volume::new(DataType::I16, &[10, 9]).fill(4);
    let writer = of_h5py("h5py_write", &file, "compact", json!({"options": "dcpl=compact()"}));
    bellis_continues(&mut python, &file.join("compact"), small.clone(), writer, &[reader("compact")]);
    for (name, options) in [
        ("contiguous", ""),
        ("early", "dcpl=early()"),
        ("chunked", "chunks=(4, 4)"),
        ("gzip", "chunks=(4, 4), compression='gzip'"),
    ] {
        let mut nothing = small.clone();
        nothing.writes[0].part = vec![[0, 0], [0, 0]];
        let writer = of_h5py("h5py_write", &file, name, json!({"options": options, "part": null}));
        bellis_continues(&mut python, &file.join(name), nothing, writer, &[reader(name)]);
    }
}

#[test]
fn every_type_and_number_of_axes() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    let file = dir.path().join("a.h5");
    let numbers_of_axes = (1..=5).map(|n_axes| (DataType::U16, vec![3; n_axes]));
    // h5py has no bfloat16.
    let types = DataType::ALL.into_iter().filter(|data_type| *data_type != DataType::BF16);
    let types = types.map(|data_type| (data_type, vec![7, 5]));
    for (data_type, chunks) in types.chain(numbers_of_axes) {
        let fill = if data_type == DataType::Bool { 1 } else { 9 };
        let volume = Volume::new(data_type, &[11, 5, 7, 8, 10][..chunks.len()]).fill(fill);
        for (order, chunked) in [("<", false), (">", false), ("<", true), (">", true)] {
            let name = format!("{data_type} {chunks:?} {order}{chunked}");
            let options = if chunked { format!("chunks=tuple({chunks:?})") } else { String::new() };
            let dtype = format!("{order}{}{}", &data_type.name()[..1], data_type.size());
            let writer = of_h5py("h5py_write", &file, &name, json!({"options": options, "dtype": dtype}));
            let reader = of_h5py("h5py_read", &file, &name, json!({}));
            bellis_continues(&mut python, &file.join(&name), volume.clone(), writer, &[reader]);
        }
        let name = format!("bellis/{data_type} {chunks:?}");
        let path = file.join(&name);
        volume.create(&path, &volume.spec().chunks(chunks));
        let reader = of_h5py("h5py_read", &file, &name, json!({}));
        others_continue(&mut python, &path, volume, &[reader], &[]);
    }
}

/// All ways in which bellis writes HDF5.
const WAYS: [fn(ArraySpec) -> ArraySpec; 4] = [
    |spec| spec,
    |spec| spec.chunks([8, 16, 10]),
    |spec| spec.compression(Compression::Gzip { level: 4 }),
    |spec| spec.chunks([8, 16, 10]).compression(Compression::Gzip { level: 9 }),
];

#[test]
fn datasets_of_bellis() {
    let dir = tempfile::tempdir().unwrap();
    let mut python = Python::start("zarr3");
    for (number, way) in WAYS.into_iter().enumerate() {
        for data_type in [DataType::U8, DataType::I64, DataType::F32] {
            let file = dir.path().join(format!("{number}.h5"));
            let name = format!("volumes/{data_type}");
            let path = file.join(&name);
            let volume = Volume::new(data_type, &SHAPE).fill(3);
            volume.create(&path, &way(volume.spec()));
            require_dumped(&volume, &file, &name);
            let reader = of_h5py("h5py_read", &file, &name, json!({}));
            let patcher = of_h5py("h5py_patch", &file, &name, json!({}));
            others_continue(&mut python, &path, volume, &[reader], &[patcher]);
        }
    }
}

/// `h5dump` sees the same header and the same bytes.
fn require_dumped(volume: &Volume, file: &Path, name: &str) {
    let header = h5dump(&["-H", "-p", "-d", name], file);
    let shape: Vec<String> = volume.shape.iter().map(u64::to_string).collect();
    let shape = shape.join(", ");
    assert!(header.contains(&format!("SIMPLE {{ ( {shape} ) / ( {shape} ) }}")), "{header}");
    let letter = if volume.data_type == DataType::U8 { "U8" } else { "64" };
    let letter = if volume.data_type == DataType::F32 { "IEEE_F32LE" } else { letter };
    assert!(header.contains(letter) && header.contains("ATTRIBUTE \"voxel_size\""), "{header}");
    let dumped: PathBuf = file.with_extension("bin");
    h5dump(&["-d", name, "-b", "LE", "-o", &dumped.display().to_string()], file);
    let digest = Sha256::digest(std::fs::read(dumped).unwrap());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, volume.sha256(), "{name}");
}

fn h5dump(options: &[&str], file: &Path) -> String {
    let run = output(Command::new("h5dump").args(options).arg(file));
    let run = run.unwrap_or_else(|error| panic!("h5dump ({error}): run `make test`, which installs it"));
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && errors.is_empty(), "h5dump {options:?}: {errors}");
    String::from_utf8_lossy(&run.stdout).into_owned()
}

#[test]
fn datasets_without_voxels() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.h5");
    let mut python = Python::start("zarr3");
    for (name, options) in [("fixed", ""), ("growing", "chunks=(1, 5), maxshape=(None, 5)")] {
        let more = json!({"options": options, "shape": [0, 5], "part": null});
        let (verb, how) = of_h5py("h5py_write", &file, name, more);
        python.ask(verb, merged(&Volume::new(DataType::U8, &[1, 5]).request(&file), &how));
        let array = bellis::Array::<u8>::open(file.join(name)).unwrap();
        assert!(array.roi().is_empty());
        assert_eq!(array.read(&array.roi()).unwrap().shape(), [0, 5]);
    }
}

#[test]
fn attributes_as_h5py_users_write_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.h5");
    let mut python = Python::start("zarr3");
    for (number, attributes) in [
        json!({"offset": [-20, 40], "resolution": [4.0, 2.0], "units": "nm"}),
        json!({"offset": [-20.0, 40.0], "voxel_size": [4, 2], "units": ["nm", "nm"]}),
    ]
    .into_iter()
    .enumerate()
    {
        let name = number.to_string();
        let more = json!({"options": "", "attributes": attributes});
        let (verb, how) = of_h5py("h5py_write", &file, &name, more);
        let volume = Volume::new(DataType::U8, &[4, 4]);
        python.ask(verb, merged(&volume.request(&file), &how));
        let info = bellis::storage::describe(file.join(&name)).unwrap();
        assert_eq!((info.offset.as_slice(), info.voxel_size.as_slice()), (&[-20, 40][..], &[4, 2][..]));
        assert_eq!(info.units, ["nm", "nm"]);
    }
}

/// What the newest library writes, an older one cannot open. It then says so, rather than that nothing is there.
#[test]
fn datasets_of_newer_libraries_are_read_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.h5");
    let options =
        json!({"options": "chunks=(8, 16, 10), compression='gzip'", "file_options": "libver='latest'"});
    let (verb, how) = of_h5py("h5py_write", &file, "deep/raw", options);
    let volume = Volume::new(DataType::U8, &SHAPE);
    Python::start("zarr3").ask(verb, merged(&volume.request(&file), &how));
    let path = file.join("deep/raw");
    match bellis::storage::describe(&path) {
        Ok(_) => volume.require_read_by_bellis(&path),
        Err(error) => {
            let message = error.to_string();
            let expected = format!("cannot open {}: a newer release of HDF5 wrote it than ", path.display());
            assert!(message.starts_with(&expected), "{message}");
        }
    }
}

/// h5py's own filter, which the library lacks: bellis reads it, and cannot write it.
#[test]
fn lzf_of_h5py_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.h5");
    let mut python = Python::start("zarr3");
    for (number, (data_type, dtype, more)) in [
        (DataType::U64, "<u8", ""),
        (DataType::U64, "<u8", ", shuffle=True"),
        (DataType::U64, ">u8", ", shuffle=True"),
        (DataType::F32, "<f4", ", shuffle=True, fletcher32=True"),
        (DataType::U8, "|u1", ", fletcher32=True"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("deep/{number}");
        // Of random voxels the filter makes nothing smaller, and h5py then leaves it out; of chunks that are partly filled it does.
        let options =
            json!({"options": format!("chunks=(8, 16, 10), compression='lzf'{more}"), "dtype": dtype});
        let (verb, how) = of_h5py("h5py_write", &file, &name, options);
        let mut volume = Volume::new(data_type, &SHAPE).fill(7);
        volume.writes[0].part = vec![[0, 17], [0, 16], [3, 7]];
        python.ask(verb, merged(&volume.request(&file), &how));
        volume.require_read_by_bellis(&file.join(&name));
    }
    let path = file.join("deep/0");
    let array = bellis::Array::<u64>::open(&path).unwrap();
    let part = bellis::Roi::new(*array.roi().begin(), *array.voxel_size()).unwrap();
    let one = ndarray::ArrayD::from_elem(vec![1, 1, 1], 1u64);
    assert_eq!(array.write(&part, &one).unwrap_err().to_string(), lacks_filter(&path, "32000 (lzf)"));
}

fn lacks_filter(path: &Path, filter: &str) -> String {
    format!(
        "{} is stored with HDF5 filter {filter}, which the library here lacks: set HDF5_PLUGIN_PATH to the directory of \
         its plug-in, or remove it by h5repack -f NONE where the filter is installed",
        path.display()
    )
}

/// Seen when the array is opened, unless no chunk went through the filter.
#[test]
fn filters_that_bellis_lacks_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.h5");
    let mut python = Python::start("zarr3");
    for (name, mask) in [("filtered", Some(0)), ("skipped", Some(1)), ("empty", None)] {
        python.ask("h5py_filter", json!({"path": file, "name": name, "number": 32013, "mask": mask}));
        let path = file.join(name);
        assert_eq!(bellis::storage::describe(&path).unwrap().chunks, [4], "{name}");
        if mask == Some(0) {
            let refused = bellis::storage::DynArray::open(&path).map(drop).unwrap_err();
            assert_eq!(refused.to_string(), lacks_filter(&path, "32013"));
        } else {
            let array = bellis::Array::<u8>::open(&path).unwrap();
            let written = if mask.is_some() { [1, 2, 3, 4] } else { [0; 4] };
            assert_eq!(array.read(&array.roi()).unwrap().as_slice().unwrap(), [written, [0; 4]].concat());
        }
    }
}

/// A file of all kinds of elements, as h5py writes them.
fn file_of_types(dir: &Path) -> (PathBuf, Python) {
    let (file, mut python) = (dir.join("a.h5"), Python::start("zarr3"));
    python.ask("h5py_types", json!({"path": file}));
    (file, python)
}

/// What the numbers 0 to 19 become.
fn of_20<T>(f: impl Fn(u32) -> T) -> ArrayD<T> {
    ArrayD::from_shape_vec(vec![4, 5], (0..20).map(f).collect()).unwrap()
}

#[track_caller]
fn require_read<T: Element>(path: PathBuf, expected: ArrayD<T>) {
    let array = Array::<T>::open(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(array.read(&array.roi()).unwrap(), expected, "{}", path.display());
}

#[test]
fn masks_and_enums_of_h5py() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = file_of_types(dir.path());
    require_read(file.join("mask"), of_20(|n| n % 3 == 1));
    require_read(file.join("gzip mask"), of_20(|n| n % 3 == 1));
    // 7 has no name.
    let label = |n| if n == 3 { 307i16 } else { i16::try_from(n % 2 * 300).unwrap() };
    require_read(file.join("enum"), of_20(label));
    require_read(file.join("lzf enum"), of_20(label));
    let array = Array::<i16>::open(file.join("enum")).unwrap();
    array.write(&array.roi(), &of_20(|n| i16::try_from(n).unwrap())).unwrap();
    require_read(file.join("enum"), of_20(|n| i16::try_from(n).unwrap()));
}

#[test]
fn fields_of_h5py() {
    let dir = tempfile::tempdir().unwrap();
    let (file, mut python) = file_of_types(dir.path());
    require_read(file.join("records@mask"), of_20(|n| n % 2 == 1));
    require_read(file.join("records@id"), of_20(|n| n * 70_000));
    require_read(file.join("records@z"), of_20(|n| Complex::new(n as f32, n as f32 * -2.0)));
    require_read(file.join("records@height"), of_20(|n| f16::from_f32(n as f32 / 4.0)));
    require_read(file.join("records@in@y"), of_20(|n| i16::try_from(n).unwrap()));
    let id = Array::<u32>::open(file.join("records@id")).unwrap();
    assert!(matches!(id.info().writers, Writers::OneProcess { .. }));
    id.write(&id.roi(), &of_20(|n| n + 5)).unwrap();
    drop(id);
    let read = |python: &mut Python, field| {
        python.ask("h5py_field", json!({"path": file, "name": "records", "field": field}))
    };
    assert_eq!(read(&mut python, "id"), json!((5..25).collect::<Vec<u32>>()));
    assert_eq!(read(&mut python, "mask"), json!((0..20).map(|n| n % 2 == 1).collect::<Vec<bool>>()));
    // A name with an @ in it is a name.
    assert_eq!(describe(file.join("a@b")).unwrap().shape, [4]);
    assert!(
        refusal(&file.join("records@nothing")).contains(
            "fields (mask, id, pair, z, height, in: one of them is PATH@FIELD), and no field nothing"
        )
    );
}

/// As h5py has them: more axes, the last ones.
#[test]
fn arrays_in_elements_are_axes() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = file_of_types(dir.path());
    let mut expected = of_20(|n| i16::try_from(n).unwrap()).into_shape_with_order(vec![4, 5, 1]).unwrap();
    require_read(file.join("arrays"), expected.clone());
    let pairs = ArrayD::from_shape_vec(vec![4, 5, 2], (0..40).collect()).unwrap();
    require_read::<u16>(file.join("records@pair"), pairs);
    let array = Array::<i16>::open(file.join("arrays")).unwrap();
    assert_eq!((&array.info().shape[..], &array.info().chunks[..]), (&[4, 5, 1][..], &[3, 5, 1][..]));
    let part = bellis::Roi::new([1, 2, 0], [3, 2, 1]).unwrap();
    let patch = expected.slice(ndarray::s![1.., 2..4, ..]).mapv(|voxel| voxel + 500);
    array.write(&part, &patch).unwrap();
    assert_eq!(array.read(&part).unwrap(), patch.clone().into_dyn());
    expected.slice_mut(ndarray::s![1.., 2..4, ..]).assign(&patch);
    drop(array);
    require_read(file.join("arrays"), expected);
}

#[test]
fn a_single_value_is_an_array_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = file_of_types(dir.path());
    require_read(file.join("single"), ndarray::arr1(&[1.5f32]).into_dyn());
}

#[test]
fn links_to_nothing_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = file_of_types(dir.path());
    for (name, target) in [("dangling", "/nowhere"), ("outside", "/raw in missing.h5")] {
        let path = file.join(name);
        let expected =
            format!("cannot open {}: it is a link to {target}, where nothing is: ", path.display());
        assert!(refusal(&path).starts_with(&expected), "{}", refusal(&path));
    }
    assert!(refusal(&file.join("type")).contains("is no array but a named type of elements"));
    assert!(refusal(&file.join("nothing")).contains("is no array but a dataset without a shape"));
    let axes = refusal(&file.join("nine"));
    assert!(axes.contains("has 9 spatial axes, and bellis handles at most 8"), "{axes}");
}

#[test]
fn types_that_bellis_lacks_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (file, _) = file_of_types(dir.path());
    for (name, is) in [
        ("bits", "bitfields of 16 bits"),
        ("opaque", "opaque bytes, 7 each"),
        ("text", "text"),
        ("lists", "lists of any length, of int32"),
        ("texts", "an array of 2 x 3 in each element, of text"),
        ("records", "elements of several fields (mask, id, pair, z, height, in: one of them is PATH@FIELD)"),
    ] {
        let path = file.join(name);
        let expected = format!("{} holds {is}, which bellis does not handle: ", path.display());
        assert!(refusal(&path).starts_with(&expected), "{}", refusal(&path));
    }
}
