//! The conflicts of one task, made quick: what a completed block releases within its own task.
//!
//! Which distances lead to conflicting blocks of higher level depends on the block's level alone: they are computed
//! once per level and kept. At the border of the grid, those that lead out of it are left out. Where so many blocks
//! conflict that the lists would be large, they lie in long rows, and walking these costs no more than the lists would.

use crate::geometry::Coordinate;
use crate::plan::{Conflicts, Grid};

/// Lists of distances are kept while all levels together hold no more than this.
const MAX_KEPT: u64 = 1 << 15;

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
        Self::keeping(conflicts, MAX_KEPT)
    }

    fn keeping(conflicts: &Conflicts, most: u64) -> Self {
        let n_kept = conflicts.n_levels().saturating_mul(conflicts.n_differences());
        let (differences, n_levels) = if n_kept <= most {
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
            return self.find_in_boxes(grid, position, skip, most, found);
        }
        let level = self.conflicts.level(position) as usize;
        if self.by_level[level].is_none() {
            self.by_level[level] = Some(self.keep(grid, position));
        }
        let (Some(level), differences) = (&self.by_level[level], &self.differences) else { return 0 };
        // A level holds at most as many as are kept in all.
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

    fn find_in_boxes(
        &self,
        grid: &Grid,
        position: &Coordinate,
        mut skip: u64,
        most: u64,
        found: &mut Vec<u64>,
    ) -> u64 {
        let mut n_found = 0;
        for part in self.conflicts.downstream_boxes(*position) {
            let n_here = part.size().saturating_sub(skip).min(most - n_found);
            let mut left = n_here;
            for range in grid.index_ranges(&part, skip) {
                let length = left.min(range.end - range.start);
                found.extend(range.start..range.start + length);
                left -= length;
                if left == 0 {
                    break;
                }
            }
            n_found += n_here;
            if n_found == most {
                break;
            }
            skip = skip.saturating_sub(part.size());
        }
        n_found
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::{Fit, Task};

    /// All that is found from each block, `most` at a time.
    fn found_in_steps(table: &mut ConflictTable, grid: &Grid, most: u64) -> Vec<Vec<u64>> {
        let of_block = |index| {
            let position = grid.position(index);
            let (mut found, mut skip) = (Vec::new(), 0);
            loop {
                let n_looked_at = table.find_downstream(grid, &position, index, skip, most, &mut found);
                skip += n_looked_at;
                if n_looked_at < most {
                    found.sort_unstable();
                    return found;
                }
            }
        };
        (0..grid.n_blocks()).map(of_block).collect()
    }

    #[test]
    fn lists_and_boxes_find_the_same() {
        for (lo, hi) in [([1, 1, 1], [1, 1, 1]), ([2, 0, 3], [0, 1, 1]), ([0, 0, 9], [0, 2, 0])] {
            let total = Roi::new([0, 0, 0], [4, 5, 7]).expect("a box");
            let task = Task::builder("t").total_write_roi(total).block_shape([1, 1, 1]).context(lo, hi);
            let task = task.fit(Fit::Shrink).build().expect("a task");
            let conflicts = task.conflicts().expect("blocks conflict");
            let expected =
                found_in_steps(&mut ConflictTable::keeping(conflicts, u64::MAX), task.grid(), 1000);
            assert!(expected.iter().any(|found| found.len() > 1));
            for most in [1, 2, 7, 1000] {
                let mut boxes = ConflictTable::keeping(conflicts, 0);
                assert_eq!(
                    found_in_steps(&mut boxes, task.grid(), most),
                    expected,
                    "{lo:?} {hi:?} by {most}"
                );
            }
        }
    }

    /// Were each position within reach looked at, this would take a quarter of an hour.
    #[test]
    fn blocks_that_wait_are_found_row_by_row() {
        let total = Roi::new([0, 0, 0], [1000, 1000, 1000]).expect("a box");
        let far = [300, 300, 300];
        let task = Task::builder("t").total_write_roi(total).block_shape([1, 1, 1]).context(far, far);
        let task = task.build().expect("a task");
        let conflicts = task.conflicts().expect("blocks conflict");
        let mut table = ConflictTable::new(conflicts);
        for index in [0, 123_456_789, 500_500_500, 999_999_999] {
            let position = task.grid().position(index);
            let n_boxes = conflicts.downstream_boxes(position).count();
            assert!(n_boxes <= 6, "at most two for each axis");
            let mut found = Vec::new();
            for skip in [0, 1_000_000, 20_000_000] {
                table.find_downstream(task.grid(), &position, index, skip, 1000, &mut found);
            }
            assert!(found.iter().all(|other| *other < task.grid().n_blocks()));
        }
    }
}
