//! `bellis info`, and what else it tells about itself: against what was written, alone and on several ranks.

use bellis::storage::Compression;
use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, IxDyn};

use super::mpirun::{self, Ranks};
use super::{RANKS, run};

/// One of four chunks of `raw` and one of two shards of `deep/sharded` are written; `broken` cannot be read.
fn container(folder: &std::path::Path) {
    let spec =
        ArraySpec::new([8, 6]).chunks([4, 3]).offset([40, 0]).voxel_size([4, 2]).units("nm").fill_value(7u8);
    let raw = spec.clone().compression(Compression::Gzip { level: 3 });
    let raw = Array::<u16>::create(folder.join("a.zarr/raw"), &raw).unwrap();
    let chunk = bellis::Roi::new([40, 0], [16, 6]).unwrap();
    raw.write(&chunk, &ArrayD::from_elem(IxDyn(&[4, 3]), 5u16)).unwrap();
    let sharded = Array::<f32>::create(folder.join("a.zarr/deep/sharded"), &spec.shards([4, 6])).unwrap();
    let shard = bellis::Roi::new([40, 0], [16, 12]).unwrap();
    sharded.write(&shard, &ArrayD::from_elem(IxDyn(&[4, 6]), 5f32)).unwrap();
    std::fs::create_dir(folder.join("a.zarr/broken")).unwrap();
    std::fs::write(folder.join("a.zarr/broken/.zarray"), "{").unwrap();
    std::fs::create_dir(folder.join("a.zarr/broken3")).unwrap();
    std::fs::write(folder.join("a.zarr/broken3/zarr.json"), "{").unwrap();
}

#[test]
fn the_tree_of_a_group_with_what_cannot_be_read_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    for ranks in RANKS {
        let json = run("info", ranks, folder.path(), "a.zarr --json").json();
        let arrays = json["arrays"].as_array().unwrap();
        assert_eq!(arrays.len(), 4, "{json}");
        for (array, path) in arrays.iter().zip(["a.zarr/broken", "a.zarr/broken3"]) {
            assert_eq!(array["path"], path);
            assert!(array["error"].is_string(), "{json}");
        }
        let sharded = &arrays[2];
        assert_eq!(sharded["path"], "a.zarr/deep/sharded");
        assert_eq!(
            (&sharded["shards"], &sharded["n_chunks"], &sharded["n_present"]),
            (&[4, 6].into(), &2.into(), &1.into())
        );
        assert!(sharded["codec"].as_str().unwrap().starts_with("sharding_indexed (bytes, zstd:1"), "{json}");
        let raw = &arrays[3];
        for (field, value) in [
            ("format", "Zarr v3".into()),
            ("data_type", "uint16".into()),
            ("shape", [8, 6].into()),
            ("chunks", [4, 3].into()),
            ("write_chunk", [4, 3].into()),
            ("offset", [40, 0].into()),
            ("voxel_size", [4, 2].into()),
            ("units", ["nm", "nm"].into()),
            ("fill_value", serde_json::Value::from(7)),
            ("codec", "bytes, gzip:3".into()),
            ("n_chunks", 4.into()),
            ("n_present", 1.into()),
            ("writers", "any".into()),
        ] {
            assert_eq!(raw[field], value, "{field}");
        }
        let file = std::fs::metadata(folder.path().join("a.zarr/raw/c/0/0")).unwrap();
        assert_eq!(raw["bytes"], file.len());
    }
    let text = run("info", 0, folder.path(), "a.zarr/raw");
    for line in
        ["present    1 of 4 chunks", "blocks     of multiples of 4,3 voxels, from any number of ranks"]
    {
        assert!(text.text().contains(line), "{text:#?}");
    }
    let cut = run("info", 0, folder.path(), "a.zarr --max-arrays 3");
    let more = "There are more than these 3 arrays: --max-arrays 30 shows more of them";
    assert!(cut.text().contains("deep/sharded") && cut.text().contains(more), "{cut:#?}");
    assert!(!cut.text().contains("a.zarr/raw"), "the first by name: {cut:#?}");
}

#[cfg(all(feature = "hdf5", feature = "n5"))]
#[test]
fn other_formats() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    for (to, codec, present) in [
        ("b.n5/x/raw", "gzip:1", "4 of 4 chunks"),
        ("b.h5/x/raw", "none", "4 of 4 chunks"),
        ("c.h5/x/raw --compression gzip:2", "shuffle, gzip:2", "4 of 4 chunks"),
        ("d.h5/x/raw --contiguous", "none", "1 of 1 piece"),
    ] {
        run("convert", 0, folder.path(), &format!("a.zarr/raw {to}")).text();
        let container = &to[..4];
        let info = run("info", 0, folder.path(), container);
        assert!(info.text().contains(&format!("codec      {codec}\n")), "{info:#?}");
        assert!(info.text().contains(&format!("present    {present}\n")), "{info:#?}");
        assert_eq!(info.text().contains("from one process"), to.contains("gzip"), "{info:#?}");
        assert!(info.text().starts_with(&format!("{container}/x/raw\n")), "{info:#?}");
    }
}

#[test]
fn a_large_tree_is_looked_at_up_to_a_bound_which_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ArraySpec::new([40, 40]).chunks([1, 4]);
    for index in 0..12 {
        let array = Array::<u8>::create(folder.path().join(format!("many.zarr/{index:02}")), &spec).unwrap();
        array.write(&array.roi(), &ArrayD::from_elem(IxDyn(&[40, 40]), 5u8)).unwrap();
    }
    let json = |options: &str| run("info", 0, folder.path(), &format!("many.zarr --json {options}")).json();
    let all = json("");
    assert_eq!((&all["is_cut"], &all["n_uncounted"]), (&false.into(), &0.into()));
    let some = json("--max-files 1000 --max-arrays 5");
    assert_eq!((&some["is_cut"], &some["n_uncounted"]), (&true.into(), &3.into()));
    let present: Vec<u64> =
        some["arrays"].as_array().unwrap().iter().map(|a| a["n_present"].as_u64().unwrap()).collect();
    assert_eq!(present[..2], [400, 400]);
    assert!((1..400).contains(&present[2]) && present[3..] == [0, 0], "{present:?}");
    let text = run("info", 0, folder.path(), "many.zarr --max-files 1000");
    assert!(text.text().contains("at least 0 of 400 chunks"), "{text:#?}");
    let more =
        "The chunks of 10 arrays were not counted to the end: --max-files 1000000 counts more of them.";
    assert!(text.text().ends_with(&format!("{more}\n")), "{text:#?}");
}

#[test]
fn nothing_that_could_be_shown() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    run("info", 0, folder.path(), "nothing.zarr").failed(2, "nothing.zarr does not exist");
    run("info", 0, folder.path(), "a.zarr/broken").failed(2, "broken");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    run("info", 0, folder.path(), "empty").failed(2, "empty");
}

#[test]
fn a_result_that_cannot_be_printed_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    container(folder.path());
    for arguments in [&["info", "a.zarr"][..], &["stats", "a.zarr/raw"], &["--version"], &["help", "options"]]
    {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bellis"));
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        command.args(arguments).current_dir(folder.path()).stdout(full).stderr(std::process::Stdio::piped());
        let outcome = super::spawn::spawn(&mut command).unwrap().wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&outcome.stderr);
        assert_eq!(outcome.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains("error: cannot print to standard output"), "{arguments:?}: {said}");
    }
}

/// The version of a library that the program is built with.
fn locked(library: &str) -> &'static str {
    let entry = format!("name = \"{library}\"\nversion = \"");
    let (_, after) = include_str!("../../Cargo.lock").split_once(&entry).unwrap();
    after.split('"').next().unwrap()
}

#[test]
fn the_program_tells_about_itself() {
    let folder = tempfile::tempdir().unwrap();
    for ranks in [Ranks::Alone, Ranks::Mpirun(3)] {
        let version = mpirun::tool(ranks, "--version", &[]).run();
        assert!(version.succeeded().stdout.starts_with(&format!("bellis {}\n", env!("CARGO_PKG_VERSION"))));
        let lines: Vec<&str> = version.stdout.lines().collect();
        assert!(lines.contains(&format!("zarrs: {}", locked("zarrs")).as_str()), "{version}");
        for library in ["MPI: ", "HDF5: "].iter().take(if cfg!(feature = "hdf5") { 2 } else { 1 }) {
            let of_library = lines.iter().filter_map(|line| line.strip_prefix(library));
            assert!(of_library.into_iter().any(|version| version.contains('.')), "{version}");
        }
    }
    let script = mpirun::tool(Ranks::Alone, "completions", &["bash"]).run();
    assert!(script.succeeded().stdout.contains("complete -F _bellis"), "{script}");
    let page = mpirun::tool(Ranks::Alone, "man", &[]).run();
    assert!(page.succeeded().stdout.contains(".TH bellis 1"), "{page}");
    mpirun::tool(Ranks::Alone, "man", &["pages"]).inside(folder.path()).run().succeeded();
    for name in ["bellis.1", "bellis-label.1", "bellis-info.1"] {
        let page = std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
        assert!(page.contains(".TH bellis"), "{name}");
    }
}
