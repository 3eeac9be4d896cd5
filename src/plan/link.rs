//! Which blocks of a downstream task wait for which blocks of an upstream one: a box of grid positions, by arithmetic.
//!
//! A downstream block depends on every upstream block whose write ROI meets its read ROI. Both directions cost a few
//! divisions per axis, whatever the number of blocks in the box.

use std::sync::Arc;

use super::fit::Fit;
use super::grid::Grid;
use super::grid_box::GridBox;
use crate::geometry::{Coordinate, GeometryError};

/// What one axis of an upstream and a downstream grid have to say to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AxisLink {
    up_begin: i64,
    up_stride: i64,
    up_end: i64,
    up_count: i64,
    down_begin: i64,
    down_stride: i64,
    down_count: i64,
    lo: i64,
    hi: i64,
    /// What the downstream task reads at the most along this axis.
    read_end: i64,
}

/// The dependencies between the blocks of two tasks. Cheap to clone: both tasks have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    axes: Arc<[AxisLink]>,
}

impl Link {
    /// The link between two grids of the same number of axes.
    ///
    /// # Errors
    /// Grids so far apart that 64 bits cannot hold the distance.
    pub fn between(upstream: &Grid, downstream: &Grid) -> Result<Self, GeometryError> {
        Self::around(upstream, downstream, downstream.context_lo(), downstream.context_hi())
    }

    /// As [`between`](Self::between), when a downstream block waits for what lies up to `lo` before and `hi` past its write
    /// ROI.
    pub(super) fn around(
        upstream: &Grid,
        downstream: &Grid,
        lo: &Coordinate,
        hi: &Coordinate,
    ) -> Result<Self, GeometryError> {
        // Everything computed below is a distance within this hull, or the sum of two.
        let hull = upstream.written().union(&downstream.written().grow(lo, hi)?)?;
        hull.shape().checked_add(hull.shape())?;
        let axis_link = |axis: usize| AxisLink {
            up_begin: upstream.total_write().begin()[axis],
            up_stride: upstream.write_shape()[axis],
            up_end: upstream.written_end(axis),
            up_count: upstream.shape()[axis],
            down_begin: downstream.total_write().begin()[axis],
            down_stride: downstream.write_shape()[axis],
            down_count: downstream.shape()[axis],
            lo: lo[axis],
            hi: hi[axis],
            read_end: match downstream.fit() {
                Fit::Shrink => downstream.written_end(axis) + hi[axis],
                Fit::Valid | Fit::Overhang => i64::MAX,
            },
        };
        Ok(Self { axes: (0..upstream.n_axes()).map(axis_link).collect() })
    }

    /// The upstream blocks that the downstream block at `position` waits for; may be empty.
    #[inline]
    pub fn upstream(&self, position: &Coordinate) -> GridBox {
        self.per_axis(|axis, link| link.upstream(position[axis]))
    }

    /// The downstream blocks that wait for the upstream block at `position`; may be empty.
    #[inline]
    pub fn downstream(&self, position: &Coordinate) -> GridBox {
        self.per_axis(|axis, link| {
            let begin = link.up_begin + position[axis] * link.up_stride;
            link.downstream(begin, link.up_end.min(begin + link.up_stride))
        })
    }

    /// The downstream blocks that wait for any upstream block in a box that is not empty; may be empty.
    pub(super) fn downstream_of_all(&self, part: &GridBox) -> GridBox {
        self.per_axis(|axis, link| {
            let at = |position: i64| link.up_begin + position * link.up_stride;
            link.downstream(at(part.begin[axis]), link.up_end.min(at(part.end[axis])))
        })
    }

    /// How far before and past its write ROI a downstream block waits for upstream blocks.
    pub(super) fn waits_around(&self) -> (Coordinate, Coordinate) {
        let of = |margin: fn(&AxisLink) -> i64| {
            Coordinate::from_fn(self.axes.len(), |axis| margin(&self.axes[axis]))
        };
        (of(|link| link.lo), of(|link| link.hi))
    }

    /// All downstream blocks that wait for any upstream block: a box.
    pub fn dependent(&self) -> GridBox {
        self.per_axis(|_, link| link.downstream(link.up_begin, link.up_end))
    }

    /// No downstream block waits for more upstream blocks than this.
    pub fn max_upstream(&self) -> u64 {
        self.axes
            .iter()
            .map(|link| {
                let read = link.lo.saturating_add(link.down_stride).saturating_add(link.hi);
                ((read - 1) / link.up_stride).saturating_add(2).min(link.up_count).unsigned_abs()
            })
            .fold(1, u64::saturating_mul)
    }

    #[inline]
    fn per_axis(&self, range: impl Fn(usize, &AxisLink) -> (i64, i64)) -> GridBox {
        let mut result =
            GridBox { begin: Coordinate::zeros(self.axes.len()), end: Coordinate::zeros(self.axes.len()) };
        for (axis, link) in self.axes.iter().enumerate() {
            (result.begin[axis], result.end[axis]) = range(axis, link);
        }
        result
    }
}

impl AxisLink {
    /// The positions, first and past the last, whose write interval meets what the block at `position` reads.
    #[inline]
    fn upstream(&self, position: i64) -> (i64, i64) {
        let write_begin = self.down_begin + position * self.down_stride;
        let read_begin = write_begin - self.lo;
        let read_end = (write_begin + self.down_stride + self.hi).min(self.read_end);
        if read_begin >= self.up_end || read_end <= self.up_begin {
            return (0, 0);
        }
        let first = (read_begin - self.up_begin).div_euclid(self.up_stride).max(0);
        let past = div_ceil(read_end - self.up_begin, self.up_stride).min(self.up_count);
        (first, past)
    }

    /// The positions whose read interval meets `[begin, end)`.
    #[inline]
    fn downstream(&self, begin: i64, end: i64) -> (i64, i64) {
        let end = end.min(self.read_end);
        if end <= begin {
            return (0, 0);
        }
        // Block j reads past `begin` when (j + 1) * stride + hi > begin, and begins before `end` when j * stride - lo < end.
        // (Differences first: a coordinate may be close to the end of 64 bits.)
        let first = (begin - self.down_begin - self.hi).div_euclid(self.down_stride).max(0);
        let past = div_ceil(end - self.down_begin + self.lo, self.down_stride).min(self.down_count);
        (first, past.max(first))
    }
}

#[inline]
fn div_ceil(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}
