//! A box of grid positions, and the walks over it.

use crate::geometry::Coordinate;

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
}
