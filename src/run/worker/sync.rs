//! A sync on a thread of its own: a disk may take minutes, and rank 0 wants to hear of this worker all the while.

use std::thread::{self, JoinHandle};

use super::outcome::fault_of;
use crate::plan::Fault;
use crate::storage::Context;

/// A sync that was begun.
pub(super) struct Sync {
    epoch: u32,
    how: How,
}

enum How {
    Running(JoinHandle<Option<(Fault, String)>>),
    /// There was no thread for it.
    Over(Option<(Fault, String)>),
}

impl Sync {
    /// Begins to put on the disk what was written in a context before.
    pub fn start(epoch: u32, storage: &Context) -> Self {
        let sync = |storage: &Context| {
            let error = storage.sync_written().err()?;
            Some((fault_of(&error), error.to_string()))
        };
        let context = storage.clone();
        let started = thread::Builder::new().name("bellis sync".to_owned()).spawn(move || sync(&context));
        let how = match started {
            Ok(thread) => How::Running(thread),
            Err(_) => How::Over(sync(storage)),
        };
        Self { epoch, how }
    }

    /// Returns whether it has ended.
    pub fn is_over(&self) -> bool {
        match &self.how {
            How::Running(thread) => thread.is_finished(),
            How::Over(_) => true,
        }
    }

    /// Its epoch, and what went wrong, if anything.
    pub fn end(self) -> (u32, Option<(Fault, String)>) {
        let error = match self.how {
            How::Running(thread) => {
                thread.join().unwrap_or_else(|_| Some((Fault::Block, "the sync panicked".to_owned())))
            }
            How::Over(error) => error,
        };
        (self.epoch, error)
    }
}
