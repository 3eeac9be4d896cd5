//! Programs that have only so much time: `limits-KIND DIRECTORY`. What they are told of it stands in the environment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use bellis::{Result, Runner};

use super::record::Record;
use super::{Call, fact, facts, line};

pub fn run(call: &Call) -> Result {
    match call.scenario.as_str() {
        "limits-blocks" => blocks(call, None),
        "limits-hang" => blocks(call, Some(5)),
        #[cfg(feature = "zarr")]
        "limits-array" => array(call),
        "limits-late" => late(),
        other => Err(format!("scenario {other:?} is unknown").into()),
    }
}

/// `limits-blocks DIRECTORY N MS`: so many blocks that take so long, with a run directory. One of them may hang: when it does,
/// rank 0 is asked to end as often as the further argument says.
fn blocks(call: &Call, hangs: Option<u64>) -> Result {
    let number =
        |at: usize, otherwise| call.more.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (n_blocks, block_ms, n_signals) = (number(0, 400), number(1, 100), number(2, 0));
    let record = Record::new(&call.directory);
    let is_over = Arc::new(AtomicBool::new(false));
    if call.rank == 0 && n_signals > 0 {
        let (record, is_over) = (record.clone(), is_over.clone());
        thread::spawn(move || {
            record.wait_for("hung");
            // Some others end beside it.
            sleep(Duration::from_secs(1));
            for _ in 0..n_signals {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                // SAFETY: a plain call.
                unsafe { libc::kill(libc::getpid(), libc::SIGTERM) };
                sleep(Duration::from_millis(5500));
            }
        });
    }
    let notes = record.clone();
    let task = line("work", n_blocks)?.process(move |block| {
        notes.note("begun", &block.index().to_string())?;
        if Some(block.index()) == hangs {
            notes.note("hung", "")?;
            sleep(Duration::from_secs(1000));
        }
        notes.during("work", block, || {
            sleep(Duration::from_millis(block_ms.unsigned_abs()));
            Ok(())
        })
    });
    let report = Runner::new().run_dir(call.directory.join("run")).run(task.build()?)?;
    is_over.store(true, Ordering::Relaxed);
    facts(&report);
    fact("begun", record.lines("begun")?.len());
    fact("ended", record.lines("blocks")?.len());
    Ok(report.into_result()?)
}

/// `limits-array DIRECTORY N MS`: so many blocks that take so long, each of which writes a chunk.
#[cfg(feature = "zarr")]
fn array(call: &Call) -> Result {
    use bellis::{Array, ArraySpec, Roi, Task};

    let number = |at: usize| call.more.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(100);
    let (n_blocks, block_ms) = (number(0), number(1));
    let record = Record::new(&call.directory);
    let path = call.directory.join("out.zarr");
    let output = Array::<u32>::create(&path, &ArraySpec::new([64 * n_blocks]).chunks([64]))?;
    let (target, notes) = (output.clone(), record.clone());
    let task = Task::builder("work")
        .total_roi(Roi::new([0], [64 * i64::try_from(n_blocks)?])?)
        .block_shape([64])
        .writes(&output)
        .process(move |block| {
            notes.during("work", block, || {
                sleep(Duration::from_millis(block_ms));
                let begin = u32::try_from(block.write_roi.begin()[0])?;
                let values =
                    ndarray::Array1::from_iter((begin..begin + 64).map(|x| x.wrapping_mul(2_654_435_761)));
                Ok(target.write(&block.write_roi, &values)?)
            })
        });
    let report = Runner::new().run_dir(call.directory.join("run")).run(task.build()?)?;
    facts(&report);
    Ok(report.into_result()?)
}

/// Two runs, of which the second begins when the time is over.
fn late() -> Result {
    let run = || -> Result<_> { Ok(Runner::new().run(line("work", 20)?.process(|_| Ok(())).build()?)?) };
    let first = run()?;
    fact("first", first.tasks[0].counts.completed);
    first.into_result()?;
    sleep(Duration::from_secs(5));
    let second = run()?;
    fact("second", second.tasks[0].counts.completed);
    fact("interrupted", second.is_interrupted);
    Ok(second.into_result()?)
}
