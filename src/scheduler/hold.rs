//! Whether a task's blocks are handed out: not while the place refuses what they write.

use super::event::Time;
use crate::plan::TaskId;

/// The first refusal of the place holds a task. After a pause one block is tried; when it ends in any other way, the task goes
/// on, and when the place refuses it again, the place has to be mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// Blocks are handed out.
    #[default]
    None,
    /// None is handed out before this time.
    Until(Time),
    /// One may be handed out.
    Due,
    /// This one is being tried, and no other is handed out.
    Trying(u64),
}

impl Hold {
    /// Returns whether a block may be handed out.
    #[inline]
    pub fn lets_go(self) -> bool {
        matches!(self, Self::None | Self::Due)
    }

    /// A block is handed out.
    #[inline]
    pub fn hand_out(&mut self, index: u64) {
        if *self == Self::Due {
            *self = Self::Trying(index);
        }
    }

    /// A block comes back without an answer.
    pub fn give_back(&mut self, index: u64) {
        if *self == Self::Trying(index) {
            *self = Self::Due;
        }
    }

    /// A block ended, and the place took what it wrote, or was not asked.
    #[inline]
    pub fn pass(&mut self, index: u64) {
        if *self == Self::Trying(index) {
            *self = Self::None;
        }
    }

    /// The place refused what a block wrote. Returns whether this was the one that was tried.
    pub fn refuse(&mut self, index: u64, until: Time) -> bool {
        let was_tried = *self == Self::Trying(index);
        if !matches!(self, Self::Until(_)) {
            *self = Self::Until(until);
        }
        was_tried
    }

    /// Ends the pause, if it is over.
    pub fn end_pause(&mut self, now: Time) {
        if matches!(self, Self::Until(until) if *until <= now) {
            *self = Self::Due;
        }
    }
}

/// The tasks that are held.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<TaskId>);

impl Held {
    /// Returns whether no task is held.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a task.
    pub fn add(&mut self, task: TaskId) {
        if !self.0.contains(&task) {
            self.0.push(task);
        }
    }

    /// Keeps those that are held still.
    pub fn retain(&mut self, mut is_held: impl FnMut(TaskId) -> bool) {
        self.0.retain(|task| is_held(*task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_block_is_tried_after_the_pause() {
        let mut hold = Hold::None;
        assert!(!hold.refuse(3, 10) && !hold.lets_go());
        // Others that were in flight come back later.
        assert!(!hold.refuse(4, 20));
        hold.pass(5);
        hold.end_pause(9);
        assert_eq!(hold, Hold::Until(10));
        hold.end_pause(10);
        hold.hand_out(7);
        assert!(hold == Hold::Trying(7) && !hold.lets_go());
        hold.pass(6);
        hold.give_back(7);
        assert_eq!(hold, Hold::Due);
        hold.hand_out(3);
        assert!(hold.refuse(3, 30), "the one that was tried");
        hold.end_pause(30);
        hold.hand_out(8);
        hold.pass(8);
        assert_eq!(hold, Hold::None);
    }
}
