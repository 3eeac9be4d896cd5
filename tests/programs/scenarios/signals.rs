//! Programs that are asked to end: `signals-KIND DIRECTORY SIGNAL WHO`. They send the signals to themselves, so that no test
//! has to hit the right moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use bellis::{Progress, Result, Runner};

use super::record::Record;
use super::{Call, fact, facts, line};

pub fn run(call: &Call) -> Result {
    match call.scenario.as_str() {
        "signals-drain" | "signals-ahead" => drain(call, &[0, 200]),
        "signals-stop" => drain(call, &[0, 5500]),
        "signals-between" => between(call),
        "signals-late" => late(call, false),
        "signals-forgotten" => late(call, true),
        other => Err(format!("scenario {other:?} is unknown").into()),
    }
}

/// The signal that is named.
fn number(call: &Call) -> i32 {
    match call.more.get(1).map(String::as_str) {
        Some("TERM") => libc::SIGTERM,
        Some("USR1") => libc::SIGUSR1,
        _ => libc::SIGINT,
    }
}

/// Sends this process a signal, so many milliseconds after the one before, for each.
fn send(signal: i32, pauses_ms: &'static [u64]) {
    thread::spawn(move || {
        for pause in pauses_ms {
            sleep(Duration::from_millis(*pause));
            // SAFETY: a plain call.
            unsafe { libc::kill(libc::getpid(), signal) };
        }
    });
}

/// Signals once the first block is under way, on the rank that is meant.
fn drain(call: &Call, pauses_ms: &'static [u64]) -> Result {
    static HAS_SENT: AtomicBool = AtomicBool::new(false);
    let (signal, is_meant) = (number(call), call.is_meant());
    let block_ms = match call.scenario.as_str() {
        "signals-stop" => 40_000,
        "signals-ahead" => 2000,
        _ => 300,
    };
    let record = Record::new(&call.directory);
    if is_meant && call.rank == 0 {
        // It processes no blocks where there are other ranks.
        let record = record.clone();
        thread::spawn(move || {
            record.wait_for("begun");
            send(signal, pauses_ms);
        });
    }
    let (notes, rank) = (record.clone(), call.rank);
    let task = line("work", 400)?.process(move |block| {
        notes.note("begun", &block.index().to_string())?;
        if is_meant && rank > 0 && !HAS_SENT.swap(true, Ordering::Relaxed) {
            send(signal, pauses_ms);
        }
        notes.during("work", block, || {
            sleep(Duration::from_millis(block_ms));
            Ok(())
        })
    });
    let report = Runner::new().run(task.build()?)?;
    facts(&report);
    fact("begun", record.lines("begun")?.len());
    fact("ended", record.lines("blocks")?.len());
    Ok(report.into_result()?)
}

/// Many short runs, and a signal at some time: sooner or later it meets the end of one, or the time between two.
fn between(call: &Call) -> Result {
    for number in 0..3000 {
        // Before the first run, signals do what they do without bellis.
        if call.is_meant() && number == 1 {
            send(self::number(call), &[300]);
        }
        let task = line("short", 40)?.process(|_| Ok(()));
        Runner::new().progress(Progress::Off).run(task.build()?)?.into_result().inspect_err(|_| {
            fact("runs", number);
        })?;
        sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// A signal when the first run is over: it ends the second as it begins, unless the program forgets it.
fn late(call: &Call, is_forgotten: bool) -> Result {
    let run = || -> Result<_> { Ok(Runner::new().run(line("work", 20)?.process(|_| Ok(())).build()?)?) };
    let first = run()?;
    if call.is_meant() {
        // SAFETY: a plain call.
        unsafe { libc::raise(number(call)) };
    }
    fact("first", first.tasks[0].counts.completed);
    first.into_result()?;
    if is_forgotten {
        fact("forgotten", bellis::forget_interrupt());
        if call.is_meant() {
            // Delivered once more.
            send(number(call), &[0]);
        }
        sleep(Duration::from_millis(200));
    }
    let second = run()?;
    fact("second", second.tasks[0].counts.completed);
    fact("interrupted", second.is_interrupted);
    Ok(second.into_result()?)
}
