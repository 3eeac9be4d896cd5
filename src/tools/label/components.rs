//! The components of one block, numbered from 1 in the order of their first voxels.
//!
//! In two passes, by runs along the last axis instead of by voxels: a row is compared with the rows before it that hold
//! neighbours of its voxels. Works for any number of axes.

use std::ops::Range;

use ndarray::{ArrayD, IxDyn};

use super::connectivity::Neighbours;
use super::union_find::UnionFind;

/// The components of one block.
#[derive(Debug, Clone)]
pub struct Components {
    shape: Vec<usize>,
    /// In C order.
    runs: Vec<Run>,
    /// Of each row, which runs are its.
    rows: Vec<Range<usize>>,
    /// Of each component, its first voxel in C order and how many it has.
    pub found: Vec<Component>,
}

/// Voxels along the last axis.
#[derive(Debug, Clone, Copy)]
struct Run {
    begin: u32,
    end: u32,
    /// At first in the order of runs, from 0; at last the component's number, from 1.
    label: u32,
}

/// One component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Component {
    /// Its first voxel in C order, as a position in the block.
    pub first: u64,
    /// How many voxels it has.
    pub size: u64,
}

impl Components {
    /// The components of the voxels for which `holds` is true: nothing is joined along the channel axes, which come first. The
    /// block has fewer than 2^32 voxels.
    pub fn of<T: Copy>(
        data: &ArrayD<T>,
        n_channel_axes: usize,
        neighbours: Neighbours,
        holds: impl Fn(T) -> bool,
    ) -> Self {
        let shape = data.shape().to_vec();
        let mut found = Self { shape, runs: Vec::new(), rows: Vec::new(), found: Vec::new() };
        found.find_runs(data, holds);
        let sets = found.join_runs(n_channel_axes, neighbours);
        found.number(sets);
        found
    }

    fn find_runs<T: Copy>(&mut self, data: &ArrayD<T>, holds: impl Fn(T) -> bool) {
        for row in data.rows() {
            let begin = self.runs.len();
            let mut run: Option<u32> = None;
            for (x, value) in (0..).zip(row) {
                match (holds(*value), run) {
                    (true, None) => run = Some(x),
                    (false, Some(begin)) => {
                        self.push(begin, x);
                        run = None;
                    }
                    _ => {}
                }
            }
            if let Some(begin) = run {
                self.push(begin, row.len() as u32);
            }
            self.rows.push(begin..self.runs.len());
        }
    }

    fn push(&mut self, begin: u32, end: u32) {
        let label = self.runs.len() as u32;
        self.runs.push(Run { begin, end, label });
    }

    /// Joins runs that touch.
    fn join_runs(&mut self, n_channel_axes: usize, neighbours: Neighbours) -> UnionFind {
        let mut sets = UnionFind::new(self.runs.len());
        let leading = &self.shape[..self.shape.len() - 1];
        let steps: Vec<Vec<i64>> = neighbours.later_steps(leading.len() - n_channel_axes);
        let within = |step: Vec<i64>| std::iter::repeat_n(0, n_channel_axes).chain(step).collect();
        let steps: Vec<Vec<i64>> = steps.into_iter().map(within).collect();
        let mut at = vec![0i64; leading.len()];
        for row in 0..self.rows.len() {
            if !self.rows[row].is_empty() {
                for step in &steps {
                    if let Some(other) = earlier(leading, &at, step) {
                        self.join_rows(&mut sets, row, other, neighbours.aside());
                    }
                }
            }
            advance(&mut at, leading);
        }
        sets
    }

    /// Joins what touches of two neighbouring rows.
    fn join_rows(&self, sets: &mut UnionFind, one: usize, other: usize, aside: i64) {
        let reach = aside as u32;
        let (mut ones, mut others) = (self.rows[one].clone(), self.rows[other].clone());
        while let (Some(one), Some(other)) = (self.in_range(&ones), self.in_range(&others)) {
            if one.begin < other.end + reach && other.begin < one.end + reach {
                sets.join(one.label as usize, other.label as usize);
            }
            // Whichever ends first can touch nothing further.
            if one.end < other.end { ones.start += 1 } else { others.start += 1 }
        }
    }

    fn in_range(&self, range: &Range<usize>) -> Option<Run> {
        range.clone().next().map(|index| self.runs[index])
    }

    /// Numbers the components: a set is known by its first run.
    fn number(&mut self, mut sets: UnionFind) {
        let width = self.shape.last().copied().unwrap_or(1) as u64;
        for (row, range) in (0..).zip(self.rows.clone()) {
            for index in range {
                let Run { begin, end, .. } = self.runs[index];
                let root = sets.find(index);
                if root == index {
                    self.found.push(Component { first: row * width + u64::from(begin), size: 0 });
                    self.runs[index].label = self.found.len() as u32;
                } else {
                    self.runs[index].label = self.runs[root].label;
                }
                self.found[self.runs[index].label as usize - 1].size += u64::from(end - begin);
            }
        }
    }

    /// The block, each voxel with what `numbers` holds for its component, and 0 outside all.
    pub fn paint<L: Copy + Default>(&self, numbers: &[L]) -> ArrayD<L> {
        let mut painted = ArrayD::from_elem(IxDyn(&self.shape), L::default());
        for (mut row, range) in painted.rows_mut().into_iter().zip(&self.rows) {
            for run in &self.runs[range.clone()] {
                let number = numbers[run.label as usize - 1];
                row.slice_mut(ndarray::s![run.begin as usize..run.end as usize]).fill(number);
            }
        }
        painted
    }
}

/// The row a step before the one at `at`, if it is in the block.
fn earlier(shape: &[usize], at: &[i64], step: &[i64]) -> Option<usize> {
    let mut row = 0;
    for axis in 0..shape.len() {
        let position = usize::try_from(at[axis] - step[axis]).ok().filter(|p| *p < shape[axis])?;
        row = row * shape[axis] + position;
    }
    Some(row)
}

/// To the next position in C order.
fn advance(at: &mut [i64], shape: &[usize]) {
    for axis in (0..shape.len()).rev() {
        at[axis] += 1;
        if at[axis] < shape[axis] as i64 {
            return;
        }
        at[axis] = 0;
    }
}
