//! What a task does with a block: the user's closures, kept here and called by the workers alone.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::block::Block;
use crate::geometry::MaskSource;

/// Any error that a closure may return; `?` makes one of every error type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What a process closure returns: an error fails the block and nothing else.
pub type BlockResult = Result<(), BoxError>;

/// Who works: given to the closure that prepares a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerInfo {
    /// The rank in the run's communicator; alone, the number of the thread, from 1.
    pub rank: usize,
    /// The slot on that rank, from 0.
    pub slot: usize,
}

/// A closure that is ready to process blocks on one slot.
pub type Process = Box<dyn FnMut(&Block) -> BlockResult>;

type Prepare = dyn Fn(&WorkerInfo) -> Result<Process, BoxError> + Send + Sync;
type Check = dyn Fn(&Block) -> Result<bool, BoxError> + Send + Sync;

/// The closures of a task. A task without any can only be run by a program that owns its loop.
#[derive(Clone, Default)]
pub struct Body {
    prepare: Option<Arc<Prepare>>,
    check: Option<Arc<Check>>,
    mask: Option<Arc<dyn MaskSource>>,
}

impl Body {
    pub(super) fn set_mask(&mut self, mask: Arc<dyn MaskSource>) {
        self.mask = Some(mask);
    }

    /// What the blocks have to meet to be processed.
    pub fn mask(&self) -> Option<&dyn MaskSource> {
        self.mask.as_deref()
    }

    pub(super) fn set_process(&mut self, process: impl Fn(&Block) -> BlockResult + Send + Sync + 'static) {
        let process = Arc::new(process);
        self.prepare = Some(Arc::new(move |_| {
            let process = process.clone();
            Ok(Box::new(move |block: &Block| process(block)))
        }));
    }

    pub(super) fn set_process_with<S: 'static>(
        &mut self,
        prepare: impl Fn(&WorkerInfo) -> Result<S, BoxError> + Send + Sync + 'static,
        process: impl Fn(&mut S, &Block) -> BlockResult + Send + Sync + 'static,
    ) {
        let process = Arc::new(process);
        self.prepare = Some(Arc::new(move |worker| {
            let mut state = prepare(worker)?;
            let process = process.clone();
            Ok(Box::new(move |block: &Block| process(&mut state, block)))
        }));
    }

    pub(super) fn set_check(
        &mut self,
        check: impl Fn(&Block) -> Result<bool, BoxError> + Send + Sync + 'static,
    ) {
        self.check = Some(Arc::new(check));
    }

    /// Returns whether there is a closure to process blocks with.
    pub fn has_process(&self) -> bool {
        self.prepare.is_some()
    }

    /// Prepares one slot of a worker: runs the set-up closure, if there is one. `None` without a process closure.
    ///
    /// # Errors
    /// What the set-up closure returns.
    pub fn prepare(&self, worker: &WorkerInfo) -> Option<Result<Process, BoxError>> {
        self.prepare.as_ref().map(|prepare| prepare(worker))
    }

    /// Returns whether the block is done already, as the check closure says; `false` without one.
    ///
    /// # Errors
    /// What the check closure returns.
    pub fn is_done(&self, block: &Block) -> Result<bool, BoxError> {
        self.check.as_ref().map_or(Ok(false), |check| check(block))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("process", &self.prepare.is_some())
            .field("check", &self.check.is_some())
            .field("mask", &self.mask.is_some())
            .finish()
    }
}
