//! Boxes of voxels, and the chunks that they meet. One range per axis; all lie within an array.

use std::ops::Range;

/// The voxels of the chunk at `index`, which may reach past the array.
pub fn chunk_box(index: &[u64], chunks: &[u64]) -> Vec<Range<u64>> {
    let axis = |(index, extent): (&u64, &u64)| index * extent..(index * extent).saturating_add(*extent);
    index.iter().zip(chunks).map(axis).collect()
}

/// What two boxes that meet have in common.
pub fn common(a: &[Range<u64>], b: &[Range<u64>]) -> Vec<Range<u64>> {
    a.iter().zip(b).map(|(a, b)| a.start.max(b.start)..a.end.min(b.end)).collect()
}

/// The part of `chunk` that an array of `shape` has.
pub fn inside(chunk: &[Range<u64>], shape: &[u64]) -> Vec<Range<u64>> {
    chunk.iter().zip(shape).map(|(chunk, end)| chunk.start..chunk.end.min(*end)).collect()
}

/// `part` counted from the begin of `whole`.
pub fn relative(part: &[Range<u64>], whole: &[Range<u64>]) -> Vec<Range<u64>> {
    part.iter().zip(whole).map(|(part, whole)| part.start - whole.start..part.end - whole.start).collect()
}

/// The extents of a box that lies in memory.
pub fn extents(range: &[Range<u64>]) -> Vec<usize> {
    range.iter().map(|range| (range.end - range.start) as usize).collect()
}

/// The indices of the chunks that `range` meets, last axis fastest.
pub fn chunks_of(range: &[Range<u64>], chunks: &[u64]) -> impl Iterator<Item = Vec<u64>> + use<> {
    let axis = |(range, chunk): (&Range<u64>, &u64)| range.start / chunk..range.end.div_ceil(*chunk);
    positions(range.iter().zip(chunks).map(axis).collect())
}

/// The place of a chunk among all of an array, last axis fastest, unless that is no number.
pub fn number(index: &[u64], shape: &[u64], chunks: &[u64]) -> Option<u64> {
    let mut axes = index.iter().zip(shape.iter().zip(chunks));
    axes.try_fold(0u64, |number, (index, (extent, chunk))| {
        number.checked_mul(extent.div_ceil(*chunk))?.checked_add(*index)
    })
}

/// All positions in a box, last axis fastest.
pub fn positions(range: Vec<Range<u64>>) -> impl Iterator<Item = Vec<u64>> {
    let first: Vec<u64> = range.iter().map(|range| range.start).collect();
    let mut next = range.iter().all(|range| !range.is_empty()).then_some(first);
    std::iter::from_fn(move || {
        let current = next.take()?;
        let mut following = current.clone();
        for axis in (0..range.len()).rev() {
            following[axis] += 1;
            if following[axis] < range[axis].end {
                next = Some(following);
                break;
            }
            following[axis] = range[axis].start;
        }
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_that_is_met() {
        let found: Vec<_> = chunks_of(&[3..9, 0..4], &[4, 4]).collect();
        assert_eq!(found, [[0, 0], [1, 0], [2, 0]]);
        let found: Vec<_> = chunks_of(&[0..1, 3..5], &[4, 4]).collect();
        assert_eq!(found, [[0, 0], [0, 1]]);
        assert_eq!(positions(vec![0..2, 1..1]).count(), 0);
        assert_eq!(positions(vec![]).count(), 1);
    }
}
