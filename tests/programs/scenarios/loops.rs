//! Programs that own the loop over blocks.

use std::thread::sleep;
use std::time::Duration;

use bellis::{BoxError, Outcome, Result, Runner, Task, Worker};

use super::record::Record;
use super::{Call, facts, line};

pub fn run(call: &Call) -> Result {
    let task = line("loop", call.number(12))?.build()?;
    match call.scenario.as_str() {
        "loops-all" => all(call, task),
        "loops-early" => plain(task, |worker| {
            // The first block of the first worker is taken and left, and so are all others that come there.
            if worker.info().rank == 1 { worker.acquire()?.map_or(Ok(()), |_| Ok(())) } else { rest(worker) }
        }),
        "loops-panic" => plain(task, |worker| {
            if worker.info().rank == 1 {
                panic!("the loop panicked");
            }
            rest(worker)
        }),
        "loops-late-error" => plain(task, |worker| {
            rest(worker)?;
            if worker.info().rank == 1 { Err("the last flush failed".into()) } else { Ok(()) }
        }),
        "loops-hang" => plain(task, |worker| {
            while let Some(block) = worker.acquire()? {
                while block.index() == 5 {
                    sleep(Duration::from_secs(3600));
                }
                worker.release(block, Ok(()))?;
            }
            Ok(())
        }),
        "loops-twice-released" => plain(task, |worker| {
            while let Some(block) = worker.acquire()? {
                worker.release(block, Ok(()))?;
                worker.release(block, Ok(()))?;
            }
            Ok(())
        }),
        other => Err(format!("scenario {other:?} is unknown").into()),
    }
}

fn plain(task: Task, body: impl Fn(&mut Worker) -> Result + Sync) -> Result {
    let report = Runner::new().run_with(task, body)?;
    facts(&report);
    Ok(report.into_result()?)
}

/// Processes whatever comes.
fn rest(worker: &mut Worker) -> Result<(), BoxError> {
    while let Some(block) = worker.acquire()? {
        sleep(Duration::from_millis(2));
        worker.release(block, Outcome::Success)?;
    }
    Ok(())
}

/// Every outcome, and two blocks held at a time.
fn all(call: &Call, task: Task) -> Result {
    let record = Record::new(&call.directory);
    plain(task.clone(), |worker| {
        while let Some(block) = worker.acquire()? {
            record.during("loop", &block, || Ok(()))?;
            let outcome = if block.index() % 3 == 1 { Outcome::Skipped } else { Outcome::Success };
            worker.release(block, outcome)?;
        }
        Ok(())
    })?;
    if bellis::is_coordinator() { record.check_each_once(&task) } else { Ok(()) }
}
