//! The blocks of one task: which there are, and where each reads and writes.
//!
//! All ROIs are half-open. Blocks tile the total write ROI from its begin, with the write shape as stride; the index
//! of a block is its row-major position in that grid. Total read and total write ROI differ by the context: both
//! conventions, and the three fits, are Daisy's (<https://github.com/funkelab/daisy>).

use std::ops::Range;

use super::error::TaskProblem;
use super::fit::Fit;
use super::grid_box::GridBox;
use crate::geometry::{Coordinate, GeometryError, MAX_AXES, Roi};

/// The grid of blocks of one task. Everything about a block is computed from its index in O(axes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    n_blocks: u64,
    shape: Coordinate,
    total_read: Roi,
    total_write: Roi,
    write_shape: Coordinate,
    lo: Coordinate,
    hi: Coordinate,
    fit: Fit,
}

impl Grid {
    /// The grid that tiles `total_read`, less the context, with blocks that write `write_shape` and read `lo` before
    /// and `hi` after it.
    ///
    /// # Errors
    /// Shapes that are not positive, a negative context, a different number of axes, no block that fits, or more
    /// blocks or larger coordinates than 64 bits hold.
    pub fn new(
        total_read: Roi,
        write_shape: Coordinate,
        lo: Coordinate,
        hi: Coordinate,
        fit: Fit,
    ) -> Result<Self, TaskProblem> {
        write_shape.require_positive("block shape")?;
        if let Some(negative) = [lo, hi].into_iter().find(|context| !context.all(|c| c >= 0)) {
            return Err(TaskProblem::NegativeContext(negative));
        }
        let zero = Coordinate::zeros(total_read.n_axes());
        let total_write = total_read.grow(&zero.checked_sub(&lo)?, &zero.checked_sub(&hi)?)?;
        let shape = match fit {
            Fit::Valid => total_write.shape().div_floor(&write_shape)?,
            Fit::Overhang | Fit::Shrink => total_write.shape().div_ceil(&write_shape)?,
        };
        let n_blocks = shape.product().map_err(|_| TaskProblem::TooManyBlocks(shape))?;
        if n_blocks == 0 {
            let advice = match fit {
                Fit::Valid => "use smaller blocks, less context, a larger total ROI, or fit shrink",
                Fit::Overhang | Fit::Shrink => "use less context or a larger total ROI",
            };
            return Err(TaskProblem::NoBlocks {
                block_shape: write_shape,
                total_write_roi: total_write,
                fit,
                advice,
            });
        }
        // The last block's read ROI has the largest coordinates: when it fits into 64 bits, all others do.
        let last_end = total_write.begin().checked_add(&shape.checked_mul(&write_shape)?)?;
        last_end.checked_add(&hi)?;
        total_write.begin().checked_sub(&lo)?;
        lo.checked_add(&write_shape)?.checked_add(&hi)?;
        let n_blocks = n_blocks.unsigned_abs();
        Ok(Self { n_blocks, shape, total_read, total_write, write_shape, lo, hi, fit })
    }

    /// Number of blocks: at least 1.
    #[inline]
    pub fn n_blocks(&self) -> u64 {
        self.n_blocks
    }

    /// Number of axes.
    #[inline]
    pub fn n_axes(&self) -> usize {
        self.shape.n_axes()
    }

    /// Number of blocks along each axis.
    #[inline]
    pub fn shape(&self) -> &Coordinate {
        &self.shape
    }

    /// All positions of the grid.
    pub fn bounds(&self) -> GridBox {
        GridBox { begin: Coordinate::zeros(self.n_axes()), end: self.shape }
    }

    /// The total read ROI.
    pub fn total_read(&self) -> &Roi {
        &self.total_read
    }

    /// The total write ROI: what the blocks tile.
    pub fn total_write(&self) -> &Roi {
        &self.total_write
    }

    /// The shape of a block's write ROI, before any cutting.
    pub fn write_shape(&self) -> &Coordinate {
        &self.write_shape
    }

    /// How far a block reads before its write ROI.
    pub fn context_lo(&self) -> &Coordinate {
        &self.lo
    }

    /// How far a block reads past its write ROI.
    pub fn context_hi(&self) -> &Coordinate {
        &self.hi
    }

    /// What happens at the border.
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// Where the write ROI of the last block along `axis` ends: what the blocks write together is one box.
    #[inline]
    pub fn written_end(&self, axis: usize) -> i64 {
        match self.fit {
            Fit::Shrink => self.total_write.begin()[axis] + self.total_write.shape()[axis],
            Fit::Valid | Fit::Overhang => {
                self.total_write.begin()[axis] + self.shape[axis] * self.write_shape[axis]
            }
        }
    }

    /// What all blocks write together.
    pub fn written(&self) -> Roi {
        self.roi(|axis| (self.total_write.begin()[axis], self.written_end(axis)))
    }

    /// What all blocks read together.
    pub fn read(&self) -> Roi {
        self.roi(|axis| (self.read_bounds(axis, 0).0, self.read_bounds(axis, self.shape[axis] - 1).1))
    }

    /// The indices of the positions of `within`, from its `skip`-th position on, as ranges of consecutive
    /// indices.
    pub fn index_ranges(&self, within: &GridBox, skip: u64) -> IndexRanges {
        IndexRanges::new(self, within, skip)
    }

    /// The positions of the blocks whose write ROI meets a box.
    ///
    /// # Errors
    /// Another number of axes.
    pub fn writing(&self, roi: &Roi) -> Result<GridBox, GeometryError> {
        self.meeting(roi, &Coordinate::zeros(self.n_axes()), &Coordinate::zeros(self.n_axes()))
    }

    /// The positions of the blocks whose read ROI meets a box.
    ///
    /// # Errors
    /// Another number of axes.
    pub fn reading(&self, roi: &Roi) -> Result<GridBox, GeometryError> {
        self.meeting(roi, &self.lo, &self.hi)
    }

    /// The positions of the blocks that meet a box with their write ROI and so much around it.
    fn meeting(&self, roi: &Roi, lo: &Coordinate, hi: &Coordinate) -> Result<GridBox, GeometryError> {
        self.shape.require_same_axes(roi.begin())?;
        let mut met =
            GridBox { begin: Coordinate::zeros(self.n_axes()), end: Coordinate::zeros(self.n_axes()) };
        for axis in 0..self.n_axes() {
            let wide = |value: i64| i128::from(value);
            let (origin, stride) = (wide(self.total_write.begin()[axis]), wide(self.write_shape[axis]));
            let begin = wide(roi.begin()[axis]);
            let end = begin + wide(roi.shape()[axis]);
            // Where a block is cut off, nothing is met beyond.
            let cut = wide(self.written_end(axis)) + wide(hi[axis]);
            let end = if self.fit == Fit::Shrink { end.min(cut) } else { end };
            if end <= begin {
                return Ok(GridBox {
                    begin: Coordinate::zeros(self.n_axes()),
                    end: Coordinate::zeros(self.n_axes()),
                });
            }
            // Block j reaches past `begin` when (j + 1) * stride + hi > begin, and begins before `end` when j * stride - lo < end.
            let first = (begin - origin - wide(hi[axis])).div_euclid(stride);
            let past = (end - origin + wide(lo[axis]) - 1).div_euclid(stride) + 1;
            // Between 0 and the number of blocks, which fits.
            let within = |position: i128| position.clamp(0, wide(self.shape[axis])) as i64;
            (met.begin[axis], met.end[axis]) = (within(first), within(past));
        }
        Ok(met)
    }

    /// A box around consecutive blocks, of which there is one.
    pub(super) fn around(&self, blocks: Range<u64>) -> GridBox {
        let (first, last) = (self.position(blocks.start), self.position(blocks.end - 1));
        let n_axes = self.n_axes();
        // Up to where they begin to differ, both have the same; past that, there are all.
        let differs = (0..n_axes).find(|axis| first[*axis] != last[*axis]).unwrap_or(n_axes);
        let begin = Coordinate::from_fn(n_axes, |axis| if axis <= differs { first[axis] } else { 0 });
        let end =
            Coordinate::from_fn(
                n_axes,
                |axis| {
                    if axis <= differs { last[axis] + 1 } else { self.shape[axis] }
                },
            );
        GridBox { begin, end }
    }

    /// The position of a block in the grid. `index` must be below [`n_blocks`](Self::n_blocks).
    #[inline]
    pub fn position(&self, index: u64) -> Coordinate {
        debug_assert!(index < self.n_blocks);
        let mut position = Coordinate::zeros(self.n_axes());
        let Some((first, others)) = position.as_mut_slice().split_first_mut() else { return position };
        let inner = others.iter_mut().zip(&self.shape.as_slice()[1..]).rev();
        if let Ok(mut rest) = u32::try_from(index) {
            // As below. A division of 32 bits takes a fraction of one of 64.
            for (place, &extent) in inner {
                if rest == 0 {
                    return position;
                }
                match u32::try_from(extent) {
                    Ok(extent) => {
                        *place = i64::from(rest % extent);
                        rest /= extent;
                    }
                    // The extent is larger than the rest.
                    Err(_) => {
                        *place = i64::from(rest);
                        rest = 0;
                    }
                }
            }
            *first = i64::from(rest);
            return position;
        }
        let mut rest = index;
        for (place, &extent) in inner {
            // Every extent is at least 1, and the product of all fits into an i64: neither cast changes a value.
            let extent = extent as u64;
            *place = (rest % extent) as i64;
            rest /= extent;
        }
        *first = rest as i64;
        position
    }

    /// The index of the block at a position inside the grid.
    #[inline]
    pub fn index(&self, position: &Coordinate) -> u64 {
        debug_assert!(self.bounds().contains(position));
        (0..self.n_axes()).fold(0, |index, axis| index * self.shape[axis] as u64 + position[axis] as u64)
    }

    /// The write ROI of the block at a position.
    #[inline]
    pub fn write_roi(&self, position: &Coordinate) -> Roi {
        self.roi(|axis| self.write_bounds(axis, position[axis]))
    }

    /// What the blocks of a box that is not empty write together.
    pub fn written_by(&self, part: &GridBox) -> Roi {
        self.roi(|axis| {
            (self.write_bounds(axis, part.begin[axis]).0, self.write_bounds(axis, part.end[axis] - 1).1)
        })
    }

    /// The read ROI of the block at a position.
    #[inline]
    pub fn read_roi(&self, position: &Coordinate) -> Roi {
        self.roi(|axis| self.read_bounds(axis, position[axis]))
    }

    /// Begin and end of what the block at `position` writes along `axis`.
    #[inline]
    pub(super) fn write_bounds(&self, axis: usize, position: i64) -> (i64, i64) {
        let begin = self.total_write.begin()[axis] + position * self.write_shape[axis];
        (begin, (begin + self.write_shape[axis]).min(self.written_end(axis)))
    }

    /// Begin and end of what the block at `position` reads along `axis`.
    #[inline]
    pub(super) fn read_bounds(&self, axis: usize, position: i64) -> (i64, i64) {
        let write_begin = self.total_write.begin()[axis] + position * self.write_shape[axis];
        let begin = write_begin - self.lo[axis];
        let end = write_begin + self.write_shape[axis] + self.hi[axis];
        match self.fit {
            Fit::Shrink => (begin, end.min(self.total_read.begin()[axis] + self.total_read.shape()[axis])),
            Fit::Valid | Fit::Overhang => (begin, end),
        }
    }

    /// The box with these bounds along each axis. `new` checked that those of every block fit into 64 bits.
    #[inline]
    fn roi(&self, bounds: impl Fn(usize) -> (i64, i64)) -> Roi {
        let mut offset = Coordinate::zeros(self.n_axes());
        let mut shape = offset;
        for axis in 0..self.n_axes() {
            let (begin, end) = bounds(axis);
            offset[axis] = begin;
            shape[axis] = end - begin;
        }
        Roi::of_checked(offset, shape)
    }
}

/// The indices of a box of the grid, one row of consecutive indices at a time.
#[derive(Debug, Clone)]
pub struct IndexRanges {
    within: GridBox,
    /// How far apart the indices of neighbours along each axis are.
    strides: [u64; MAX_AXES],
    /// The next position; its last axis is where the next range begins.
    next: Coordinate,
    next_index: u64,
    n_rows: u64,
}

impl IndexRanges {
    #[inline]
    fn new(grid: &Grid, within: &GridBox, skip: u64) -> Self {
        let n_axes = grid.n_axes();
        let size = within.size();
        let mut strides = [1; MAX_AXES];
        for axis in (0..n_axes - 1).rev() {
            strides[axis] = strides[axis + 1] * grid.shape[axis + 1] as u64;
        }
        let mut ranges = Self { within: *within, strides, next: within.begin, next_index: 0, n_rows: 0 };
        if skip < size {
            let mut rest = skip;
            for axis in (0..n_axes).rev() {
                let extent = (within.end[axis] - within.begin[axis]) as u64;
                ranges.next[axis] += (rest % extent) as i64;
                rest /= extent;
            }
            let row = (within.end[n_axes - 1] - within.begin[n_axes - 1]) as u64;
            ranges.n_rows = size / row - skip / row;
            ranges.next_index = (0..n_axes).map(|axis| ranges.next[axis] as u64 * strides[axis]).sum();
        }
        ranges
    }
}

impl Iterator for IndexRanges {
    type Item = Range<u64>;

    #[inline]
    fn next(&mut self) -> Option<Range<u64>> {
        self.n_rows = self.n_rows.checked_sub(1)?;
        let last = self.next.n_axes() - 1;
        let length = (self.within.end[last] - self.next[last]) as u64;
        let range = self.next_index..self.next_index + length;
        self.next_index -= (self.next[last] - self.within.begin[last]) as u64;
        self.next[last] = self.within.begin[last];
        for axis in (0..last).rev() {
            self.next[axis] += 1;
            self.next_index += self.strides[axis];
            if self.next[axis] < self.within.end[axis] {
                break;
            }
            let extent = (self.within.end[axis] - self.within.begin[axis]) as u64;
            self.next[axis] = self.within.begin[axis];
            self.next_index -= extent * self.strides[axis];
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid_1d(total: (i64, i64), write: i64, lo: i64, hi: i64, fit: Fit) -> Result<Grid, TaskProblem> {
        let total = Roi::new([total.0], [total.1])?;
        Grid::new(total, [write].into(), [lo].into(), [hi].into(), fit)
    }

    #[test]
    fn daisys_own_figures() {
        for fit in [Fit::Valid, Fit::Overhang, Fit::Shrink] {
            assert_eq!(grid_1d((0, 12), 1, 2, 2, fit).map(|g| g.n_blocks()), Ok(8));
        }
        for (fit, n_blocks) in [(Fit::Valid, 3), (Fit::Overhang, 4), (Fit::Shrink, 4)] {
            assert_eq!(grid_1d((0, 12), 3, 1, 1, fit).map(|g| g.n_blocks()), Ok(n_blocks));
        }
    }

    #[test]
    fn shrink_cuts_the_last_block() -> Result<(), TaskProblem> {
        let grid = grid_1d((0, 12), 3, 1, 1, Fit::Shrink)?;
        let last = grid.position(3);
        assert_eq!(grid.write_roi(&last), Roi::new([10], [1])?);
        assert_eq!(grid.read_roi(&last), Roi::new([9], [3])?);
        let grid = grid_1d((0, 12), 3, 1, 1, Fit::Overhang)?;
        assert_eq!(grid.write_roi(&last), Roi::new([10], [3])?);
        assert_eq!(grid.read_roi(&last), Roi::new([9], [5])?);
        Ok(())
    }

    #[test]
    fn impossible_grids_say_why() {
        assert!(matches!(grid_1d((0, 12), 0, 0, 0, Fit::Valid), Err(TaskProblem::Geometry(_))));
        assert!(matches!(grid_1d((0, 12), 1, -1, 0, Fit::Valid), Err(TaskProblem::NegativeContext(_))));
        assert!(matches!(grid_1d((0, 12), 13, 0, 0, Fit::Valid), Err(TaskProblem::NoBlocks { .. })));
        assert!(matches!(grid_1d((0, 12), 1, 6, 6, Fit::Shrink), Err(TaskProblem::NoBlocks { .. })));
        assert!(matches!(
            grid_1d((i64::MAX - 10, 10), 7, 0, 0, Fit::Overhang),
            Err(TaskProblem::Geometry(_))
        ));
        let wide = Roi::new([0, 0], [i64::MAX, i64::MAX]).expect("fits");
        let one = Coordinate::from([1, 1]);
        let zero = Coordinate::from([0, 0]);
        assert!(matches!(Grid::new(wide, one, zero, zero, Fit::Valid), Err(TaskProblem::TooManyBlocks(_))));
    }

    #[test]
    fn index_ranges_cover_a_box_from_anywhere() -> Result<(), TaskProblem> {
        let total = Roi::new([0, 0, 0], [5, 6, 7])?;
        let (one, zero) = (Coordinate::splat(3, 1), Coordinate::zeros(3));
        let grid = Grid::new(total, one, zero, zero, Fit::Valid)?;
        for (begin, end) in
            [([1, 2, 3], [4, 5, 6]), ([0, 0, 0], [5, 6, 7]), ([2, 2, 2], [3, 3, 3]), ([1, 1, 1], [2, 1, 4])]
        {
            let within = GridBox { begin: begin.into(), end: end.into() };
            let all: Vec<u64> = within.positions().map(|position| grid.index(&position)).collect();
            for skip in 0..=all.len() {
                let walked: Vec<u64> = grid.index_ranges(&within, skip as u64).flatten().collect();
                assert_eq!(walked, all[skip..]);
            }
        }
        Ok(())
    }

    #[test]
    fn index_and_position_are_inverse() -> Result<(), TaskProblem> {
        let total = Roi::new([0, 0, 0], [20, 30, 70])?;
        let zero = Coordinate::zeros(3);
        let grid = Grid::new(total, [10, 10, 10].into(), zero, zero, Fit::Valid)?;
        for (index, position) in grid.bounds().positions().enumerate() {
            assert_eq!(grid.index(&position), index as u64);
            assert_eq!(grid.position(index as u64), position);
        }
        Ok(())
    }
}
