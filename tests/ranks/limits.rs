//! Runs that have only so much time, or are not waited for.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use bellis::journal;

use super::mpirun::Ranks::{Alone, Mpirun};
use super::mpirun::{self, Outcome, Ranks, testbed};
use super::spawn::spawn;

/// Runs a scenario that keeps what it does in `folder`.
fn limited(
    ranks: Ranks,
    scenario: &str,
    folder: &Path,
    more: &[&str],
    environment: &[(&str, &str)],
) -> Outcome {
    let folder = folder.to_str().unwrap();
    let start = testbed(ranks, "scenario", &[&[scenario, folder], more].concat()).env("BELLIS_SLOTS", "2");
    environment.iter().fold(start, |start, (name, value)| start.env(name, value)).run()
}

/// Blocks that are done, by the run directory.
fn n_done(folder: &Path) -> u64 {
    journal::status(&folder.join("run")).unwrap().tasks[0].counts.done
}

/// Blocks that have ended, as they wrote it down.
fn n_ended(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let blocks = files.filter(|file| file.file_name().to_string_lossy().starts_with("blocks-"));
    blocks.map(|file| fs::read_to_string(file.path()).unwrap().lines().count() as u64).sum()
}

#[test]
fn a_run_ends_within_its_time_and_loses_no_block() {
    for (ranks, variable) in [
        (Alone, "BELLIS_TIME_LIMIT"),
        (Mpirun(3), "BELLIS_TIME_LIMIT"),
        (Mpirun(3), "BELLIS_DEADLINE"),
        (Mpirun(3), "SLURM_JOB_END_TIME"),
    ] {
        let end = (SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() + 6).to_string();
        let value = if variable == "BELLIS_TIME_LIMIT" { "0:03" } else { &end };
        let folder = tempfile::tempdir().unwrap();
        let outcome = limited(ranks, "limits-blocks", folder.path(), &["4000", "50"], &[(variable, value)]);
        outcome.failed(75, "0 blocks failed, 0 orphaned, ");
        assert_eq!(outcome.fact("begun"), outcome.fact("ended"), "{outcome}");
        assert!(outcome.stderr.contains(" s are left: no more blocks are handed out"), "{outcome}");
        assert_eq!(outcome.n_lines("Execution Summary"), 1, "{outcome}");
        assert_eq!(n_done(folder.path()), n_ended(folder.path()), "{outcome}");
    }
}

#[test]
fn a_limit_that_is_reached_already_starts_nothing() {
    for (variable, value) in [("BELLIS_DEADLINE", "1000"), ("BELLIS_TIME_LIMIT", "0.000001")] {
        let folder = tempfile::tempdir().unwrap();
        let outcome = limited(Mpirun(2), "limits-blocks", folder.path(), &["9", "1"], &[(variable, value)]);
        outcome.failed(75, "9 not processed; interrupted: run again to go on");
        assert_eq!(outcome.fact("begun"), "0", "{outcome}");
    }
    // What the batch system said of a job that is over.
    let folder = tempfile::tempdir().unwrap();
    let left_behind = [("SLURM_JOB_END_TIME", "1000")];
    limited(Mpirun(2), "limits-blocks", folder.path(), &["9", "1"], &left_behind).succeeded();
}

#[test]
fn a_time_limit_is_the_programs_and_not_that_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = limited(Mpirun(2), "limits-late", folder.path(), &[], &[("BELLIS_TIME_LIMIT", "5")]);
    outcome.failed(75, "0 blocks failed, 0 orphaned, 20 not processed");
    assert_eq!((outcome.fact("first"), outcome.fact("second")), ("20", "0"), "{outcome}");
}

#[test]
fn blocks_that_do_not_end_are_given_up_and_all_others_are_recorded() {
    for ranks in [Alone, Mpirun(3)] {
        let folder = tempfile::tempdir().unwrap();
        // No epoch ends before the run does.
        let environment = [("BELLIS_GRACE_S", "2"), ("BELLIS_EPOCH_S", "1000")];
        let outcome = limited(ranks, "limits-hang", folder.path(), &["4000", "20", "1"], &environment);
        outcome.failed(75, " blocks in flight did not end within 2 s and are given up, ");
        assert_eq!(outcome.n_lines("Execution Summary"), 1, "{outcome}");
        let (n_done, n_ended) = (n_done(folder.path()), n_ended(folder.path()));
        // A thread that hangs does not say what it finished before that.
        let n_least = if ranks == Alone { n_ended / 2 } else { n_ended };
        assert!((n_least..=n_ended).contains(&n_done) && n_done > 5, "{n_done} of {n_ended}\n{outcome}");
        // The next run does the rest, and nothing again.
        let again = limited(ranks, "limits-blocks", folder.path(), &["4000", "0"], &[]);
        again.succeeded();
        let counts = again.fact("work");
        assert!(counts.contains(&format!("completed 4000 skipped {n_done} ")), "{again}");
    }
}

#[test]
fn a_deadline_is_kept_where_blocks_hang() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("BELLIS_TIME_LIMIT", "4"), ("BELLIS_EPOCH_S", "1000")];
    let outcome = limited(Mpirun(3), "limits-hang", folder.path(), &["40", "20"], &environment);
    outcome.failed(75, " blocks in flight did not end within ");
    assert!(outcome.took < Duration::from_secs(30), "{outcome}");
    assert_eq!(n_done(folder.path()), 39, "{outcome}");
}

/// When each block ended, in seconds of the machine's clock, as they wrote it down.
fn ends(folder: &Path) -> Vec<f64> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let blocks = files.filter(|file| file.file_name().to_string_lossy().starts_with("blocks-"));
    let lines = blocks.flat_map(|file| {
        let text = fs::read_to_string(file.path()).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    // What was cut short in the middle of a line is none that ended.
    lines.filter_map(|line| Some(line.split(' ').nth(3)?.parse::<f64>().ok()? / 1e9)).collect()
}

#[test]
fn the_end_of_the_launcher_costs_no_more_than_the_last_epoch() {
    // Launchers that kill the ranks after a second or two do not wait for blocks of 4 s.
    for (signal, block_ms) in [(libc::SIGTERM, "20"), (libc::SIGTERM, "4000"), (libc::SIGKILL, "20")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let start = testbed(Mpirun(3), "scenario", &["limits-blocks", path, "4000", block_ms]);
        let start = start.env("BELLIS_SLOTS", "4").env("BELLIS_EPOCH_S", "0.5").env("BELLIS_PROGRESS", "off");
        let mut command = start.into_command();
        command.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = spawn(&mut command).unwrap();
        let begin = Instant::now();
        while ends(folder.path()).len() < 8 && begin.elapsed() < Duration::from_secs(30) {
            sleep(Duration::from_millis(20));
        }
        // Blocks that began together end together, and are recorded before the next ones end.
        sleep(Duration::from_secs(3));
        mpirun::signal(child.id(), signal);
        child.wait().unwrap();
        // Ranks whose launcher is gone take a moment to end.
        sleep(Duration::from_secs(2));
        let (n_done, ends) = (n_done(folder.path()), ends(folder.path()));
        let stopped = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() - 2.0;
        // An epoch, and the time to sync on a busy machine.
        let n_old = ends.iter().filter(|end| **end < stopped - 2.5).count() as u64;
        assert!(n_old >= 8 && n_done >= n_old, "{n_done} of {} are done, {n_old} are old", ends.len());
        let again = limited(Alone, "limits-blocks", folder.path(), &["4000", "0"], &[]);
        let counts = again.succeeded().fact("work").to_owned();
        assert!(counts.contains(&format!("completed 4000 skipped {n_done} ")), "{again}");
    }
}

#[test]
fn a_second_request_records_what_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let environment = [("BELLIS_EPOCH_S", "1000")];
    let outcome = limited(Mpirun(3), "limits-hang", folder.path(), &["4000", "20", "2"], &environment);
    outcome.failed(75, "interrupted twice: stopped at once, ");
    let (n_done, n_ended) = (n_done(folder.path()), n_ended(folder.path()));
    assert!(n_done > 5 && n_done == n_ended, "{n_done} of {n_ended} are recorded\n{outcome}");
}
