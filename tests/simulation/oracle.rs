//! What each block waits for, found by comparing ROIs pair by pair: none of the crate's arithmetic on grids.

use bellis::plan::{BlockId, Plan, TaskId};
use bellis::{Coordinate, Roi};

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
    pub fn of(plan: &Plan) -> Self {
        let mut first = vec![0];
        let (mut read, mut write, mut level) = (Vec::new(), Vec::new(), Vec::new());
        for (id, planned) in (0..).map(TaskId).zip(plan.tasks()) {
            let grid = planned.task.grid();
            let period = Coordinate::from_fn(grid.n_axes(), |axis| {
                let w = grid.write_shape()[axis];
                let ceil = |context: i64| (context + w - 1) / w;
                ceil(grid.context_lo()[axis]).max(ceil(grid.context_hi()[axis])) + 1
            });
            for index in 0..grid.n_blocks() {
                let block = plan.block(BlockId { task: id, index });
                let position =
                    block.write_roi.begin().as_slice().iter().zip(grid.total_write().begin().iter());
                let position =
                    position.enumerate().map(|(axis, (at, from))| (at - from) / grid.write_shape()[axis]);
                level.push(position.enumerate().map(|(axis, p)| p % period[axis]).collect::<Vec<_>>());
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
        };
        for (task, planned) in plan.tasks().iter().enumerate() {
            let own = oracle.first[task]..oracle.first[task + 1];
            if planned.task.conflicts().is_some() {
                for a in own.clone() {
                    for b in own.clone().filter(|b| *b != a) {
                        if read[a].meets(&write[b]) || read[b].meets(&write[a]) {
                            oracle.conflicting[a].push(b);
                            if level[b] < level[a] {
                                oracle.depends(a, b);
                            }
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
