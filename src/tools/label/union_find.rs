//! Sets that are joined: union-find with path halving, each set known by its smallest member.

/// Sets of the numbers from 0.
#[derive(Debug, Clone, Default)]
pub struct UnionFind {
    parents: Vec<usize>,
}

impl UnionFind {
    /// Each of the first `n` numbers in a set of its own.
    pub fn new(n: usize) -> Self {
        Self { parents: (0..n).collect() }
    }

    /// Adds the next number, in a set of its own.
    pub fn add(&mut self) -> usize {
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    /// The smallest member of the set that `member` is in.
    pub fn find(&mut self, mut member: usize) -> usize {
        while self.parents[member] != member {
            self.parents[member] = self.parents[self.parents[member]];
            member = self.parents[member];
        }
        member
    }

    /// Joins the sets of both.
    pub fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.find(one), self.find(other));
        let (small, large) = (one.min(other), one.max(other));
        self.parents[large] = small;
    }
}
