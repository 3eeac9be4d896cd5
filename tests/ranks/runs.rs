//! What a run does at 1 to 8 ranks, and how it ends when something is wrong on any of them.
//!
//! The scenarios are those of `programs/scenarios`; each proves its own result on rank 0, and the tests here look at
//! exit codes, standard error and the facts that it prints.

use std::time::Duration;

use super::mpirun::Ranks::{Alone, Mpirun};
use super::mpirun::{Outcome, Ranks, scenario, signal};

/// By hand, under a launcher as the only rank, and with others.
const ALL: [Ranks; 6] = [Alone, Mpirun(1), Mpirun(2), Mpirun(3), Mpirun(4), Mpirun(8)];
const FEW: [Ranks; 3] = [Alone, Mpirun(2), Mpirun(4)];
const SEVERAL: [Ranks; 2] = [Mpirun(2), Mpirun(4)];

fn each(ranks: &[Ranks], name: &str, more: &[&str], check: impl Fn(&Outcome)) {
    for ranks in ranks {
        check(&scenario(*ranks, name, more).run());
    }
}

fn all_completed(task: &str, n: u64) -> String {
    format!("{task}=total {n} completed {n} skipped 0 failed 0 orphaned 0 open 0")
}

#[track_caller]
fn has_line(outcome: &Outcome, line: &str) {
    assert!(outcome.stdout.lines().any(|other| other == line), "{line:?} is missing\n{outcome}");
}

// Blocks.

#[test]
fn every_block_is_processed_once() {
    // As many blocks as anything, fewer than ranks, a number that no number of ranks divides.
    for n_blocks in [1, 5, 53] {
        each(&ALL, "blocks-once", &[&n_blocks.to_string()], |outcome| {
            outcome.succeeded();
            has_line(outcome, &all_completed("once", n_blocks));
            assert_eq!(outcome.fact("each"), "once");
            assert_eq!(outcome.n_lines("Execution Summary"), 1, "{outcome}");
        });
    }
}

#[test]
fn nothing_is_held_up_behind_a_long_block() {
    for ranks in [Alone, Mpirun(3), Mpirun(4)] {
        let outcome = scenario(ranks, "blocks-held-up", &[]);
        let outcome = outcome.env("BELLIS_SLOTS", if ranks == Alone { "2" } else { "1" }).run();
        outcome.succeeded();
        has_line(&outcome, &all_completed("late", 1));
    }
}

#[test]
fn conflicts_give_the_same_result_at_every_rank_count() {
    let alone = scenario(Alone, "blocks-conflicts", &[]).run();
    for ranks in ALL {
        let outcome = scenario(ranks, "blocks-conflicts", &[]).run();
        assert_eq!(outcome.succeeded().fact("result"), alone.fact("result"), "{outcome}");
    }
}

#[test]
fn a_chain_of_tasks_reduces_to_the_same_at_every_rank_count() {
    let sum: i64 = (0..50).map(|at| at * at).sum();
    each(&ALL, "blocks-chain", &[], |outcome| {
        assert_eq!(outcome.succeeded().fact("result"), sum.to_string(), "{outcome}");
    });
}

#[test]
fn options_of_the_environment_are_taken() {
    for (name, value, n_slots) in [
        ("BELLIS_SLOTS", "3", 6),
        ("BELLIS_RANK0_SLOTS", "2", 4),
        ("BELLIS_IDLE", "spin", 2),
        ("BELLIS_IDLE", "yield", 2),
        ("BELLIS_IDLE", "sleep", 2),
        ("BELLIS_CREDITS", "0", 2),
        ("BELLIS_CREDITS", "4096", 2),
        // More often than blocks end.
        ("BELLIS_STATUS_S", "0.05", 2),
        // Never, though the clock cannot count so far.
        ("BELLIS_STATUS_S", "1e19", 2),
    ] {
        for (program, more) in [("blocks-once", &["17", "120"][..]), ("blocks-chain", &[])] {
            let outcome = scenario(Mpirun(3), program, more).env(name, value).run();
            assert_eq!(outcome.succeeded().fact("slots"), n_slots.to_string(), "{name}={value}\n{outcome}");
        }
    }
    let alone = scenario(Alone, "blocks-once", &["17"]).env("BELLIS_SLOTS", "3").run();
    assert_eq!(alone.succeeded().fact("slots"), "3");
    let both = scenario(Mpirun(3), "blocks-once", &["40", "5"]);
    let both =
        both.env("BELLIS_SLOTS", "2").env("BELLIS_RANK0_SLOTS", "1").env("BELLIS_STATUS_S", "0.05").run();
    assert_eq!(both.succeeded().fact("slots"), "5");
}

#[test]
fn failing_blocks_fail_alone() {
    each(&ALL, "blocks-fail", &[], |outcome| {
        outcome.failed(1, "4 blocks failed, 4 orphaned, 0 not processed; first: task \"fail\", block");
        assert_eq!(outcome.fact("fail"), "total 10 completed 6 skipped 0 failed 4 orphaned 0 open 0");
        assert_eq!(outcome.fact("next"), "total 10 completed 6 skipped 0 failed 0 orphaned 4 open 0");
        assert_eq!(outcome.n_lines("Execution Summary"), 1, "{outcome}");
    });
}

#[test]
fn a_panic_fails_its_block_with_its_place() {
    each(&ALL, "blocks-panic", &[], |outcome| {
        outcome.failed(1, "panicked at tests/programs/scenarios/blocks.rs:");
        assert_eq!(outcome.fact("panic"), "total 10 completed 9 skipped 0 failed 1 orphaned 0 open 0");
        assert!(outcome.stderr.contains("block three"), "{outcome}");
    });
}

#[test]
fn many_and_huge_failures_leave_a_short_log() {
    let fails_all = |ranks| scenario(ranks, "blocks-fail-all", &["20000"]);
    for outcome in FEW.map(|ranks| fails_all(ranks).env("BELLIS_FAIL_FAST", "off").run()) {
        outcome.failed(1, "20000 blocks failed");
        assert!(outcome.stderr.lines().count() < 80, "{outcome}");
        assert!(outcome.stderr.contains("and 19990 more failed blocks"), "{outcome}");
    }
    each(&FEW, "blocks-fail-all", &["20000"], |outcome| {
        outcome.failed(1, "given up: the first ");
        assert!(!outcome.fact("fail").ends_with(" open 0"), "{outcome}");
    });
    for outcome in SEVERAL.map(|ranks| fails_all(ranks).env("BELLIS_MAX_FAILURES", "1").run()) {
        outcome.failed(1, "see BELLIS_MAX_FAILURES");
    }
    each(&FEW, "blocks-huge", &[], |outcome| {
        outcome.failed(1, "3 blocks failed");
        assert!(outcome.stderr.len() < 100_000, "{} bytes", outcome.stderr.len());
    });
}

#[test]
fn a_million_blocks_pass() {
    each(&[Alone, Mpirun(3)], "blocks-nothing", &["1000000"], |outcome| {
        assert!(
            outcome.succeeded().fact("nothing").starts_with("total 1000000 completed 1000000"),
            "{outcome}"
        );
    });
}

#[test]
fn a_state_is_made_once_for_each_slot() {
    for (ranks, slots, n_slots) in
        [(Alone, "2", 2), (Mpirun(2), "1", 1), (Mpirun(4), "1", 3), (Mpirun(3), "3", 6)]
    {
        let outcome = scenario(ranks, "blocks-prepare", &["60"]).env("BELLIS_SLOTS", slots).run();
        let prepared: usize = outcome.succeeded().fact("prepared").parse().expect("a number");
        assert!((1..=n_slots).contains(&prepared), "{outcome}");
    }
}

#[test]
fn a_worker_that_cannot_be_prepared_leaves_its_blocks_to_others() {
    let outcome = scenario(Mpirun(4), "blocks-prepare-fails", &["last"]).run();
    has_line(outcome.succeeded(), &all_completed("prepare", 10));
    each(&FEW, "blocks-prepare-fails", &["all"], |outcome| {
        outcome.failed(1, "the worker could not be prepared: no model");
    });
}

#[test]
fn a_check_skips_blocks() {
    each(&ALL, "blocks-check", &["9"], |outcome| {
        assert_eq!(
            outcome.succeeded().fact("check"),
            "total 9 completed 9 skipped 5 failed 0 orphaned 0 open 0"
        );
        assert_eq!(outcome.fact("processed"), "4");
    });
}

#[test]
fn one_run_follows_another() {
    each(&ALL, "blocks-twice", &[], |outcome| {
        has_line(outcome.succeeded(), &all_completed("first", 9));
        has_line(outcome, &all_completed("second", 5));
        assert_eq!(outcome.fact("twice"), "ok");
    });
}

// Loops of the program's own.

#[test]
fn own_loops_process_all() {
    each(&ALL, "loops-all", &[], |outcome| {
        assert_eq!(
            outcome.succeeded().fact("loop"),
            "total 12 completed 12 skipped 4 failed 0 orphaned 0 open 0"
        );
    });
}

#[test]
fn what_a_loop_leaves_is_done_elsewhere() {
    for program in ["loops-early", "loops-panic"] {
        let outcome = scenario(Mpirun(4), program, &[]).run();
        has_line(outcome.succeeded(), &all_completed("loop", 12));
        scenario(Mpirun(2), program, &[]).run().failed(1, "the worker's loop ended");
    }
}

#[test]
fn an_error_at_the_end_of_a_loop_is_not_lost() {
    each(&FEW, "loops-late-error", &[], |outcome| {
        outcome.failed(1, "the worker's loop failed after its last block: the last flush failed");
    });
    let slots = scenario(Mpirun(3), "loops-late-error", &[]).env("BELLIS_SLOTS", "2").run();
    slots.failed(1, "the last flush failed");
}

#[test]
fn a_block_released_twice_is_an_error() {
    each(&FEW, "loops-twice-released", &[], |outcome| {
        outcome.failed(1, "was released without being acquired");
    });
}

// Ends of programs.

#[test]
fn an_error_before_the_run_is_told_once() {
    each(&ALL, "ends-before", &["all"], |outcome| {
        outcome.failed(2, "error: no such file");
    });
    for (program, text) in [
        ("ends-before", "no such file"),
        ("ends-panic", "panicked at tests/programs/scenarios/ends.rs:"),
        ("ends-plan", "bad"),
        ("ends-no-process", "no process closure"),
    ] {
        each(&SEVERAL, program, &["first"], |outcome| {
            outcome.failed(2, &format!("rank 0 of {}: ", n_ranks(outcome))).failed(2, text);
        });
        each(&SEVERAL, program, &["last"], |outcome| {
            let n_ranks = n_ranks(outcome);
            outcome.failed(2, &format!("rank {} of {n_ranks}: ", n_ranks - 1)).failed(2, text);
        });
        each(&[Alone, Mpirun(3)], program, &["all"], |outcome| {
            outcome.failed(2, text);
        });
    }
}

fn n_ranks(outcome: &Outcome) -> usize {
    let words = outcome.what.split(['(', ')']);
    words.filter_map(|word| word.parse().ok()).next().expect("a number of ranks")
}

#[test]
fn a_huge_error_is_cut() {
    for which in ["first", "last", "all"] {
        each(&[Alone, Mpirun(3)], "ends-before-huge", &[which], |outcome| {
            outcome.failed(2, "xxx…");
            assert!(outcome.stderr.len() < 20_000, "{} bytes", outcome.stderr.len());
        });
    }
}

#[test]
fn other_pipelines_are_refused() {
    for which in ["first", "last"] {
        each(&SEVERAL, "ends-another", &[which], |outcome| {
            outcome.failed(2, "built another pipeline than rank 0").failed(2, "other");
        });
    }
}

#[test]
fn a_rank_without_a_run_keeps_nobody_waiting() {
    each(&SEVERAL, "ends-absent", &["first"], |outcome| {
        outcome.failed(2, "rank 0 has come to the end of its program while rank");
    });
    each(&SEVERAL, "ends-absent", &["last"], |outcome| {
        outcome.failed(2, "has come to the end of its program while rank 0 starts a run");
    });
    // Those that are refused and try again are refused again, and the message names the rank once.
    let outcome = scenario(Mpirun(3), "ends-again", &["last"]).run();
    outcome.failed(2, "error: rank 2 of 3: no such file");
    let outcome = scenario(Mpirun(3), "ends-between", &["last"]).run();
    outcome.failed(1, "error: rank 2 of 3: no second input");
}

#[test]
fn a_rank_that_exits_within_a_run_ends_the_job() {
    for ranks in SEVERAL {
        let outcome = scenario(ranks, "ends-exit", &["last"]).run();
        assert!(matches!(outcome.code, Some(1) | None), "{outcome}");
        assert!(outcome.stderr.contains("the program has ended within a run"), "{outcome}");
    }
}

#[test]
fn an_error_after_the_run_is_told_once() {
    each(&ALL, "ends-after", &["all"], |outcome| {
        outcome.failed(1, "error: no space to write the result");
    });
    for which in ["first", "last"] {
        each(&SEVERAL, "ends-after", &[which], |outcome| {
            outcome.failed(1, "no space to write the result");
        });
        each(&SEVERAL, "ends-after-panic", &[which], |outcome| {
            outcome.failed(1, "out of luck");
        });
    }
}

#[test]
fn wrong_options_end_the_program_before_the_run() {
    for (name, value, text) in [
        ("BELLIS_BOGUS", "1", "environment variable BELLIS_BOGUS is unknown: bellis knows BELLIS_CREDITS"),
        ("BELLIS_CREDITS", "x", "BELLIS_CREDITS=\"x\" is not possible: use a whole number from 0 to 4096"),
    ] {
        for ranks in ALL {
            let outcome = scenario(ranks, "blocks-once", &[]).env(name, value).run();
            outcome.failed(2, text);
            assert_eq!(outcome.stdout, "", "{outcome}");
        }
    }
}

#[test]
fn a_variable_that_is_no_text_is_none_of_our_business() {
    use std::os::unix::ffi::OsStrExt;
    let value = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    for ranks in [Alone, Mpirun(2)] {
        scenario(ranks, "blocks-once", &[]).env("SOMEBODYS_VARIABLE", value).run().succeeded();
    }
}

#[test]
fn threads_that_cannot_be_started_keep_nobody_waiting() {
    // A stack that no machine has room for.
    let stack = (1u64 << 47).to_string();
    for (ranks, slots, rank0_slots) in
        [(Alone, "2", "0"), (Mpirun(3), "1", "0"), (Mpirun(3), "3", "0"), (Mpirun(3), "1", "2")]
    {
        let outcome = scenario(ranks, "blocks-once", &[]).env("RUST_MIN_STACK", &stack);
        let outcome = outcome.env("BELLIS_SLOTS", slots).env("BELLIS_RANK0_SLOTS", rank0_slots).run();
        outcome.failed(2, "a thread could not be started");
    }
}

#[test]
fn ranks_that_do_not_see_each_other_tell_it_once() {
    // As another MPI's launcher would start this one's program, or one that knows of no MPI.
    for (rank_name, size_name, said) in [
        ("PMI_RANK", "PMI_SIZE", "take the mpirun of the MPI library"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "try srun --mpi=pmix"),
        ("PALS_RANKID", "FLUX_JOB_SIZE", "try flux run -o pmi=pmix"),
    ] {
        let start = |rank: &str| {
            let alone = scenario(Alone, "blocks-once", &[]);
            alone.env(size_name, "2").env(rank_name, rank).run()
        };
        let first = start("0");
        first.failed(2, "the launcher started 2 ranks, but MPI sees 1");
        assert!(first.stderr.contains(said), "{first}");
        let other = start("1");
        assert_eq!((other.code, other.n_lines("error:")), (Some(2), 0), "{other}");
    }
    // A rank beyond the first gives itself away.
    let other = scenario(Alone, "blocks-once", &[]).env("PALS_RANKID", "1").run();
    assert_eq!(other.code, Some(2), "{other}");
}

#[test]
fn a_rank_that_ends_between_two_runs_ends_the_job() {
    for (program, code) in
        [("bare-exit", 3), ("bare-panic", 101), ("bare-return", 4), ("ends-exit-between", 3)]
    {
        for who in ["first", "last"] {
            let outcome = scenario(Mpirun(3), program, &[who]).run();
            assert_eq!(outcome.code, Some(code), "{outcome}");
            // Without `bellis::main`, nobody has set up a logger.
            let is_told = outcome.stderr.contains("while other ranks go on: all ranks are ended");
            assert_eq!(is_told, program.starts_with("ends"), "{outcome}");
        }
    }
    let outcome = scenario(Mpirun(3), "bare-none", &[]).run();
    outcome.succeeded();
}

// Signals.

#[test]
fn an_interrupt_lets_blocks_in_flight_finish() {
    for ranks in [Alone, Mpirun(3)] {
        let mut pid = None;
        let interrupted = scenario(ranks, "blocks-slow", &["200"]).env("BELLIS_SLOTS", "2");
        let outcome = interrupted.run_while(|line| {
            if let Some(number) = line.strip_prefix("pid=") {
                pid = number.parse::<u32>().ok();
                let pid = pid.expect("a process id");
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(1500));
                    signal(pid, libc::SIGINT);
                });
            }
        });
        outcome.failed(75, "0 blocks failed, 0 orphaned");
        assert_eq!(outcome.fact("interrupted"), "true");
        assert_eq!(outcome.fact("begun"), outcome.fact("ended"), "{outcome}");
        assert!(outcome.stderr.contains("interrupted: "), "{outcome}");
        assert!(outcome.stderr.contains("blocks not processed"), "{outcome}");
        assert!(outcome.took < Duration::from_secs(10), "{outcome}");
    }
}

// Programs that own MPI.

#[test]
fn a_program_that_owns_mpi_goes_on_with_its_own_messages() {
    for level in ["single", "funneled", "serialized", "multiple"] {
        for (program, ranks) in [
            ("embedded-own", Mpirun(3)),
            ("embedded-inside", Mpirun(3)),
            ("embedded-plain", Mpirun(3)),
            ("embedded-own", Alone),
        ] {
            let outcome = scenario(ranks, program, &["all", level]).env("BELLIS_STATUS_S", "0.02").run();
            has_line(outcome.succeeded(), &all_completed("embedded", 20));
            assert_eq!(outcome.fact("own"), "ok");
            // Another thread may call MPI only where MPI lets several do so at the same time.
            let may_help = level == "multiple" && ranks != Alone;
            assert_eq!(outcome.fact("helped"), may_help.to_string(), "{outcome}");
        }
    }
    each(&ALL, "embedded-own", &["all", "funneled"], |outcome| {
        outcome.succeeded();
    });
    each(&[Alone, Mpirun(4)], "embedded-world", &[], |outcome| {
        has_line(outcome.succeeded(), &all_completed("world", 7));
    });
}

#[test]
fn parts_of_the_world_run_pipelines_of_their_own() {
    for (ranks, even, odd) in
        [(Mpirun(2), None, None), (Mpirun(4), Some(1), Some(1)), (Mpirun(8), Some(3), Some(3))]
    {
        let outcome = scenario(ranks, "embedded-halves", &[]).env("BELLIS_SLOTS", "1").run();
        for (name, n_blocks, n_workers) in [("even", 12, even), ("odd", 16, odd)] {
            let expected = format!("{n_blocks} blocks on {} workers", n_workers.unwrap_or(1));
            assert_eq!(outcome.succeeded().fact(name), expected, "{outcome}");
        }
    }
    each(&[Mpirun(3), Mpirun(4)], "embedded-subset", &[], |outcome| {
        has_line(outcome.succeeded(), &all_completed("subset", 9));
    });
}

#[test]
fn errors_of_a_program_that_owns_mpi_are_told_once() {
    for ranks in [Alone, Mpirun(4)] {
        scenario(ranks, "embedded-fails", &["all"]).run().failed(1, "5 blocks failed");
        scenario(ranks, "embedded-before", &["all"]).run().failed(2, "no such file");
        scenario(ranks, "embedded-after", &["all"]).run().failed(1, "no space to write the result");
    }
    for which in ["first", "last"] {
        scenario(Mpirun(4), "embedded-refused", &[which]).run().failed(2, "built another pipeline");
        scenario(Mpirun(4), "embedded-before", &[which]).run().failed(2, "no such file");
        scenario(Mpirun(4), "embedded-after", &[which]).run().failed(1, "no space to write the result");
    }
}

#[test]
fn a_rank_that_others_wait_for_in_vain_ends_the_job() {
    for which in ["first", "last"] {
        let outcome = scenario(Mpirun(3), "embedded-blocked", &[which]).run();
        assert!(matches!(outcome.code, Some(2) | None), "{outcome}");
        assert_eq!(outcome.n_lines("error: no such file"), 1, "{outcome}");
    }
}
