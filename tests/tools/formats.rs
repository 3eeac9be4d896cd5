//! The tools, into and out of every way to store an array.

use std::path::Path;

use bellis::storage::describe;
use bellis::{Array, ArraySpec, Coordinate};
use ndarray::ArrayD;

use super::{RANKS, Random, Ranks, assert_tidy, read, run, write};

/// Where arrays are put, and how `convert` is asked for it. The last ones are in one piece where their source is, and
/// for one process.
const FORMATS: [(&str, &str); 11] = [
    ("two.zarr/raw", "--zarr-version 2 --chunks 4,5,3"),
    ("three.zarr/raw", "--chunks 5,4,4"),
    ("shards.zarr/raw", "--chunks 2,3,2 --shards 8,6,4"),
    ("a.n5/raw", "--chunks 4,4,4"),
    ("bzip2.n5/raw", "--chunks 4,4,8 --compression bzip2:2"),
    ("blosc.n5/raw", "--chunks 5,9,4 --compression blosc"),
    ("lz4.n5/raw", "--chunks 9,9,3 --compression lz4"),
    ("chunks.h5/raw", "--chunks 3,4,5"),
    ("plain.h5/raw", ""),
    ("asked.h5/raw", "--contiguous"),
    ("gzip.h5/raw", "--chunks 4,4,4 --compression gzip:3"),
];
const SHAPE: [usize; 3] = [13, 10, 11];

/// An HDF5 dataset in one piece.
fn write_plain(folder: &Path, data: &ArrayD<i16>) {
    let spec = ArraySpec::new(SHAPE.map(|extent| extent as u64)).offset([-10, -3, 4]).voxel_size([2, 3, 4]);
    let array = Array::<i16>::create(folder.join("plain.h5/raw"), &spec.units("nm")).unwrap();
    array.write(&array.roi(), data).unwrap();
}

#[test]
fn every_format_becomes_every_other() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(11).array(&SHAPE, |random| random as i16);
    write_plain(folder.path(), &data);
    // From the one in one piece come all others.
    for (name, options) in FORMATS.iter().filter(|(name, _)| *name != "plain.h5/raw") {
        run("convert", 0, folder.path(), &format!("plain.h5/raw {name} {options}")).text();
    }
    let before = describe(folder.path().join("plain.h5/raw")).unwrap();
    for (from_number, (from, _)) in FORMATS.iter().enumerate() {
        for (to_number, (to, options)) in FORMATS.iter().enumerate() {
            let mut all: Vec<Ranks> = vec![0];
            if to_number == (from_number + 4) % FORMATS.len() && !options.contains("gzip") {
                all.push(3);
            }
            for ranks in all {
                let name = format!("{ranks}-{from_number}-{to}");
                run("convert", ranks, folder.path(), &format!("{from} {name} {options}")).text();
                assert!(read::<i16>(folder.path(), &name) == data, "{from} to {name}");
                let info = describe(folder.path().join(&name)).unwrap();
                assert_eq!((info.offset, info.voxel_size), (before.offset, before.voxel_size), "{name}");
                assert_eq!(info.units, before.units, "{name}");
                assert_eq!(info.shards.is_some(), name.contains("shards"), "{name}");
                let is_source_in_one_piece = from.contains("plain") || from.contains("asked");
                let is_in_one_piece =
                    name.contains("asked") || (name.contains("plain") && is_source_in_one_piece);
                assert_eq!(info.is_contiguous, is_in_one_piece, "{from} to {name}");
            }
        }
    }
    assert_tidy(folder.path());
}

/// The ways to store what `label` and `downsample` make.
const OUTPUTS: [(&str, &str); 4] = [
    ("a.n5", "--chunks 4,4,4 --compression xz:1"),
    ("b.n5", "--chunks 4,4,4 --compression lz4"),
    ("c.h5", "--chunks 4,4,4"),
    ("d.zarr", "--chunks 2,2,2 --shards 4,8,4"),
];

#[test]
fn labels_go_into_every_format() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(12).array(&SHAPE, |random| (random % 3 == 0) as u8));
    run("label", 0, folder.path(), "a.zarr labels.zarr --threshold 0").json();
    let expected = read::<u64>(folder.path(), "labels.zarr");
    for (name, options) in OUTPUTS {
        for ranks in [0, 3] {
            let name = format!("{ranks}{name}/labels");
            let arguments = format!("a.zarr {name} --threshold 0 --block 4,8,4 {options}");
            run("label", ranks, folder.path(), &arguments).json();
            assert!(read::<u64>(folder.path(), &name) == expected, "{arguments}");
        }
    }
    assert_tidy(folder.path());
}

#[test]
fn pyramids_go_into_every_format() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(13).array(&[13, 18, 11], |random| random as u16));
    run("downsample", 0, folder.path(), "a.zarr p.zarr --levels 2").text();
    for (name, options) in OUTPUTS {
        for ranks in [0, 3] {
            let name = format!("{ranks}{name}");
            let arguments = format!("a.zarr {name} --levels 2 --block 4,8,4 {options}");
            run("downsample", ranks, folder.path(), &arguments).text();
            for level in 0..3 {
                let s = if name.contains("n5") { "s" } else { "" };
                let found = read::<u16>(folder.path(), &format!("{name}/{s}{level}"));
                assert!(
                    found == read::<u16>(folder.path(), &format!("p.zarr/{level}")),
                    "{arguments}, {level}"
                );
            }
        }
    }
}

#[test]
fn levels_of_hdf5_in_one_piece_are_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(17).array(&SHAPE, |random| random as i16);
    write_plain(folder.path(), &data);
    write(folder.path(), "a.zarr", &data);
    run("downsample", 0, folder.path(), "a.zarr p.zarr --levels 2").text();
    for (name, options, is_contiguous) in [("p.h5", "", true), ("z.h5", "--compression gzip", false)] {
        run("downsample", 2, folder.path(), &format!("plain.h5/raw {name} --levels 2 {options}")).text();
        for level in 0..3 {
            let path = format!("{name}/{level}");
            assert_eq!(describe(folder.path().join(&path)).unwrap().is_contiguous, is_contiguous, "{path}");
            let expected = read::<i16>(folder.path(), &format!("p.zarr/{level}"));
            assert!(read::<i16>(folder.path(), &path) == expected, "{path}");
        }
    }
    // Without --levels there are some, though the volume is in one piece.
    let spec = ArraySpec::new([3, 200, 70]);
    Array::<u8>::create(folder.path().join("large.h5/raw"), &spec).unwrap();
    run("downsample", 2, folder.path(), "large.h5/raw q.h5").text();
    assert_eq!(describe(folder.path().join("q.h5/2")).unwrap().shape, [1, 50, 18]);
}

#[test]
fn blocks_may_share_chunks_and_shards_if_so_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(14).array(&SHAPE, |random| random as u32);
    write(folder.path(), "a.zarr", &data);
    for ranks in RANKS {
        for (number, options) in
            ["--chunks 4,4,4", "--chunks 2,2,2 --shards 8,8,8", "--chunks 5,5,5"].into_iter().enumerate()
        {
            let name = format!("{ranks}-{number}.{}/raw", ["zarr", "zarr", "n5"][number]);
            let convert = |more: &str| {
                let arguments = format!("a.zarr {name} --block 3,10,2 {options} {more}");
                run("convert", ranks, folder.path(), &arguments)
            };
            let pieces = ["chunks", "shards", "chunks"][number];
            let fitting = ["4,10,4", "8,10,8", "5,10,5"][number];
            convert("").failed(2, &format!("cuts the {pieces} of {name}"));
            convert("").failed(2, &format!("use {fitting}, or --share-chunks, which lets them wait"));
            convert("--share-chunks").text();
            assert!(read::<u32>(folder.path(), &name) == data, "{name}");
        }
    }
    for (tool, more) in [("label", "--threshold 9"), ("downsample", "--levels 1")] {
        let arguments = format!("a.zarr {tool}.zarr {more} --block 3,3,3 --chunks 2,2,2 --shards 4,4,4");
        run(tool, 3, folder.path(), &arguments).failed(2, "or --share-chunks");
        run(tool, 3, folder.path(), &format!("{arguments} --share-chunks")).text();
        run(tool, 0, folder.path(), &format!("a.zarr {tool}-alone.zarr {more}")).text();
    }
    assert!(read::<u64>(folder.path(), "label.zarr") == read::<u64>(folder.path(), "label-alone.zarr"));
    for level in [0, 1] {
        let level_of = |name: &str| read::<u32>(folder.path(), &format!("{name}/{level}"));
        assert!(level_of("downsample.zarr") == level_of("downsample-alone.zarr"), "level {level}");
    }
}

#[test]
fn blocks_are_whole_chunks_and_shards_unless_said() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([20, 30, 25]).chunks([20, 7, 6]).fill_value(3u8);
    Array::<u8>::create(folder.path().join("a.zarr"), &spec).unwrap();
    // As much of the input's chunks as divides a shard.
    run("convert", 2, folder.path(), "a.zarr b.zarr --shards 16,16,9").text();
    let info = describe(folder.path().join("b.zarr")).unwrap();
    assert_eq!((&info.chunks[..], info.shards), (&[16, 4, 3][..], Some(vec![16, 16, 9])));
    // N5 knows no fill value but 0: what is not 0 is written.
    run("convert", 2, folder.path(), "a.zarr c.n5/raw --shards 16,16,9").failed(2, "only Zarr v3 has shards");
    run("convert", 2, folder.path(), "a.zarr c.n5/raw").text();
    for name in ["b.zarr", "c.n5/raw"] {
        assert!(read::<u8>(folder.path(), name).iter().all(|voxel| *voxel == 3), "{name}");
    }
    let array = Array::<u8>::open(folder.path().join("b.zarr")).unwrap();
    assert_eq!(bellis::geometry::WriteTarget::chunk_grid(&array).chunk_shape, Coordinate::from([16, 16, 9]));
}

#[test]
fn what_a_format_cannot_be_asked_for_is_told() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &ArrayD::<u8>::zeros(vec![20, 20]));
    for ranks in [0, 2] {
        let convert = |arguments: &str| run("convert", ranks, folder.path(), &format!("a.zarr {arguments}"));
        convert("b.zarr --compression lz4").failed(2, "must be Zstd, Gzip, Blosc or None in Zarr");
        convert("b.h5/raw --contiguous --compression gzip")
            .failed(2, "only HDF5 without compression is contiguous");
        convert("b.h5/raw --contiguous --chunks 4,4").failed(2, "cannot be used with");
        for name in ["b.zarr", "b.n5/raw"] {
            convert(&format!("{name} --contiguous")).failed(2, "layout is contiguous but must be chunks");
        }
        convert("b.h5/raw --compression xz").failed(2, "must be Gzip (0 to 9) or None in HDF5");
        convert("b.zarr --compression szip").failed(2, "in N5 also bzip2, lz4 or xz");
        convert("b.n5/raw --compression bzip2:0").failed(2, "bzip2 takes levels from 1 to 9");
        convert("b.n5/raw --compression xz:10").failed(2, "xz takes levels from 0 to 9");
        convert("b.n5/raw --compression lz4:3").failed(2, "lz4 has no levels");
        for name in ["b.zarr --zarr-version 2", "b.n5/raw", "b.h5/raw"] {
            convert(&format!("{name} --shards 8,8")).failed(2, "Zarr v3 has shards");
            convert(&format!("{name} --shards 8,8")).failed(2, "shard shape is [8, 8] but must be left out");
        }
        for (tool, more) in [("label", "--threshold 1"), ("downsample", "--levels 1")] {
            let arguments = format!("a.zarr b.n5/raw {more} --shards 8,8");
            run(tool, ranks, folder.path(), &arguments).failed(2, "only Zarr v3 has shards");
        }
        convert("b.zarr --shards 8,8 --chunks 3,4").failed(2, "so that whole chunks fill a shard");
        convert("b.zarr --shards 8").failed(2, "--shards has 1 numbers");
    }
    let names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["a.zarr"], "nothing was made");
}

#[test]
fn a_spoilt_chunk_costs_its_blocks_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(15).array(&[12, 12, 12], |random| random as u16 | 1);
    write(folder.path(), "a.zarr", &data);
    let chunk = folder.path().join("a.zarr/c/1/2/0");
    let mut bytes = std::fs::read(&chunk).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    std::fs::write(&chunk, bytes).unwrap();
    let reason = "chunk a.zarr/c/1/2/0 is corrupt (";
    for ranks in [0, 3] {
        for (number, name) in ["b.zarr", "b.n5/raw", "b.h5/raw"].into_iter().enumerate() {
            let name = format!("{ranks}{name}");
            let outcome = run("convert", ranks, folder.path(), &format!("a.zarr {name} --block 4,4,4"));
            outcome.failed(1, reason);
            outcome.failed(1, "restore it, or remove it and compute its blocks again");
            let mut expected = data.clone();
            expected.slice_mut(ndarray::s![4..8, 8..12, 0..4]).fill(0);
            assert!(
                read::<u16>(folder.path(), &name) == expected,
                "{name} ({number}): all other blocks are there"
            );
        }
        let outcome = run(
            "smooth",
            ranks,
            folder.path(),
            &format!("--input a.zarr --output {ranks}s.zarr --sigma 1 --block 4,4,4"),
        );
        outcome.failed(1, reason);
        // Far away from the chunk there is something.
        let smooth = read::<f32>(folder.path(), &format!("{ranks}s.zarr"));
        assert!(smooth.slice(ndarray::s![.., 0..4, 8..12]).iter().all(|value| *value > 0.0));
        assert!(smooth.slice(ndarray::s![4..8, 8..12, 0..4]).iter().all(|value| *value == 0.0));
        let arguments = format!("a.zarr {ranks}l.zarr --threshold 1 --block 4,4,4");
        run("label", ranks, folder.path(), &arguments).failed(1, reason);
    }
    assert_tidy(folder.path());
}

/// Spoils what a closure makes of a file.
fn spoil(path: &Path, spoil: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    spoil(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_spoilt_chunk_of_every_format_costs_one_block() {
    let folder = tempfile::tempdir().unwrap();
    let data = Random(16).array(&[12, 12, 12], |random| random as u16 | 1);
    write(folder.path(), "a.zarr", &data);
    let in_folder = |name: &str| folder.path().join(name);
    for (name, options, culprit) in [
        ("two.zarr", "--zarr-version 2 --compression gzip", "chunk two.zarr/1/2/0 is corrupt ("),
        ("shards.zarr", "--shards 12,12,12", "chunk shards.zarr/c/0/0/0 is corrupt ("),
        ("a.n5/raw", "", "chunk a.n5/raw/0/2/1 is corrupt ("),
        ("a.h5/raw", "--compression gzip", "a.h5/raw is corrupt ("),
    ] {
        run("convert", 0, folder.path(), &format!("a.zarr {name} --block 12,12,12 {options}")).text();
        match name {
            "two.zarr" => spoil(&in_folder("two.zarr/1/2/0"), |bytes| bytes.truncate(bytes.len() - 5)),
            "shards.zarr" => spoil(&in_folder("shards.zarr/c/0/0/0"), |bytes| bytes[700] ^= 1),
            "a.n5/raw" => spoil(&in_folder("a.n5/raw/0/2/1"), |bytes| bytes[60] ^= 1),
            _ => {
                let file = hdf5::File::open(in_folder("a.h5")).unwrap();
                let address = file.dataset("raw").unwrap().chunk_info(15).unwrap().addr as usize;
                file.close().unwrap();
                spoil(&in_folder("a.h5"), |bytes| bytes[address + 50] ^= 1);
            }
        }
        for ranks in [0, 3] {
            let copy = format!("{ranks}-{}.zarr", &name[..3]);
            let outcome = run("convert", ranks, folder.path(), &format!("{name} {copy} --block 4,4,4"));
            outcome.failed(1, culprit);
            let found = read::<u16>(folder.path(), &copy);
            let n_missing = found.iter().filter(|voxel| **voxel == 0).count();
            assert_eq!(n_missing, 64, "one block of {name} is missing");
            assert!(found.iter().zip(&data).all(|(found, voxel)| *found == 0 || found == voxel), "{name}");
        }
    }
}
