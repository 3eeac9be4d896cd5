//! What a slot does with its blocks.

use super::processing::process_all;
use super::slot::Loop;

/// What each slot does.
#[derive(Clone, Copy)]
pub(in crate::run) enum Body<'a> {
    /// It calls the closures of the tasks, which may outlive the run.
    Tasks,
    /// A loop of the program's, which has to end before the run does.
    Loop(&'a Loop<'a>),
}

impl<'a> Body<'a> {
    /// As a loop over blocks.
    pub fn as_loop(self) -> &'a Loop<'a> {
        match self {
            Self::Tasks => &process_all,
            Self::Loop(body) => body,
        }
    }
}
