//! A box of voxels as spans of bytes: which stretches of where it is stored, and of memory, are the same voxels.
//!
//! What is stored (a dataset in a file, a decoded chunk) and what is in memory are two boxes in C order; a part of both
//! is copied span by span, each as long as both sides allow.

use std::ops::Range;

use crate::geometry::VoxelBox;

/// Some voxels that lie one after the other both where they are stored and in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub in_store: u64,
    pub in_memory: usize,
    pub length: usize,
}

/// A box of voxels that lies in two others, each of which is kept in C order. No box is empty.
#[derive(Clone, Copy)]
pub struct Spans<'a> {
    /// The voxels that are meant.
    pub part: &'a VoxelBox,
    /// What is stored: its first voxel at byte 0.
    pub store: &'a VoxelBox,
    /// What is in memory.
    pub memory: &'a VoxelBox,
    /// Bytes of a voxel.
    pub element: usize,
}

impl Spans<'_> {
    /// Calls `f` with each span, in C order.
    pub fn for_each(&self, mut f: impl FnMut(Span)) {
        let (part, store, memory) = (self.part.ranges(), self.store.ranges(), self.memory.ranges());
        // Trailing axes that the part has in full are one span.
        let mut span_axis = part.len() - 1;
        while span_axis > 0 && part[span_axis] == store[span_axis] && part[span_axis] == memory[span_axis] {
            span_axis -= 1;
        }
        let (store_strides, memory_strides) = (strides(store, self.element), strides(memory, self.element));
        let begin = |of: &[Range<u64>], strides: &[u64]| -> u64 {
            (0..part.len()).map(|axis| (part[axis].start - of[axis].start) * strides[axis]).sum()
        };
        let (mut in_store, mut in_memory) = (begin(store, &store_strides), begin(memory, &memory_strides));
        // Data in memory are not longer than a usize tells.
        let length = ((part[span_axis].end - part[span_axis].start) * store_strides[span_axis]) as usize;
        let extents: Vec<u64> = part[..span_axis].iter().map(|range| range.end - range.start).collect();
        let mut index = vec![0; span_axis];
        loop {
            f(Span { in_store, in_memory: in_memory as usize, length });
            let mut axis = span_axis;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                index[axis] += 1;
                in_store += store_strides[axis];
                in_memory += memory_strides[axis];
                if index[axis] < extents[axis] {
                    break;
                }
                index[axis] = 0;
                in_store -= extents[axis] * store_strides[axis];
                in_memory -= extents[axis] * memory_strides[axis];
            }
        }
    }
}

/// Where `part` lies in the bytes of `memory`, if it is one span there.
pub fn single_span(part: &VoxelBox, memory: &VoxelBox, element: usize) -> Option<Range<usize>> {
    let length = part.n_voxels() * element as u64;
    let (part, memory) = (part.ranges(), memory.ranges());
    let strides = strides(memory, element);
    // The first axis along which there is more than one voxel, and all those after it in full.
    let first = part.iter().position(|range| range.end - range.start > 1).unwrap_or(part.len());
    let is_one = part.iter().zip(memory).skip(first + 1).all(|(part, memory)| part == memory);
    let begin: u64 =
        (0..part.len()).map(|axis| (part[axis].start - memory[axis].start) * strides[axis]).sum();
    is_one.then(|| begin as usize..(begin + length) as usize)
}

/// Bytes from one voxel to the next along each axis.
fn strides(of: &[Range<u64>], element: usize) -> Vec<u64> {
    let mut strides = vec![element as u64; of.len()];
    for axis in (1..of.len()).rev() {
        strides[axis - 1] = strides[axis] * (of[axis].end - of[axis].start);
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans<const N: usize>(
        part: [Range<u64>; N],
        store: [Range<u64>; N],
        memory: [Range<u64>; N],
    ) -> Vec<(u64, usize, usize)> {
        let [part, store, memory] = [part, store, memory].map(VoxelBox::from_iter);
        let mut all = Vec::new();
        let spans = Spans { part: &part, store: &store, memory: &memory, element: 2 };
        spans.for_each(|span| all.push((span.in_store, span.in_memory, span.length)));
        all
    }

    #[test]
    fn full_axes_make_long_spans() {
        let whole = [0..4, 0..5, 0..6];
        assert_eq!(spans(whole.clone(), whole.clone(), whole.clone()), [(0, 0, 240)]);
        let slabs = [1..3, 0..5, 0..6];
        assert_eq!(spans(slabs.clone(), whole.clone(), slabs), [(60, 0, 120)]);
        let rows = [1..3, 2..4, 0..6];
        assert_eq!(spans(rows.clone(), whole.clone(), rows), [(84, 0, 24), (144, 24, 24)]);
        // Rows that are full where they are stored, but not in memory.
        let (part, memory) = ([0..1, 0..2, 0..6], [0..1, 0..2, 0..7]);
        assert_eq!(spans(part, whole, memory), [(0, 0, 12), (12, 14, 12)]);
    }

    #[test]
    fn a_single_span_is_found() {
        let memory: VoxelBox = [2..6, 0..5, 4..10].into_iter().collect();
        let single =
            |part: [Range<u64>; 3], element| single_span(&part.into_iter().collect(), &memory, element);
        assert_eq!(single([3..5, 0..5, 4..10], 2), Some(60..180));
        assert_eq!(single([3..4, 2..4, 4..10], 1), Some(42..54));
        assert_eq!(single([3..4, 2..3, 5..7], 1), Some(43..45));
        assert_eq!(single([3..4, 2..4, 4..9], 1), None);
        assert_eq!(single([3..5, 2..4, 4..10], 1), None);
    }
}
