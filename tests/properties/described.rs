//! Tasks in plain numbers, and what the definitions say of their blocks: written without the crate's arithmetic on grids.

use bellis::{Coordinate, Fit, Roi, Task, TaskBuilder};
use proptest::prelude::*;

/// A task in plain numbers.
#[derive(Debug, Clone)]
pub struct Described {
    pub offset: Vec<i64>,
    /// Of the total read ROI.
    pub extent: Vec<i64>,
    pub block: Vec<i64>,
    pub lo: Vec<i64>,
    pub hi: Vec<i64>,
    pub fit: Fit,
    pub is_conflicting: bool,
}

/// A block as the definitions say: position, and begin and end of what it reads and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub position: Vec<i64>,
    pub read: Vec<(i64, i64)>,
    pub write: Vec<(i64, i64)>,
}

/// Offset, extent to write, block, context before and after, and whether each context is wide.
pub type Axis = (i64, i64, i64, i64, i64, (bool, bool));

pub fn described(n_axes: usize) -> impl Strategy<Value = Described> {
    let longest: i64 = [40, 14, 8, 6][n_axes - 1];
    let widest: i64 = [50, 8, 3, 1][n_axes - 1];
    let axis = (-25i64..25, 1..=longest, 1..=longest / 2 + 1, 0..=widest, 0..=widest, any::<(bool, bool)>());
    let fits = prop::sample::select(vec![Fit::Valid, Fit::Overhang, Fit::Shrink]);
    (prop::collection::vec(axis, n_axes), fits, any::<bool>()).prop_map(
        |(axes, fit, is_conflicting): (Vec<Axis>, Fit, bool)| {
            let lo: Vec<i64> = axes.iter().map(|a| if a.5.0 { a.3 } else { a.3.min(1) }).collect();
            let hi: Vec<i64> = axes.iter().map(|a| if a.5.1 { a.4 } else { 0 }).collect();
            let sum = |axis: usize| lo[axis] + hi[axis];
            Described {
                offset: axes.iter().map(|a| a.0).collect(),
                extent: axes.iter().enumerate().map(|(axis, a)| a.1 + sum(axis)).collect(),
                block: axes.iter().map(|a| a.2).collect(),
                lo: lo.clone(),
                hi: hi.clone(),
                fit,
                is_conflicting,
            }
        },
    )
}

pub fn any_described() -> impl Strategy<Value = Described> {
    (1usize..=4).prop_flat_map(described)
}

pub fn two_described() -> impl Strategy<Value = (Described, Described)> {
    (1usize..=4).prop_flat_map(|n_axes| (described(n_axes), described(n_axes)))
}

pub fn coordinate(values: &[i64]) -> Coordinate {
    Coordinate::new(values).expect("1 to 8 axes")
}

pub fn bounds(roi: &Roi) -> Vec<(i64, i64)> {
    roi.begin().iter().zip(roi.end().iter()).collect()
}

pub fn meet(a: &[(i64, i64)], b: &[(i64, i64)]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.0.max(b.0) < a.1.min(b.1))
}

impl Described {
    pub fn n_axes(&self) -> usize {
        self.offset.len()
    }

    pub fn builder(&self, name: &str) -> TaskBuilder {
        let total = Roi::new(self.offset.clone(), self.extent.clone()).expect("small numbers");
        Task::builder(name)
            .total_roi(total)
            .block_shape(self.block.clone())
            .context(self.lo.clone(), self.hi.clone())
            .fit(self.fit)
            .read_write_conflict(self.is_conflicting)
    }

    /// All blocks in row-major order: tried one by one from the begin of the total write ROI until they do not fit.
    pub fn expected(&self) -> Vec<Expected> {
        let mut blocks = vec![Expected { position: vec![], read: vec![], write: vec![] }];
        for axis in 0..self.n_axes() {
            let total_read = (self.offset[axis], self.offset[axis] + self.extent[axis]);
            let total_write = (total_read.0 + self.lo[axis], total_read.1 - self.hi[axis]);
            let mut along = Vec::new();
            let mut begin = total_write.0;
            while begin < total_write.1
                && (self.fit != Fit::Valid || begin + self.block[axis] <= total_write.1)
            {
                let mut write = (begin, begin + self.block[axis]);
                let mut read = (write.0 - self.lo[axis], write.1 + self.hi[axis]);
                if self.fit == Fit::Shrink {
                    write.1 = write.1.min(total_write.1);
                    read = (read.0.max(total_read.0), read.1.min(total_read.1));
                }
                along.push((along.len() as i64, read, write));
                begin += self.block[axis];
            }
            blocks = blocks
                .iter()
                .flat_map(|block| {
                    along.iter().map(|(position, read, write)| {
                        let mut longer = block.clone();
                        longer.position.push(*position);
                        longer.read.push(*read);
                        longer.write.push(*write);
                        longer
                    })
                })
                .collect();
        }
        blocks
    }

    pub fn period(&self) -> Vec<i64> {
        let ceil = |a: i64, b: i64| (0..).find(|n| n * b >= a).expect("small numbers");
        (0..self.n_axes())
            .map(|axis| ceil(self.lo[axis], self.block[axis]).max(ceil(self.hi[axis], self.block[axis])) + 1)
            .collect()
    }

    /// Compared like a number with one digit per axis: position modulo (r + 1).
    pub fn level(&self, block: &Expected) -> Vec<i64> {
        block.position.iter().zip(self.period()).map(|(p, period)| p % period).collect()
    }
}

pub fn conflict(a: &Expected, b: &Expected) -> bool {
    a.position != b.position && (meet(&a.read, &b.write) || meet(&b.read, &a.write))
}
