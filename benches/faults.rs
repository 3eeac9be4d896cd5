//! What it costs that nothing is lost: opening a run directory of many blocks, and putting data on the disk.
//!
//! `faults/epoch_cost` and `faults/block_cost` are how much slower a task is than with durability `none`, whose blocks take 20
//! milliseconds and write a chunk of 256 KiB each.

mod common;

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use bellis::journal::{BlockState, Change, Journal, Layout, RunInfo};
use bellis::plan::{Plan, TaskId};
use bellis::{Array, ArraySpec, Durability, Pipeline, Progress, Roi, Runner, Task};
use common::Figures;
use ndarray::Array3;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result {
    let mut figures = Figures::of("faults");
    // On the disk, which the system's directory for temporary files may not be.
    std::fs::create_dir_all(common::folder())?;
    let dir = tempfile::tempdir_in(common::folder())?;
    let n_blocks = if common::is_short() { 1_000_000 } else { 100_000_000 };
    let (seconds, bytes) = resume(&dir.path().join("many"), n_blocks)?;
    let name = if common::is_short() { "resume_1e6" } else { "resume_1e8" };
    figures.add(&format!("{name}_s"), seconds, "s");
    figures.add(&format!("{name}_mib"), bytes / f64::from(1 << 20), "MiB");
    let n_blocks = if common::is_short() { 60 } else { 1500 };
    let rates = rates(dir.path(), n_blocks, if common::is_short() { 1 } else { 3 })?;
    let [none, epoch, block] = rates;
    figures.add("blocks_per_s_none", none, "blocks/s");
    figures.add("epoch_cost", 100.0 * (1.0 - epoch / none), "%");
    figures.add("block_cost", 100.0 * (1.0 - block / none), "%");
    Ok(figures.write_beside_others()?)
}

/// Runs a task whose blocks are all done: seconds, and what the process's memory grew by at the most.
fn resume(dir: &Path, n_blocks: i64) -> Result<(f64, f64)> {
    let task = Task::builder("many").total_roi(Roi::new([0], [n_blocks])?).block_shape([1]);
    let pipeline = Pipeline::from(task.process(|_| Ok(())).build()?);
    let layout = Layout::of(&Plan::new(&pipeline)?);
    let mut journal = Journal::open(dir, &layout, RunInfo::default())?;
    let all = Change { task: TaskId(0), blocks: 0..n_blocks.unsigned_abs(), state: BlockState::Done };
    journal.commit(&[all])?;
    journal.close("stopped")?;
    let before = memory()?;
    let begin = Instant::now();
    let report = Runner::new().run_dir(dir).progress(Progress::Off).run(pipeline)?;
    let seconds = begin.elapsed().as_secs_f64();
    assert_eq!(report.tasks[0].counts.skipped, n_blocks.unsigned_abs());
    Ok((seconds, memory()? - before))
}

/// The most memory in bytes that this process has had.
fn memory() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0)
}

/// Blocks per second with durability none, epoch and block: the middle one of several rounds, which take turns.
fn rates(dir: &Path, n_blocks: u64, n_rounds: usize) -> Result<[f64; 3]> {
    let kinds = [Durability::None, Durability::Epoch, Durability::Block];
    let mut all = [const { Vec::new() }; 3];
    for round in 0..n_rounds {
        for (durability, rates) in kinds.into_iter().zip(&mut all) {
            rates.push(rate(&dir.join(format!("{durability}-{round}")), durability, n_blocks)?);
        }
    }
    Ok(all.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    }))
}

fn rate(dir: &Path, durability: Durability, n_blocks: u64) -> Result<f64> {
    const SIDE: usize = 64;
    let spec = ArraySpec::new([n_blocks * SIDE as u64, SIDE as u64, SIDE as u64]).chunks([SIDE as u64; 3]);
    let output = Array::<u8>::create(dir.join("a.zarr"), &spec)?;
    let task = Task::builder("write").total_roi(output.roi()).block_shape([SIDE as i64; 3]).writes(&output);
    let task = task.process(move |block| {
        let begin = Instant::now();
        let mut state = block.index() + 1;
        let noise = Array3::from_shape_simple_fn([SIDE; 3], || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        while begin.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        Ok(output.write(&block.write_roi, &noise)?)
    });
    let runner =
        Runner::new().slots(2).progress(Progress::Off).durability(durability).run_dir(dir.join("run"));
    let begin = Instant::now();
    runner.run(task.build()?)?.into_result()?;
    Ok(n_blocks as f64 / begin.elapsed().as_secs_f64())
}
