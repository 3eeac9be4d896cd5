//! Writes arrays where it is hard to: `writer blocks KIND PATH [nobody]` or `writer neighbours DIRECTORY`.
//!
//! `blocks` writes 64 blocks of 64 KiB that nothing makes smaller; each that was written says so on standard output.
//! With `nobody` those who write have given up their rights. `neighbours` lets all ranks write blocks next to each
//! other's, in arrays of every kind that several ranks may write.

mod kinds;
mod neighbours;
#[path = "../common/noise.rs"]
mod noise;

use bellis::{Array, Result, Task};

use kinds::Kind;
use noise::noise;

/// A user without rights.
const NOBODY: libc::uid_t = 65_534;

pub fn run(words: &[&str]) -> Result {
    match *words {
        ["blocks", kind, path] => blocks(kind, path, false),
        ["blocks", kind, path, "nobody"] => blocks(kind, path, true),
        ["neighbours", directory] => neighbours::write(directory.as_ref()),
        _ => Err("the first lines of its source say how it is called".into()),
    }
}

fn blocks(kind: &str, path: &str, as_nobody: bool) -> Result {
    let array = Array::<u16>::create(path, &Kind::of(kind)?.spec([128; 3]))?;
    let task = Task::builder("blocks").total_roi(array.roi()).block_shape([32; 3]).max_retries(1);
    let task = task.writes(&array).process(move |block| {
        // SAFETY: a plain call. Whoever has no rights to give up has none to write with either.
        if as_nobody && unsafe { libc::seteuid(NOBODY) } != 0 {
            println!("no rights to be given up");
        }
        let roi = &block.write_roi;
        array.write(roi, &noise(roi.begin().as_slice(), roi.shape().as_slice(), 0))?;
        println!("wrote {}", block.index());
        Ok(())
    });
    let report = bellis::run(task.build()?)?;
    if bellis::is_coordinator() {
        let counts = &report.tasks[0].counts;
        println!("completed {} failed {} of {}", counts.completed, counts.failed, counts.total);
    }
    Ok(report.into_result()?)
}
