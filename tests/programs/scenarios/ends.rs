//! What goes wrong outside of blocks: before a run, after it, on all ranks or on one.

use std::process::ExitCode;

use bellis::{Result, Roi, Runner, Task};

use super::record::Record;
use super::{Call, fact, facts, line};

pub fn run(call: &Call) -> Result {
    let is_meant = call.is_meant();
    match call.scenario.as_str() {
        "ends-before" if is_meant => Err("no such file".into()),
        "ends-before-huge" if is_meant => Err("x".repeat(1 << 20).into()),
        "ends-panic" if is_meant => panic!("out of luck"),
        "ends-plan" if is_meant => {
            Task::builder("bad").total_roi(Roi::new([0], [0])?).block_shape([1]).build().map(drop)?;
            Ok(())
        }
        "ends-no-process" if is_meant => work(line("work", 5)?.build()?),
        "ends-another" if is_meant => work(line("other", 5)?.process(|_| Ok(())).build()?),
        "ends-absent" if is_meant => Ok(()),
        "ends-exit" => {
            let record = Record::new(&call.directory);
            let task = line("work", 5)?.process(move |block| {
                if is_meant {
                    std::process::exit(0);
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
                record.during("work", block, || Ok(()))
            });
            work(task.build()?)
        }
        "ends-after" => {
            processed(call)?;
            if is_meant { Err("no space to write the result".into()) } else { Ok(()) }
        }
        "ends-after-panic" => {
            processed(call)?;
            if is_meant { panic!("out of luck") } else { Ok(()) }
        }
        // Whoever is told that the first run cannot be tries another one.
        "ends-again" => {
            if is_meant {
                return Err("no such file".into());
            }
            let refused = processed(call).expect_err("one rank is missing");
            fact("refused", refused);
            processed(call)
        }
        "ends-exit-between" => {
            processed(call)?;
            if is_meant {
                std::process::exit(3);
            }
            processed(call)
        }
        "ends-between" => {
            processed(call)?;
            if is_meant { Err("no second input".into()) } else { processed(call) }
        }
        _ => processed(call),
    }
}

/// A program without `bellis::main`, one of whose ranks ends between two runs.
pub fn bare(call: &Call) -> ExitCode {
    let is_meant = call.is_meant();
    let first = processed(call);
    match call.scenario.as_str() {
        "bare-exit" if is_meant => std::process::exit(3),
        "bare-panic" if is_meant => panic!("out of luck"),
        "bare-return" if is_meant => return ExitCode::from(4),
        _ => {}
    }
    match first.and_then(|()| processed(call)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn processed(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    work(line("work", 5)?.process(move |block| record.during("work", block, || Ok(()))).build()?)
}

fn work(task: Task) -> Result {
    let report = Runner::new().run(task)?;
    facts(&report);
    Ok(report.into_result()?)
}
