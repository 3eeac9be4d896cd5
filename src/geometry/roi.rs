//! A box in integer space.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::coordinate::Coordinate;
use super::error::{GeometryError, Result};

/// A half-open box: `offset` is its first point, `offset + shape` the first point past it, both in world units.
///
/// A ROI always has offset and shape of the same number of axes, no negative extent, and an end that fits into 64
/// bits; [`Roi::new`] is the only way to make one. An extent of 0 makes it empty.
///
/// ```
/// use bellis::Roi;
/// let a = Roi::new([0, 0], [10, 10])?;
/// let b = Roi::new([5, 8], [10, 10])?;
/// assert_eq!(a.intersect(&b)?, Roi::new([5, 8], [5, 2])?);
/// assert_eq!(a.to_string(), "[0:10, 0:10]");
/// # Ok::<(), bellis::GeometryError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Roi {
    offset: Coordinate,
    shape: Coordinate,
}

/// How [`Roi::snap_to_grid`] moves borders that lie between grid points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Snap {
    /// Outwards: the result contains the ROI.
    Grow,
    /// Inwards: the ROI contains the result, which may be empty.
    Shrink,
    /// Each border to the closest grid point, upwards when it lies in the middle.
    Closest,
}

/// A ROI in voxel indices: one half-open range per axis.
pub type VoxelRange = Vec<Range<i64>>;

impl Roi {
    /// The box of `shape` at `offset`.
    ///
    /// # Errors
    /// A different number of axes, a negative extent, or an end beyond 64 bits.
    pub fn new(
        offset: impl TryInto<Coordinate, Error: Into<GeometryError>>,
        shape: impl TryInto<Coordinate, Error: Into<GeometryError>>,
    ) -> Result<Self> {
        let offset: Coordinate = offset.try_into().map_err(Into::into)?;
        let shape: Coordinate = shape.try_into().map_err(Into::into)?;
        let is_box = |axis| shape[axis] >= 0 && offset[axis].checked_add(shape[axis]).is_some();
        if offset.n_axes() == shape.n_axes() && (0..offset.n_axes()).all(is_box) {
            return Ok(Self { offset, shape });
        }
        offset.checked_add(&shape)?;
        Err(GeometryError::NegativeShape(shape.to_string()))
    }

    /// A box whose end is known to fit and whose shape is known not to be negative, by someone who checked a box that
    /// contains it.
    #[inline]
    pub(crate) fn of_checked(offset: Coordinate, shape: Coordinate) -> Self {
        debug_assert!(Self::new(offset, shape).is_ok(), "{offset} + {shape} is no ROI");
        Self { offset, shape }
    }

    /// The box from `begin` up to but not including `end`; empty along each axis where `end` is not past `begin`.
    ///
    /// # Errors
    /// A different number of axes, or an extent beyond 64 bits.
    pub fn from_bounds(begin: &Coordinate, end: &Coordinate) -> Result<Self> {
        let shape = end.max(begin)?.checked_sub(begin)?;
        Self::new(*begin, shape)
    }

    /// Number of axes.
    #[inline]
    pub fn n_axes(&self) -> usize {
        self.offset.n_axes()
    }

    /// The first point.
    #[inline]
    pub fn offset(&self) -> &Coordinate {
        &self.offset
    }

    /// The first point: another name for [`offset`](Self::offset).
    #[inline]
    pub fn begin(&self) -> &Coordinate {
        &self.offset
    }

    /// The extents.
    #[inline]
    pub fn shape(&self) -> &Coordinate {
        &self.shape
    }

    /// The first point past the box along every axis.
    #[inline]
    pub fn end(&self) -> Coordinate {
        // `new` checked that the sum fits.
        Coordinate::from_fn(self.n_axes(), |axis| self.offset[axis] + self.shape[axis])
    }

    /// The centre, rounded down.
    pub fn center(&self) -> Coordinate {
        Coordinate::from_fn(self.n_axes(), |axis| self.offset[axis] + self.shape[axis] / 2)
    }

    /// Number of points inside.
    ///
    /// # Errors
    /// A number beyond 64 bits.
    pub fn size(&self) -> Result<i64> {
        if self.is_empty() { Ok(0) } else { self.shape.product() }
    }

    /// Whether no point is inside.
    pub fn is_empty(&self) -> bool {
        !self.shape.all(|extent| extent > 0)
    }

    /// The common part of both; empty, at the later begin, when they do not meet.
    ///
    /// # Errors
    /// A different number of axes.
    pub fn intersect(&self, other: &Self) -> Result<Self> {
        let begin = self.offset.max(&other.offset)?;
        let end = self.end().min(&other.end())?;
        Self::from_bounds(&begin, &end)
    }

    /// The smallest box that contains both; an empty box adds nothing.
    ///
    /// # Errors
    /// A different number of axes, or an extent beyond 64 bits.
    pub fn union(&self, other: &Self) -> Result<Self> {
        self.offset.require_same_axes(&other.offset)?;
        match (self.is_empty(), other.is_empty()) {
            (true, _) => Ok(*other),
            (_, true) => Ok(*self),
            _ => Self::from_bounds(&self.offset.min(&other.offset)?, &self.end().max(&other.end())?),
        }
    }

    /// Whether a point lies in both.
    ///
    /// # Errors
    /// A different number of axes.
    pub fn intersects(&self, other: &Self) -> Result<bool> {
        Ok(!self.intersect(other)?.is_empty())
    }

    /// Whether `point` is inside.
    ///
    /// # Errors
    /// A different number of axes.
    pub fn contains_point(&self, point: &Coordinate) -> Result<bool> {
        self.offset.require_same_axes(point)?;
        let end = self.end();
        Ok((0..self.n_axes()).all(|axis| self.offset[axis] <= point[axis] && point[axis] < end[axis]))
    }

    /// Whether every point of `other` is inside. An empty box is inside any other.
    ///
    /// # Errors
    /// A different number of axes.
    pub fn contains(&self, other: &Self) -> Result<bool> {
        Ok(other.is_empty() || self.intersect(other)? == *other)
    }

    /// The box with `lo` more before its begin and `hi` more after its end; negative amounts shrink it, at most to
    /// an empty box.
    ///
    /// # Errors
    /// A different number of axes, or a border beyond 64 bits.
    pub fn grow(&self, lo: &Coordinate, hi: &Coordinate) -> Result<Self> {
        Self::from_bounds(&self.offset.checked_sub(lo)?, &self.end().checked_add(hi)?)
    }

    /// The box moved by `by`.
    ///
    /// # Errors
    /// A different number of axes, or a border beyond 64 bits.
    pub fn shift(&self, by: &Coordinate) -> Result<Self> {
        Self::new(self.offset.checked_add(by)?, self.shape)
    }

    /// The box with its borders moved to multiples of `grid`, counted from the world's zero.
    ///
    /// # Errors
    /// A grid that is not positive, a different number of axes, or a border beyond 64 bits.
    pub fn snap_to_grid(&self, grid: &Coordinate, snap: Snap) -> Result<Self> {
        let closest = |point: &Coordinate| -> Result<Coordinate> {
            let (floor, rest) = (point.div_floor(grid)?, point.rem_floor(grid)?);
            Ok(Coordinate::from_fn(grid.n_axes(), |axis| {
                floor[axis] + i64::from(rest[axis] >= grid[axis] - rest[axis])
            }))
        };
        let end = self.end();
        let (first, last) = match snap {
            Snap::Grow => (self.offset.div_floor(grid)?, end.div_ceil(grid)?),
            Snap::Shrink => (self.offset.div_ceil(grid)?, end.div_floor(grid)?),
            Snap::Closest => (closest(&self.offset)?, closest(&end)?),
        };
        Self::from_bounds(&first.checked_mul(grid)?, &last.checked_mul(grid)?)
    }

    /// The box in voxel indices of an array whose voxel 0 begins at `offset`, one half-open range per axis.
    ///
    /// # Errors
    /// [`GeometryError::NotOnVoxels`] when a border lies inside a voxel; a voxel size that is not positive; a
    /// different number of axes.
    pub fn to_voxels(&self, offset: &Coordinate, voxel_size: &Coordinate) -> Result<VoxelRange> {
        voxel_size.require_positive("voxel size")?;
        let begin = self.offset.checked_sub(offset)?;
        let whole = begin.rem_floor(voxel_size)?.all(|rest| rest == 0)
            && self.shape.rem_floor(voxel_size)?.all(|rest| rest == 0);
        if !whole {
            return Err(GeometryError::NotOnVoxels {
                roi: self.to_string(),
                voxel_size: voxel_size.to_string(),
                offset: offset.to_string(),
            });
        }
        let begin = begin.div_floor(voxel_size)?;
        let extent = self.shape.div_floor(voxel_size)?;
        Ok((0..self.n_axes()).map(|axis| begin[axis]..begin[axis] + extent[axis]).collect())
    }
}

impl From<std::convert::Infallible> for GeometryError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl fmt::Display for Roi {
    /// `[0:10, 5:15]`: begin and end along each axis.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        let end = self.end();
        for axis in 0..self.n_axes() {
            let comma = if axis == 0 { "" } else { ", " };
            write!(f, "{comma}{}:{}", self.offset[axis], end[axis])?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Roi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Roi {
    type Err = GeometryError;

    /// Reads what [`Display`](fmt::Display) writes: `[0:10, 5:15]`, with or without the brackets.
    fn from_str(text: &str) -> Result<Self> {
        let unreadable = || GeometryError::Parse {
            text: text.to_owned(),
            expected: "a ROI: begin:end for each axis, such as [0:10, 5:15]",
        };
        let trimmed = text.trim();
        let bare = match (trimmed.strip_prefix('['), trimmed.strip_suffix(']')) {
            (Some(_), Some(_)) => &trimmed[1..trimmed.len() - 1],
            (None, None) => trimmed,
            _ => return Err(unreadable()),
        };
        let mut begin = Vec::new();
        let mut shape = Vec::new();
        for part in bare.split(',') {
            let (first, last) = part.split_once(':').ok_or_else(unreadable)?;
            let first: i64 = first.trim().parse().map_err(|_| unreadable())?;
            let last: i64 = last.trim().parse().map_err(|_| unreadable())?;
            begin.push(first);
            shape.push(last.checked_sub(first).ok_or_else(unreadable)?);
        }
        Self::new(begin, shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roi<const N: usize>(offset: [i64; N], shape: [i64; N]) -> Roi {
        Roi::new(offset, shape).expect("the test's own ROI")
    }

    #[test]
    fn a_roi_is_checked_when_made() {
        assert!(matches!(Roi::new([0], [1, 1]), Err(GeometryError::AxesDiffer { .. })));
        assert!(matches!(Roi::new([0], [-1]), Err(GeometryError::NegativeShape(_))));
        assert!(matches!(Roi::new([i64::MAX], [1]), Err(GeometryError::Overflow { .. })));
        assert!(matches!(Roi::new(vec![], vec![]), Err(GeometryError::AxisCount(0))));
    }

    #[test]
    fn set_operations() {
        let a = roi([0, 0], [10, 10]);
        let b = roi([5, 8], [10, 10]);
        let far = roi([100, 100], [1, 1]);
        assert_eq!(a.union(&b), Ok(roi([0, 0], [15, 18])));
        assert_eq!(a.union(&roi([50, 50], [0, 3])), Ok(a));
        assert_eq!(a.intersects(&b), Ok(true));
        assert_eq!(a.intersects(&far), Ok(false));
        assert_eq!(a.contains(&roi([5, 5], [5, 5])), Ok(true));
        assert_eq!(a.contains(&b), Ok(false));
        assert_eq!(a.contains(&roi([100, 5], [0, 5])), Ok(true));
        assert_eq!(a.contains_point(&Coordinate::from([9, 9])), Ok(true));
        assert_eq!(a.contains_point(&Coordinate::from([10, 9])), Ok(false));
        assert_eq!(a.size(), Ok(100));
        assert_eq!(a.center(), Coordinate::from([5, 5]));
    }

    #[test]
    fn grow_and_shift() {
        let a = roi([0, 0], [10, 10]);
        let lo = Coordinate::from([1, 2]);
        let hi = Coordinate::from([3, 4]);
        assert_eq!(a.grow(&lo, &hi), Ok(roi([-1, -2], [14, 16])));
        let less = Coordinate::from([-6, -6]);
        assert!(a.grow(&less, &less).is_ok_and(|r| r.is_empty()));
        assert_eq!(a.shift(&lo), Ok(roi([1, 2], [10, 10])));
    }

    #[test]
    fn snapping_moves_each_border() {
        let a = roi([3, -3], [10, 10]);
        let grid = Coordinate::from([4, 4]);
        assert_eq!(a.snap_to_grid(&grid, Snap::Grow), Ok(roi([0, -4], [16, 12])));
        assert_eq!(a.snap_to_grid(&grid, Snap::Shrink), Ok(roi([4, 0], [8, 4])));
        assert_eq!(a.snap_to_grid(&grid, Snap::Closest), Ok(roi([4, -4], [8, 12])));
        assert!(a.snap_to_grid(&Coordinate::from([0, 1]), Snap::Grow).is_err());
    }

    #[test]
    fn voxels_must_be_whole() {
        let voxel = Coordinate::from([4, 2]);
        let offset = Coordinate::from([-8, 0]);
        assert_eq!(roi([0, 4], [8, 2]).to_voxels(&offset, &voxel), Ok(vec![2..4, 2..3]));
        let message = roi([1, 4], [8, 2]).to_voxels(&offset, &voxel).map_err(|e| e.to_string());
        assert!(message.is_err_and(|m| m.contains("[1:9, 4:6]") && m.contains("(4, 2)")));
    }

    #[test]
    fn text_round_trips() {
        for a in [roi([0], [5]), roi([-4, 7, 0], [1, 0, 9])] {
            assert_eq!(a.to_string().parse(), Ok(a));
        }
        for text in ["", "[1:2", "1", "2:1", "[a:b]"] {
            assert!(text.parse::<Roi>().is_err(), "{text:?} must not parse");
        }
    }
}
