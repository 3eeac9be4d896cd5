//! What `ArraySpec::resolve` says before is what `create` does after, whether it makes an array or refuses.

use std::fs;
use std::path::Path;

use bellis::storage::{ArrayInfo, ArraySpec, Compression, DataType, DynArray, Format, Writers, ZarrVersion};

use super::{KINDS, error_of, files_below};

/// Asks first and then does it: both come to the same, and asking leaves nothing.
fn resolve_and_create(path: &Path, data_type: DataType, spec: &ArraySpec) -> Result<ArrayInfo, String> {
    let beside = || files_below(Format::container(path).parent().unwrap());
    let before = beside();
    let resolved = spec.resolve(path, data_type);
    assert_eq!(beside(), before, "{}", path.display());
    let created = DynArray::create(path, data_type, spec);
    match (resolved, created) {
        (Ok(resolved), Ok(created)) => {
            assert_eq!(&resolved, created.info(), "{}", path.display());
            Ok(resolved)
        }
        (Err(resolved), Err(created)) => {
            assert_eq!(resolved.to_string(), created.to_string(), "{}", path.display());
            Err(resolved.to_string())
        }
        (resolved, created) => panic!("{}: {resolved:?}, then {created:?}", path.display()),
    }
}

fn specs() -> Vec<ArraySpec> {
    let plane = || ArraySpec::new([20, 30]);
    let compressions = [
        Compression::None,
        Compression::Zstd { level: 3 },
        Compression::Zstd { level: 23 },
        Compression::Gzip { level: 9 },
        Compression::Gzip { level: 10 },
        Compression::Blosc { level: 5 },
        Compression::Blosc { level: 10 },
        Compression::Bzip2 { level: 1 },
        Compression::Bzip2 { level: 0 },
        Compression::Lz4,
        Compression::Xz { level: 6 },
    ];
    let mut specs = vec![
        plane(),
        plane().chunks([8, 8]),
        plane().chunks([64, 64]),
        plane().chunks([0, 8]),
        plane().chunks([8]),
        plane().chunks([1 << 32, 1]),
        plane().chunks([4, 4]).shards([8, 12]),
        plane().shards([8, 12]),
        plane().chunks([5, 5]).shards([8, 12]),
        plane().chunks([4, 4]).shards([8, 12]).zarr_version(ZarrVersion::V2),
        plane().zarr_version(ZarrVersion::V2),
        plane().contiguous(),
        plane().contiguous().compression(Compression::Gzip { level: 1 }),
        plane().fill_value(7u8),
        plane().fill_value(-1i8),
        plane().fill_value(0.5),
        plane().fill_value(f64::INFINITY),
        plane().offset([-4, 8]).voxel_size([4, 2]).units("nm").axis_names(["y", "x"]),
        plane().voxel_size([0, 1]),
        plane().offset([i64::MAX, 0]),
        plane().units_per_axis(["nm", "nm", "nm"]),
        ArraySpec::new([3, 20, 30]).channel_axes(1),
        ArraySpec::new([3, 20, 30]).channel_axes(1).chunks([3, 8, 8]).axis_names(["c", "y", "x"]),
        ArraySpec::new([3]).channel_axes(1),
        ArraySpec::new([2; 9]),
        ArraySpec::new([1 << 20, 1 << 40]).chunks([64, 64]),
    ];
    specs.extend(compressions.map(|compression| plane().compression(compression)));
    specs.extend(compressions.map(|compression| plane().chunks([8, 8]).compression(compression)));
    specs
}

#[test]
fn what_is_resolved_is_what_is_created() {
    let (mut n_made, mut n_refused) = (0, 0);
    for suffix in ["zarr", "n5", "h5"] {
        let dir = tempfile::tempdir().unwrap();
        // A dataset of such an extent takes all of its space in uncompressed HDF5.
        let specs = specs()
            .into_iter()
            .filter(|spec| suffix != "h5" || !format!("{spec:?}").contains("1099511627776"));
        for (number, spec) in specs.enumerate() {
            for data_type in [DataType::U8, DataType::I64, DataType::F32] {
                let path = dir.path().join(format!("{number}-{data_type}.{suffix}/deep/raw"));
                match resolve_and_create(&path, data_type, &spec) {
                    Ok(info) => {
                        n_made += 1;
                        // And again, now that it is there.
                        assert_eq!(resolve_and_create(&path, data_type, &spec), Ok(info));
                    }
                    Err(_) => {
                        n_refused += 1;
                        assert!(!path.ancestors().nth(2).unwrap().exists(), "{}", path.display());
                    }
                }
            }
        }
    }
    assert!(n_made > 100 && n_refused > 100, "{n_made} made, {n_refused} refused");
}

#[test]
fn every_kind_of_the_suite_is_resolved() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([9, 10]).voxel_size([2, 2]), [4, 4]);
        let info = resolve_and_create(&kind.path_in(&dir), DataType::U16, &spec).unwrap();
        assert_eq!(info.format, kind.format);
        // Into the container that is there by now.
        resolve_and_create(&dir.path().join(format!("a.{}/c/d", kind.suffix)), DataType::U16, &spec).unwrap();
        let is_one_process = matches!(info.writers, Writers::OneProcess { .. });
        assert_eq!(is_one_process, kind.suffix == "h5" && kind.has_checksum, "{:?}", info.writers);
    }
}

#[test]
fn what_is_there_and_differs_is_seen_before() {
    for suffix in ["zarr", "n5", "h5"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(format!("a.{suffix}/raw"));
        let spec = ArraySpec::new([8, 8]).chunks([4, 4]);
        resolve_and_create(&path, DataType::U8, &spec).unwrap();
        let refused = |path: &Path, data_type, spec: &ArraySpec| {
            resolve_and_create(path, data_type, spec).expect_err("must be refused")
        };
        assert!(refused(&path, DataType::U8, &ArraySpec::new([8, 9])).contains("shape [8, 8] but [8, 9]"));
        assert!(refused(&path, DataType::U16, &spec).contains("data type uint8 but uint16"));
        assert!(refused(&path, DataType::U8, &spec.clone().offset([1, 0])).contains("offset"));
        let below = refused(&path.join("below"), DataType::U8, &spec);
        assert!(below.contains("the array") || below.contains("the dataset"), "{below}");
        let group = refused(&dir.path().join(format!("a.{suffix}")), DataType::U8, &spec);
        assert!(group.contains("group") || group.contains("the name of a dataset"), "{group}");
        // Names and units stay as they are: what is there is what create returns.
        let named = spec.clone().axis_names(["y", "x"]).units("nm");
        assert_eq!(named.resolve(&path, DataType::U8).unwrap().axis_names, ["d0", "d1"]);

        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let unwritable = refused(&file.join(format!("a.{suffix}/raw")), DataType::U8, &spec);
        let why = if suffix == "h5" { "is no HDF5 file" } else { "Not a directory" };
        assert!(unwritable.contains(why), "{unwritable}");
    }
    let unknown = ArraySpec::new([4]).resolve("nothing-there/raw", DataType::U8);
    assert!(error_of(unknown).contains("cannot tell the format"));
}
