//! All that waits for some blocks, directly or by way of others: what is out of date when these are processed anew.
//!
//! Between tasks alone: blocks of one task that wait for each other read what they overwrite, and processed anew they would
//! read what they wrote.

use std::cmp::Ordering;
use std::ops::Range;

use super::compiled::Plan;
use super::grid::Grid;
use super::grid_box::GridBox;
use super::ranges::joined;
use crate::geometry::Coordinate;

impl Plan {
    /// The blocks of other tasks that wait for `blocks`, which are ranges of indices for each task; ranges that rise and
    /// neither overlap nor touch. Costs a few steps for each row of the grid that the blocks lie in.
    ///
    /// ```
    /// use bellis::plan::Plan;
    /// use bellis::{Roi, Task};
    ///
    /// let total = Roi::new([0], [100])?;
    /// let task = |name, context| Task::builder(name).total_write_roi(total).block_shape([10]).context([context], [context]);
    /// let plan = Plan::new(&(task("smooth", 0).build()? + task("label", 5).build()?))?;
    /// assert_eq!(plan.dependents(&[vec![3..5], vec![]]), [vec![], vec![2..6]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dependents(&self, blocks: &[Vec<Range<u64>>]) -> Vec<Vec<Range<u64>>> {
        let mut found: Vec<Vec<Range<u64>>> = vec![Vec::new(); self.tasks().len()];
        // Upstream first: what is found of a task is whole when the next one looks at it.
        for &task in self.by_priority().iter().rev() {
            let mut of_task = Vec::new();
            for (upstream, link) in &self.task(task).upstream {
                let at = upstream.as_usize();
                let from = self.task(*upstream).spec.grid();
                let grid = self.task(task).spec.grid();
                for range in blocks.get(at).into_iter().flatten().chain(&found[at]) {
                    for part in boxes(from, range.clone()) {
                        of_task.extend(grid.index_ranges(&link.downstream_of_all(&part), 0));
                    }
                }
            }
            of_task.sort_unstable_by_key(|range: &Range<u64>| range.start);
            found[task.as_usize()] = joined(of_task).collect();
        }
        found
    }
}

/// Consecutive indices as boxes, each as large as can be.
fn boxes(grid: &Grid, range: Range<u64>) -> Vec<GridBox> {
    let (shape, n_axes) = (grid.shape(), grid.n_axes());
    let mut found = Vec::new();
    let mut next = range.start;
    while next < range.end {
        let position = grid.position(next);
        let (mut axis, mut stride) = (n_axes - 1, 1);
        // Whole rows, planes and so on, where one begins here and ends before the end.
        while axis > 0 && position[axis] == 0 && stride * shape[axis].unsigned_abs() <= range.end - next {
            stride *= shape[axis].unsigned_abs();
            axis -= 1;
        }
        let n_left = (shape[axis] - position[axis]).unsigned_abs();
        let n_steps = n_left.min((range.end - next) / stride);
        // No more than the grid has.
        let past = position[axis] + n_steps.cast_signed();
        let end = Coordinate::from_fn(n_axes, |at| match at.cmp(&axis) {
            Ordering::Less => position[at] + 1,
            Ordering::Equal => past,
            Ordering::Greater => shape[at],
        });
        found.push(GridBox { begin: position, end });
        next += n_steps * stride;
    }
    found
}
