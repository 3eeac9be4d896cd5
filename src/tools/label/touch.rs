//! Where two neighbouring blocks touch: their outer planes, and which labels meet there.

use std::ops::Range;

use ndarray::{ArrayD, Axis};

use super::connectivity::Neighbours;

/// The labels of a block's outer planes, as words: of each axis in space the first and the last plane, two labels in a word.
pub fn pack(labels: &ArrayD<u32>, n_channel_axes: usize) -> Vec<u64> {
    let mut words = Vec::new();
    for axis in n_channel_axes..labels.ndim() {
        for index in [0, labels.shape()[axis] - 1] {
            let plane: Vec<u32> = labels.index_axis(Axis(axis), index).iter().copied().collect();
            words.extend(plane.chunks(2).map(|pair| join(pair[0], pair.get(1).copied().unwrap_or(0))));
        }
    }
    words
}

/// Two labels in one word.
pub fn join(one: u32, other: u32) -> u64 {
    u64::from(one) << 32 | u64::from(other)
}

/// The two labels of one word.
pub fn split(word: u64) -> [u32; 2] {
    [(word >> 32) as u32, word as u32]
}

/// How many words the planes of a block of this shape take.
pub fn n_words(shape: &[usize], n_channel_axes: usize) -> usize {
    (n_channel_axes..shape.len()).map(|axis| 2 * plane_words(shape, axis)).sum()
}

/// Which words of a block of this shape are the first plane along `axis`, or the last.
pub fn plane(shape: &[usize], n_channel_axes: usize, axis: usize, is_last: bool) -> Range<usize> {
    let before: usize = (n_channel_axes..axis).map(|axis| 2 * plane_words(shape, axis)).sum();
    let n_words = plane_words(shape, axis);
    let begin = before + usize::from(is_last) * n_words;
    begin..begin + n_words
}

fn plane_words(shape: &[usize], axis: usize) -> usize {
    let others = (0..shape.len()).filter(|other| *other != axis);
    others.map(|other| shape[other]).product::<usize>().div_ceil(2)
}

/// One of two blocks: its shape, and the labels of its plane towards the other.
pub struct Side<'a> {
    /// The shape of the block, channel axes first.
    pub shape: &'a [usize],
    /// The labels, as words.
    pub words: &'a [u64],
}

impl Side<'_> {
    fn label(&self, place: usize) -> u32 {
        split(self.words[place / 2])[place % 2]
    }
}

/// Which labels of a block meet which of the one a `step` on, each pair once. The planes lie across the first axis along
/// which the step leads; it leads forward there, and nowhere along the channel axes.
pub fn pairs(
    here: &Side,
    there: &Side,
    n_channel_axes: usize,
    step: &[i64],
    neighbours: Neighbours,
) -> Vec<u64> {
    let Some(across) = step.iter().position(|along| *along != 0) else { return Vec::new() };
    let axes: Vec<usize> = (0..step.len()).filter(|axis| *axis != across).collect();
    // The places of this block's plane, and of each the places of the other's, as one walk per axis.
    let mut places = vec![(0, 0)];
    for axis in axes {
        let aside = if axis < n_channel_axes { 0 } else { neighbours.aside() };
        let along = meetings(here.shape[axis], there.shape[axis], step[axis], aside);
        let (here, there) = (here.shape[axis], there.shape[axis]);
        let next = |(a, b): &(usize, usize)| {
            let (a, b) = (a * here, b * there);
            along.iter().map(move |(p, q)| (a + p, b + q)).collect::<Vec<_>>()
        };
        places = places.iter().flat_map(next).collect();
    }
    let label_pairs = places.into_iter().map(|(a, b)| (here.label(a), there.label(b)));
    let mut pairs: Vec<u64> =
        label_pairs.filter(|(a, b)| *a != 0 && *b != 0).map(|(a, b)| join(a, b)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Along one axis, which positions of a block are neighbours of which of the block a step on.
fn meetings(here: usize, there: usize, step: i64, aside: i64) -> Vec<(usize, usize)> {
    match step {
        1 => vec![(here - 1, 0)],
        -1 => vec![(0, there - 1)],
        _ => {
            let beside =
                |p: usize| (-aside..=aside).filter_map(move |d| Some((p, p.checked_add_signed(d as isize)?)));
            (0..here).flat_map(beside).filter(|(_, q)| *q < there).collect()
        }
    }
}
