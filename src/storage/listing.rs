//! Which arrays lie below a folder, or in a file: a walk in the order of names that ends after so many arrays, and so many
//! looks.

/// Arrays, by path below where they were looked for, in the order of their names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub names: Vec<String>,
    /// Whether there may be more.
    pub is_cut: bool,
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub max_arrays: usize,
    pub max_depth: usize,
    /// Entries of folders, or of groups in a file.
    pub max_looks: usize,
}

impl Bounds {
    /// To list at most so many arrays.
    pub fn to_list(max_arrays: usize) -> Self {
        Self { max_arrays, max_depth: 16, max_looks: max_arrays.saturating_mul(100).max(100_000) }
    }

    /// To name a few arrays in a message.
    pub const FOR_A_MESSAGE: Self = Self { max_arrays: 20, max_depth: 4, max_looks: 10_000 };
}
