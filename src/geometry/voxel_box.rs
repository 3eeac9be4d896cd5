//! A box of voxels of an array, and how two of them lie to each other.

use std::ops::Range;

/// A half-open box in an array's voxel indices: one range per axis, channel axes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoxelBox(Vec<Range<u64>>);

impl FromIterator<Range<u64>> for VoxelBox {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        Self(ranges.into_iter().collect())
    }
}

impl VoxelBox {
    /// The box of `shape` that begins at 0.
    pub fn of_shape(shape: &[u64]) -> Self {
        shape.iter().map(|&extent| 0..extent).collect()
    }

    /// One range per axis.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    /// The index of its first voxel.
    pub fn begin(&self) -> Vec<u64> {
        self.0.iter().map(|range| range.start).collect()
    }

    /// Voxels along each axis, of a box that lies in memory.
    pub fn shape(&self) -> Vec<usize> {
        self.0.iter().map(|range| (range.end - range.start) as usize).collect()
    }

    /// Number of voxels, of a box that lies in memory or in a file.
    pub fn n_voxels(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).product()
    }

    /// Returns whether no voxel is inside.
    pub fn is_empty(&self) -> bool {
        self.0.iter().any(Range::is_empty)
    }

    /// The common part of both; empty where they do not meet.
    pub fn intersect(&self, other: &Self) -> Self {
        let axis = |(a, b): (&Range<u64>, &Range<u64>)| {
            let begin = a.start.max(b.start);
            begin..a.end.min(b.end).max(begin)
        };
        self.0.iter().zip(&other.0).map(axis).collect()
    }

    /// This box counted from the begin of `outer`, which contains it.
    pub fn relative_to(&self, outer: &Self) -> Self {
        let axis =
            |(range, outer): (&Range<u64>, &Range<u64>)| range.start - outer.start..range.end - outer.start;
        self.0.iter().zip(&outer.0).map(axis).collect()
    }

    /// This box, which is counted from the begin of `outer`, counted as `outer` is.
    pub fn absolute_in(&self, outer: &Self) -> Self {
        let axis =
            |(range, outer): (&Range<u64>, &Range<u64>)| range.start + outer.start..range.end + outer.start;
        self.0.iter().zip(&outer.0).map(axis).collect()
    }

    /// The indices of all voxels, last axis fastest.
    pub fn indices(self) -> impl Iterator<Item = Vec<u64>> {
        let mut next = (!self.is_empty()).then(|| self.begin());
        std::iter::from_fn(move || {
            let current = next.take()?;
            let mut following = current.clone();
            for (axis, range) in self.0.iter().enumerate().rev() {
                following[axis] += 1;
                if following[axis] < range.end {
                    next = Some(following);
                    break;
                }
                following[axis] = range.start;
            }
            Some(current)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voxels<const N: usize>(ranges: [Range<u64>; N]) -> VoxelBox {
        ranges.into_iter().collect()
    }

    #[test]
    fn relations() {
        let (chunk, wanted) = (voxels([4..8, 0..4]), voxels([6..20, 1..3]));
        let part = chunk.intersect(&wanted);
        assert_eq!(part, voxels([6..8, 1..3]));
        assert_eq!((part.n_voxels(), part.shape(), part.begin()), (4, vec![2, 2], vec![6, 1]));
        assert_eq!(part.relative_to(&chunk), voxels([2..4, 1..3]));
        assert_eq!(part.relative_to(&chunk).absolute_in(&chunk), part);
        assert!(chunk.intersect(&voxels([9..12, 0..4])).is_empty());
        assert_eq!(chunk.intersect(&voxels([9..12, 0..4])).n_voxels(), 0);
    }

    #[test]
    fn indices_go_along_the_last_axis_first() {
        let all: Vec<_> = voxels([1..3, 5..7]).indices().collect();
        assert_eq!(all, [[1, 5], [1, 6], [2, 5], [2, 6]]);
        assert_eq!(voxels([0..2, 1..1]).indices().count(), 0);
        assert_eq!(voxels([]).indices().count(), 1);
    }
}
