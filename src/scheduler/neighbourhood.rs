//! The conflicts of one task, made quick: what a completed block releases within its own task.
//!
//! Away from the border of the grid, the conflicting blocks of higher level depend on the block's level alone: their
//! distances in index are computed once per level and kept. At the border, and where so many blocks conflict that
//! the lists would be large, the plan is asked each time.

use crate::geometry::Coordinate;
use crate::plan::{Conflicts, Grid};

/// Lists of distances are kept while all levels together hold no more than this.
const MAX_KEPT: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Neighbourhood {
    conflicts: Conflicts,
    n_differences: u64,
    by_level: Vec<Option<Level>>,
}

/// What holds for all blocks of one level that are away from the border.
#[derive(Debug, Clone)]
struct Level {
    /// How far away in index the conflicting blocks of higher level are.
    downstream: Box<[i64]>,
    n_upstream: u64,
}

impl Neighbourhood {
    pub fn new(conflicts: &Conflicts) -> Self {
        let n_differences = conflicts.differences().count() as u64;
        let n_kept = conflicts.n_levels().saturating_mul(n_differences);
        let n_levels = if n_kept <= MAX_KEPT { conflicts.n_levels() as usize } else { 0 };
        Self { conflicts: conflicts.clone(), n_differences, by_level: vec![None; n_levels] }
    }

    /// No block waits for more conflicting blocks than this.
    pub fn max_upstream(&self) -> u64 {
        self.n_differences
    }

    /// Number of conflicting blocks of lower level.
    pub fn n_upstream(&mut self, grid: &Grid, position: &Coordinate) -> u64 {
        match self.level(grid, position) {
            Some(level) => level.n_upstream,
            None => self.conflicts.upstream(position).count() as u64,
        }
    }

    /// Hands the index of each conflicting block of higher level to `visit`.
    #[inline]
    pub fn for_each_downstream(
        &mut self,
        grid: &Grid,
        position: &Coordinate,
        index: u64,
        mut visit: impl FnMut(u64),
    ) {
        match self.level(grid, position) {
            Some(level) => {
                level.downstream.iter().for_each(|distance| visit(index.wrapping_add_signed(*distance)))
            }
            None => self.conflicts.downstream(position).for_each(|other| visit(grid.index(&other))),
        }
    }

    /// What is kept for the block's level; `None` at the border and where nothing is kept.
    #[inline]
    fn level(&mut self, grid: &Grid, position: &Coordinate) -> Option<&Level> {
        if self.by_level.is_empty() || !self.is_inside(grid, position) {
            return None;
        }
        let conflicts = &self.conflicts;
        let kept = &mut self.by_level[conflicts.level(position) as usize];
        Some(kept.get_or_insert_with(|| {
            let index = grid.index(position);
            let distance = |other: Coordinate| grid.index(&other).wrapping_sub(index) as i64;
            Level {
                downstream: conflicts.downstream(position).map(distance).collect(),
                n_upstream: conflicts.upstream(position).count() as u64,
            }
        }))
    }

    /// Whether every conflicting position is inside the grid.
    #[inline]
    fn is_inside(&self, grid: &Grid, position: &Coordinate) -> bool {
        let period = self.conflicts.period();
        (0..position.n_axes()).all(|axis| {
            position[axis] >= period[axis] - 1 && position[axis] + period[axis] <= grid.shape()[axis]
        })
    }
}
