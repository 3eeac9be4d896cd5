//! Which blocks of one task must not run at the same time, and which of two goes first.
//!
//! Two blocks conflict when the read ROI of one meets the write ROI of the other. On a regular grid that depends on
//! their difference in position alone: with A = the box from -ceil(lo/w) to ceil(hi/w), blocks p and q conflict when
//! q - p lies in A or in -A. (Cutting blocks off at the total ROI changes nothing: it moves only ends that no other
//! block of the task reaches.) The level of a block is its position modulo (r+1) per axis, flattened, where r is the
//! farthest conflict along the axis; blocks of equal level never conflict, and a block waits for all conflicting
//! blocks of lower level, exactly those.

use super::grid::Grid;
use super::grid_box::GridBox;
use crate::geometry::Coordinate;

/// The conflicts between the blocks of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts {
    /// How many grid steps the read ROI reaches before the write ROI.
    lo_steps: Coordinate,
    /// How many grid steps it reaches past the write ROI.
    hi_steps: Coordinate,
    /// r + 1 along each axis.
    period: Coordinate,
    grid_shape: Coordinate,
}

impl Conflicts {
    /// The conflicts on `grid`, or `None` when no two blocks conflict.
    pub fn of(grid: &Grid) -> Option<Self> {
        // A conflict cannot reach farther than the grid is wide.
        let steps = |context: &Coordinate| {
            Coordinate::from_fn(grid.n_axes(), |axis| {
                let steps = context[axis].unsigned_abs().div_ceil(grid.write_shape()[axis].unsigned_abs());
                i64::try_from(steps).unwrap_or(i64::MAX).min(grid.shape()[axis] - 1)
            })
        };
        let (lo_steps, hi_steps) = (steps(grid.context_lo()), steps(grid.context_hi()));
        let period = Coordinate::from_fn(grid.n_axes(), |axis| lo_steps[axis].max(hi_steps[axis]) + 1);
        let conflicts = Self { lo_steps, hi_steps, period, grid_shape: *grid.shape() };
        (conflicts.n_levels() > 1).then_some(conflicts)
    }

    /// Number of levels.
    pub fn n_levels(&self) -> u64 {
        self.period.iter().map(i64::unsigned_abs).product()
    }

    /// The distance between two blocks of level 0 along each axis.
    pub fn period(&self) -> &Coordinate {
        &self.period
    }

    /// The level of the block at a position: 0 waits for no conflict.
    #[inline]
    pub fn level(&self, position: &Coordinate) -> u64 {
        (0..position.n_axes()).fold(0, |level, axis| {
            let period = self.period[axis];
            level * period.unsigned_abs() + (position[axis] % period).unsigned_abs()
        })
    }

    /// All differences in position at which two blocks conflict, each with its opposite, without zero.
    pub fn differences(&self) -> impl Iterator<Item = Coordinate> + use<> {
        let n_axes = self.period.n_axes();
        let reach = |steps: &Coordinate, back: &Coordinate| GridBox {
            begin: Coordinate::from_fn(n_axes, |axis| -back[axis]),
            end: Coordinate::from_fn(n_axes, |axis| steps[axis] + 1),
        };
        let forward = reach(&self.hi_steps, &self.lo_steps);
        let backward = reach(&self.lo_steps, &self.hi_steps);
        let only_backward = backward.positions().filter(move |difference| !forward.contains(difference));
        forward.positions().chain(only_backward).filter(|difference| !difference.all(|d| d == 0))
    }

    /// The conflicting blocks of lower level: those that the block at `position` waits for.
    pub fn upstream(&self, position: &Coordinate) -> impl Iterator<Item = Coordinate> + '_ {
        let level = self.level(position);
        self.neighbours(*position).filter(move |other| self.level(other) < level)
    }

    /// The conflicting blocks of higher level: those that wait for the block at `position`.
    pub fn downstream(&self, position: &Coordinate) -> impl Iterator<Item = Coordinate> + '_ {
        let level = self.level(position);
        self.neighbours(*position).filter(move |other| self.level(other) > level)
    }

    /// Whether every two blocks that are at most `corner` steps apart along each axis conflict.
    pub(super) fn includes_box(&self, corner: &Coordinate) -> bool {
        (0..corner.n_axes()).all(|axis| {
            // No two blocks are farther apart than the grid is wide.
            let farthest = corner[axis].min(self.grid_shape[axis] - 1);
            farthest <= self.lo_steps[axis].min(self.hi_steps[axis])
        })
    }

    fn neighbours(&self, position: Coordinate) -> impl Iterator<Item = Coordinate> + '_ {
        let bounds = GridBox { begin: Coordinate::zeros(position.n_axes()), end: self.grid_shape };
        self.differences().filter_map(move |difference| {
            let other = Coordinate::from_fn(position.n_axes(), |axis| {
                position[axis].saturating_add(difference[axis])
            });
            bounds.contains(&other).then_some(other)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::Fit;

    fn conflicts(shape: [i64; 2], lo: [i64; 2], hi: [i64; 2]) -> Option<Conflicts> {
        let grown = Coordinate::from_fn(2, |a| shape[a] * 10 + lo[a] + hi[a]);
        let total = Roi::new([0, 0], grown).expect("fits");
        let grid = Grid::new(total, [10, 10].into(), lo.into(), hi.into(), Fit::Valid).expect("a good grid");
        Conflicts::of(&grid)
    }

    #[test]
    fn no_context_no_conflicts() {
        assert_eq!(conflicts([4, 4], [0, 0], [0, 0]), None);
        assert_eq!(conflicts([1, 1], [5, 5], [5, 5]), None);
    }

    #[test]
    fn a_little_context_makes_two_levels_an_axis() {
        let c = conflicts([4, 4], [2, 2], [2, 2]).expect("conflicts");
        assert_eq!((c.n_levels(), c.differences().count()), (4, 8));
        assert_eq!(c.level(&[2, 3].into()), 1);
        assert_eq!(c.upstream(&[1, 1].into()).count(), 8);
        assert_eq!(c.downstream(&[0, 0].into()).count(), 3);
    }

    #[test]
    fn one_sided_context_leaves_the_other_diagonal_free() {
        let c = conflicts([4, 4], [2, 0], [0, 2]).expect("conflicts");
        let differences: Vec<_> = c.differences().collect();
        assert_eq!(differences.len(), 6);
        assert!(!differences.contains(&[1, 1].into()) && !differences.contains(&[-1, -1].into()));
    }
}
