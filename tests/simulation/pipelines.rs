//! Random pipelines: any DAG of one to four tasks, in one to three dimensions, of at most so many blocks each.

use bellis::plan::Plan;
use bellis::{Coordinate, Fit, Pipeline, Roi, Task};

use crate::rng::Rng;

pub fn random(rng: &mut Rng, max_blocks: i64) -> Plan {
    loop {
        // Some combinations hold no block at all; the next ones do.
        if let Some(plan) = attempt(rng, max_blocks) {
            return plan;
        }
    }
}

fn attempt(rng: &mut Rng, max_blocks: i64) -> Option<Plan> {
    let n_axes = rng.range(1, 3) as usize;
    let n_tasks = rng.pick(&[1, 1, 2, 2, 2, 3, 3, 4]) as usize;
    let world = Coordinate::from_fn(n_axes, |_| rng.signed(1, 24));
    let begin = Coordinate::from_fn(n_axes, |_| rng.signed(-30, 30));
    let mut pipeline = Pipeline::new();
    for i in 0..n_tasks {
        pipeline = pipeline.task(task(rng, &format!("task {i}"), &begin, &world, max_blocks)?);
        for earlier in 0..i {
            if rng.chance(60) {
                pipeline = pipeline.edge(format!("task {earlier}"), format!("task {i}"));
            }
        }
    }
    Plan::new(&pipeline).ok()
}

/// A task somewhere around the world that all tasks of the pipeline share.
fn task(rng: &mut Rng, name: &str, begin: &Coordinate, world: &Coordinate, max_blocks: i64) -> Option<Task> {
    let n_axes = world.n_axes();
    let moved = if rng.chance(40) { 6 } else { 0 };
    let offset = Coordinate::from_fn(n_axes, |axis| begin[axis] + rng.signed(-moved, moved));
    let mut extent = Coordinate::from_fn(n_axes, |axis| (world[axis] + rng.signed(-moved, moved)).max(1));
    let block = match rng.range(0, 5) {
        0 => extent, // a reduce block over everything
        1 => Coordinate::splat(n_axes, 1),
        _ => Coordinate::from_fn(n_axes, |axis| rng.signed(1, extent[axis].clamp(1, 8))),
    };
    while Coordinate::from_fn(n_axes, |axis| (extent[axis] + block[axis] - 1) / block[axis])
        .product()
        .map_or(true, |n| n > max_blocks)
    {
        let longest = (0..n_axes).max_by_key(|axis| extent[*axis] / block[*axis])?;
        extent[longest] = (extent[longest] / 2).max(block[longest]);
    }
    let reach = rng.pick(&[0, 0, 1, 2, 12]);
    let mut context = || Coordinate::from_fn(n_axes, |_| rng.signed(0, reach));
    let (lo, hi) = (context(), context());
    let mut builder = Task::builder(name)
        .total_write_roi(Roi::new(offset, extent).ok()?)
        .block_shape(block)
        .context(lo, hi)
        .fit(rng.pick(&[Fit::Valid, Fit::Overhang, Fit::Shrink]))
        .read_write_conflict(rng.chance(50))
        .max_retries(rng.range(0, 3) as u32);
    if rng.chance(20) {
        builder = builder.max_workers(rng.range(1, 3) as u32);
    }
    builder.build().ok()
}
