//! The blocks of a task that wait for nothing, in order of index, without storing them.
//!
//! These are the blocks of level 0 (no conflicting block goes first) that no upstream block writes to: every
//! period-th position, along each axis, of what is left of the grid when the box of dependent positions of each
//! upstream task is cut out.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::states::States;
use crate::geometry::Coordinate;
use crate::plan::{Grid, GridBox, PlannedTask};

/// Goes through the level-0 positions of one box.
#[derive(Debug, Clone)]
struct Cursor {
    begin: Coordinate,
    end: Coordinate,
    step: Coordinate,
    /// The position of `index`, but for the last axis, along which `index` alone moves on.
    position: Coordinate,
    index: u64,
    /// The index at which the row along the last axis ends.
    row_end: u64,
    /// From one index of the row to the next.
    stride: u64,
}

/// A cursor for each box, merged by index.
#[derive(Debug, Clone)]
pub(super) struct InitiallyReady {
    grid: Grid,
    cursors: Vec<Cursor>,
    order: Order,
    n_left: u64,
    has_holes: bool,
}

/// The index that each cursor stands at and which it is; without those at their end. The lowest is apart from the heap, where
/// a step of it costs next to nothing as long as it stays the lowest: always, where there is one box.
#[derive(Debug, Clone)]
struct Order {
    first: Option<(u64, usize)>,
    others: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Order {
    fn new(cursors: &[Cursor]) -> Self {
        let at = |(which, cursor): (usize, &Cursor)| Reverse((cursor.index, which));
        let mut others: BinaryHeap<_> = cursors.iter().enumerate().map(at).collect();
        let first = others.pop().map(|Reverse(first)| first);
        Self { first, others }
    }

    /// Moves the lowest on to `index`, or out where it is at its end.
    #[inline]
    fn step(&mut self, index: Option<u64>) {
        match (index, &mut self.first) {
            (Some(index), Some((first, _))) if self.others.is_empty() => *first = index,
            _ => self.step_among_others(index),
        }
    }

    fn step_among_others(&mut self, index: Option<u64>) {
        let stepped = index.zip(self.first.map(|(_, which)| which));
        let next = self.others.peek().map(|Reverse(next)| *next);
        self.first = match (stepped, next) {
            (Some(stepped), Some(next)) if next < stepped => {
                self.others.pop();
                self.others.push(Reverse(stepped));
                Some(next)
            }
            (Some(stepped), _) => Some(stepped),
            (None, next) => {
                self.others.pop();
                next
            }
        };
    }

    fn clear(&mut self) {
        self.first = None;
        self.others.clear();
    }

    fn iter(&self) -> impl Iterator<Item = (u64, usize)> + '_ {
        self.first.into_iter().chain(self.others.iter().map(|Reverse(other)| *other))
    }
}

impl InitiallyReady {
    pub fn of(planned: &PlannedTask) -> Self {
        let grid = planned.spec.grid();
        let dependent: Vec<GridBox> = planned.upstream.iter().map(|(_, link)| link.dependent()).collect();
        let boxes = grid.bounds().subtract_all(&dependent);
        let step = planned.spec.conflicts().map_or(Coordinate::splat(grid.n_axes(), 1), |c| *c.period());
        let aligned: Vec<GridBox> =
            boxes.into_iter().map(|part| align(part, &step)).filter(|part| !part.is_empty()).collect();
        let n_left = aligned.iter().map(|part| part.size_by(&step)).sum();
        let cursors: Vec<Cursor> = aligned.iter().map(|part| Cursor::over(grid, part, step)).collect();
        let order = Order::new(&cursors);
        Self { grid: grid.clone(), cursors, order, n_left, has_holes: false }
    }

    /// Number of blocks not yet taken.
    pub fn n_left(&self) -> u64 {
        self.n_left
    }

    /// The lowest index not yet taken. Once blocks were [removed](Self::remove), only when
    /// [`skip_ended`](Self::skip_ended) found it.
    #[inline]
    pub fn peek(&self) -> Option<u64> {
        self.order.first.map(|(index, _)| index)
    }

    /// Takes the block that [`peek`](Self::peek) shows.
    #[inline]
    pub fn pop(&mut self) -> Option<u64> {
        let (index, which) = self.order.first?;
        self.n_left -= 1;
        let cursor = &mut self.cursors[which];
        let next = cursor.advance(&self.grid).then_some(cursor.index);
        self.order.step(next);
        Some(index)
    }

    /// Whether blocks were removed.
    #[inline]
    pub fn has_holes(&self) -> bool {
        self.has_holes
    }

    /// Removes the blocks in a range, of which none was taken or removed before, and returns their number: O(axes) for
    /// each box.
    pub fn remove(&mut self, range: &Range<u64>) -> u64 {
        let n_below = |cursor: &Cursor, index: u64| cursor.n_below(&self.grid, index);
        let n_within = |cursor| n_below(cursor, range.end) - n_below(cursor, range.start);
        let n_removed = self.cursors.iter().map(n_within).sum();
        self.n_left -= n_removed;
        self.has_holes = true;
        n_removed
    }

    /// Moves on to the lowest index that has not ended; `false` when the budget is used up before.
    pub fn skip_ended(&mut self, states: &States, budget: &mut u64) -> bool {
        if self.n_left == 0 {
            self.order.clear();
        }
        while let Some((index, which)) = self.order.first {
            let (reached, is_open) = states.next_open(index, budget);
            if reached == index {
                return is_open;
            }
            let cursor = &mut self.cursors[which];
            let next = cursor.seek(&self.grid, reached).then_some(cursor.index);
            self.order.step(next);
        }
        true
    }

    /// The indices not yet taken, also removed ones, in no particular order; only for checks and tests.
    pub fn remaining(&self) -> impl Iterator<Item = u64> + '_ {
        self.order.iter().flat_map(move |(index, which)| {
            let mut cursor = self.cursors[which].clone();
            let mut next = Some(index);
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
        let stride = step[step.n_axes() - 1].unsigned_abs();
        let (begin, end) = (part.begin, part.end);
        let mut cursor = Self { begin, end, step, position: begin, index: 0, row_end: 0, stride };
        cursor.find_index(grid);
        cursor
    }

    /// Finds the index of the position, and where its row ends.
    fn find_index(&mut self, grid: &Grid) {
        let last = self.position.n_axes() - 1;
        self.index = grid.index(&self.position);
        self.row_end = self.index + (self.end[last] - self.position[last]).unsigned_abs();
    }

    /// Moves to the next position; `false` at the end.
    #[inline]
    fn advance(&mut self, grid: &Grid) -> bool {
        if self.row_end - self.index > self.stride {
            self.index += self.stride;
            return true;
        }
        self.carry_from(grid, self.position.n_axes() - 1)
    }

    /// Moves to the begin of the next row, past the end of which the position is along `axis`.
    fn carry_from(&mut self, grid: &Grid, mut axis: usize) -> bool {
        loop {
            self.position[axis] = self.begin[axis];
            if axis == 0 {
                return false;
            }
            axis -= 1;
            self.position[axis] += self.step[axis];
            if self.position[axis] < self.end[axis] {
                self.find_index(grid);
                return true;
            }
        }
    }

    /// Moves to the first position of at least this index; `false` when there is none.
    fn seek(&mut self, grid: &Grid, index: u64) -> bool {
        if index >= grid.n_blocks() {
            return false;
        }
        let target = grid.position(index);
        let n_axes = target.n_axes();
        self.position = self.begin;
        for axis in 0..n_axes {
            let missing = target[axis] - self.begin[axis];
            if missing <= 0 {
                if missing < 0 {
                    break;
                }
                continue;
            }
            let step = self.step[axis];
            self.position[axis] += ((missing - 1) / step + 1) * step;
            if self.position[axis] >= self.end[axis] {
                return self.carry_from(grid, axis);
            }
            if self.position[axis] > target[axis] {
                break;
            }
        }
        self.find_index(grid);
        true
    }

    /// Number of positions, from the begin of the box, of lower index.
    fn n_below(&self, grid: &Grid, index: u64) -> u64 {
        let count = |axis: usize, extent: i64| {
            let all = (self.end[axis] - self.begin[axis]).unsigned_abs();
            u64::try_from(extent).unwrap_or(0).min(all).div_ceil(self.step[axis].unsigned_abs())
        };
        let whole = |axis: usize| count(axis, self.end[axis] - self.begin[axis]);
        if index >= grid.n_blocks() {
            return (0..self.begin.n_axes()).map(whole).product();
        }
        let target = grid.position(index);
        let mut n_below = 0;
        for axis in 0..target.n_axes() {
            let extent = target[axis] - self.begin[axis];
            n_below += count(axis, extent) * (axis + 1..target.n_axes()).map(whole).product::<u64>();
            // Only where positions are equal so far do the later axes decide.
            let is_on = extent >= 0 && target[axis] < self.end[axis] && extent % self.step[axis] == 0;
            if !is_on {
                break;
            }
        }
        n_below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::{Pipeline, Plan, Task, TaskId};

    /// Of a task with conflicts that reads from several others: a box between theirs, and what is around them.
    fn initially_ready() -> (InitiallyReady, u64) {
        let task = |name: &str, offset: [i64; 2], extent: [i64; 2], context: [i64; 2]| {
            let roi = Roi::new(offset, extent).expect("fits");
            let task = Task::builder(name).total_write_roi(roi).block_shape([1, 1]).context(context, context);
            Pipeline::from(task.build().expect("a good task"))
        };
        let upstream = task("one", [3, 2], [9, 5], [0, 0]) | task("two", [14, 9], [2, 2], [0, 0]);
        let plan = Plan::new(&(upstream + task("all", [0, 0], [20, 15], [1, 2]))).expect("a good plan");
        (InitiallyReady::of(plan.task(TaskId(2))), 300)
    }

    #[test]
    fn what_is_removed_is_skipped() {
        let (whole, n_blocks) = initially_ready();
        assert!(whole.cursors.len() > 2);
        let mut all: Vec<u64> = whole.remaining().collect();
        all.sort_unstable();
        assert_eq!(all.len() as u64, whole.n_left());
        for begin in 0..n_blocks {
            for end in [begin + 1, begin + 17, (begin + 200).min(n_blocks), n_blocks] {
                let range = begin..end.min(n_blocks);
                let (mut ready, mut states) = (whole.clone(), States::new(n_blocks, 1));
                states.end_range(range.clone(), &mut 1000, |_, _| {});
                let left: Vec<u64> = all.iter().copied().filter(|index| !range.contains(index)).collect();
                assert_eq!(ready.remove(&range), (all.len() - left.len()) as u64);
                let next = || {
                    while !ready.skip_ended(&states, &mut 1) {}
                    ready.pop()
                };
                assert_eq!(std::iter::from_fn(next).collect::<Vec<_>>(), left, "{range:?}");
            }
        }
    }
}
