//! What opening costs. `BELLIS_JOURNAL_BLOCKS=1000000000 cargo test --lib journal::tests::figures -- --nocapture` tries
//! more, and says how long each step took.

use std::io::Write;
use std::time::Instant;

use super::support::layout;
use crate::journal::directory::Journal;
use crate::journal::ledger::Change;
use crate::journal::run_info::RunInfo;
use crate::journal::state::BlockState;
use crate::plan::TaskId;

#[test]
fn many_blocks_open_in_no_time() {
    let asked = std::env::var("BELLIS_JOURNAL_BLOCKS").ok();
    let n_blocks = asked.as_ref().map_or(1_000_000, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let layout = layout(&[("many", &[n_blocks])]);
    let timed = |what: &str, begin: Instant| {
        if asked.is_some() {
            writeln!(std::io::stdout(), "{what}: {:.3} s", begin.elapsed().as_secs_f64()).unwrap();
        }
    };
    let begin = Instant::now();
    let mut journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    timed("making", begin);
    let begin = Instant::now();
    // The first half but for some holes, as a run leaves it.
    let half = Change { task: TaskId(0), blocks: 0..n_blocks / 2, state: BlockState::Done };
    let hole = |n| Change { task: TaskId(0), blocks: n..n + 3, state: BlockState::NotDone };
    let step = n_blocks / 1000;
    journal.commit(&[half]).unwrap();
    journal.commit(&(0..400).map(|n| hole(n * step)).collect::<Vec<_>>()).unwrap();
    timed("committing half of it", begin);
    let begin = Instant::now();
    let blocks = |n: u64| Change {
        task: TaskId(0),
        blocks: n_blocks / 2 + n * 7 + 3..n_blocks / 2 + n * 7 + 4,
        state: BlockState::Done,
    };
    journal.commit(&(0..10_000).map(blocks).collect::<Vec<_>>()).unwrap();
    timed("committing 10,000 blocks", begin);
    let begin = Instant::now();
    journal.close("stopped").unwrap();
    timed("closing", begin);
    let begin = Instant::now();
    let journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    timed("opening", begin);
    let begin = Instant::now();
    let done: Vec<_> = journal
        .ranges(TaskId(0))
        .unwrap()
        .map(Result::unwrap)
        .filter(|(state, _)| *state == BlockState::Done)
        .collect();
    timed("handing out the ranges", begin);
    assert_eq!(done.len(), 400 + 10_000);
    let n_done: u64 = done.iter().map(|(_, blocks)| blocks.end - blocks.start).sum();
    assert_eq!(n_done, n_blocks / 2 - 1200 + 10_000);
    assert_eq!(journal.counts(TaskId(0)).done, n_done);
}
