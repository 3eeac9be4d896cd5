//! One unit of work, and its name.

use std::fmt;

use crate::geometry::Roi;

/// A task's index in its [`Plan`](super::Plan).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u32);

impl TaskId {
    /// The index, as slices want it.
    #[inline]
    pub fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// Which block: its task and its row-major position in the task's grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    /// The task.
    pub task: TaskId,
    /// The row-major position (last axis fastest) in the task's grid.
    pub index: u64,
}

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} of task {}", self.index, self.task.0)
    }
}

/// One unit of work, as a process closure sees it. All ROIs are in world units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Which block.
    pub id: BlockId,
    /// What the block may read: the write ROI and its context.
    pub read_roi: Roi,
    /// What the block may write.
    pub write_roi: Roi,
}

impl Block {
    /// The row-major position in the task's grid.
    pub fn index(&self) -> u64 {
        self.id.index
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} {}", self.id.index, self.write_roi)
    }
}
