//! Which blocks of one task must not run at the same time, and which of two goes first.
//!
//! Two blocks conflict when the read ROI of one meets the write ROI of the other. On a regular grid that depends on
//! their difference in position alone: with A = the box from -ceil(lo/w) to ceil(hi/w), blocks p and q conflict when
//! q - p lies in A or in -A. (Cutting blocks off at the total ROI changes nothing: it moves only ends that no other
//! block of the task reaches.) Blocks that may write one chunk conflict as well: when q - p lies in the box from -t to
//! t, where t is the farthest that two such blocks are apart along each axis.
//!
//! The level of a block is its position modulo (r+1) per axis, flattened, where r is the farthest conflict along the
//! axis; blocks of equal level never conflict, and a block waits for all conflicting blocks of lower level, exactly
//! those.
//!
//! A conflict of the first kind *carries data*: a block that waits for one that failed cannot run. One of the second
//! kind alone is *order-only*: it ends with the block, however that ends.

use super::grid::Grid;
use super::grid_box::GridBox;
use super::reach::{self, Boxes, Reach, Union};
use crate::geometry::Coordinate;

/// The conflicts between the blocks of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflicts {
    /// The differences at which one block reads what the other writes.
    data: Union,
    /// Those, and the ones that are order-only.
    all: Union,
    /// All of them, as boxes that do not overlap.
    parts: Vec<GridBox>,
    order_only: Option<Coordinate>,
    /// r + 1 along each axis.
    period: Coordinate,
    grid_shape: Coordinate,
}

impl Conflicts {
    /// The conflicts between reading and writing on `grid`, or `None` when no two blocks conflict.
    pub fn of(grid: &Grid) -> Option<Self> {
        Self::new(grid, &read_write(grid), None)
    }

    /// As [`of`](Self::of) when `reads` (and without those conflicts when not), and order-only conflicts between all
    /// blocks that are at most `steps` apart along every axis.
    pub(super) fn with_order_only(grid: &Grid, reads: bool, steps: &Coordinate) -> Option<Self> {
        let data = if reads { read_write(grid).to_vec() } else { Vec::new() };
        Self::new(grid, &data, Some(*steps))
    }

    fn new(grid: &Grid, data: &[Reach], order_only: Option<Coordinate>) -> Option<Self> {
        let all: Vec<Reach> = data.iter().copied().chain(order_only.map(Reach::both_ways)).collect();
        let period = Coordinate::from_fn(grid.n_axes(), |axis| {
            all.iter().map(|reach| reach.before[axis].max(reach.after[axis])).max().unwrap_or(0) + 1
        });
        let grid_shape = *grid.shape();
        let all = Union::of(&all);
        let parts = all.parts();
        let conflicts = Self { data: Union::of(data), all, parts, order_only, period, grid_shape };
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

    /// How far order-only conflicts reach along each axis, if there are any.
    pub fn order_only(&self) -> Option<&Coordinate> {
        self.order_only.as_ref()
    }

    /// Returns whether any of the conflicts [carries data](Self::carries_data).
    pub(super) fn carry_data(&self) -> bool {
        self.data.n_differences() > 1
    }

    /// Returns whether of two blocks that conflict one reads what the other writes. Otherwise their conflict is order-only: it
    /// does not matter to one how the other ends.
    pub fn carries_data(&self, one: &Coordinate, other: &Coordinate) -> bool {
        self.data.contains(&Coordinate::from_fn(one.n_axes(), |axis| other[axis] - one[axis]))
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
        self.all.differences().filter(|difference| !difference.all(|d| d == 0))
    }

    /// The conflicting blocks of lower level: those that the block at `position` waits for.
    pub fn upstream(&self, position: &Coordinate) -> impl Iterator<Item = Coordinate> + '_ {
        let level = self.level(position);
        reach::positions(self.reach(position)).filter(move |other| self.level(other) < level)
    }

    /// The conflicting blocks of higher level: those that wait for the block at `position`.
    pub fn downstream(&self, position: &Coordinate) -> impl Iterator<Item = Coordinate> + '_ {
        self.downstream_boxes(*position).flat_map(|part| part.positions())
    }

    /// As [`downstream`](Self::downstream), as boxes that do not overlap: a few for each axis, however far conflicts
    /// reach.
    ///
    /// A block is of higher level when it is higher along some axis and equal along all earlier ones; and within reach
    /// only `position` itself is equal along an axis.
    pub(crate) fn downstream_boxes(&self, position: Coordinate) -> impl Iterator<Item = GridBox> + '_ {
        self.parts.iter().flat_map(move |part| {
            let has_equal = move |axis: &usize| part.begin[*axis] <= 0 && 0 < part.end[*axis];
            let n_equal = (0..position.n_axes()).take_while(has_equal).count();
            let axes = 0..(n_equal + 1).min(position.n_axes());
            axes.flat_map(move |axis| self.higher_along(axis, &position, part))
        })
    }

    /// Of the positions at `differences` from `position`: those of higher level along `axis` that are equal along all
    /// earlier ones.
    fn higher_along(
        &self,
        axis: usize,
        position: &Coordinate,
        differences: &GridBox,
    ) -> impl Iterator<Item = GridBox> + use<> {
        let mut around = GridBox { begin: *position, end: *position };
        for other in 0..position.n_axes() {
            let own = position[other];
            (around.begin[other], around.end[other]) = if other < axis {
                (own, own + 1)
            } else {
                let end = own.saturating_add(differences.end[other]).min(self.grid_shape[other]);
                (own.saturating_add(differences.begin[other]).max(0), end)
            };
        }
        // Going back, levels fall to 0 and then start again from the top; going on, they rise and start again.
        let own = position[axis];
        let first = own - remainder(own, self.period[axis]);
        let (mut back, mut on) = (around, around);
        back.end[axis] = around.end[axis].min(first);
        on.begin[axis] = around.begin[axis].max(own + 1);
        on.end[axis] = around.end[axis].min(first.saturating_add(self.period[axis]));
        [back, on].into_iter().filter(|part| !part.is_empty())
    }

    /// Number of [`differences`](Self::differences), by arithmetic.
    pub fn n_differences(&self) -> u64 {
        self.all.n_differences() - 1
    }

    /// Number of [`upstream`](Self::upstream) blocks, by arithmetic: O(axes), however far conflicts reach.
    #[inline]
    pub fn n_upstream(&self, position: &Coordinate) -> u64 {
        self.all.sum(|reach| self.n_lower(position, reach))
    }

    /// Number of blocks of lower level within `reach` of `position`.
    ///
    /// A block is of lower level when it is lower along some axis and equal along all earlier ones; and within reach
    /// only `position` itself is equal along an axis. So for each axis: the lower ones along it, times all of those
    /// along the later axes.
    #[inline]
    fn n_lower(&self, position: &Coordinate, reach: &Reach) -> u64 {
        (0..position.n_axes()).fold(0, |n_lower, axis| {
            let own = position[axis];
            let period = self.period[axis];
            let n_before = reach.before[axis].min(own);
            let n_after = reach.after[axis].min(self.grid_shape[axis] - 1 - own);
            let level = remainder(own, period);
            // Going back, levels fall to 0 and then start again from the top; going on, they rise and start again.
            let n_lower_here = n_before.min(level) + (n_after - (period - 1 - level)).max(0);
            n_lower * (n_before + n_after + 1).unsigned_abs() + n_lower_here.unsigned_abs()
        })
    }

    /// The boxes of positions that the block at `position` conflicts with, inside the grid. Each contains `position`
    /// itself, and they may overlap.
    fn reach(&self, position: &Coordinate) -> Boxes {
        self.all.around(position, &self.grid_shape)
    }

    /// Returns whether every two blocks that are at most `corner` steps apart along each axis conflict.
    pub(super) fn includes_box(&self, corner: &Coordinate) -> bool {
        // All boxes of conflicting differences contain zero: when they contain a corner, they contain all on the way.
        let steps = |sign: u32, axis: usize| if sign >> axis & 1 == 0 { corner[axis] } else { -corner[axis] };
        (0..1u32 << corner.n_axes())
            .all(|sign| self.all.contains(&Coordinate::from_fn(corner.n_axes(), |axis| steps(sign, axis))))
    }
}

/// The differences at which one block reads what the other writes: it the other's, or the other its.
fn read_write(grid: &Grid) -> [Reach; 2] {
    // A conflict cannot reach farther than the grid is wide.
    let steps = |context: &Coordinate| {
        Coordinate::from_fn(grid.n_axes(), |axis| {
            let steps = context[axis].unsigned_abs().div_ceil(grid.write_shape()[axis].unsigned_abs());
            i64::try_from(steps).unwrap_or(i64::MAX).min(grid.shape()[axis] - 1)
        })
    };
    let ahead = Reach { before: steps(grid.context_lo()), after: steps(grid.context_hi()) };
    [ahead, ahead.mirrored()]
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
    use crate::plan::fit::Fit;

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
