//! Blocks that read overlapping contexts decode a chunk once, not once each: as far as the cache has room, and never
//! at the price of old data. One test, as the cache and its figures belong to the whole process.

#![cfg(feature = "zarr")]

use bellis::storage::{Array, ArraySpec, Compression};
use bellis::{Border, Progress, Report, Runner, Task};
use ndarray::{ArrayD, IxDyn};

const SIDE: i64 = 160;

fn volume(path: &std::path::Path, spec: &ArraySpec) -> Array<u16> {
    let array = Array::<u16>::create(path, spec).expect("a new array");
    let side = SIDE as usize;
    let data = ArrayD::from_shape_fn(IxDyn(&[side; 3]), |at| (at[0] * 7 + at[1] * 3 + at[2]) as u16);
    array.write(&array.roi(), &data).expect("all of it");
    array
}

/// Reads every block of 32 voxels a side with a context of 4.
fn read_all(array: &Array<u16>, cache_mib: u64) -> Report {
    let input = array.clone();
    let task = Task::builder("read")
        .total_write_roi(array.roi())
        .block_shape([32, 32, 32])
        .context([4, 4, 4], [4, 4, 4])
        .read_write_conflict(false)
        .process(move |block| {
            let data = input.read_with(&block.read_roi, Border::Nearest)?;
            let [z, y, x] = [0, 1, 2].map(|axis| block.read_roi.offset()[axis].clamp(0, SIDE));
            let corner = (z * 7 + y * 3 + x) as u16;
            if data[[0, 0, 0]] == corner { Ok(()) } else { Err("another voxel".into()) }
        })
        .build()
        .expect("a task");
    let runner = Runner::new().slots(2).cache_mib(cache_mib).progress(Progress::Off);
    let report = runner.run(task).expect("it runs");
    assert!(report.all_completed(), "{report}");
    report
}

#[test]
fn overlapping_contexts_decode_each_chunk_about_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let spec = || ArraySpec::new([SIDE as u64; 3]).compression(Compression::Zstd { level: 1 });
    let kinds = [
        ("chunks.zarr", spec().chunks([32, 32, 32])),
        ("shards.zarr", spec().chunks([32, 32, 32]).shards([64, 64, 64])),
        #[cfg(feature = "n5")]
        ("blocks.n5", ArraySpec::new([SIDE as u64; 3]).chunks([32, 32, 32])),
    ];
    for (name, spec) in kinds {
        let array = volume(&dir.path().join(name), &spec);
        let n_chunks = 5 * 5 * 5;

        let kept = read_all(&array, 64).chunk_reads;
        // No two threads decode one chunk at the same time; a file that is read whole before it is kept is decoded twice.
        assert!((n_chunks..=n_chunks * 5 / 4).contains(&kept.n_misses), "{name}: {kept:?}");
        assert!(kept.hit_rate() > 0.9, "{name}: {kept}");
        assert!(kept.bytes_decoded < kept.bytes_read, "{name}: {kept}");

        let none = read_all(&array, 0).chunk_reads;
        assert_eq!(none.n_hits, 0, "{name}: {none}");
        assert_eq!((none.n(), none.bytes_read), (kept.n(), kept.bytes_read), "{name}");
        assert!(none.n_misses > 10 * n_chunks, "{name}: {none}");

        // Room for a few chunks of 64 KiB, not for a plane of them.
        let little = read_all(&array, 1).chunk_reads;
        assert!((n_chunks * 3 / 2..none.n_misses).contains(&little.n_misses), "{name}: {little}");
        assert_eq!(little.n(), kept.n(), "{name}");
    }
}
