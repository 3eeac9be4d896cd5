//! The conflicts of one task, made quick: what a completed block releases within its own task.
//!
//! Which distances lead to conflicting blocks of higher level depends on the block's level alone: they are computed
//! once per level and kept. At the border of the grid, those that lead out of it are left out. Where so many blocks
//! conflict that the lists would be large, the positions within reach are looked at one by one each time.

use crate::geometry::Coordinate;
use crate::plan::{Conflicts, Grid};

/// Lists of distances are kept while all levels together hold no more than this.
const MAX_KEPT: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct ConflictTable {
    conflicts: Conflicts,
    /// All differences in position at which blocks conflict; empty when nothing is kept.
    differences: Vec<Coordinate>,
    by_level: Vec<Option<Dependents>>,
}

/// Where the dependents of a block lie: the same for all blocks of one level.
#[derive(Debug, Clone)]
struct Dependents {
    /// How far away in index the conflicting blocks of higher level are, in rising order.
    distances: Box<[i64]>,
    /// The difference in position that goes with each distance.
    differences: Box<[u32]>,
}

impl ConflictTable {
    pub fn new(conflicts: &Conflicts) -> Self {
        let n_kept = conflicts.n_levels().saturating_mul(conflicts.n_differences());
        let (differences, n_levels) = if n_kept <= MAX_KEPT {
            (conflicts.differences().collect(), conflicts.n_levels() as usize)
        } else {
            (Vec::new(), 0)
        };
        Self { conflicts: conflicts.clone(), differences, by_level: vec![None; n_levels] }
    }

    /// No block waits for more conflicting blocks than this.
    pub fn max_upstream(&self) -> u64 {
        self.conflicts.n_differences()
    }

    /// Number of conflicting blocks of lower level.
    #[inline]
    pub fn n_upstream(&self, position: &Coordinate) -> u64 {
        self.conflicts.n_upstream(position)
    }

    /// Adds the index of each conflicting block of higher level to `found`: looks at most at `most` places, from the
    /// `skip`-th on. How many it looked at; fewer than `most` at the end.
    #[inline]
    pub fn find_downstream(
        &mut self,
        grid: &Grid,
        position: &Coordinate,
        index: u64,
        skip: u64,
        most: u64,
        found: &mut Vec<u64>,
    ) -> u64 {
        if self.by_level.is_empty() {
            return self.find_among_all(grid, position, skip, most, found);
        }
        let level = self.conflicts.level(position) as usize;
        if self.by_level[level].is_none() {
            self.by_level[level] = Some(self.keep(grid, position));
        }
        let (Some(level), differences) = (&self.by_level[level], &self.differences) else { return 0 };
        // Levels hold at most 2^20 entries.
        let begin = skip.min(level.distances.len() as u64) as usize;
        let end = skip.saturating_add(most).min(level.distances.len() as u64) as usize;
        let distances = &level.distances[begin..end];
        if self.is_inside(grid, position) {
            found.extend(distances.iter().map(|distance| index.wrapping_add_signed(*distance)));
        } else {
            let is_in = |difference: &u32| {
                let difference = &differences[*difference as usize];
                (0..position.n_axes()).all(|a| (0..grid.shape()[a]).contains(&(position[a] + difference[a])))
            };
            let both = distances.iter().zip(&level.differences[begin..end]);
            let inside = both.filter(|(_, difference)| is_in(difference));
            found.extend(inside.map(|(distance, _)| index.wrapping_add_signed(*distance)));
        }
        distances.len() as u64
    }

    /// The list for the level of the block at `position`, as if no border were near.
    #[cold]
    fn keep(&self, grid: &Grid, position: &Coordinate) -> Dependents {
        let n_axes = position.n_axes();
        let period = self.conflicts.period();
        let level = self.conflicts.level(position);
        let level_at = |difference: &Coordinate| {
            self.conflicts.level(&Coordinate::from_fn(n_axes, |axis| {
                (position[axis] + difference[axis]).rem_euclid(period[axis])
            }))
        };
        let distance = |difference: &Coordinate| {
            (0..n_axes).fold(0i64, |distance, axis| distance * grid.shape()[axis] + difference[axis])
        };
        let mut kept: Vec<(i64, u32)> = (0..)
            .zip(&self.differences)
            .filter(|(_, difference)| level_at(difference) > level)
            .map(|(index, difference)| (distance(difference), index))
            .collect();
        // Neighbours in index share a chunk of states: see `States::count_down`.
        kept.sort_unstable();
        let (distances, differences): (Vec<i64>, Vec<u32>) = kept.into_iter().unzip();
        Dependents { distances: distances.into(), differences: differences.into() }
    }

    fn find_among_all(
        &self,
        grid: &Grid,
        position: &Coordinate,
        skip: u64,
        most: u64,
        found: &mut Vec<u64>,
    ) -> u64 {
        let level = self.conflicts.level(position);
        let boxes = self.conflicts.reach(position);
        let (mut skip, mut n_looked_at) = (skip, 0);
        for (index, part) in boxes.iter().enumerate() {
            let n_here = part.size().saturating_sub(skip).min(most - n_looked_at);
            let positions = part.positions_from(skip).take(usize::try_from(n_here).unwrap_or(usize::MAX));
            let is_new = |at: &Coordinate| !boxes[..index].iter().any(|earlier| earlier.contains(at));
            let found_here = positions.filter(|at| is_new(at) && self.conflicts.level(at) > level);
            found.extend(found_here.map(|at| grid.index(&at)));
            n_looked_at += n_here;
            skip = skip.saturating_sub(part.size());
        }
        n_looked_at
    }

    /// Returns whether every conflicting position is inside the grid.
    #[inline]
    fn is_inside(&self, grid: &Grid, position: &Coordinate) -> bool {
        let period = self.conflicts.period();
        (0..position.n_axes()).all(|axis| {
            position[axis] >= period[axis] - 1 && position[axis] + period[axis] <= grid.shape()[axis]
        })
    }
}
