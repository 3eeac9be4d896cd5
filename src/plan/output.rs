//! Whether the blocks of a task can write an output without two of them in one chunk at the same time.

use super::conflict::Conflicts;
use super::error::TaskProblem;
use super::grid::Grid;
use crate::geometry::{Coordinate, Lattice, OnLattice};

/// An output that a task declared, as far as planning is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    pub label: String,
    pub lattice: Lattice,
}

impl Output {
    pub fn new(output: &impl OnLattice) -> Self {
        Self { label: output.label(), lattice: output.lattice() }
    }

    /// Refuses a grid whose blocks would write this output at the same time, or outside of it.
    pub fn check(&self, grid: &Grid, conflicts: Option<&Conflicts>) -> Result<(), TaskProblem> {
        let extent = self.lattice.extent;
        if extent.n_axes() != grid.n_axes() {
            let (output_axes, task_axes) = (extent.n_axes(), grid.n_axes());
            return Err(TaskProblem::OutputAxes { output: self.label.clone(), output_axes, task_axes });
        }
        if !extent.contains(&grid.written())? {
            return Err(TaskProblem::WritesOutsideOutput {
                written: grid.written(),
                output: self.label.clone(),
                extent,
            });
        }
        let shared = (0..grid.n_axes()).any(|axis| self.is_shared(grid, axis));
        if shared && !self.kept_apart(grid, conflicts) { Err(self.shared_chunk(grid)) } else { Ok(()) }
    }

    /// Whether two neighbours along `axis` meet inside a chunk: true unless every border between blocks is one
    /// between chunks.
    fn is_shared(&self, grid: &Grid, axis: usize) -> bool {
        let cell = self.lattice.cell[axis];
        let stride = grid.write_shape()[axis];
        let first_border = grid.total_write().begin()[axis] + stride - self.lattice.extent.begin()[axis];
        match grid.shape()[axis] {
            1 => false,
            2 => first_border % cell != 0,
            _ => first_border % cell != 0 || stride % cell != 0,
        }
    }

    /// Whether all blocks that share a chunk conflict anyway, and so never run at the same time.
    fn kept_apart(&self, grid: &Grid, conflicts: Option<&Conflicts>) -> bool {
        let shares = |axis: usize| {
            let reach =
                self.lattice.cell[axis].unsigned_abs().div_ceil(grid.write_shape()[axis].unsigned_abs());
            if self.is_shared(grid, axis) { i64::try_from(reach).unwrap_or(i64::MAX) } else { 0 }
        };
        let corner = Coordinate::from_fn(grid.n_axes(), shares);
        conflicts.is_some_and(|conflicts| conflicts.includes_box(&corner))
    }

    fn shared_chunk(&self, grid: &Grid) -> TaskProblem {
        let cell = self.lattice.cell;
        let begin = *grid.total_write().begin();
        let origin = self.lattice.extent.begin();
        let round_up = |axis: usize| next_multiple(grid.write_shape()[axis], cell[axis]);
        let on_chunks = Coordinate::from_fn(grid.n_axes(), |axis| {
            origin[axis] + (begin[axis] - origin[axis]).div_euclid(cell[axis]) * cell[axis]
        });
        let begin_hint = if on_chunks == begin {
            String::new()
        } else {
            format!(" and a total write ROI that begins on a chunk, such as {on_chunks}")
        };
        TaskProblem::SharedChunk {
            block_shape: *grid.write_shape(),
            begin,
            output: self.label.clone(),
            chunk_shape: cell,
            chunk_begin: *origin,
            fitting_shape: Coordinate::from_fn(grid.n_axes(), round_up),
            begin_hint,
        }
    }
}

/// The multiple of `cell` at or past `extent`, or the last one below when that does not fit.
fn next_multiple(extent: i64, cell: i64) -> i64 {
    let below = extent - extent.rem_euclid(cell);
    if below == extent { extent } else { below.checked_add(cell).unwrap_or(below) }
}
