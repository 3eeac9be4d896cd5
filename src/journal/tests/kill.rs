//! A process that commits and is killed, again and again, in one directory: what it said it committed is there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::{directory, layout, states};
use crate::journal::directory::Journal;
use crate::journal::layout::Layout;
use crate::journal::ledger::Change;
use crate::journal::run_info::RunInfo;
use crate::journal::state::BlockState;
use crate::journal::status::status;
use crate::plan::{BlockId, TaskId};

/// Set in the process that is killed: the run directory.
const DIRECTORY: &str = "BELLIS_TEST_JOURNAL";
const N_LIVES: u64 = 30;

fn thousands() -> Layout {
    layout(&[("even", &[100_000]), ("odd", &[100_000])])
}

/// Commits blocks far apart, one by one, and says so, until it is killed.
fn commit_for_ever(dir: &Path) {
    let mut said = std::io::stdout();
    let mut journal = match Journal::open(dir, &thousands(), RunInfo::default()) {
        Ok(journal) => journal,
        Err(error) => return writeln!(said, "refused: {error}").unwrap(),
    };
    assert!(!journal.repairs().iter().any(|repair| repair.to_string().contains("disagrees")));
    let next = journal.counts(TaskId(0)).done + journal.counts(TaskId(1)).done;
    writeln!(said, "opened").unwrap();
    for number in next..200_000 {
        let block = BlockId { task: TaskId((number % 2) as u32), index: number / 2 * 7919 % 100_000 };
        journal.commit(&[Change::block(block, BlockState::Done)]).unwrap();
        writeln!(said, "committed {} {}", block.task.0, block.index).unwrap();
    }
}

fn start(dir: &Path) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "journal::tests::kill::nothing_is_lost_by_kills", "--nocapture"])
        .env(DIRECTORY, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

#[test]
fn nothing_is_lost_by_kills() {
    if let Some(dir) = std::env::var_os(DIRECTORY) {
        return commit_for_ever(Path::new(&dir));
    }
    let dir = directory();
    let mut committed = [vec![0u8; 100_000], vec![0u8; 100_000]];
    let mut n_committed = 0;
    for life in 0..N_LIVES {
        let (mut child, mut lines) = start(dir.path());
        assert!(lines.any(|line| line == "opened"), "the lock of a dead process is taken over");
        if life == 3 {
            let (mut other, lines) = start(dir.path());
            let refusal = lines.filter(|line| line.starts_with("refused: ")).collect::<String>();
            assert!(refusal.contains(&format!("in use by process {} on", child.id())), "{refusal}");
            other.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(1 + life * 7 % 23));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            let Some(block) = line.strip_prefix("committed ") else { continue };
            let Some((task, index)) = block.split_once(' ') else { continue };
            committed[task.parse::<usize>().unwrap()][index.parse::<usize>().unwrap()] = 1;
            n_committed += 1;
        }
    }
    assert!(n_committed > N_LIVES, "{n_committed} blocks are committed");
    let seen = status(dir.path()).unwrap();
    assert!(seen.holder.unwrap().is_left_behind);
    assert_eq!(seen.runs.len() as u64, N_LIVES);
    let journal = Journal::open(dir.path(), &thousands(), RunInfo::default()).unwrap();
    let mut n_unsaid = 0;
    for (task, committed) in (0..).zip(&committed) {
        for (found, said) in states(journal.ranges(TaskId(task)).unwrap()).iter().zip(committed) {
            assert!(found >= said, "a block that was committed is not done");
            n_unsaid += u64::from(found > said);
        }
    }
    assert!(n_unsaid <= N_LIVES, "{n_unsaid} blocks are done and nobody said so");
}
