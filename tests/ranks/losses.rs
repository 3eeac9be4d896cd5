//! Workers that are lost in the middle of a run: killed, frozen, out of memory. The others do what is left.

use super::mpirun::{Outcome, Ranks, Scenario, scenario};

/// Longer than a live worker is silent for, however busy the machine is.
const LOST_AFTER_S: &str = "6";

/// Four ranks whose launcher lets them go on when one of them ends: Open MPI 4 is asked to, and then says 0 whatever ranks
/// return.
fn lost(kind: &str, more: &[&str]) -> Scenario {
    scenario(Ranks::Mpirun(4), kind, more)
        .env("BELLIS_LOST_AFTER_S", LOST_AFTER_S)
        .env("OMPI_MCA_orte_enable_recovery", "1")
}

#[track_caller]
fn has_done_all(outcome: &Outcome, n_lost: &str) {
    assert_eq!(outcome.succeeded().fact("processed"), "40", "{outcome}");
    assert_eq!(
        outcome.fact("work"),
        "total 40 completed 40 skipped 0 failed 0 orphaned 0 open 0",
        "{outcome}"
    );
    assert_eq!((outcome.fact("lost"), outcome.fact("workers")), (n_lost, "3"), "{outcome}");
    let said = outcome.stderr.lines().filter(|line| line.contains("is lost, and its blocks go to others: "));
    assert_eq!(said.count().to_string(), n_lost, "{outcome}");
    assert!(outcome.stderr.contains("; 1 of 3 workers was lost"), "the summary says so\n{outcome}");
}

#[test]
fn a_killed_worker_leaves_its_blocks_to_others() {
    has_done_all(&lost("lost-kill", &["40", "100"]).run(), "1");
}

#[test]
fn a_frozen_worker_leaves_its_blocks_to_others_and_keeps_nobody_waiting() {
    let outcome = lost("lost-stop", &["40", "100"]).run();
    has_done_all(&outcome, "1");
    assert!(outcome.stderr.contains("worker 3 (on "), "it is named with its host\n{outcome}");
    assert!(outcome.stderr.contains(" has not been heard of for "), "silence is mentioned\n{outcome}");
    // Without that option of the launcher's, too.
    let usual =
        scenario(Ranks::Mpirun(4), "lost-stop", &["40", "100"]).env("BELLIS_LOST_AFTER_S", LOST_AFTER_S);
    has_done_all(&usual.run(), "1");
}

#[test]
fn a_worker_that_comes_back_is_told_to_stop() {
    // 12 s later, when the others are still at work.
    let outcome = scenario(Ranks::Mpirun(4), "lost-pause", &["40", "800"]);
    let outcome = outcome.env("BELLIS_LOST_AFTER_S", LOST_AFTER_S).run();
    has_done_all(&outcome, "1");
    assert_eq!(outcome.n_lines("[WARN rank 0] worker 3 (on "), 2, "silent, then back\n{outcome}");
    assert!(outcome.stderr.contains("is back and was taken for lost: it is told to stop"), "{outcome}");
}

#[test]
fn whoever_is_left_can_run_again() {
    let outcome = lost("lost-kill", &["40", "50", "again"]).run();
    has_done_all(&outcome, "1");
    assert_eq!(outcome.fact("again"), "20 by 2", "{outcome}");
}

#[test]
fn a_block_that_ends_its_workers_is_given_up() {
    // Of three workers it ends two.
    let outcome = lost("lost-poison", &["40", "100"]).env("BELLIS_MAX_CRASHES", "2").run();
    assert_eq!(
        outcome.fact("work"),
        "total 40 completed 39 skipped 0 failed 1 orphaned 0 open 0",
        "{outcome}"
    );
    assert_eq!(outcome.fact("lost"), "2", "{outcome}");
    let told = "error: 1 blocks failed, 0 orphaned, 0 not processed; first: task \"work\", block 5 ";
    assert_eq!(outcome.n_lines(told), 1, "{outcome}");
    assert!(outcome.stderr.contains("its worker was lost"), "{outcome}");
}

#[test]
fn a_run_without_workers_ends_with_an_error_that_says_so() {
    let told = "no worker is left (3 were lost) and ";
    let killed = lost("lost-all-kill", &["40", "50"]).run();
    assert_eq!(killed.n_lines(&format!("error: {told}")), 1, "{killed}");
    assert!(killed.stderr.contains("blocks remain: run again to go on"), "{killed}");
    let frozen = scenario(Ranks::Mpirun(4), "lost-all-stop", &["40", "50"]);
    frozen.env("BELLIS_LOST_AFTER_S", LOST_AFTER_S).run().failed(75, told);
}

#[test]
fn a_worker_out_of_memory_leaves_its_blocks_to_others() {
    // Rust ends the process where a limit is set.
    let outcome = lost("lost-memory", &["40", "100"]).under_limit("-v", 3 << 20).run();
    has_done_all(&outcome, "1");
}

#[test]
fn workers_without_rank_0_end() {
    let outcome = scenario(Ranks::Mpirun(3), "lost-rank0", &["400", "50"]);
    let outcome = outcome.env("OMPI_MCA_orte_enable_recovery", "1").env("BELLIS_LOST_AFTER_S", "1.5").run();
    assert!(outcome.n_lines("error: rank 0 is lost, and the run cannot go on: ") > 0, "{outcome}");
}

#[test]
fn a_program_that_owns_mpi_survives_a_loss_within_main() {
    let outcome = lost("embedded-lost", &["all", "multiple"]).run();
    let counts = outcome.succeeded().fact("work");
    assert_eq!(counts, "total 40 completed 40 skipped 0 failed 0 orphaned 0 open 0", "{outcome}");
    assert_eq!(outcome.fact("lost"), "1", "{outcome}");
}
