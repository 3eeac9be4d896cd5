//! The state of a block as a done map holds it.

use serde::{Deserialize, Serialize};

/// How far a block is, as the byte that stands for it in a done map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum BlockState {
    /// Not done: it is to be processed.
    NotDone = 0,
    /// Done, and its data is on the disk.
    Done = 1,
    /// Failed for good in the run that recorded it. A later run tries it again.
    Failed = 2,
    /// Never run, as a block that it waits for failed. A later run tries it again.
    Orphaned = 3,
    /// Outside of the mask of the last run: it is not run, and satisfied for its dependents.
    Excluded = 4,
}

impl BlockState {
    /// All states, in the order of their bytes.
    pub const ALL: [Self; 5] = [Self::NotDone, Self::Done, Self::Failed, Self::Orphaned, Self::Excluded];

    /// The byte that stands for it.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// The state that a byte stands for, if it stands for one.
    pub fn of(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

/// How many blocks are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCounts {
    /// Not done.
    pub not_done: u64,
    /// Done.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Orphaned.
    pub orphaned: u64,
    /// Excluded by a mask.
    pub excluded: u64,
}

impl StateCounts {
    /// How many blocks are in a state.
    pub fn of(&self, state: BlockState) -> u64 {
        match state {
            BlockState::NotDone => self.not_done,
            BlockState::Done => self.done,
            BlockState::Failed => self.failed,
            BlockState::Orphaned => self.orphaned,
            BlockState::Excluded => self.excluded,
        }
    }

    /// The number of a state, to change.
    pub(super) fn of_mut(&mut self, state: BlockState) -> &mut u64 {
        match state {
            BlockState::NotDone => &mut self.not_done,
            BlockState::Done => &mut self.done,
            BlockState::Failed => &mut self.failed,
            BlockState::Orphaned => &mut self.orphaned,
            BlockState::Excluded => &mut self.excluded,
        }
    }

    /// All blocks.
    pub fn total(&self) -> u64 {
        BlockState::ALL.iter().map(|state| self.of(*state)).sum()
    }
}
