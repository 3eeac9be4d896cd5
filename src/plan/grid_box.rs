//! A box of grid positions, and the walks over it.

use crate::geometry::Coordinate;

/// As many holes as are cut out one after the other.
const FEW_HOLES: usize = 8;

/// Grid positions from `begin` up to but not including `end`. Empty when any `end` is not past its `begin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GridBox {
    /// The first position.
    pub begin: Coordinate,
    /// The first position past the box along every axis.
    pub end: Coordinate,
}

impl GridBox {
    /// Returns whether no position is inside.
    #[inline]
    pub fn is_empty(&self) -> bool {
        (0..self.begin.n_axes()).any(|axis| self.end[axis] <= self.begin[axis])
    }

    /// Number of positions inside.
    #[inline]
    pub fn size(&self) -> u64 {
        (0..self.begin.n_axes())
            .map(|axis| u64::try_from(self.end[axis].saturating_sub(self.begin[axis])).unwrap_or(0))
            .product()
    }

    /// Returns whether `position` is inside.
    pub fn contains(&self, position: &Coordinate) -> bool {
        (0..self.begin.n_axes())
            .all(|axis| self.begin[axis] <= position[axis] && position[axis] < self.end[axis])
    }

    /// The positions in both.
    pub fn intersect(&self, other: &Self) -> Self {
        let n_axes = self.begin.n_axes();
        Self {
            begin: Coordinate::from_fn(n_axes, |axis| self.begin[axis].max(other.begin[axis])),
            end: Coordinate::from_fn(n_axes, |axis| self.end[axis].min(other.end[axis])),
        }
    }

    /// The smallest box around both, neither of which is empty.
    pub(super) fn hull(&self, other: &Self) -> Self {
        let n_axes = self.begin.n_axes();
        Self {
            begin: Coordinate::from_fn(n_axes, |axis| self.begin[axis].min(other.begin[axis])),
            end: Coordinate::from_fn(n_axes, |axis| self.end[axis].max(other.end[axis])),
        }
    }

    /// The positions of `self` that are not in `hole`, as at most two boxes per axis that do not overlap.
    pub fn subtract(&self, hole: &Self) -> Vec<Self> {
        let hole = self.intersect(hole);
        if hole.is_empty() {
            return if self.is_empty() { Vec::new() } else { vec![*self] };
        }
        let mut rest = *self;
        let mut parts = Vec::new();
        for axis in 0..self.begin.n_axes() {
            let mut before = rest;
            before.end[axis] = hole.begin[axis];
            let mut after = rest;
            after.begin[axis] = hole.end[axis];
            parts.extend([before, after].into_iter().filter(|part| !part.is_empty()));
            rest.begin[axis] = hole.begin[axis];
            rest.end[axis] = hole.end[axis];
        }
        parts
    }

    /// The positions of `self` that are in none of the `holes`, as boxes that do not overlap.
    ///
    /// Space is halved until few holes are left in each part: n of them strewn over it take about n log n steps.
    pub fn subtract_all(&self, holes: &[Self]) -> Vec<Self> {
        let mut rest = Vec::new();
        let holes = holes.iter().map(|hole| self.intersect(hole)).filter(|hole| !hole.is_empty());
        self.subtract_inside(holes.collect(), &mut rest);
        rest
    }

    /// Adds to `rest` what `holes`, each a part of this box, leave of it.
    fn subtract_inside(&self, holes: Vec<Self>, rest: &mut Vec<Self>) {
        if self.is_empty() || holes.contains(self) {
            return;
        }
        let cut = if holes.len() > FEW_HOLES { self.best_cut(&holes) } else { None };
        let Some((axis, at)) = cut else {
            rest.extend(holes.iter().fold(vec![*self], |parts, hole| {
                parts.iter().flat_map(|part| part.subtract(hole)).collect()
            }));
            return;
        };
        let (mut before, mut after) = (*self, *self);
        (before.end[axis], after.begin[axis]) = (at, at);
        for part in [before, after] {
            let inside = holes.iter().map(|hole| part.intersect(hole)).filter(|hole| !hole.is_empty());
            part.subtract_inside(inside.collect(), rest);
        }
    }

    /// The axis and the place where a cut leaves the fewest holes on the side of more; `None` where that is all of them.
    fn best_cut(&self, holes: &[Self]) -> Option<(usize, i64)> {
        let along = |axis: usize| {
            let borders = holes.iter().flat_map(|hole| [hole.begin[axis], hole.end[axis]]);
            let mut inside: Vec<i64> =
                borders.filter(|at| self.begin[axis] < *at && *at < self.end[axis]).collect();
            let middle = inside.len() / 2;
            let at = if inside.is_empty() { return None } else { *inside.select_nth_unstable(middle).1 };
            let n_before = holes.iter().filter(|hole| hole.begin[axis] < at).count();
            let n_after = holes.iter().filter(|hole| hole.end[axis] > at).count();
            Some((n_before.max(n_after), axis, at))
        };
        let best = (0..self.begin.n_axes()).filter_map(along).min()?;
        (best.0 < holes.len()).then_some((best.1, best.2))
    }

    /// The positions in row-major order (last axis fastest).
    pub fn positions(&self) -> Positions {
        self.positions_by(&Coordinate::splat(self.begin.n_axes(), 1))
    }

    /// The positions in row-major order from the `skip`-th on: O(axes) to get there.
    pub fn positions_from(&self, skip: u64) -> Positions {
        let mut positions = self.positions();
        if skip >= self.size() {
            positions.next = None;
            return positions;
        }
        if let Some(next) = &mut positions.next {
            let mut rest = skip;
            for axis in (0..next.n_axes()).rev() {
                let extent = (self.end[axis] - self.begin[axis]).unsigned_abs();
                // Below the extent, which is an i64.
                next[axis] += (rest % extent) as i64;
                rest /= extent;
            }
        }
        positions
    }

    /// Every `step`-th position along each axis, counted from `begin`, in row-major order.
    pub fn positions_by(&self, step: &Coordinate) -> Positions {
        Positions { bounds: *self, step: *step, next: (!self.is_empty()).then_some(self.begin) }
    }

    /// Number of positions that [`positions_by`](Self::positions_by) yields.
    pub fn size_by(&self, step: &Coordinate) -> u64 {
        (0..self.begin.n_axes())
            .map(|axis| {
                let extent = u64::try_from(self.end[axis].saturating_sub(self.begin[axis])).unwrap_or(0);
                extent.div_ceil(step[axis].unsigned_abs())
            })
            .product()
    }
}

/// A row-major walk over a [`GridBox`].
#[derive(Debug, Clone)]
pub struct Positions {
    bounds: GridBox,
    step: Coordinate,
    next: Option<Coordinate>,
}

impl Iterator for Positions {
    type Item = Coordinate;

    #[inline]
    fn next(&mut self) -> Option<Coordinate> {
        let current = self.next?;
        let mut following = current;
        for axis in (0..current.n_axes()).rev() {
            following[axis] += self.step[axis];
            if following[axis] < self.bounds.end[axis] {
                self.next = Some(following);
                return Some(current);
            }
            following[axis] = self.bounds.begin[axis];
        }
        self.next = None;
        Some(current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid_box<const N: usize>(begin: [i64; N], end: [i64; N]) -> GridBox {
        GridBox { begin: begin.into(), end: end.into() }
    }

    #[test]
    fn a_walk_is_row_major() {
        let walked: Vec<_> = grid_box([0, 1], [2, 3]).positions().collect();
        assert_eq!(walked, [[0, 1], [0, 2], [1, 1], [1, 2]].map(Coordinate::from));
        assert_eq!(grid_box([0, 2], [3, 2]).positions().count(), 0);
    }

    #[test]
    fn a_walk_begins_anywhere() {
        let bounds = grid_box([1, 0, 2], [3, 3, 5]);
        let all: Vec<_> = bounds.positions().collect();
        for skip in 0..=all.len() + 1 {
            let walked: Vec<_> = bounds.positions_from(skip as u64).collect();
            assert_eq!(walked, all[skip.min(all.len())..]);
        }
    }

    #[test]
    fn steps_count_as_they_walk() {
        let bounds = grid_box([1, 0, 2], [6, 3, 9]);
        for step in [[1, 1, 1], [2, 3, 4], [9, 9, 9]].map(Coordinate::from) {
            assert_eq!(bounds.positions_by(&step).count() as u64, bounds.size_by(&step));
        }
    }

    #[test]
    fn a_difference_is_exact_and_disjoint() {
        let whole = grid_box([0, 0, 0], [5, 4, 3]);
        for hole in [
            grid_box([1, 1, 1], [3, 3, 2]),
            grid_box([-1, 2, 0], [9, 9, 9]),
            grid_box([7, 7, 7], [8, 8, 8]),
            whole,
        ] {
            let parts = whole.subtract(&hole);
            for position in whole.positions() {
                let expected = usize::from(!hole.contains(&position));
                assert_eq!(parts.iter().filter(|part| part.contains(&position)).count(), expected);
            }
            assert_eq!(
                parts.iter().map(GridBox::size).sum::<u64>() + whole.intersect(&hole).size(),
                whole.size()
            );
        }
    }
    /// Numbers that repeat themselves in every run of the tests.
    fn numbers() -> impl FnMut(i64) -> i64 {
        let mut state = 1u64;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i64 % below
        }
    }

    #[test]
    fn what_many_holes_leave_is_exact_and_disjoint() {
        let whole = grid_box([0, 0, 0], [12, 9, 14]);
        let mut number = numbers();
        for n_holes in [0, 1, 8, 9, 30, 200] {
            for largest in [1, 3, 14] {
                let mut hole = || {
                    let begin: Vec<i64> = (0..3).map(|_| number(16) - 2).collect();
                    let end = Coordinate::from_fn(3, |axis| begin[axis] + number(largest + 1));
                    GridBox { begin: Coordinate::from_fn(3, |axis| begin[axis]), end }
                };
                let holes: Vec<GridBox> = (0..n_holes).map(|_| hole()).collect();
                let parts = whole.subtract_all(&holes);
                for position in whole.positions() {
                    let expected = usize::from(!holes.iter().any(|hole| hole.contains(&position)));
                    assert_eq!(parts.iter().filter(|part| part.contains(&position)).count(), expected);
                }
                assert!(parts.iter().all(|part| !part.is_empty() && part.intersect(&whole) == *part));
            }
        }
    }

    /// Were each hole cut out of all that the others left, this would take minutes.
    #[test]
    fn holes_by_the_ten_thousand_are_cut_out_where_they_are() {
        let side = 1000;
        let whole = grid_box([0, 0, 0], [side; 3]);
        let mut number = numbers();
        let holes: Vec<GridBox> = (0..30_000)
            .map(|_| {
                let begin = [number(side), number(side), number(side)];
                grid_box(begin, begin.map(|at| at + 1))
            })
            .collect();
        let parts = whole.subtract_all(&holes);
        let distinct: std::collections::HashSet<&[i64]> =
            holes.iter().map(|hole| hole.begin.as_slice()).collect();
        assert_eq!(parts.iter().map(GridBox::size).sum::<u64>() + distinct.len() as u64, whole.size());
        let slabs: Vec<GridBox> =
            (0..side / 2).map(|at| grid_box([0, 0, 2 * at], [side, side, 2 * at + 1])).collect();
        assert_eq!(whole.subtract_all(&slabs).len() as i64, side / 2);
    }
}
