//! What each block waits for, found by comparing ROIs pair by pair: none of the crate's arithmetic on grids.

use std::collections::BTreeSet;

use bellis::geometry::ChunkGrid;
use bellis::plan::{BlockId, Grid, Plan, TaskId};
use bellis::{Coordinate, Roi};

use crate::pipelines::Told;

/// Blocks of all tasks are numbered through: task by task, by index.
pub type Number = usize;

pub struct Oracle {
    /// The number of each task's first block, and at the end the number of blocks.
    pub first: Vec<Number>,
    /// What each block waits for.
    pub upstream: Vec<Vec<Number>>,
    /// What waits for each block.
    pub downstream: Vec<Vec<Number>>,
    /// Blocks of the same task that must not be in flight together.
    pub conflicting: Vec<Vec<Number>>,
    /// Pairs, the one that goes first and the one that waits for it, of which neither reads what the other writes.
    pub only_apart: BTreeSet<(Number, Number)>,
}

#[derive(Clone, Copy)]
struct Bounds {
    n_axes: usize,
    begin: [i64; 4],
    end: [i64; 4],
}

impl Bounds {
    fn of(roi: &Roi) -> Self {
        let n_axes = roi.n_axes();
        let (mut begin, mut end) = ([0; 4], [0; 4]);
        begin[..n_axes].copy_from_slice(roi.begin().as_slice());
        end[..n_axes].copy_from_slice(roi.end().as_slice());
        Self { n_axes, begin, end }
    }

    fn meets(&self, other: &Self) -> bool {
        (0..self.n_axes).all(|a| self.begin[a].max(other.begin[a]) < self.end[a].min(other.end[a]))
    }
}

impl Oracle {
    pub fn of(plan: &Plan, told: &[Told]) -> Self {
        let mut first = vec![0];
        let (mut read, mut write) = (Vec::new(), Vec::new());
        let (mut level, mut positions) = (Vec::new(), Vec::new());
        let mut together = Vec::new();
        for (id, planned) in (0..).map(TaskId).zip(plan.tasks()) {
            let grid = planned.spec.grid();
            let told = &told[id.0 as usize];
            let is_alone = planned.spec.max_workers() == Some(1);
            let shared =
                told.output.filter(|_| !is_alone).map(|output| farthest_together(plan, id, grid, &output));
            let period = Coordinate::from_fn(grid.n_axes(), |axis| {
                let w = grid.write_shape()[axis];
                let ceil = |context: i64| (context + w - 1) / w;
                let data = ceil(grid.context_lo()[axis]).max(ceil(grid.context_hi()[axis]));
                let data = if told.read_write_conflict { data } else { 0 };
                data.max(shared.as_ref().map_or(0, |steps| steps[axis])) + 1
            });
            together.push(shared);
            for index in 0..grid.n_blocks() {
                let block = plan.block(BlockId { task: id, index });
                let position =
                    block.write_roi.begin().as_slice().iter().zip(grid.total_write().begin().iter());
                let position: Vec<i64> = position
                    .enumerate()
                    .map(|(axis, (at, from))| (at - from) / grid.write_shape()[axis])
                    .collect();
                level.push(position.iter().enumerate().map(|(axis, p)| p % period[axis]).collect::<Vec<_>>());
                positions.push(position);
                read.push(Bounds::of(&block.read_roi));
                write.push(Bounds::of(&block.write_roi));
            }
            first.push(read.len());
        }
        let n = read.len();
        let mut oracle = Self {
            first,
            upstream: vec![Vec::new(); n],
            downstream: vec![Vec::new(); n],
            conflicting: vec![Vec::new(); n],
            only_apart: BTreeSet::new(),
        };
        for (task, planned) in plan.tasks().iter().enumerate() {
            let own = oracle.first[task]..oracle.first[task + 1];
            for a in own.clone() {
                for b in own.clone().filter(|b| *b != a) {
                    let carries_data = told[task].read_write_conflict
                        && (read[a].meets(&write[b]) || read[b].meets(&write[a]));
                    let is_near = |steps: &Vec<i64>| {
                        (0..steps.len()).all(|x| (positions[a][x] - positions[b][x]).abs() <= steps[x])
                    };
                    if !carries_data && !together[task].as_ref().is_some_and(is_near) {
                        continue;
                    }
                    oracle.conflicting[a].push(b);
                    if level[b] < level[a] {
                        oracle.depends(a, b);
                        if !carries_data {
                            oracle.only_apart.insert((b, a));
                        }
                    }
                }
            }
            for (up, _) in &planned.upstream {
                let theirs = oracle.first[up.as_usize()]..oracle.first[up.as_usize() + 1];
                for a in own.clone() {
                    for b in theirs.clone() {
                        if read[a].meets(&write[b]) {
                            oracle.depends(a, b);
                        }
                    }
                }
            }
        }
        oracle
    }

    pub fn n_blocks(&self) -> usize {
        self.upstream.len()
    }

    pub fn number(&self, id: BlockId) -> Number {
        self.first[id.task.as_usize()] + id.index as usize
    }

    fn depends(&mut self, block: Number, on: Number) {
        self.upstream[block].push(on);
        self.downstream[on].push(block);
    }
}

/// How far apart along each axis two blocks are at most that write into one chunk along that axis.
fn farthest_together(plan: &Plan, task: TaskId, grid: &Grid, output: &ChunkGrid) -> Vec<i64> {
    let blocks: Vec<Roi> =
        (0..grid.n_blocks()).map(|index| plan.block(BlockId { task, index }).write_roi).collect();
    let chunk =
        |at: i64, axis: usize| (at - output.extent.begin()[axis]).div_euclid(output.chunk_shape[axis]);
    let along = |axis: usize| {
        let ordinal: Vec<i64> =
            blocks.iter().map(|roi| roi.begin()[axis]).collect::<BTreeSet<_>>().into_iter().collect();
        let mut farthest = 0;
        for (p, begin) in (0..).zip(&ordinal) {
            for (q, other) in (0..).zip(&ordinal).skip(p as usize) {
                let last = (*begin + grid.write_shape()[axis]).min(grid.written().end()[axis]) - 1;
                if chunk(*other, axis) <= chunk(last, axis) {
                    farthest = farthest.max(q - p);
                }
            }
        }
        farthest
    };
    (0..grid.n_axes()).map(along).collect()
}
