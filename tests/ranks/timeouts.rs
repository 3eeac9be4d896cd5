//! Blocks that never end, with a time that they may take: all others are done, and the programs end.

use super::mpirun::Ranks::{Alone, Mpirun};
use super::mpirun::{Outcome, Ranks, scenario};

/// Longer than any other block takes, however busy the machine is.
const TIMEOUT_S: &str = "4";

fn hang(ranks: Ranks, slots: &str, kind: &str, retries: &str) -> Outcome {
    let start = scenario(ranks, kind, &[retries]).env("BELLIS_SLOTS", slots);
    start.env("BELLIS_BLOCK_TIMEOUT_S", TIMEOUT_S).run()
}

#[test]
fn a_block_that_hangs_everywhere_ends_the_run_when_all_others_are_done() {
    for (ranks, slots) in [(Alone, "1"), (Alone, "2"), (Mpirun(3), "1"), (Mpirun(2), "2")] {
        let outcome = hang(ranks, slots, "blocks-hang", "9");
        outcome.failed(1, "every slot hangs in a block that takes longer than it may, and ");
        // The only slot hangs before it has done any but the first.
        let n_done = if slots == "1" && ranks == Alone { "5" } else { "39" };
        assert_eq!(outcome.fact("done"), n_done, "{outcome}");
        assert!(outcome.stderr.contains("block 5 of task \"hang\" on worker 1 (on "), "{outcome}");
    }
}

#[test]
fn a_block_that_hangs_too_often_is_given_up() {
    for (ranks, slots) in [(Alone, "3"), (Mpirun(4), "1"), (Mpirun(2), "3")] {
        let outcome = hang(ranks, slots, "blocks-hang", "1");
        outcome.failed(1, "1 blocks failed, 0 orphaned, 0 not processed; first: task \"hang\", block 5 ");
        assert_eq!((outcome.fact("done"), outcome.fact("hung")), ("39", "2"), "{outcome}");
        assert!(
            outcome.stderr.contains(" (attempt 1, will be tried again): it had not ended after "),
            "{outcome}"
        );
        assert!(outcome.stderr.contains("; 2 slots hang in blocks"), "the summary says so\n{outcome}");
    }
}

#[test]
fn a_loop_that_hangs_ends_the_process() {
    let outcome = hang(Alone, "2", "loops-hang", "12");
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(outcome.stderr.contains("2 loops of the program do not return: the process ends"), "{outcome}");
}
