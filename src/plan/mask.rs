//! Masks: which blocks of a task write where there is something, found without a look at each of them.
//!
//! A mask answers for a box: whether there is nothing in it, or whether it is full. Boxes of blocks of which either holds
//! need not be looked into.

use std::ops::Range;

use super::grid::Grid;
use super::grid_box::GridBox;
use super::ranges::{Joined, joined};
use crate::geometry::{Coordinate, GeometryError, MAX_AXES, Roi};

/// What there is of a mask in a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Nothing: no block that writes there is to run.
    Nothing,
    /// Something; of a part of the box it may be nothing.
    Something,
    /// Each part of the box, however small, has something of it.
    Everything,
}

/// The blocks whose write ROI meets nothing of a mask, as ranges of indices in rising order.
///
/// Costs as many questions as there are ranges, times the logarithm of the size of the grid.
///
/// ```
/// use bellis::plan::{Cover, masked};
/// use bellis::{Roi, Task};
///
/// let task = Task::builder("t").total_roi(Roi::new([0, 0], [1_000_000, 1_000_000])?).block_shape([10, 10]).build()?;
/// let cell = Roi::new([777, 50], [30, 20])?;
/// let mut n_asked = 0;
/// let excluded: Vec<_> = masked(task.grid(), |roi| {
///     n_asked += 1;
///     if roi.intersects(&cell).unwrap_or(false) { Cover::Something } else { Cover::Nothing }
/// })
/// .collect();
/// assert_eq!(excluded[0], 0..7_700_005);
/// assert_eq!(excluded.iter().map(|range| range.end - range.start).sum::<u64>(), 10_000_000_000 - 4 * 2);
/// assert!(n_asked < 400);
/// # Ok::<(), bellis::BoxError>(())
/// ```
pub fn masked<C: FnMut(&Roi) -> Cover>(grid: &Grid, cover: C) -> Masked<C> {
    let rows = 0..grid.shape()[0];
    masked_rows(grid, rows, cover)
}

/// As [`masked`], for the blocks at some positions along the first axis: several that look each at a part find together
/// what one finds.
pub fn masked_rows<C: FnMut(&Roi) -> Cover>(grid: &Grid, rows: Range<i64>, cover: C) -> Masked<C> {
    let mut part = grid.bounds();
    (part.begin[0], part.end[0]) = (rows.start.max(0), rows.end.min(part.end[0]));
    let open = if part.is_empty() { Vec::new() } else { vec![part] };
    Masked { ranges: joined(Search { grid: grid.clone(), open, cover }) }
}

/// What [`masked`] finds.
pub struct Masked<C: FnMut(&Roi) -> Cover> {
    ranges: Joined<Search<C>>,
}

impl<C: FnMut(&Roi) -> Cover> Iterator for Masked<C> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        self.ranges.next()
    }
}

/// Goes through boxes of blocks in order of index: all of them, halves, and so on along the first axis, and along the next
/// only where a box is one block wide along the former. So each box is a range of indices.
struct Search<C> {
    grid: Grid,
    /// What was not looked at yet, the next one last.
    open: Vec<GridBox>,
    cover: C,
}

impl<C: FnMut(&Roi) -> Cover> Iterator for Search<C> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        while let Some(part) = self.open.pop() {
            match (self.cover)(&self.grid.written_by(&part)) {
                Cover::Nothing => {
                    let first = self.grid.index(&part.begin);
                    return Some(first..first + part.size());
                }
                Cover::Everything => {}
                Cover::Something => self.open.extend(halves(&part).into_iter().flatten()),
            }
        }
        None
    }
}

/// A box in two, the later one first, along the first axis where it is wider than one; `None` for a single position.
fn halves(part: &GridBox) -> Option<[GridBox; 2]> {
    let axis = (0..part.begin.n_axes()).find(|axis| part.end[*axis] - part.begin[*axis] > 1)?;
    let middle = part.begin[axis] + (part.end[axis] - part.begin[axis]) / 2;
    let (mut before, mut after) = (*part, *part);
    (before.end[axis], after.begin[axis]) = (middle, middle);
    Some([after, before])
}

/// A mask of voxels that are something or nothing, as large as one likes: outside of it there is nothing.
///
/// Holds a sum for each voxel, so that a box of any size is looked up in a few steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskGrid {
    begin: Coordinate,
    voxel_size: Coordinate,
    shape: Coordinate,
    /// For each corner between voxels, the number of voxels before it along all axes that are something.
    sums: Vec<u64>,
}

impl MaskGrid {
    /// A mask of `shape` voxels in C order, of which the first begins at `begin`, in world units.
    ///
    /// # Errors
    /// Numbers of axes that differ, a shape or voxels that are not positive, a mask that ends beyond 64 bits.
    ///
    /// # Panics
    /// When there are not as many voxels as the shape says.
    pub fn new(
        begin: Coordinate,
        voxel_size: Coordinate,
        shape: Coordinate,
        voxels: &[bool],
    ) -> Result<Self, GeometryError> {
        begin.require_same_axes(&voxel_size)?;
        begin.require_same_axes(&shape)?;
        voxel_size.require_positive("voxel size")?;
        shape.require_positive("shape of a mask")?;
        // The end of it has to be a coordinate.
        begin.checked_add(&shape.checked_mul(&voxel_size)?)?;
        assert_eq!(shape.product()?.unsigned_abs(), voxels.len() as u64, "as many voxels as the shape says");
        let mut mask = Self { begin, voxel_size, shape, sums: Vec::new() };
        mask.sums = mask.sums_of(voxels);
        Ok(mask)
    }

    fn sums_of(&self, voxels: &[bool]) -> Vec<u64> {
        let n_axes = self.shape.n_axes();
        let corners = GridBox {
            begin: Coordinate::zeros(n_axes),
            end: Coordinate::from_fn(n_axes, |axis| self.shape[axis] + 1),
        };
        let mut inside = voxels.iter();
        let mut sums: Vec<u64> = corners
            .positions()
            .map(
                |corner| {
                    if corner.all(|at| at > 0) { inside.next().map_or(0, |is| u64::from(*is)) } else { 0 }
                },
            )
            .collect();
        // Along one axis after the other.
        for axis in 0..n_axes {
            let stride: usize = (axis + 1..n_axes).map(|later| self.shape[later] as usize + 1).product();
            let extent = self.shape[axis] as usize + 1;
            for at in 0..sums.len() {
                if !(at / stride).is_multiple_of(extent) {
                    sums[at] += sums[at - stride];
                }
            }
        }
        sums
    }

    /// What there is of it in a box. A voxel counts with all of what it covers.
    pub fn cover(&self, roi: &Roi) -> Cover {
        if roi.n_axes() != self.shape.n_axes() {
            return Cover::Nothing;
        }
        let mut bounds = [(0, 0); MAX_AXES];
        let mut is_inside = true;
        for (axis, bounds) in bounds.iter_mut().enumerate().take(roi.n_axes()) {
            let wide = |value: i64| i128::from(value);
            let begin = wide(roi.begin()[axis]) - wide(self.begin[axis]);
            let end = begin + wide(roi.shape()[axis]);
            let (first, past) = (
                begin.div_euclid(wide(self.voxel_size[axis])),
                -(-end).div_euclid(wide(self.voxel_size[axis])),
            );
            is_inside &= first >= 0 && past <= wide(self.shape[axis]);
            // Between 0 and the shape.
            let within = |at: i128| at.clamp(0, wide(self.shape[axis])) as i64;
            *bounds = (within(first), within(past));
        }
        let bounds = &bounds[..roi.n_axes()];
        let n_voxels: u64 = bounds.iter().map(|(begin, end)| end.abs_diff(*begin)).product();
        match self.count(bounds) {
            0 => Cover::Nothing,
            n if n == n_voxels && is_inside => Cover::Everything,
            _ => Cover::Something,
        }
    }

    /// Number of voxels in a box that are something: what lies before its far corner, less what lies before the others.
    fn count(&self, bounds: &[(i64, i64)]) -> u64 {
        (0..1u32 << bounds.len()).fold(0, |count: u64, corner| {
            let index = bounds.iter().enumerate().fold(0, |index, (axis, (begin, end))| {
                let at = if corner >> axis & 1 == 0 { end } else { begin };
                index * (self.shape[axis] as usize + 1) + *at as usize
            });
            // On the way the count may pass below 0; it comes back.
            match corner.count_ones() % 2 {
                0 => count.wrapping_add(self.sums[index]),
                _ => count.wrapping_sub(self.sums[index]),
            }
        })
    }
}
