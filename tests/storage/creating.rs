//! Creating arrays: again, by many at once, and in groups.

use std::path::Path;
use std::process::Command;

use bellis::Array;
use bellis::storage::{ArraySpec, ZarrVersion, write_multiscales};
use ndarray::{ArrayD, Axis, IxDyn};

use super::spawn::{output, spawn};
use super::{KINDS, counting, error_of, files_below, roi};

#[test]
fn creating_again_opens_and_another_shape_is_refused() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let path = kind.path_in(&dir).join("deep/er/raw");
        let spec = kind.spec(&ArraySpec::new([8, 8]).voxel_size([2, 2]), [4, 4]);
        let array = Array::<i64>::create(&path, &spec).unwrap();
        array.write(&array.roi(), &counting::<i64>(&[8, 8])).unwrap();
        let again = Array::<i64>::create(&path, &spec).unwrap();
        assert_eq!(again.read(&again.roi()).unwrap(), counting::<i64>(&[8, 8]));

        let refused = |other: &ArraySpec| error_of(Array::<i64>::create(&path, other));
        let shown = path.display();
        assert_eq!(
            refused(&spec.clone().offset([2, 0])),
            format!(
                "{shown} exists with offset (0, 0) but (2, 0) is asked for: remove it or choose another path"
            )
        );
        assert!(refused(&spec.clone().voxel_size([2, 4])).contains("voxel size (2, 2) but (2, 4)"));
        let chunks = &array.info().chunks;
        let others = refused(&spec.clone().chunks([2, 1]));
        assert!(others.contains(&format!("chunk shape {chunks:?} but [2, 1]")), "{others}");
        let other = kind.spec(&ArraySpec::new([8, 9]).voxel_size([2, 2]), [4, 4]);
        assert!(refused(&other).contains("shape [8, 8] but [8, 9]"));
        assert!(error_of(Array::<u8>::create(&path, &spec)).contains("data type int64 but uint8"));
        let channels = kind.spec(&ArraySpec::new([8, 8]).channel_axes(1), [4, 4]);
        assert!(refused(&channels).contains("number of channel axes 0 but 1"));
        // Nothing was changed, and nothing is left over.
        assert_eq!(again.read(&again.roi()).unwrap(), counting::<i64>(&[8, 8]));
        assert!(
            files_below(dir.path()).iter().all(|file| file.extension().is_none_or(|suffix| suffix != "tmp"))
        );
    }
}

#[test]
fn a_new_array_follows_the_version_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let group = dir.path().join("a.zarr");
    let spec = ArraySpec::new([4]);
    Array::<u8>::create(group.join("x"), &spec.clone().zarr_version(ZarrVersion::V2)).unwrap();
    let second = Array::<u8>::create(group.join("deep/y"), &spec).unwrap();
    assert_eq!(second.info().format, "Zarr v2");
    let refused = error_of(Array::<u8>::create(group.join("z"), &spec.clone().zarr_version(ZarrVersion::V3)));
    assert!(refused.contains("Zarr version is") && refused.contains("group"), "{refused}");
    assert!(error_of(Array::<u8>::create(group.join("x/inside"), &spec)).contains("below the array"));
    assert!(error_of(Array::<u8>::create(&group, &spec)).contains("a Zarr v2 group"));
}

#[test]
fn many_threads_create_one_array() {
    for kind in KINDS {
        for _ in 0..4 {
            let dir = tempfile::tempdir().unwrap();
            let path = kind.path_in(&dir);
            let spec = kind.spec(&ArraySpec::new([16]).offset([3]), [1]);
            std::thread::scope(|scope| {
                for thread in 0..8 {
                    let (path, spec) = (&path, &spec);
                    scope.spawn(move || {
                        let array = Array::<u32>::create(path, spec).unwrap();
                        array.write(&roi([3 + thread], [1]), &ndarray::arr1(&[thread as u32 + 1])).unwrap();
                    });
                }
            });
            let array = Array::<u32>::open(&path).unwrap();
            assert_eq!(
                array.read(&roi([3], [8])).unwrap(),
                ndarray::arr1(&[1, 2, 3, 4, 5, 6, 7, 8]).into_dyn()
            );
        }
    }
}

#[test]
fn creators_that_disagree_do_not_all_succeed_with_their_own() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let path = kind.path_in(&dir);
        let outcomes: Vec<bool> = std::thread::scope(|scope| {
            let create = |thread: i64| {
                let spec = kind.spec(&ArraySpec::new([16]).offset([thread % 2]), [16]);
                Array::<u32>::create(&path, &spec).is_ok_and(|array| array.roi().offset()[0] == thread % 2)
            };
            let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || create(thread))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winner = Array::<u32>::open(&path).unwrap().roi().offset()[0];
        for (thread, succeeded) in outcomes.into_iter().enumerate() {
            assert_eq!(succeeded, thread as i64 % 2 == winner);
        }
    }
}

const CHILD: &str = "BELLIS_TEST_STORAGE_CHILD";

/// What the processes of the next test run: this test again, told by the environment where.
#[test]
fn child_process() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let (index, path) = task.split_once(' ').unwrap();
    let index: i64 = index.parse().unwrap();
    let version = if path.contains("v2") { ZarrVersion::V2 } else { ZarrVersion::V3 };
    for repetition in 0..10 {
        let path = Path::new(path).join(format!("{repetition}.zarr/raw"));
        let spec = ArraySpec::new([16, 16]).chunks([4, 4]).zarr_version(version);
        let array = Array::<i64>::create(path, &spec).unwrap();
        array.write(&roi([4 * index, 0], [4, 16]), &ArrayD::from_elem(IxDyn(&[4, 16]), index + 1)).unwrap();
    }
}

#[test]
fn many_processes_create_one_array() {
    for version in ["v2", "v3"] {
        let dir = tempfile::Builder::new().prefix(version).tempdir().unwrap();
        let start = |index: usize| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child
                .args(["--exact", "creating::child_process"])
                .env(CHILD, format!("{index} {}", dir.path().display()))
                .stdout(std::process::Stdio::null());
            spawn(&mut child).unwrap()
        };
        let children: Vec<_> = (0..4).map(start).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        for repetition in 0..10 {
            let array = Array::<i64>::open(dir.path().join(format!("{repetition}.zarr/raw"))).unwrap();
            let data = array.read(&array.roi()).unwrap();
            for (row, values) in data.axis_iter(Axis(0)).enumerate() {
                assert!(values.iter().all(|&v| v == row as i64 / 4 + 1));
            }
        }
    }
}

#[test]
fn threads_that_share_chunks_lose_nothing() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let spec = kind.spec(&ArraySpec::new([64]), [32]);
        let array = Array::<u8>::create(kind.path_in(&dir), &spec).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let array = array.clone();
                scope.spawn(move || {
                    for voxel in (thread..64).step_by(8) {
                        array.write(&roi([voxel], [1]), &ndarray::arr1(&[voxel as u8 + 1])).unwrap();
                    }
                });
            }
        });
        let expected: Vec<u8> = (1..=64).collect();
        assert_eq!(array.read(&array.roi()).unwrap().into_raw_vec_and_offset().0, expected);
    }
}

const COUNTING: &str = "BELLIS_TEST_STORAGE_THREADS";

/// What the process of the next test runs: alone, so that it may count its threads.
#[test]
fn count_threads() {
    let Ok(path) = std::env::var(COUNTING) else { return };
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = threads();
    let array = Array::<u64>::create(path, &ArraySpec::new([40, 40]).chunks([8, 8])).unwrap();
    array.write(&array.roi(), &counting::<u64>(&[40, 40])).unwrap();
    array.read(&roi([3, 3], [30, 30])).unwrap();
    // A thread that has been joined may take a moment to go.
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert_eq!(threads(), before, "bulk data are moved by the calling thread alone");
}

#[test]
fn no_thread_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let mut counting = Command::new(std::env::current_exe().unwrap());
    counting
        .args(["--exact", "creating::count_threads", "--test-threads", "1"])
        .env(COUNTING, dir.path().join("a.zarr"));
    let counted = output(&mut counting).unwrap();
    assert!(counted.status.success(), "{}", String::from_utf8_lossy(&counted.stdout));
}

#[test]
fn a_pyramid_says_where_its_levels_lie() {
    for version in [ZarrVersion::V2, ZarrVersion::V3] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.ome.zarr");
        let level = |name: &str, shape: [u64; 3], voxel: i64| {
            let spec = ArraySpec::new(shape).channel_axes(1).voxel_size([voxel, voxel]).offset([-40, 8]);
            let spec = spec.axis_names(["c", "y", "x"]).units("nm").zarr_version(version);
            Array::<u8>::create(path.join(name), &spec).unwrap()
        };
        let levels = [level("0", [2, 64, 64], 4), level("1", [2, 32, 32], 8), level("2", [2, 16, 16], 16)];
        write_multiscales(&path, &levels.each_ref().map(Array::info)).unwrap();
        for level in levels {
            // As another writer would have left it: only the group tells.
            let file = level.path().join(if version == ZarrVersion::V2 { ".zattrs" } else { "zarr.json" });
            let mut metadata: serde_json::Value =
                serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            match version {
                ZarrVersion::V2 => metadata = serde_json::json!({}),
                ZarrVersion::V3 => metadata["attributes"] = serde_json::json!({}),
            }
            std::fs::write(&file, metadata.to_string()).unwrap();
            assert_eq!(Array::<u8>::open(level.path()).unwrap().info(), level.info());
            let link = dir.path().join("link");
            std::os::unix::fs::symlink(level.path(), &link).unwrap();
            let linked = Array::<u8>::open(&link).unwrap();
            assert_eq!((linked.voxel_size(), linked.roi()), (level.voxel_size(), level.roi()));
            std::fs::remove_file(link).unwrap();
        }
        let elsewhere = Array::<u8>::create(dir.path().join("b.zarr"), &ArraySpec::new([4])).unwrap();
        let refused = error_of(write_multiscales(&path, &[elsewhere.info()]));
        assert!(refused.contains("b.zarr does not lie in it"), "{refused}");
    }
}

/// What nobody wrote takes no space, and no time.
#[test]
fn a_large_dataset_is_made_at_once() {
    use std::os::unix::fs::MetadataExt;
    for spec in [ArraySpec::new([64, 512, 512]), ArraySpec::new([64, 512, 512]).chunks([64, 64, 64])] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let array = Array::<u32>::create(path.join("raw"), &spec).unwrap();
        let metadata = std::fs::metadata(&path).unwrap();
        assert!(metadata.len() > 64 << 20, "it has all of its space: {}", metadata.len());
        assert!(metadata.blocks() * 512 < 1 << 20, "{} bytes are on the disk", metadata.blocks() * 512);
        assert!(array.read(&roi([0, 0, 0], [64, 64, 512])).unwrap().iter().all(|voxel| *voxel == 0));
    }
}

/// A dataset that a process left half made, and its content, are not what the next one finds.
#[test]
fn what_was_left_unfinished_is_not_seen_as_voxels() {
    for chunks in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let spec = ArraySpec::new([64, 512]);
        let spec = if chunks { spec.chunks([64, 64]) } else { spec };
        let array = Array::<u32>::create(path.join("raw"), &spec).unwrap();
        array.write(&array.roi(), &ArrayD::from_elem(IxDyn(&[64, 512]), 7)).unwrap();
        let other = Array::<u32>::create(path.join("other"), &spec).unwrap();
        drop((array, other));
        let file = hdf5::File::open_rw(&path).unwrap();
        file.relink("raw", ".bellis-unfinished").unwrap();
        file.close().unwrap();
        let array = Array::<u32>::create(path.join("raw"), &spec).unwrap();
        assert!(array.read(&array.roi()).unwrap().iter().all(|voxel| *voxel == 0), "chunks: {chunks}");
    }
}

/// Space that another dataset had is used again in files that keep books on it: what lay there is not seen as voxels.
#[test]
fn used_space_is_not_seen_as_voxels() {
    use hdf5::plist::file_create::FileSpaceStrategy;
    for chunks in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.h5");
        let strategy = FileSpaceStrategy::FreeSpaceManager { paged: false, persist: true, threshold: 1 };
        let mut builder = hdf5::File::with_options();
        builder.with_fapl(|fapl| fapl.libver_v110()).with_fcpl(|fcpl| fcpl.file_space_strategy(strategy));
        let file = builder.create(&path).unwrap();
        for name in ["old", "other"] {
            let dataset = file.new_dataset::<u32>().shape([64, 512]).create(name).unwrap();
            dataset.write_raw(&[7u32; 64 * 512]).unwrap();
        }
        file.unlink("old").unwrap();
        file.close().unwrap();
        let length = std::fs::metadata(&path).unwrap().len();
        let spec = ArraySpec::new([64, 500]);
        let spec = if chunks { spec.chunks([64, 125]) } else { spec };
        let array = Array::<u32>::create(path.join("raw"), &spec).unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < length + (64 << 10), "the space is used again");
        assert!(array.read(&array.roi()).unwrap().iter().all(|voxel| *voxel == 0), "chunks: {chunks}");
    }
}

/// A child: creates arrays where it runs, at paths with `..`.
#[test]
fn child_process_below_a_group() {
    let Some(paths) = std::env::var_os("BELLIS_TEST_CREATE_AT") else { return };
    for path in paths.to_str().unwrap().split(':') {
        Array::<u8>::create(path, &ArraySpec::new([4])).unwrap();
    }
}

#[test]
fn nothing_is_written_beside_an_array_at_a_path_with_dots() {
    let dir = tempfile::tempdir().unwrap();
    for inside in ["in.zarr", "in.n5"] {
        Array::<u8>::create(dir.path().join(inside).join("a/b"), &ArraySpec::new([4])).unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "creating::child_process_below_a_group"])
            .current_dir(dir.path().join(inside).join("a/b"));
        let paths = "../../../out.zarr/x:../../../out.n5/x/y";
        let output = output(child.env("BELLIS_TEST_CREATE_AT", paths)).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
    }
    let mut names: Vec<_> = dir.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in.n5", "in.zarr", "out.n5", "out.zarr"]);
    assert!(dir.path().join("out.zarr/zarr.json").exists());
    assert!(
        dir.path().join("out.n5/attributes.json").exists()
            && dir.path().join("out.n5/x/attributes.json").exists()
    );
}

/// An axis may have no voxel: then there is nothing to read or write, and the array is there all the same.
#[test]
fn arrays_without_voxels() {
    for kind in KINDS {
        let dir = tempfile::tempdir().unwrap();
        let path = kind.path_in(&dir);
        let spec = kind.spec(&ArraySpec::new([0, 6]).voxel_size([2, 2]), [4, 2]);
        let array = Array::<u16>::create(&path, &spec).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(array.roi(), roi([0, 0], [0, 12]), "{}", kind.format);
        array.write(&array.roi(), &ArrayD::<u16>::zeros(vec![0, 6])).unwrap();
        let array = Array::<u16>::open(&path).unwrap();
        assert_eq!(array.info().shape, [0, 6], "{}", kind.format);
        assert_eq!(array.read(&array.roi()).unwrap().shape(), [0, 6], "{}", kind.format);
        assert_eq!(array.read(&roi([0, 0], [2, 4])).unwrap(), ArrayD::<u16>::zeros(vec![1, 2]));
    }
}
