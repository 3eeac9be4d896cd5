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
            level * period.unsigned_abs() + remainder(position[axis], period).unsigned_abs()
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

    /// Number of [`differences`](Self::differences), by arithmetic.
    pub fn n_differences(&self) -> u64 {
        let size = |before: &Coordinate, after: &Coordinate| {
            let extents = (0..before.n_axes()).map(|axis| (before[axis] + after[axis] + 1).unsigned_abs());
            extents.fold(1, u64::saturating_mul)
        };
        let either = size(&self.lo_steps, &self.hi_steps);
        let both = size(&self.both_steps(), &self.both_steps());
        either.saturating_add(either - both) - 1
    }

    /// Number of [`upstream`](Self::upstream) blocks, by arithmetic: O(axes), however far conflicts reach.
    #[inline]
    pub fn n_upstream(&self, position: &Coordinate) -> u64 {
        let forward = self.n_lower(position, &self.lo_steps, &self.hi_steps);
        if self.lo_steps == self.hi_steps {
            return forward;
        }
        let backward = self.n_lower(position, &self.hi_steps, &self.lo_steps);
        forward + backward - self.n_lower(position, &self.both_steps(), &self.both_steps())
    }

    /// Number of blocks of lower level at most `before` steps before `position` and `after` steps past it.
    ///
    /// A block is of lower level when it is lower along some axis and equal along all earlier ones; and within reach
    /// only `position` itself is equal along an axis. So for each axis: the lower ones along it, times all of those
    /// along the later axes.
    #[inline]
    fn n_lower(&self, position: &Coordinate, before: &Coordinate, after: &Coordinate) -> u64 {
        (0..position.n_axes()).fold(0, |n_lower, axis| {
            let own = position[axis];
            let period = self.period[axis];
            let n_before = before[axis].min(own);
            let n_after = after[axis].min(self.grid_shape[axis] - 1 - own);
            let level = remainder(own, period);
            // Going back, levels fall to 0 and then start again from the top; going on, they rise and start again.
            let n_lower_here = n_before.min(level) + (n_after - (period - 1 - level)).max(0);
            n_lower * (n_before + n_after + 1).unsigned_abs() + n_lower_here.unsigned_abs()
        })
    }

    /// How many steps away blocks conflict both ways.
    #[inline]
    fn both_steps(&self) -> Coordinate {
        Coordinate::from_fn(self.lo_steps.n_axes(), |axis| self.lo_steps[axis].min(self.hi_steps[axis]))
    }

    /// The box of positions that the block at `position` conflicts with in one direction and, when it is another box,
    /// the one in the other direction; inside the grid. Both contain `position` itself.
    pub(crate) fn reach(&self, position: &Coordinate) -> (GridBox, Option<GridBox>) {
        let within = |before: &Coordinate, after: &Coordinate| GridBox {
            begin: Coordinate::from_fn(position.n_axes(), |axis| (position[axis] - before[axis]).max(0)),
            end: Coordinate::from_fn(position.n_axes(), |axis| {
                position[axis] + 1 + after[axis].min(self.grid_shape[axis] - 1 - position[axis])
            }),
        };
        let backward = (self.lo_steps != self.hi_steps).then(|| within(&self.hi_steps, &self.lo_steps));
        (within(&self.lo_steps, &self.hi_steps), backward)
    }

    /// Whether every two blocks that are at most `corner` steps apart along each axis conflict.
    pub(super) fn includes_box(&self, corner: &Coordinate) -> bool {
        // Both boxes of conflicting differences contain zero: when they contain a corner, they contain all on the way.
        let steps = |sign: u32, axis: usize| if sign >> axis & 1 == 0 { corner[axis] } else { -corner[axis] };
        (0..1 << corner.n_axes()).all(|sign| {
            let is_in = |before: &Coordinate, after: &Coordinate| {
                (0..corner.n_axes()).all(|axis| (-before[axis]..=after[axis]).contains(&steps(sign, axis)))
            };
            is_in(&self.lo_steps, &self.hi_steps) || is_in(&self.hi_steps, &self.lo_steps)
        })
    }

    fn neighbours(&self, position: Coordinate) -> impl Iterator<Item = Coordinate> + '_ {
        let (forward, backward) = self.reach(&position);
        let only_backward = backward.into_iter().flat_map(|part| part.positions());
        let only_backward = only_backward.filter(move |other| !forward.contains(other));
        forward.positions().chain(only_backward)
    }
}

/// `position % period`, both known not to be negative. A division of 32 bits takes a fraction of one of 64.
#[inline]
fn remainder(position: i64, period: i64) -> i64 {
    match (u32::try_from(position), u32::try_from(period)) {
        (Ok(position), Ok(period)) => i64::from(position % period),
        _ => position % period,
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
