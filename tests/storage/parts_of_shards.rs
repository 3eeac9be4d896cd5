//! Shards of which a part is written: only the chunks that it meets are coded anew.

use std::fs;
use std::path::{Path, PathBuf};

use bellis::Array;
use bellis::storage::ArraySpec;
use ndarray::{ArrayD, IxDyn, s};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{chunk_files, counting, error_of, roi};

const SHAPE: [usize; 2] = [23, 18];
const FILL: u16 = 7;

/// Chunks of 4 x 3 in shards of 8 x 12, whose index is at the end, under a checksum; or as `edit` makes it.
fn sharded(path: &Path, edit: impl Fn(&mut serde_json::Value)) -> Array<u16> {
    let spec = ArraySpec::new(SHAPE.map(|extent| extent as u64)).chunks([4, 3]).shards([8, 12]);
    Array::<u16>::create(path, &spec.fill_value(FILL)).unwrap();
    let file = path.join("zarr.json");
    let mut metadata: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    edit(&mut metadata["codecs"][0]["configuration"]);
    fs::write(&file, metadata.to_string()).unwrap();
    Array::open(path).unwrap()
}

fn index_first(configuration: &mut serde_json::Value) {
    configuration["index_location"] = "start".into();
}

fn index_unchecked(configuration: &mut serde_json::Value) {
    configuration["index_codecs"].as_array_mut().unwrap().truncate(1);
}

/// Offset and shape along an axis of so many voxels.
fn part_of(extent: usize) -> impl Strategy<Value = (usize, usize)> {
    (0..extent).prop_flat_map(move |begin| (Just(begin), 1..=extent - begin))
}

#[test]
fn any_parts_in_any_order() {
    let write = (part_of(SHAPE[0]), part_of(SHAPE[1]), prop_oneof![Just(FILL), any::<u16>()]);
    let writes = prop::collection::vec(write, 1..12);
    let edits: [fn(&mut serde_json::Value); 3] = [|_| {}, index_first, index_unchecked];
    for edit in edits {
        let config = ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() };
        let run = TestRunner::new(config).run(&writes, |writes| {
            let dir = tempfile::tempdir().unwrap();
            let array = sharded(&dir.path().join("a.zarr"), edit);
            let mut expected = ArrayD::from_elem(IxDyn(&SHAPE), FILL);
            for ((y, height), (x, width), value) in writes {
                let step = u16::from(value != FILL);
                let data = counting::<u16>(&[height, width]).mapv(|v| value.wrapping_add(v * step));
                expected.slice_mut(s![y..y + height, x..x + width]).assign(&data);
                let part = [y, x, height, width].map(|number| number as i64);
                array.write(&roi([part[0], part[1]], [part[2], part[3]]), &data).unwrap();
            }
            assert_eq!(array.read(&array.roi()).unwrap(), expected);
            // A shard of nothing but fill values is not there.
            let shards = expected.axis_chunks_iter(ndarray::Axis(0), 8).flat_map(|rows| {
                rows.axis_chunks_iter(ndarray::Axis(1), 12)
                    .map(|shard| shard.iter().all(|v| *v == FILL))
                    .collect::<Vec<_>>()
            });
            let n_shards = shards.filter(|is_empty| !is_empty).count();
            assert_eq!(chunk_files(array.path()).len(), n_shards);
            Ok(())
        });
        run.unwrap();
    }
}

/// The first shard's file, with all of the array written.
fn written(array: &Array<u16>) -> (PathBuf, ArrayD<u16>) {
    let data = counting::<u16>(&SHAPE);
    array.write(&array.roi(), &data).unwrap();
    (array.path().join("c/0/0"), data)
}

#[test]
fn chunks_that_do_not_change_stay_as_they_are_even_spoilt() {
    let dir = tempfile::tempdir().unwrap();
    let array = sharded(&dir.path().join("a.zarr"), |_| {});
    let (shard, mut expected) = written(&array);
    let mut bytes = fs::read(&shard).unwrap();
    // In the first chunk, of which comes the frame's header first.
    bytes[1] ^= 0xFF;
    fs::write(&shard, &bytes).unwrap();
    let first = roi([0, 0], [4, 3]);
    assert!(error_of(array.read(&first)).contains("corrupt"));
    // Part of another one, and all of two.
    let data = counting::<u16>(&[7, 4]).mapv(|v| v + 1000);
    array.write(&roi([1, 4], [7, 4]), &data).unwrap();
    expected.slice_mut(s![1..8, 4..8]).assign(&data);
    let rest = roi([0, 3], [23, 15]);
    assert_eq!(array.read(&rest).unwrap(), expected.slice(s![.., 3..]).into_dyn());
    assert!(error_of(array.read(&first)).contains("corrupt"));
    // Part of the spoilt one cannot be written.
    let before = fs::read(&shard).unwrap();
    let message = error_of(array.write(&roi([3, 2], [1, 1]), &ndarray::arr2(&[[1u16]])));
    assert!(message.contains("c/0/0 is corrupt"), "{message}");
    assert!(before == fs::read(&shard).unwrap(), "nothing was written");
    // All of it can, and all is well again.
    array.write(&first, &expected.slice(s![..4, ..3])).unwrap();
    assert_eq!(array.read(&array.roi()).unwrap(), expected);
}

#[test]
fn an_index_that_makes_no_sense_is_an_error() {
    const N_CHUNKS: usize = 8;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.zarr");
    let array = sharded(&path, index_unchecked);
    let (shard, _) = written(&array);
    let good = fs::read(&shard).unwrap();
    let index = good.len() - 16 * N_CHUNKS;
    for (at, number, reason) in [
        (index, u64::MAX - 1, "past its end"),
        (index + 8, u64::MAX - 1, "past its end"),
        (index + 8, good.len() as u64 + 1, "past its end"),
    ] {
        let mut bad = good.clone();
        bad[at..at + 8].copy_from_slice(&number.to_le_bytes());
        fs::write(&shard, &bad).unwrap();
        let message = error_of(array.write(&roi([5, 5], [1, 1]), &ndarray::arr2(&[[1u16]])));
        assert!(message.contains("c/0/0 is corrupt") && message.contains(reason), "{message}");
        assert!(bad == fs::read(&shard).unwrap(), "nothing was written");
    }
    fs::write(&shard, &good[..16 * N_CHUNKS - 1]).unwrap();
    let message = error_of(array.write(&roi([5, 5], [1, 1]), &ndarray::arr2(&[[1u16]])));
    assert!(message.contains("cut short"), "{message}");

    // With a checksum any bit tells.
    let array = sharded(&dir.path().join("b.zarr"), |_| {});
    let (shard, _) = written(&array);
    let mut bad = fs::read(&shard).unwrap();
    let last = bad.len() - 1;
    bad[last] ^= 1;
    fs::write(&shard, &bad).unwrap();
    let message = error_of(array.write(&roi([5, 5], [1, 1]), &ndarray::arr2(&[[1u16]])));
    assert!(message.contains("c/0/0 is corrupt"), "{message}");
}
