//! A set of small numbers that knows its lowest members.

/// A set of numbers below a bound: one bit each, and one for each 64 of them that holds any.
#[derive(Debug)]
pub(super) struct RankSet {
    words: Vec<u64>,
    /// Which words hold a bit.
    summary: Vec<u64>,
    n_members: usize,
}

impl RankSet {
    /// An empty set of numbers below `bound`.
    pub fn new(bound: usize) -> Self {
        let n_words = bound.div_ceil(64);
        Self { words: vec![0; n_words], summary: vec![0; n_words.div_ceil(64)], n_members: 0 }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.n_members == 0
    }

    #[inline]
    pub fn contains(&self, rank: usize) -> bool {
        self.words[rank / 64] >> (rank % 64) & 1 == 1
    }

    /// Puts a number in that is not in the set, or takes one out that is.
    #[inline]
    pub fn flip(&mut self, rank: usize) {
        let word = rank / 64;
        self.words[word] ^= 1 << (rank % 64);
        if self.contains(rank) {
            self.n_members += 1;
        } else {
            self.n_members -= 1;
        }
        let bit = 1 << (word % 64);
        if self.words[word] == 0 {
            self.summary[word / 64] &= !bit;
        } else {
            self.summary[word / 64] |= bit;
        }
    }

    /// The lowest member of at least `from`: a look for each 4096 numbers in between.
    #[inline]
    pub fn next(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let here = self.words.get(word)? >> (from % 64) << (from % 64);
        if here != 0 {
            return Some(word * 64 + here.trailing_zeros() as usize);
        }
        let after = word + 1;
        let mut which = after / 64;
        let mut summary = self.summary.get(which)? >> (after % 64) << (after % 64);
        while summary == 0 {
            which += 1;
            summary = *self.summary.get(which)?;
        }
        let word = which * 64 + summary.trailing_zeros() as usize;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn members_come_in_order() {
        let bound = 10_000;
        let (mut set, mut expected) = (RankSet::new(bound), BTreeSet::new());
        for step in [1, 63, 64, 4096, 777] {
            for rank in (0..bound).step_by(step).chain([0, 63, 64, 4095, 4096, bound - 1]) {
                if !expected.remove(&rank) {
                    expected.insert(rank);
                }
                set.flip(rank);
            }
            let walked = std::iter::successors(set.next(0), |rank| set.next(rank + 1));
            assert!(walked.eq(expected.iter().copied()), "step {step}");
            assert_eq!(set.is_empty(), expected.is_empty());
            assert!((0..bound).all(|rank| set.next(rank) == expected.range(rank..).next().copied()));
        }
    }
}
