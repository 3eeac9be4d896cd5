//! "No MPI": the same names for a program that was built without it. No communicator exists, and all code that would
//! use one is checked all the same.

use std::convert::Infallible;
use std::marker::PhantomData;

use super::error::MpiError;

/// A communicator of the program's: there is none.
#[derive(Debug, Clone, Copy)]
pub struct Comm<'c> {
    never: Infallible,
    borrowed: PhantomData<&'c ()>,
}

impl Comm<'_> {
    /// All ranks of the job: `None`.
    pub fn world() -> Option<Self> {
        None
    }

    /// Returns whether it holds all ranks of the job.
    pub fn is_world(&self) -> bool {
        match self.never {}
    }

    /// This rank, and how many there are.
    ///
    /// # Errors
    /// None.
    pub fn rank_and_size(&self) -> Result<(usize, usize), MpiError> {
        match self.never {}
    }
}

/// A duplicate that ranks are making together: there is none.
#[derive(Debug)]
pub struct Duplication(Infallible);

impl Duplication {
    /// Begins to duplicate a communicator.
    ///
    /// # Errors
    /// None.
    pub fn start(of: Comm<'_>) -> Result<Self, MpiError> {
        match of.never {}
    }

    /// This rank.
    pub fn rank(&self) -> usize {
        match self.0 {}
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        match self.0 {}
    }

    /// The duplicate.
    ///
    /// # Errors
    /// None.
    pub fn poll(&mut self) -> Result<Option<Communicator>, MpiError> {
        match self.0 {}
    }
}

/// A communicator of bellis' own: there is none.
#[derive(Debug)]
pub struct Communicator(Infallible);

impl Communicator {
    /// This rank.
    pub fn rank(&self) -> usize {
        match self.0 {}
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        match self.0 {}
    }

    /// Begins to send.
    ///
    /// # Errors
    /// None.
    pub fn send(&self, _to: usize, _tag: u16, _buffer: Vec<u8>) -> Result<SendRequest, MpiError> {
        match self.0 {}
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// None.
    pub fn try_receive(&mut self, _buffer: &mut Vec<u8>) -> Result<Option<(usize, u16)>, MpiError> {
        match self.0 {}
    }

    /// Gives the communicator back.
    ///
    /// # Errors
    /// None.
    pub fn free(self) -> Result<(), MpiError> {
        match self.0 {}
    }

    /// Ranks whose processes have ended.
    pub fn ended_ranks(&self) -> Vec<usize> {
        match self.0 {}
    }

    /// The communicator stays for the next run.
    pub fn rest(&self) {
        match self.0 {}
    }

    /// A run uses the communicator again.
    pub fn resume(&self) {
        match self.0 {}
    }

    /// Gives the communicator up.
    pub fn abandon(self) {
        match self.0 {}
    }
}

/// A message that MPI may not have let go of yet: there is none.
#[derive(Debug)]
pub struct SendRequest(Infallible);

impl SendRequest {
    /// Returns whether the message has left.
    ///
    /// # Errors
    /// None.
    pub fn poll(&mut self) -> Result<bool, MpiError> {
        match self.0 {}
    }

    /// The buffer of a message that has left.
    pub fn into_buffer(self) -> Vec<u8> {
        match self.0 {}
    }
}

/// How this process stands with MPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Environment {
    /// Whether several threads may call MPI at the same time.
    pub is_multiple: bool,
}

/// Fails.
///
/// # Errors
/// [`MpiError::Absent`].
pub fn environment() -> Result<Environment, MpiError> {
    Err(MpiError::Absent)
}

/// The MPI library in its own words: there is none.
pub fn library_version() -> Option<String> {
    None
}

/// Returns whether MPI is initialized and not finalized: it is not.
pub fn is_initialized() -> bool {
    false
}

/// Returns whether the program initialized MPI itself: it did not.
pub fn is_foreign() -> bool {
    false
}

/// Returns whether a communicator was not given back: there is none.
pub fn is_any_open() -> bool {
    false
}

/// Leaves MPI unfinalized at the end of the process: there is nothing to finalize.
pub fn forgo_finalizing() {}

/// All ranks have come to the end of their programs: this one has.
pub fn all_have_ended() {}

/// Lets go of what C code has printed: that is its own to do.
pub fn flush_c() {}

/// Ends this process.
pub fn exit_now(code: i32) -> ! {
    std::process::exit(code)
}

/// Ends all ranks of the job at once, which is this one.
pub fn abort(code: i32) -> ! {
    std::process::exit(code)
}
