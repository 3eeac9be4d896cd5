//! What `bellis doctor` says of protection, and the line at the start of each run.

use std::fs;

use super::mpirun;
use super::{Random, run, write};

#[test]
fn the_doctor_sees_ranks_directory_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let alone = run("doctor", 0, folder.path(), "--json").json();
    assert_eq!((&alone["n_ranks"], &alone["losses"]), (&1.into(), &"no others".into()), "{alone}");
    assert!(alone["run_dir"].is_null() && alone["time_left_s"].is_null(), "{alone}");
    assert!(alone["advice"].to_string().contains("--run-dir"), "{alone}");

    let ranks =
        run("doctor", 3, folder.path(), "--json --run-dir some/run --time-limit 1:00:00 --epoch-s 2").json();
    assert_eq!(ranks["n_ranks"], 3, "{ranks}");
    assert_eq!(ranks["run_dir"]["path"], "some/run", "{ranks}");
    assert!(ranks["run_dir"]["lock_problem"].is_null(), "{ranks}");
    assert_eq!(
        (&ranks["epoch_s"], &ranks["time_source"]),
        (&2.0.into(), &"BELLIS_TIME_LIMIT".into()),
        "{ranks}"
    );
    let left = ranks["time_left_s"].as_f64().unwrap();
    assert!((3000.0..=3600.0).contains(&left), "{ranks}");
    assert!(!ranks["advice"].to_string().contains("--run-dir"), "{ranks}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn the_doctor_speaks_to_people_once() {
    let folder = tempfile::tempdir().unwrap();
    for ranks in [0, 3] {
        let outcome = run("doctor", ranks, folder.path(), "--run-dir /proc/run");
        let text = outcome.text();
        assert_eq!(text.matches("its lock does not work").count(), 1, "{text}");
        assert!(
            text.contains("For more protection:\n* No run can have the run directory /proc/run"),
            "{text}"
        );
        let started = if ranks == 0 { "1, without a launcher" } else { "3, started by " };
        assert!(text.contains(&format!("ranks      {started}")), "{text}");
    }
    run("doctor", 0, folder.path(), "--time-limit soon").failed(2, "or a time such as 1:30:00");
}

#[test]
fn a_batch_job_without_a_known_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |more: &[(&str, &str)]| {
        let scenario = mpirun::tool(mpirun::Ranks::Alone, "doctor", &["--json"]).env("PBS_JOBID", "7");
        let scenario = more.iter().fold(scenario, |scenario, (name, value)| scenario.env(name, value));
        scenario.inside(folder.path()).run().succeeded().stdout.clone()
    };
    assert!(doctor(&[]).contains("set BELLIS_DEADLINE"), "{}", doctor(&[]));
    for variable in ["BELLIS_DEADLINE", "SLURM_JOB_END_TIME"] {
        let known = doctor(&[(variable, "99999999999")]);
        assert!(!known.contains("set BELLIS_DEADLINE") && known.contains(variable), "{known}");
    }
}

#[test]
fn each_run_says_what_protects_it_where_that_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.zarr", &Random(7).array(&[8, 8], |random| random as u8));
    for ranks in [mpirun::Ranks::Alone, mpirun::Ranks::Mpirun(3)] {
        let words = ["a.zarr", "b.zarr", "--run-dir", "run", "--time-limit", "3600"];
        let scenario = mpirun::tool(ranks, "convert", &words).env("RUST_LOG", "info").inside(folder.path());
        let outcome = scenario.run();
        outcome.succeeded();
        let lines: Vec<&str> =
            outcome.stderr.lines().filter(|line| line.contains("run directory run on ")).collect();
        let is_right = matches!(lines[..], [line] if line.contains(" s are left (BELLIS_TIME_LIMIT)"));
        assert!(is_right, "one line is wanted: {outcome}");
        // The run directory keeps with which MPI each run was made.
        let status = run("status", 0, folder.path(), "run --json").json();
        let last = status["runs"].as_array().and_then(|runs| runs.last()).unwrap();
        assert_eq!(last["mpi"].is_string(), ranks != mpirun::Ranks::Alone, "{last}");
    }
}
