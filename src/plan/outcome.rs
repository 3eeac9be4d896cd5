//! How a block ended, and whose fault it is when it failed.

use std::error::Error;
use std::fmt;

use bincode::{Decode, Encode};

use super::body::BoxError;

/// How a block ended on its worker: the same on the worker, on the wire and for the scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// It was processed.
    Success,
    /// A check found that it need not be processed.
    Skipped,
    /// It failed.
    Failed {
        /// Whose fault it is, which decides what follows.
        fault: Fault,
        /// Why.
        message: String,
    },
}

impl Outcome {
    /// A block that failed and may succeed another time.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { fault: Fault::Block, message: message.into() }
    }
}

/// Whose fault it is that a block failed, and with that what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Fault {
    /// The block's, as far as one knows: it is tried again, on another worker where there is one, as often as its task
    /// allows.
    Block,
    /// The block's, and trying again would change nothing: it is given up at once. See [`Permanent`].
    Permanent,
    /// The place's that is written to: no room, no rights, a server that is gone. The block is not to blame, and neither
    /// would others of its task succeed.
    Place,
    /// The worker's: it cannot be prepared for the task, where others may be.
    Worker,
}

/// An error that trying again would not change, such as a value that the output cannot hold: a block whose closure returns
/// it is given up at once.
///
/// ```
/// use bellis::{Permanent, Roi, Task};
///
/// let task = Task::builder("halve").total_roi(Roi::new([0], [7])?).block_shape([1]).process(|block| {
///     let x = block.write_roi.begin()[0];
///     if x % 2 == 1 {
///         return Err(Permanent::new(format!("{x} is odd")).into());
///     }
///     Ok(())
/// });
/// let report = bellis::run(task.build()?)?;
/// assert_eq!((report.tasks[0].counts.failed, report.tasks[0].failures[0].attempts), (3, 1));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug)]
pub struct Permanent(BoxError);

impl Permanent {
    /// Marks an error as one that trying again would not change: it says what the error says.
    pub fn new(error: impl Into<BoxError>) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
