//! Boxes of differences in position around zero, and how to walk and count a union of them without counting twice.

use arrayvec::ArrayVec;

use super::grid_box::GridBox;
use crate::geometry::Coordinate;

/// A union has at most this many boxes: reading ahead, reading back, sharing a chunk.
pub(crate) const MAX_BOXES: usize = 3;

/// The boxes of a union around one position.
pub(crate) type Boxes = ArrayVec<GridBox, MAX_BOXES>;

/// The differences from `before` steps back to `after` steps on along each axis. Zero is always one of them, so two
/// of them meet in a box of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    pub before: Coordinate,
    pub after: Coordinate,
}

impl Reach {
    /// As far back as on.
    pub fn both_ways(steps: Coordinate) -> Self {
        Self { before: steps, after: steps }
    }

    /// The opposite of each difference.
    pub fn mirrored(&self) -> Self {
        Self { before: self.after, after: self.before }
    }

    pub fn contains(&self, difference: &Coordinate) -> bool {
        (0..difference.n_axes())
            .all(|axis| (-self.before[axis]..=self.after[axis]).contains(&difference[axis]))
    }

    /// The differences in both.
    fn common(&self, other: &Self) -> Self {
        let smaller = |a: &Coordinate, b: &Coordinate| Coordinate::from_fn(a.n_axes(), |x| a[x].min(b[x]));
        Self { before: smaller(&self.before, &other.before), after: smaller(&self.after, &other.after) }
    }

    fn differences(&self) -> GridBox {
        let n_axes = self.before.n_axes();
        GridBox {
            begin: Coordinate::from_fn(n_axes, |axis| -self.before[axis]),
            end: Coordinate::from_fn(n_axes, |axis| self.after[axis] + 1),
        }
    }

    /// Neither side is longer than a grid of at most 2^63 blocks is wide, and there are at most 8 axes: 71 bits.
    fn n_differences(&self) -> i128 {
        (0..self.before.n_axes())
            .map(|axis| i128::from(self.before[axis]) + i128::from(self.after[axis]) + 1)
            .product()
    }

    /// The positions at these differences from `position`, inside a grid.
    fn around(&self, position: &Coordinate, grid_shape: &Coordinate) -> GridBox {
        let n_axes = position.n_axes();
        GridBox {
            begin: Coordinate::from_fn(n_axes, |axis| (position[axis] - self.before[axis]).max(0)),
            end: Coordinate::from_fn(n_axes, |axis| {
                position[axis] + 1 + self.after[axis].min(grid_shape[axis] - 1 - position[axis])
            }),
        }
    }
}

/// All differences that lie in at least one of a few boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Union {
    boxes: ArrayVec<Reach, MAX_BOXES>,
    /// What each box, and what boxes have in common, counts for: the principle of inclusion and exclusion.
    terms: Vec<(Reach, i64)>,
}

impl Union {
    /// The union of at most [`MAX_BOXES`] boxes.
    pub fn of(all: &[Reach]) -> Self {
        let mut boxes: ArrayVec<Reach, MAX_BOXES> = ArrayVec::new();
        for reach in all {
            if !boxes.iter().any(|known| known.common(reach) == *reach) {
                boxes.retain(|known| known.common(reach) != *known);
                boxes.push(*reach);
            }
        }
        let mut terms: Vec<(Reach, i64)> = Vec::new();
        for subset in 1u32..1 << boxes.len() {
            let chosen = (0..boxes.len()).filter(|index| subset >> index & 1 == 1).map(|index| boxes[index]);
            let Some(common) = chosen.reduce(|a, b| a.common(&b)) else { continue };
            let weight = if subset.count_ones() % 2 == 1 { 1 } else { -1 };
            match terms.iter_mut().find(|(known, _)| *known == common) {
                Some((_, known)) => *known += weight,
                None => terms.push((common, weight)),
            }
        }
        terms.retain(|(_, weight)| *weight != 0);
        Self { boxes, terms }
    }

    pub fn contains(&self, difference: &Coordinate) -> bool {
        self.boxes.iter().any(|reach| reach.contains(difference))
    }

    /// The same differences, as boxes that do not overlap.
    pub fn parts(&self) -> Vec<GridBox> {
        let boxes = self.boxes.iter().map(Reach::differences);
        boxes.enumerate().fold(Vec::new(), |mut parts, (index, whole)| {
            let earlier = self.boxes[..index].iter().map(Reach::differences);
            parts.extend(
                earlier.fold(vec![whole], |rest, hole| {
                    rest.iter().flat_map(|part| part.subtract(&hole)).collect()
                }),
            );
            parts
        })
    }

    /// Each difference once.
    pub fn differences(&self) -> impl Iterator<Item = Coordinate> + use<> {
        positions(self.boxes.iter().map(Reach::differences).collect())
    }

    /// Number of [`differences`](Self::differences), by arithmetic.
    pub fn n_differences(&self) -> u64 {
        let sum: i128 =
            self.terms.iter().map(|(reach, weight)| reach.n_differences() * i128::from(*weight)).sum();
        u64::try_from(sum).unwrap_or(u64::MAX)
    }

    /// The boxes around a position, inside a grid. Each contains the position itself.
    pub fn around(&self, position: &Coordinate, grid_shape: &Coordinate) -> Boxes {
        self.boxes.iter().map(|reach| reach.around(position, grid_shape)).collect()
    }

    /// The sum of `count` over the union, given what it is over a box: what lies in several boxes counts once.
    #[inline]
    pub fn sum(&self, count: impl Fn(&Reach) -> u64) -> u64 {
        match self.terms.as_slice() {
            [(only, 1)] => count(only),
            // On the way the sum may leave 64 bits; it comes back.
            terms => terms.iter().fold(0, |sum: u64, (reach, weight)| {
                sum.wrapping_add(count(reach).wrapping_mul(weight.cast_unsigned()))
            }),
        }
    }
}

/// The positions of all boxes, each once.
pub(super) fn positions(boxes: Boxes) -> impl Iterator<Item = Coordinate> {
    (0..boxes.len()).flat_map(move |index| {
        let before = boxes.clone();
        boxes[index]
            .positions()
            .filter(move |position| !before[..index].iter().any(|other| other.contains(position)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach<const N: usize>(before: [i64; N], after: [i64; N]) -> Reach {
        Reach { before: before.into(), after: after.into() }
    }

    #[test]
    fn what_lies_in_several_boxes_counts_once() {
        let ahead = reach([1, 0, 2], [0, 3, 2]);
        for shared in [[0, 0, 0], [1, 1, 1], [0, 2, 4], [3, 3, 3]] {
            let boxes = [ahead, ahead.mirrored(), Reach::both_ways(shared.into())];
            let union = Union::of(&boxes);
            let mut found: Vec<Coordinate> = union.differences().collect();
            assert_eq!(union.n_differences(), found.len() as u64, "{shared:?}");
            assert_eq!(union.sum(|reach| reach.differences().size()), found.len() as u64, "{shared:?}");
            let in_parts = union.parts().iter().flat_map(GridBox::positions).collect::<Vec<_>>();
            assert_eq!(in_parts.len(), found.len(), "{shared:?}");
            assert!(in_parts.iter().all(|difference| found.contains(difference)), "{shared:?}");
            found.sort_by_key(|difference| difference.as_slice().to_vec());
            let space = GridBox { begin: [-5; 3].into(), end: [6; 3].into() };
            let is_in = |difference: &Coordinate| boxes.iter().any(|reach| reach.contains(difference));
            assert_eq!(found, space.positions().filter(is_in).collect::<Vec<_>>(), "{shared:?}");
        }
    }

    #[test]
    fn a_box_inside_another_adds_nothing() {
        let wide = reach([2, 2], [2, 2]);
        let union = Union::of(&[reach([1, 0], [0, 1]), wide, reach([2, 1], [1, 2])]);
        assert_eq!((union.boxes.as_slice(), union.terms.as_slice()), (&[wide][..], &[(wide, 1)][..]));
    }
}
