//! Masks: which blocks of a task write where there is something, found without a look at each of them.
//!
//! A mask answers for a box: whether there is nothing in it, or whether it is full. Boxes of blocks of which either holds
//! need not be looked into.

use std::ops::Range;

use super::grid::Grid;
use super::grid_box::GridBox;
use super::ranges::{Joined, joined};
use crate::geometry::{Cover, Roi};

/// The blocks whose write ROI meets nothing of a mask, as ranges of indices in rising order.
///
/// Costs as many questions as there are ranges, times the logarithm of the size of the grid.
///
/// ```
/// use bellis::geometry::Cover;
/// use bellis::plan::masked;
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
