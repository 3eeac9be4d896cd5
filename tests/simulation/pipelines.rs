//! Random pipelines: any DAG of one to four tasks, in one to three dimensions, of at most so many blocks each.

use bellis::geometry::{ChunkGrid, WriteTarget};
use bellis::plan::Plan;
use bellis::{Coordinate, Fit, Pipeline, Roi, Task};

use crate::rng::Rng;

/// What a task was told that its grid does not show.
#[derive(Clone, Copy)]
pub struct Told {
    /// Which task, and so which output.
    which: usize,
    pub read_write_conflict: bool,
    /// Where its blocks share chunks.
    pub output: Option<ChunkGrid>,
}

/// A plan, and what each of its tasks was told.
pub fn random(rng: &mut Rng, max_blocks: i64) -> (Plan, Vec<Told>) {
    loop {
        // Some combinations hold no block at all; the next ones do.
        if let Some(plan) = attempt(rng, max_blocks) {
            return plan;
        }
    }
}

fn attempt(rng: &mut Rng, max_blocks: i64) -> Option<(Plan, Vec<Told>)> {
    let n_axes = rng.range(1, 3) as usize;
    let n_tasks = rng.pick(&[1, 1, 2, 2, 2, 3, 3, 4]) as usize;
    let world = Coordinate::from_fn(n_axes, |_| rng.signed(1, 24));
    let begin = Coordinate::from_fn(n_axes, |_| rng.signed(-30, 30));
    let mut pipeline = Pipeline::new();
    let mut all_told = Vec::new();
    for i in 0..n_tasks {
        let (task, told) = task(rng, i, &begin, &world, max_blocks)?;
        pipeline = pipeline.task(task);
        all_told.push(told);
        for earlier in 0..i {
            if rng.chance(60) {
                pipeline = pipeline.edge(format!("task {earlier}"), format!("task {i}"));
            }
        }
    }
    Some((Plan::new(&pipeline).ok()?, all_told))
}

impl WriteTarget for Told {
    fn chunk_grid(&self) -> ChunkGrid {
        self.output.expect("asked of those that have one")
    }

    fn label(&self) -> String {
        format!("output {}", self.which)
    }
}

/// A task somewhere around the world that all tasks of the pipeline share.
fn task(
    rng: &mut Rng,
    which: usize,
    begin: &Coordinate,
    world: &Coordinate,
    max_blocks: i64,
) -> Option<(Task, Told)> {
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
    let read_write_conflict = rng.chance(50);
    let mut builder = Task::builder(format!("task {which}"))
        .total_write_roi(Roi::new(offset, extent).ok()?)
        .block_shape(block)
        .context(lo, hi)
        .fit(rng.pick(&[Fit::Valid, Fit::Overhang, Fit::Shrink]))
        .read_write_conflict(read_write_conflict)
        .max_retries(rng.range(0, 3) as u32);
    if rng.chance(20) {
        builder = builder.max_workers(rng.range(1, 3) as u32);
    }
    let output = rng.chance(35).then(|| {
        let margin = |rng: &mut Rng| Coordinate::from_fn(n_axes, |axis| block[axis] + rng.signed(0, 5));
        let extent = Roi::new(offset, extent).ok()?.grow(&margin(rng), &margin(rng)).ok()?;
        let chunk_shape = Coordinate::from_fn(n_axes, |axis| rng.signed(1, 2 * block[axis] + 1));
        Some(ChunkGrid { extent, chunk_shape })
    });
    let told = Told { which, read_write_conflict, output: output.flatten() };
    if told.output.is_some() {
        builder = builder.writes(&told).share_chunks(true);
    }
    Some((builder.build().ok()?, told))
}
