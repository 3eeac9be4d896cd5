//! Ranges of indices in rising order, as iterators: nothing is stored but what stands at the front.

use std::iter::Peekable;
use std::ops::Range;

/// Ranges in rising order that neither overlap nor touch, from ranges whose begins rise.
#[derive(Debug, Clone)]
pub(super) struct Joined<I: Iterator<Item = Range<u64>>> {
    ranges: Peekable<I>,
}

/// Joins ranges whose begins rise.
pub(super) fn joined<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Joined<I::IntoIter> {
    Joined { ranges: ranges.into_iter().peekable() }
}

impl<I: Iterator<Item = Range<u64>>> Iterator for Joined<I> {
    type Item = Range<u64>;

    fn next(&mut self) -> Option<Range<u64>> {
        let mut joined = self.ranges.find(|range| !range.is_empty())?;
        while let Some(next) = self.ranges.next_if(|next| next.start <= joined.end) {
            joined.end = joined.end.max(next.end);
        }
        Some(joined)
    }
}

/// What ranges in rising order, which may touch, leave of `0..n`.
pub(super) fn complement(
    ranges: impl IntoIterator<Item = Range<u64>>,
    n: u64,
) -> impl Iterator<Item = Range<u64>> {
    let mut next = 0;
    let ends = ranges.into_iter().chain(std::iter::once(n..n));
    ends.filter_map(move |range| {
        let gap = next..range.start;
        next = range.end.max(next);
        (!gap.is_empty()).then_some(gap)
    })
}

/// All ranges of several iterators, each of which is in rising order.
pub(super) fn union<'a>(
    sources: Vec<Box<dyn Iterator<Item = Range<u64>> + 'a>>,
) -> impl Iterator<Item = Range<u64>> + 'a {
    let mut sources: Vec<_> = sources.into_iter().map(Iterator::peekable).collect();
    joined(std::iter::from_fn(move || {
        // There are a handful of sources.
        let starts = sources
            .iter_mut()
            .enumerate()
            .filter_map(|(which, source)| source.peek().map(|range| (range.start, which)));
        let (_, which) = starts.min()?;
        sources[which].next()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let all: Vec<_> = joined([0..2, 2..3, 5..5, 6..9, 7..8, 9..10]).collect();
        assert_eq!(all, [0..3, 6..10]);
    }

    #[test]
    fn what_ranges_leave() {
        assert_eq!(complement([1..2, 2..4, 6..7], 9).collect::<Vec<_>>(), [0..1, 4..6, 7..9]);
        assert_eq!(complement(std::iter::once(0..4), 4).count(), 0);
        assert_eq!(complement([], 3).map(|gap| gap.end - gap.start).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn several_become_one() {
        let sources: Vec<Box<dyn Iterator<Item = Range<u64>>>> = vec![
            Box::new([0..1, 5..7].into_iter()),
            Box::new([1..2, 6..9].into_iter()),
            Box::new([].into_iter()),
        ];
        assert_eq!(union(sources).collect::<Vec<_>>(), [0..2, 5..9]);
    }
}
