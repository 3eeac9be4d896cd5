//! HDF5 files by other hands, whose bytes lie in ways that bellis itself never makes.

use std::fs;
use std::path::Path;

use bellis::storage::{Compression, describe};
use bellis::{Array, ArraySpec};
use hdf5::dataset::{AllocTime, ChunkOpts, FillTime};
use hdf5::filters::ScaleOffset;
use hdf5::types::{FixedAscii, VarLenAscii};
use hdf5::{DatasetBuilderEmptyShape, Extent, FileBuilder};
use ndarray::{ArrayD, s};

use super::{counting, error_of, roi};

/// A file, new or not, in the format of HDF5 1.10, which knows all ways to find a chunk.
fn file_for(path: &Path) -> hdf5::File {
    FileBuilder::new().with_fapl(|fapl| fapl.libver_v110()).append(path).unwrap()
}

/// What the library itself reads.
fn read_by_library(path: &Path, name: &str) -> ArrayD<u16> {
    hdf5::File::open(path).unwrap().dataset(name).unwrap().read_dyn().unwrap()
}

/// bellis reads what the library wrote, and the other way round.
#[track_caller]
fn require_shared(path: &Path, name: &str) {
    let mut content = read_by_library(path, name);
    let array = Array::<u16>::open(path.join(name)).unwrap();
    assert_eq!(array.read(&array.roi()).unwrap(), content, "{name}");
    let patch = counting::<u16>(&[5, 6]).mapv(|voxel| voxel + 1000);
    array.write(&roi([4, 3], [5, 6]), &patch).unwrap();
    content.slice_mut(s![4..9, 3..9]).assign(&patch);
    assert_eq!(array.read(&array.roi()).unwrap(), content, "{name}");
    drop(array);
    assert_eq!(read_by_library(path, name), content, "{name}");
}

#[test]
fn arrays_that_may_grow() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    for (number, most) in
        [[Some(10), Some(10)], [Some(11), Some(12)], [Some(20), Some(20)], [None, Some(30)], [None, None]]
            .into_iter()
            .enumerate()
    {
        for (alloc_name, alloc_time) in
            [("early", AllocTime::Early), ("late", AllocTime::Late), ("incremental", AllocTime::Incr)]
        {
            let name = format!("{number} {alloc_name}");
            let extents: Vec<_> = most.iter().map(|&most| Extent::new(10, most)).collect();
            let file = file_for(&path);
            let builder = file.new_dataset::<u16>().shape(extents).chunk([5, 5]);
            let dataset = builder.alloc_time(Some(alloc_time)).create(name.as_str()).unwrap();
            dataset.write(&counting::<u16>(&[10, 10])).unwrap();
            drop(dataset);
            file.close().unwrap();
            require_shared(&path, &name);
        }
    }
}

/// The library leaves memory as it was for what was never written, where a file says not to fill that.
#[test]
fn no_junk_is_read_where_nothing_is_filled() {
    type Layout = fn(DatasetBuilderEmptyShape) -> DatasetBuilderEmptyShape;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let raw = dir.path().join("a.raw");
    fs::write(&raw, [0; 100]).unwrap();
    let raw = raw.display().to_string();
    let file = file_for(&path);
    let layouts: [(&str, Layout); 5] = [
        ("contiguous", |builder| builder.no_chunk()),
        ("chunked", |builder| builder.chunk([10, 10])),
        ("gzip", |builder| builder.chunk([10, 10]).deflate(1)),
        // Filters that bellis leaves to the library.
        ("scale-offset", |builder| builder.chunk([10, 10]).scale_offset(ScaleOffset::Integer(0))),
        ("virtual", |builder| builder.virtual_map(".", "chunked", [20, 20], .., [20, 20], ..)),
    ];
    let new = || {
        let builder = file.new_dataset::<u16>().shape([20, 20]).fill_time(FillTime::Never);
        builder.alloc_time(Some(AllocTime::Late))
    };
    for (name, layout) in layouts {
        layout(new()).create(name).unwrap();
    }
    // Shorter than what it should hold.
    new().with_dcpl(|dcpl| dcpl.external(&raw, 0, 800)).create("external").unwrap();
    file.close().unwrap();
    for name in layouts.map(|(name, _)| name).into_iter().chain(["external"]) {
        let array = Array::<u16>::open(path.join(name)).unwrap();
        for _ in 0..10 {
            // Memory of the same size that was just used for something else.
            drop(std::hint::black_box(vec![0xABu8; 800]));
            assert!(array.read(&array.roi()).unwrap().iter().all(|&voxel| voxel == 0), "{name}");
        }
    }
}

#[test]
fn external_links_lead_to_the_other_file() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("below")).unwrap();
    let (linker, target) = (dir.path().join("a.h5"), dir.path().join("below/b.h5"));
    let in_chunks = ArraySpec::new([10, 10]).chunks([4, 4]);
    let ways = [
        ("contiguous", ArraySpec::new([10, 10])),
        ("chunked", in_chunks.clone()),
        ("compressed", in_chunks.compression(Compression::Gzip { level: 1 })),
    ];
    let own = ArraySpec::new([4000]);
    Array::<u16>::create(linker.join("own"), &own).unwrap();
    for (way, spec) in &ways {
        let array = Array::<u16>::create(target.join("deep").join(way), spec).unwrap();
        array.write(&array.roi(), &counting::<u16>(&[10, 10])).unwrap();
    }
    let file = hdf5::File::open_rw(&linker).unwrap();
    file.link_external("below/b.h5", "/deep", "group").unwrap();
    for (way, _) in &ways {
        file.link_external("below/b.h5", &format!("/deep/{way}"), way).unwrap();
        file.link_soft(&format!("/group/{way}"), &format!("soft {way}")).unwrap();
    }
    file.close().unwrap();
    for (way, spec) in &ways {
        for name in [(*way).to_owned(), format!("group/{way}"), format!("soft {way}")] {
            let path = linker.join(&name);
            assert_eq!(describe(&path).unwrap().path, path);
            Array::<u16>::create(&path, spec).unwrap();
            require_shared(&linker, &name);
            // Another array of the target is open, and then the link is written through.
            let direct = Array::<u16>::open(target.join("deep").join(way)).unwrap();
            direct.write(&direct.roi(), &counting::<u16>(&[10, 10])).unwrap();
            assert_eq!(
                direct.read(&roi([0, 0], [3, 3])).unwrap(),
                counting::<u16>(&[10, 10]).slice(s![..3, ..3]).into_dyn()
            );
            let linked = Array::<u16>::open(&path).unwrap();
            linked.write(&linked.roi(), &counting::<u16>(&[10, 10]).mapv(|voxel| voxel + 500)).unwrap();
            assert_eq!(direct.read(&direct.roi()).unwrap(), linked.read(&linked.roi()).unwrap(), "{name}");
        }
    }
    let own = read_by_library(&linker, "own");
    assert!(own.iter().all(|&voxel| voxel == 0), "voxels were written to the file of the links");
}

#[test]
fn chunks_at_the_end_that_are_not_filtered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let file = file_for(&path);
    let builder = file.new_dataset::<u16>().shape([10, 10]).chunk([4, 4]).shuffle().deflate(4);
    let builder = builder.with_dcpl(|dcpl| dcpl.chunk_opts(ChunkOpts::DONT_FILTER_PARTIAL_CHUNKS));
    let dataset = builder.create("raw").unwrap();
    dataset.write(&counting::<u16>(&[10, 10])).unwrap();
    drop(dataset);
    file.close().unwrap();
    require_shared(&path, "raw");
}

#[test]
fn what_is_in_the_way_of_a_new_dataset_is_named_and_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("a.h5"), dir.path().join("b.h5"));
    let spec = ArraySpec::new([10]);
    for path in [&path, &other] {
        Array::<u16>::create(path.join("group/raw"), &spec).unwrap();
    }
    let file = hdf5::File::open_rw(&path).unwrap();
    file.link_external("b.h5", "/group", "other").unwrap();
    file.link_soft("/nothing", "nowhere").unwrap();
    file.link_soft("/group", "here").unwrap();
    file.close().unwrap();
    let before = fs::metadata(&path).unwrap().len();
    for (name, value) in [
        ("group/raw/x", format!("the dataset {}", path.join("group/raw").display())),
        ("group/raw/deep/x", format!("the dataset {}", path.join("group/raw").display())),
        ("other/x", format!("{}, a link to {}", path.join("other").display(), other.display())),
        ("nowhere/x", format!("{}, which leads nowhere", path.join("nowhere").display())),
    ] {
        let message = error_of(Array::<u16>::create(path.join(name), &spec));
        let expected = format!(
            "cannot create {}: what is above it is {value} but must be a group of the same file, or not there: choose \
             another name",
            path.join(name).display()
        );
        assert_eq!(message, expected);
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), before);
    // Names that the library refuses only once the dataset is made.
    error_of(Array::<u16>::create(path.join("group/new\0name"), &spec));
    Array::<u16>::create(path.join("here/x"), &spec).unwrap();
    for (path, names) in [(&path, &["raw", "x"][..]), (&other, &["raw"])] {
        let file = hdf5::File::open(path).unwrap();
        assert!(!file.link_exists(".bellis-unfinished"));
        assert_eq!(file.group("group").unwrap().member_names().unwrap(), names);
    }
}

/// What lies in another file is there, or the array does not open.
#[test]
fn a_raw_file_that_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (path, raw) = (dir.path().join("a.h5"), dir.path().join("a.raw"));
    let content = counting::<u16>(&[10, 10]);
    fs::write(&raw, content.iter().flat_map(|voxel| voxel.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    let file = file_for(&path);
    let builder = file.new_dataset::<u16>().shape([10, 10]);
    builder.with_dcpl(|dcpl| dcpl.external(raw.to_str().unwrap(), 0, 200)).create("raw").unwrap();
    file.close().unwrap();
    require_shared(&path, "raw");
    fs::remove_file(&raw).unwrap();
    assert_eq!(describe(path.join("raw")).unwrap().shape, [10, 10]);
    let message = error_of(Array::<u16>::open(path.join("raw")));
    let expected = format!("{} keeps its voxels in {}, which", path.join("raw").display(), raw.display());
    assert!(message.starts_with(&expected) && message.ends_with(": bring that file"), "{message}");
}

/// As MATLAB has it: HDF5 behind a block of its own, in a file of any name.
#[test]
fn a_user_block_and_any_name() {
    let dir = tempfile::tempdir().unwrap();
    for (name, n_bytes) in [("a.mat", 512), ("volume", 2048), ("b.h5", 1024)] {
        let path = dir.path().join(name);
        let file = FileBuilder::new().with_fcpl(|fcpl| fcpl.userblock(n_bytes)).create(&path).unwrap();
        let dataset = file.new_dataset::<u16>().shape([10, 10]).create("x").unwrap();
        dataset.write(&counting::<u16>(&[10, 10])).unwrap();
        drop(dataset);
        file.close().unwrap();
        require_shared(&path, "x");
        Array::<u16>::create(path.join("group/new"), &ArraySpec::new([10, 10])).unwrap();
        require_shared(&path, "group/new");
        assert_eq!(
            bellis::storage::arrays(&path, 9).unwrap().paths,
            [path.join("group/new"), path.join("x")]
        );
    }
}

/// Older writers say that it is ASCII or UTF-8 where it is neither.
#[test]
fn text_in_latin_1_is_read_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.h5");
    let file = file_for(&path);
    let dataset = file.new_dataset::<u16>().shape([4, 4]).create("raw").unwrap();
    // SAFETY: written as they are, and asked for nothing but their bytes.
    let text = |bytes: &[u8]| unsafe { FixedAscii::<8>::from_ascii_unchecked(bytes) };
    dataset.new_attr_builder().with_data(&[text(b"\xb5m"), text(b"nm")]).create("units").unwrap();
    // SAFETY: as above.
    let names = [&b"h\xf6he"[..], b"x"].map(|name| unsafe { VarLenAscii::from_ascii_unchecked(name) });
    dataset.new_attr_builder().with_data(&names).create("axis_names").unwrap();
    drop(dataset);
    file.close().unwrap();
    let info = describe(path.join("raw")).unwrap();
    assert_eq!(
        (&info.units[..], &info.axis_names[..]),
        (&["µm", "nm"].map(String::from)[..], &["höhe", "x"].map(String::from)[..])
    );
    for name in ["b.zarr", "b.n5/raw", "b.h5/raw"] {
        let path = dir.path().join(name);
        Array::<u16>::create(&path, &ArraySpec::from(&info)).unwrap();
        let copied = describe(&path).unwrap();
        assert_eq!((&copied.units, &copied.axis_names), (&info.units, &info.axis_names), "{name}");
    }
}
