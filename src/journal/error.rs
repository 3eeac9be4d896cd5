//! What can go wrong with a run directory.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::owner::Owner;

/// A run directory that cannot be opened, read or written. Each names the file, what is wrong, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused: see [`JournalError::is_place`].
    #[error("cannot {action} {path}: {reason}{}", remedy(*.kind))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The kind of refusal.
        kind: io::ErrorKind,
        /// What the system says.
        reason: String,
    },
    /// Another run has the directory.
    #[error(
        "the run directory {dir} is in use by {}: wait until that run has ended, or use another directory{}",
        held_by(.owner.as_deref()), until(*.stale_in)
    )]
    Locked {
        /// The run directory.
        dir: PathBuf,
        /// Who has it; `None` when its lock file cannot be read.
        owner: Option<Box<Owner>>,
        /// In how long the lock counts as left behind, unless its owner gives a sign of life. `None` when the owner is
        /// a process of this machine, which is there.
        stale_in: Option<Duration>,
    },
    /// Another run writes chunks of an array that this run would write.
    #[error(
        "the output {output} is being written by {}: wait until that run has ended, or write another one{}",
        held_by(.owner.as_deref()), until(*.stale_in)
    )]
    OutputInUse {
        /// The array.
        output: String,
        /// Who writes it; `None` when its lock file cannot be read.
        owner: Option<Box<Owner>>,
        /// In how long its lock counts as left behind, as in [`Locked`](Self::Locked).
        stale_in: Option<Duration>,
    },
    /// The lock of this run is gone, or somebody else's.
    #[error(
        "the lock {path} is no longer this run's but belongs to {}: this run was silent for too long, or the file was \
         removed; nothing more is recorded, run again when the other has ended",
        held_by(.owner.as_deref())
    )]
    LockLost {
        /// The lock file.
        path: PathBuf,
        /// Who has it now, if anybody.
        owner: Option<Box<Owner>>,
    },
    /// The directory belongs to a run of other blocks.
    #[error(
        "the run directory {dir} is of another layout: {difference}. Run the pipeline that it was made for, use another \
         directory, or forget what is done with `bellis reset {dir}`"
    )]
    LayoutDiffers {
        /// The run directory.
        dir: PathBuf,
        /// What differs, in words.
        difference: String,
    },
    /// The directory was written by a newer version.
    #[error(
        "{path} is of format {found}, and this version of bellis knows formats up to {known}: use the version that wrote it"
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The latest format known here.
        known: u64,
    },
    /// A file that does not hold what it should, and from which nothing can be saved.
    #[error("{path} cannot be used: {reason}; {remedy}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A byte of a done map that stands for no state, though its checksum is right.
    #[error(
        "{path} holds {value} at byte {offset}, which is no state of a block (0 to 4): use the version of bellis that wrote \
         it, or forget what is done with `bellis reset`"
    )]
    UnknownState {
        /// The done map's chunk.
        path: PathBuf,
        /// Where in the file: the index of the block.
        offset: u64,
        /// The byte.
        value: u8,
    },
    /// A done map changed under a run that has its lock.
    #[error(
        "{path} was changed by somebody else at bytes {} to {}: nothing more is recorded; run again, and the blocks \
         there are processed again", .blocks.start, .blocks.end
    )]
    ChangedOutside {
        /// The done map's chunk.
        path: PathBuf,
        /// The blocks that are not trusted.
        blocks: Range<u64>,
    },
    /// There is no run directory.
    #[error("{dir} is not a run directory (it has no run.json): give the directory that a run was given")]
    NotARunDirectory {
        /// The directory.
        dir: PathBuf,
    },
    /// The run directory has no such task.
    #[error("the run directory {dir} has no task {task:?} but {known}: give one of them")]
    NoSuchTask {
        /// The run directory.
        dir: PathBuf,
        /// The task that was asked for.
        task: String,
        /// The tasks that there are.
        known: String,
    },
    /// Blocks that no task has: a bug of the caller.
    #[error("blocks {} to {} of task {task} do not exist, as it has {n_blocks}", .blocks.start, .blocks.end)]
    NoSuchBlocks {
        /// The task's number.
        task: u32,
        /// The blocks.
        blocks: Range<u64>,
        /// How many the task has: 0 when there is no such task.
        n_blocks: u64,
    },
}

impl JournalError {
    /// Wraps what the operating system said about `path`.
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { action, path, kind: error.kind(), reason: error.to_string() }
    }

    /// Returns whether the place is at fault and not the run: no room, no rights, a server that is gone. What was
    /// committed is safe, what was not can be committed again once the place is mended. A run that meets this stops
    /// handing out blocks and ends in a way that says "run again to go on".
    pub fn is_place(&self) -> bool {
        matches!(self, Self::Io { .. })
    }
}

fn held_by(owner: Option<&Owner>) -> String {
    owner.map_or_else(|| "somebody unknown".to_owned(), Owner::to_string)
}

fn until(stale_in: Option<Duration>) -> String {
    match stale_in {
        Some(rest) => format!(
            ". If that process is gone, its lock counts as left behind in {} s: run again then",
            rest.as_secs() + 1
        ),
        None => String::new(),
    }
}

/// What to do when the operating system refuses.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; use another run directory, or ask who may write this one"
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "; check the path",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "; make room, then run again to go on"
        }
        _ => "",
    }
}
