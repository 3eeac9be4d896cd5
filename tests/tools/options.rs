//! The options of a run on the command line.

use bellis::RunOption;
use ndarray::Dimension as _;

use super::{Random, read, run, write};

#[test]
fn flags_win_over_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(7).array(&[8, 8, 8], |random| random as u8));
    let commands = [
        "convert a.zarr convert.zarr",
        "downsample a.zarr downsample.zarr",
        "label a.zarr label.zarr --threshold 9",
        "smooth a.zarr smooth.zarr",
        "stats a.zarr",
    ];
    // The environment says that no progress is shown, which hides the summary as well.
    for command in commands {
        let (command, arguments) = command.split_once(' ').unwrap();
        for ranks in [0, 2] {
            let silent = run(command, ranks, folder.path(), arguments);
            silent.text();
            assert!(!silent.stderr.contains("completed"), "{silent:?}");
            let shown =
                run(command, ranks, folder.path(), &format!("{arguments} --progress lines --credits 0"));
            shown.text();
            assert!(shown.stderr.contains("completed"), "{shown:?}");
        }
    }
}

#[test]
fn a_wrong_flag_is_refused_before_there_is_an_output() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(7).array(&[8, 8, 8], |random| random as u8));
    for ranks in [0, 3] {
        run("convert", ranks, folder.path(), "a.zarr b.zarr --slots 0")
            .failed(2, "--slots=\"0\" is not possible: use a whole number from 1 to 4096");
        assert!(!folder.path().join("b.zarr").exists());
    }
}

#[test]
fn help_shows_each_option() {
    let folder = tempfile::tempdir().unwrap();
    let help = run("help", 2, folder.path(), "options");
    let shown = run("options", 0, folder.path(), "");
    assert_eq!(shown.text().trim_end(), help.text().trim_end());
    let values = run("options", 0, folder.path(), "--json").json();
    for (option, value) in RunOption::all().iter().zip(values.as_array().unwrap()) {
        let (flag, variable) = (format!("--{} <", option.name()), option.variable());
        assert_eq!(value["variable"], variable);
        assert!(help.text().contains(&flag) && help.text().contains(variable));
        for command in ["convert", "downsample", "label", "smooth", "stats"] {
            let help = run(command, 0, folder.path(), "--help");
            assert!(help.text().contains(&flag) && help.text().contains(variable), "{help:?}");
        }
    }
}

#[test]
fn a_part_is_done_and_the_rest_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let all = Random(7).array(&[16, 8, 8], |random| random as u8 | 1);
    write(folder.path(), "a.zarr", &all);
    // Voxels of the mask are those of the volume: the last of them alone is something.
    let mask = ndarray::ArrayD::from_shape_fn(vec![16, 8, 8], |at| u8::from(at.slice() == [15, 7, 7]));
    write(folder.path(), "mask.zarr", &mask);
    let parts =
        [("--only [-2:2,0:3,4:8]", 4..8), ("--blocks convert:3", 12..16), ("--mask mask.zarr", 12..16)];
    for ranks in [0, 3] {
        for (number, (part, rows)) in parts.iter().enumerate() {
            let name = format!("{number}-{ranks}.zarr");
            let arguments = format!("a.zarr {name} --chunks 4,8,8 --block 4,8,8 {part}");
            run("convert", ranks, folder.path(), &arguments).text();
            let done: ndarray::ArrayD<u8> = read(folder.path(), &name);
            for (at, value) in done.indexed_iter() {
                let expected = if rows.contains(&at[0]) { all[&at] } else { 0 };
                assert_eq!(*value, expected, "{part} at {at:?}");
            }
        }
        run("stats", ranks, folder.path(), "a.zarr --only [4:6]")
            .failed(2, "3 axes meet 1 axes: give both the same number of axes");
        run("stats", ranks, folder.path(), "a.zarr --mask no.zarr").failed(2, "the mask no.zarr: ");
    }
}
