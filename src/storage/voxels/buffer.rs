//! The bytes of a box of voxels in memory, in C order, and parts of them copied from one box to another.

use std::mem::MaybeUninit;

use super::spans::{Spans, single_span};
use super::uninit;
use crate::geometry::VoxelBox;

/// The bytes of a box of voxels.
#[derive(Clone, Copy)]
pub struct Voxels<'a> {
    /// Which voxels they are.
    pub range: &'a VoxelBox,
    pub bytes: &'a [u8],
    /// Bytes of a voxel.
    pub element: usize,
}

impl Voxels<'_> {
    /// Copies `part`, which lies in both boxes, over the bytes of `range`.
    pub fn copy_to(&self, part: &VoxelBox, range: &VoxelBox, bytes: &mut [u8]) {
        let spans = Spans { part, store: range, memory: self.range, element: self.element };
        spans.for_each(|span| {
            let to = span.in_store as usize;
            bytes[to..to + span.length].copy_from_slice(&self.bytes[span.in_memory..][..span.length]);
        });
    }
}

/// Memory for the bytes of a box of voxels, which need not be initialized.
pub struct VoxelsMut<'a> {
    /// Which voxels they are.
    pub range: &'a VoxelBox,
    pub bytes: &'a mut [MaybeUninit<u8>],
    /// Bytes of a voxel.
    pub element: usize,
}

impl VoxelsMut<'_> {
    /// Copies `part`, which lies in both boxes, from the bytes of `range`.
    pub fn copy_from(&mut self, part: &VoxelBox, range: &VoxelBox, bytes: &[u8]) {
        let spans = Spans { part, store: range, memory: self.range, element: self.element };
        spans.for_each(|span| {
            let from = span.in_store as usize;
            uninit::copy(&bytes[from..from + span.length], &mut self.bytes[span.in_memory..][..span.length]);
        });
    }

    /// Fills `part` with copies of one voxel.
    pub fn fill(&mut self, part: &VoxelBox, voxel: &[u8]) {
        let spans = Spans { part, store: part, memory: self.range, element: self.element };
        spans.for_each(|span| {
            let span = &mut self.bytes[span.in_memory..][..span.length];
            match voxel {
                [byte] => span.fill(MaybeUninit::new(*byte)),
                _ => span.chunks_exact_mut(voxel.len()).for_each(|one| uninit::copy(voxel, one)),
            }
        });
    }

    /// The memory of `part`, if it is in one piece.
    pub fn piece(&mut self, part: &VoxelBox) -> Option<&mut [MaybeUninit<u8>]> {
        single_span(part, self.range, self.element).map(|span| &mut self.bytes[span])
    }
}

/// Returns whether all voxels are this one, bit by bit: as if nobody had written them, where it is the fill value.
pub fn is_all(voxels: &[u8], one: &[u8]) -> bool {
    // All are equal where each equals its neighbour.
    voxels.starts_with(one) && voxels[one.len()..] == voxels[..voxels.len() - one.len()]
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn a_part_goes_there_and_back() {
        let voxels = |ranges: [Range<u64>; 2]| VoxelBox::from_iter(ranges);
        let (store, memory) = (voxels([10..13, 4..8]), voxels([11..14, 2..7]));
        let part = store.intersect(&memory);
        assert_eq!(part, voxels([11..13, 4..7]));
        let stored: Vec<u8> = (0..12).collect();
        let mut bytes = [MaybeUninit::new(99); 15];
        VoxelsMut { range: &memory, bytes: &mut bytes, element: 1 }.copy_from(&part, &store, &stored);
        let bytes = bytes.map(|byte| {
            // SAFETY: it was made of bytes, and only bytes were written.
            unsafe { byte.assume_init() }
        });
        assert_eq!(bytes, [99, 99, 4, 5, 6, 99, 99, 8, 9, 10, 99, 99, 99, 99, 99]);
        let mut back = vec![0; 12];
        Voxels { range: &memory, bytes: &bytes, element: 1 }.copy_to(&part, &store, &mut back);
        assert_eq!(back, [0, 0, 0, 0, 4, 5, 6, 0, 8, 9, 10, 0]);
    }

    #[test]
    fn voxels_of_one_value() {
        assert!(is_all(&[1, 2, 1, 2], &[1, 2]));
        assert!(!is_all(&[1, 2, 1, 3], &[1, 2]));
        assert!(!is_all(&[1, 2, 2, 1], &[1, 2]));
    }
}
