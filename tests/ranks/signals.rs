//! Requests to end, by signals, on any rank and at any time.

use std::time::Duration;

use super::mpirun::Ranks::{Alone, Mpirun};
use super::mpirun::scenario;

#[test]
fn a_signal_on_any_rank_drains_the_run() {
    // Each is delivered twice.
    for (ranks, signal, who) in [
        (Alone, "TERM", "first"),
        (Mpirun(3), "TERM", "first"),
        (Mpirun(3), "TERM", "last"),
        (Mpirun(3), "INT", "last"),
        (Mpirun(3), "USR1", "first"),
        (Mpirun(3), "USR1", "last"),
        (Mpirun(3), "TERM", "all"),
    ] {
        let outcome = scenario(ranks, "signals-drain", &[who, signal]).env("BELLIS_SLOTS", "2").run();
        outcome.failed(75, "0 blocks failed, 0 orphaned, ");
        assert_eq!(outcome.fact("interrupted"), "true", "{outcome}");
        assert_eq!(outcome.fact("begun"), outcome.fact("ended"), "{outcome}");
        assert_eq!(outcome.n_lines("Execution Summary"), 1, "{outcome}");
        let told = outcome.stderr.lines().filter(|line| line.contains("no more blocks are handed out"));
        assert_eq!(told.count(), 1, "{outcome}");
    }
}

#[test]
fn a_drain_waits_for_the_blocks_at_work_and_for_none_that_was_sent_ahead() {
    for (ranks, slots, n_slots) in [(Alone, "2", 2), (Mpirun(3), "1", 2), (Mpirun(2), "3", 3)] {
        let outcome = scenario(ranks, "signals-ahead", &["first", "TERM"]).env("BELLIS_SLOTS", slots);
        let outcome = outcome.env("BELLIS_CREDITS", "50").run();
        outcome.failed(75, "0 blocks failed, 0 orphaned, ");
        assert_eq!(outcome.fact("begun"), outcome.fact("ended"), "{outcome}");
        let n_begun: u32 = outcome.fact("begun").parse().unwrap();
        assert!(n_begun <= n_slots, "each slot has begun one when the signal comes\n{outcome}");
    }
}

#[test]
fn a_worker_of_one_slot_passes_a_signal_on() {
    let outcome = scenario(Mpirun(3), "signals-drain", &["last", "TERM"]).run();
    outcome.failed(75, "0 blocks failed, 0 orphaned, ");
    assert!(outcome.stderr.contains("interrupted at worker 2: "), "{outcome}");
}

#[test]
fn a_second_request_stops_at_once() {
    for (ranks, who) in [(Alone, "first"), (Mpirun(3), "first"), (Mpirun(3), "last")] {
        let outcome = scenario(ranks, "signals-stop", &[who, "TERM"]).run();
        outcome.failed(75, "interrupted twice: stopped at once, ");
        assert_eq!(outcome.n_lines("Execution Summary"), 0, "{outcome}");
        assert!(outcome.took < Duration::from_secs(35), "a block takes 40 s\n{outcome}");
    }
}

#[test]
fn a_signal_in_the_last_moments_of_a_run_ends_the_program() {
    for (ranks, who) in [(Alone, "first"), (Mpirun(2), "first"), (Mpirun(2), "last")] {
        let outcome = scenario(ranks, "signals-between", &[who, "INT"]).run();
        outcome.failed(75, "0 blocks failed, 0 orphaned, ");
        assert!(outcome.fact("runs").parse::<u32>().is_ok(), "{outcome}");
    }
}

#[test]
fn a_signal_between_two_runs_ends_the_second_as_it_begins() {
    for ranks in [Alone, Mpirun(3)] {
        let outcome = scenario(ranks, "signals-late", &["first", "TERM"]).run();
        outcome.failed(75, "0 blocks failed, 0 orphaned, 20 not processed");
        assert_eq!((outcome.fact("first"), outcome.fact("second")), ("20", "0"), "{outcome}");
        assert_eq!(outcome.fact("interrupted"), "true", "{outcome}");
    }
}

#[test]
fn a_program_that_goes_on_forgets_a_signal_in_so_many_words() {
    for ranks in [Alone, Mpirun(3)] {
        let outcome = scenario(ranks, "signals-forgotten", &["first", "TERM"]).run();
        outcome.succeeded();
        assert_eq!((outcome.fact("first"), outcome.fact("second")), ("20", "20"), "{outcome}");
        assert_eq!((outcome.fact("forgotten"), outcome.fact("interrupted")), ("true", "false"), "{outcome}");
    }
}
