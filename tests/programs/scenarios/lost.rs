//! Workers that are lost in the middle of a block: `lost-KIND DIRECTORY N MS`, with N blocks of so many milliseconds.
//!
//! A worker comes to harm by its own hand, so that no test has to hit it at the right moment: the last rank at its first
//! block (`kill`, `stop`, `pause`, `memory`), every worker at its third (`all-kill`, `all-stop`), whoever gets block 5
//! (`poison`), or rank 0 (`rank0`).

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use bellis::{BlockResult, Result, Runner};

use super::record::{Record, now};
use super::{Call, fact, facts, line};

/// Blocks that this process has begun.
static N_BEGUN: AtomicU64 = AtomicU64::new(0);

pub fn run(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let pause = Duration::from_millis(call.more.get(1).and_then(|text| text.parse().ok()).unwrap_or(100));
    let (kind, is_last) = (call.scenario.clone(), call.rank + 1 == call.size);
    let notes = record.clone();
    let task = line("work", call.number(40))?.process(move |block| {
        let n_begun = N_BEGUN.fetch_add(1, Ordering::Relaxed) + 1;
        let is_time = match &kind[..] {
            "lost-all-kill" | "lost-all-stop" => n_begun == 3,
            "lost-poison" => block.index() == 5,
            "lost-rank0" => false,
            _ => is_last && n_begun == 1,
        };
        if is_time {
            notes.note("harm", &format!("{} {}", block.index(), now()?))?;
            harm(&kind)?;
        }
        notes.during("work", block, || {
            sleep(pause);
            Ok(())
        })
    });
    let task = task.build()?;
    if call.scenario == "lost-rank0" && call.rank == 0 {
        let record = record.clone();
        std::thread::spawn(move || {
            record.wait_for("blocks");
            raise(libc::SIGKILL);
        });
    }
    let report = Runner::new().run(task.clone())?;
    facts(&report);
    fact("lost", report.n_lost);
    if bellis::is_coordinator() {
        for line in record.lines("harm")? {
            // From the harm to the moment when the block begins once more, at a worker that has nothing else to do.
            let (index, time) = line.split_once(' ').ok_or("a line of two words")?;
            let (index, time): (u64, u128) = (index.parse()?, time.parse()?);
            let again = record.entries(&task)?.into_iter().find(|entry| entry.index == index);
            if let Some(again) = again.filter(|again| again.begin > time) {
                fact("detected_s", (again.begin - time) as f64 / 1e9);
            }
        }
        let mut indices: Vec<u64> = record.entries(&task)?.iter().map(|entry| entry.index).collect();
        indices.sort_unstable();
        indices.dedup();
        fact("processed", indices.len());
    }
    report.into_result()?;
    again(call)
}

/// Another run, of the ranks that are left.
fn again(call: &Call) -> Result {
    if call.more.get(2).map(String::as_str) == Some("again") {
        let report = Runner::new().run(line("again", 20)?.process(|_| Ok(())).build()?)?;
        fact("again", format_args!("{} by {}", report.tasks[0].counts.completed, report.n_workers));
        report.into_result()?;
    }
    Ok(())
}

fn harm(kind: &str) -> BlockResult {
    match kind {
        "lost-stop" | "lost-all-stop" => raise(libc::SIGSTOP),
        "lost-pause" => {
            let back = format!("sleep 12; kill -CONT {}", std::process::id());
            Command::new("sh").args(["-c", &back]).spawn()?;
            raise(libc::SIGSTOP);
        }
        "lost-memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            while hoard.len() < 1 << 14 {
                hoard.push(vec![1; 16 << 20]);
            }
        }
        "lost-kill" | "lost-all-kill" | "lost-poison" => raise(libc::SIGKILL),
        other => return Err(format!("scenario {other:?} is unknown").into()),
    }
    Ok(())
}

/// Sends this process a signal.
fn raise(signal: i32) {
    // SAFETY: a plain call.
    unsafe { libc::kill(libc::getpid(), signal) };
}
