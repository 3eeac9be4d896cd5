//! The blocks of a task that wait for nothing, in order of index, without storing them.
//!
//! These are the blocks of level 0 (no conflicting block goes first) that no upstream block writes to: every
//! period-th position, along each axis, of what is left of the grid when the box of dependent positions of each
//! upstream task is cut out.

use crate::geometry::Coordinate;
use crate::plan::{Grid, GridBox, PlannedTask};

/// Goes through the level-0 positions of one box.
#[derive(Debug, Clone)]
struct Cursor {
    begin: Coordinate,
    end: Coordinate,
    step: Coordinate,
    position: Coordinate,
    index: u64,
}

/// A cursor for each box, merged by index.
#[derive(Debug, Clone)]
pub(super) struct InitiallyReady {
    grid: Grid,
    cursors: Vec<Cursor>,
    n_left: u64,
}

impl InitiallyReady {
    pub fn of(planned: &PlannedTask) -> Self {
        let grid = planned.spec.grid();
        let mut boxes = vec![grid.bounds()];
        for (_, link) in &planned.upstream {
            let dependent = link.dependent();
            boxes = boxes.iter().flat_map(|part| part.subtract(&dependent)).collect();
        }
        let step = planned.spec.conflicts().map_or(Coordinate::splat(grid.n_axes(), 1), |c| *c.period());
        let aligned: Vec<GridBox> =
            boxes.into_iter().map(|part| align(part, &step)).filter(|part| !part.is_empty()).collect();
        let n_left = aligned.iter().map(|part| part.size_by(&step)).sum();
        let cursors = aligned.iter().map(|part| Cursor::over(grid, part, step)).collect();
        Self { grid: grid.clone(), cursors, n_left }
    }

    /// Number of blocks not yet taken.
    pub fn n_left(&self) -> u64 {
        self.n_left
    }

    /// The lowest index not yet taken.
    #[inline]
    pub fn peek(&self) -> Option<u64> {
        match self.cursors.as_slice() {
            [cursor] => Some(cursor.index),
            cursors => cursors.iter().map(|cursor| cursor.index).min(),
        }
    }

    /// Takes the block that [`peek`](Self::peek) shows.
    #[inline]
    pub fn pop(&mut self) -> Option<u64> {
        let index = self.peek()?;
        let lowest = self.cursors.iter().position(|cursor| cursor.index == index)?;
        self.n_left -= 1;
        if !self.cursors[lowest].advance(&self.grid) {
            self.cursors.swap_remove(lowest);
        }
        Some(index)
    }

    /// The indices not yet taken, in no particular order; only for checks and tests.
    pub fn remaining(&self) -> impl Iterator<Item = u64> + '_ {
        self.cursors.iter().flat_map(move |cursor| {
            let mut cursor = cursor.clone();
            let mut next = Some(cursor.index);
            std::iter::from_fn(move || {
                let current = next?;
                next = cursor.advance(&self.grid).then_some(cursor.index);
                Some(current)
            })
        })
    }
}

/// The part of a box that begins on positions of level 0.
fn align(part: GridBox, step: &Coordinate) -> GridBox {
    let begin = Coordinate::from_fn(step.n_axes(), |axis| {
        part.begin[axis] + (-part.begin[axis]).rem_euclid(step[axis])
    });
    GridBox { begin, end: part.end }
}

impl Cursor {
    fn over(grid: &Grid, part: &GridBox, step: Coordinate) -> Self {
        Self { begin: part.begin, end: part.end, step, position: part.begin, index: grid.index(&part.begin) }
    }

    /// Moves to the next position; `false` at the end.
    #[inline]
    fn advance(&mut self, grid: &Grid) -> bool {
        let last = self.position.n_axes() - 1;
        let step = self.step[last];
        self.position[last] += step;
        if self.position[last] < self.end[last] {
            self.index += step.unsigned_abs();
            return true;
        }
        self.carry(grid)
    }

    /// Moves to the begin of the next row.
    fn carry(&mut self, grid: &Grid) -> bool {
        let mut axis = self.position.n_axes() - 1;
        loop {
            self.position[axis] = self.begin[axis];
            if axis == 0 {
                return false;
            }
            axis -= 1;
            self.position[axis] += self.step[axis];
            if self.position[axis] < self.end[axis] {
                self.index = grid.index(&self.position);
                return true;
            }
        }
    }
}
