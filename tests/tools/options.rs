//! The options of a run on the command line.

use bellis::RunOption;

use super::{Random, run, write};

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
