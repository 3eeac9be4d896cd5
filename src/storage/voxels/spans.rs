//! A box of voxels as runs of bytes: which stretches of where it is kept, and of memory, are the same voxels.
//!
//! What is kept (a dataset in a file, a decoded chunk) and what is in memory are two boxes in C order; a part of both
//! is copied stretch by stretch, each as long as both sides allow.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::uninit;

/// Some voxels that lie one after the other both where they are kept and in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    pub in_store: u64,
    pub in_memory: usize,
    pub length: usize,
}

/// Calls `f` with the runs of `part`, in C order: a box within `store`, whose first voxel is kept at byte 0, and within
/// `memory`. Elements have `element` bytes; no box is empty.
pub fn for_each_run(
    part: &[Range<u64>],
    store: &[Range<u64>],
    memory: &[Range<u64>],
    element: u64,
    mut f: impl FnMut(Run),
) {
    // Trailing axes that the part has in full are one run.
    let mut run_axis = part.len() - 1;
    while run_axis > 0 && part[run_axis] == store[run_axis] && part[run_axis] == memory[run_axis] {
        run_axis -= 1;
    }
    let (store_strides, memory_strides) = (strides(store, element), strides(memory, element));
    let begin = |of: &[Range<u64>], strides: &[u64]| -> u64 {
        (0..part.len()).map(|axis| (part[axis].start - of[axis].start) * strides[axis]).sum()
    };
    let (mut in_store, mut in_memory) = (begin(store, &store_strides), begin(memory, &memory_strides));
    // Data in memory are not longer than a usize tells.
    let length = ((part[run_axis].end - part[run_axis].start) * store_strides[run_axis]) as usize;
    let extents: Vec<u64> = part[..run_axis].iter().map(|range| range.end - range.start).collect();
    let mut position = vec![0; run_axis];
    loop {
        f(Run { in_store, in_memory: in_memory as usize, length });
        let mut axis = run_axis;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            position[axis] += 1;
            in_store += store_strides[axis];
            in_memory += memory_strides[axis];
            if position[axis] < extents[axis] {
                break;
            }
            position[axis] = 0;
            in_store -= extents[axis] * store_strides[axis];
            in_memory -= extents[axis] * memory_strides[axis];
        }
    }
}

/// Where `part` lies in the bytes of `memory`, if it is one run there.
pub fn one_run(part: &[Range<u64>], memory: &[Range<u64>], element: u64) -> Option<Range<usize>> {
    let strides = strides(memory, element);
    // The first axis along which there is more than one voxel, and all those after it in full.
    let first = part.iter().position(|range| range.end - range.start > 1).unwrap_or(part.len());
    let is_one = part.iter().zip(memory).skip(first + 1).all(|(part, memory)| part == memory);
    let begin: u64 =
        (0..part.len()).map(|axis| (part[axis].start - memory[axis].start) * strides[axis]).sum();
    let length = part.iter().fold(element, |length, range| length * (range.end - range.start));
    is_one.then(|| begin as usize..(begin + length) as usize)
}

/// Copies `part` from the bytes of `store` to those of `memory`.
pub fn paste(
    part: &[Range<u64>],
    store: &[Range<u64>],
    kept: &[u8],
    memory: &[Range<u64>],
    data: &mut [MaybeUninit<u8>],
    element: u64,
) {
    for_each_run(part, store, memory, element, |run| {
        let from = run.in_store as usize;
        uninit::copy(&kept[from..from + run.length], &mut data[run.in_memory..][..run.length]);
    });
}

/// Copies `part` from the bytes of `memory` to those of `store`.
pub fn cut(
    part: &[Range<u64>],
    store: &[Range<u64>],
    kept: &mut [u8],
    memory: &[Range<u64>],
    data: &[u8],
    element: u64,
) {
    for_each_run(part, store, memory, element, |run| {
        let to = run.in_store as usize;
        kept[to..to + run.length].copy_from_slice(&data[run.in_memory..run.in_memory + run.length]);
    });
}

/// Fills `part` of `memory` with copies of one element.
pub fn fill(part: &[Range<u64>], memory: &[Range<u64>], data: &mut [MaybeUninit<u8>], element: &[u8]) {
    let size = element.len() as u64;
    for_each_run(part, part, memory, size, |run| {
        let run = &mut data[run.in_memory..][..run.length];
        match element {
            [byte] => run.fill(MaybeUninit::new(*byte)),
            _ => run.chunks_exact_mut(element.len()).for_each(|one| uninit::copy(element, one)),
        }
    });
}

/// Whether all voxels are this one, bit by bit: as if nobody had written them, where it is the fill value.
pub fn is_all(voxels: &[u8], one: &[u8]) -> bool {
    // All are equal where each equals its neighbour.
    voxels.starts_with(one) && voxels[one.len()..] == voxels[..voxels.len() - one.len()]
}

/// Bytes from one position to the next along each axis.
fn strides(of: &[Range<u64>], element: u64) -> Vec<u64> {
    let mut strides = vec![element; of.len()];
    for axis in (1..of.len()).rev() {
        strides[axis - 1] = strides[axis] * (of[axis].end - of[axis].start);
    }
    strides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(part: &[Range<u64>], store: &[Range<u64>], memory: &[Range<u64>]) -> Vec<(u64, usize, usize)> {
        let mut runs = Vec::new();
        for_each_run(part, store, memory, 2, |run| runs.push((run.in_store, run.in_memory, run.length)));
        runs
    }

    #[test]
    fn full_axes_make_long_runs() {
        let whole = [0..4, 0..5, 0..6];
        assert_eq!(runs(&whole, &whole, &whole), [(0, 0, 240)]);
        let slabs = [1..3, 0..5, 0..6];
        assert_eq!(runs(&slabs, &whole, &slabs), [(60, 0, 120)]);
        let rows = [1..3, 2..4, 0..6];
        assert_eq!(runs(&rows, &whole, &rows), [(84, 0, 24), (144, 24, 24)]);
        // Rows that are full where they are kept, but not in memory.
        assert_eq!(runs(&[0..1, 0..2, 0..6], &whole, &[0..1, 0..2, 0..7]), [(0, 0, 12), (12, 14, 12)]);
    }

    #[test]
    fn one_run_is_found() {
        let memory = [2..6, 0..5, 4..10];
        assert_eq!(one_run(&[3..5, 0..5, 4..10], &memory, 2), Some(60..180));
        assert_eq!(one_run(&[3..4, 2..4, 4..10], &memory, 1), Some(42..54));
        assert_eq!(one_run(&[3..4, 2..3, 5..7], &memory, 1), Some(43..45));
        assert_eq!(one_run(&[3..4, 2..4, 4..9], &memory, 1), None);
        assert_eq!(one_run(&[3..5, 2..4, 4..10], &memory, 1), None);
    }

    #[test]
    fn a_part_goes_there_and_back() {
        let (store, memory, part) = ([10..13, 4..8], [11..14, 2..7], [11..13, 4..7]);
        let kept: Vec<u8> = (0..12).collect();
        let mut data = [MaybeUninit::new(99); 15];
        paste(&part, &store, &kept, &memory, &mut data, 1);
        let data = data.map(|byte| {
            // SAFETY: it was made of bytes, and only bytes were written.
            unsafe { byte.assume_init() }
        });
        assert_eq!(data, [99, 99, 4, 5, 6, 99, 99, 8, 9, 10, 99, 99, 99, 99, 99]);
        let mut back = vec![0; 12];
        cut(&part, &store, &mut back, &memory, &data, 1);
        assert_eq!(back, [0, 0, 0, 0, 4, 5, 6, 0, 8, 9, 10, 0]);
    }
}
