//! Communicators: the program's, borrowed, and duplicates of bellis' own, on which messages travel.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::mpi::environment::is_finalized;
use ::mpi::ffi;
use ::mpi::traits::{AsRaw, Communicator as AnyCommunicator};

use super::error::MpiError;
use super::failures;
use super::request::{SendRequest, check, test, to_usize};

/// A communicator of the program's, to be duplicated when a run starts.
#[derive(Debug, Clone, Copy)]
pub struct Comm<'c> {
    raw: ffi::MPI_Comm,
    borrowed: PhantomData<&'c ()>,
}

impl<'c, C: AnyCommunicator + AsRaw<Raw = ffi::MPI_Comm>> From<&'c C> for Comm<'c> {
    fn from(communicator: &'c C) -> Self {
        Self { raw: communicator.as_raw(), borrowed: PhantomData }
    }
}

impl Comm<'_> {
    /// All ranks of the job; `None` where MPI is not initialized, or finalized.
    pub fn world() -> Option<Self> {
        let is_initialized = ::mpi::environment::is_initialized() && !is_finalized();
        // SAFETY: a constant of the MPI library.
        is_initialized.then_some(Self { raw: unsafe { ffi::RSMPI_COMM_WORLD }, borrowed: PhantomData })
    }

    /// The communicator, for other libraries that speak MPI.
    pub fn raw(&self) -> ffi::MPI_Comm {
        self.raw
    }

    /// Returns whether it holds all ranks of the job, in the order of MPI's world.
    pub fn is_world(&self) -> bool {
        let mut result = 0;
        // SAFETY: two communicators and a valid place; the others are constants of the MPI library.
        unsafe {
            let code = ffi::MPI_Comm_compare(self.raw, ffi::RSMPI_COMM_WORLD, &mut result);
            code == 0 && (result == ffi::RSMPI_IDENT || result == ffi::RSMPI_CONGRUENT)
        }
    }

    /// This rank, and how many there are.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn rank_and_size(&self) -> Result<(usize, usize), MpiError> {
        let (mut rank, mut size) = (0, 0);
        // SAFETY: `raw` is a communicator, and both results are valid places.
        check("MPI_Comm_rank", 0, unsafe { ffi::MPI_Comm_rank(self.raw, &mut rank) })?;
        check("MPI_Comm_size", 0, unsafe { ffi::MPI_Comm_size(self.raw, &mut size) })?;
        Ok((to_usize(rank), to_usize(size)))
    }
}

/// A duplicate that all ranks are making together (`MPI_Comm_idup`), since a rank may wait long for the others.
pub struct Duplication {
    request: ffi::MPI_Request,
    /// MPI writes to it at any time before the request is done, which may be never: then it stays.
    result: *mut ffi::MPI_Comm,
    rank: usize,
    size: usize,
}

impl Duplication {
    /// Begins to duplicate a communicator: all its ranks do so together.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn start(of: Comm<'_>) -> Result<Self, MpiError> {
        let (rank, size) = of.rank_and_size()?;
        // SAFETY: constants of the MPI library, overwritten below.
        let (mut request, none) = unsafe { (ffi::RSMPI_REQUEST_NULL, ffi::RSMPI_COMM_NULL) };
        let result = Box::into_raw(Box::new(none));
        // SAFETY: `raw` is a communicator, and the results are valid places for as long as the request lives.
        check("MPI_Comm_idup", rank, unsafe { ffi::MPI_Comm_idup(of.raw, result, &mut request) })?;
        Ok(Self { request, result, rank, size })
    }

    /// This rank.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The duplicate, once all ranks have come; it is returned once. It gives errors back instead of ending the job.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn poll(&mut self) -> Result<Option<Communicator>, MpiError> {
        let (rank, size) = (self.rank, self.size);
        if self.result.is_null() || !test(&mut self.request, rank)? {
            return Ok(None);
        }
        let result = std::mem::replace(&mut self.result, std::ptr::null_mut());
        // SAFETY: made by `Box::into_raw` in `start` and taken out above; MPI has done with it.
        let raw = *unsafe { Box::from_raw(result) };
        // SAFETY: `raw` was just made, and the handler is a constant of the MPI library.
        let code = unsafe { ffi::MPI_Comm_set_errhandler(raw, ffi::RSMPI_ERRORS_RETURN) };
        check("MPI_Comm_set_errhandler", rank, code)?;
        N_OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Communicator { raw, rank, size }))
    }
}

/// Communicators of this process that were made and not given back.
static N_OPEN: AtomicUsize = AtomicUsize::new(0);

/// Returns whether a communicator was not given back: other ranks may be waiting for this one within a run, and
/// nothing but the end of the job reaches them.
pub fn is_any_open() -> bool {
    N_OPEN.load(Ordering::Relaxed) > 0
}

/// A communicator of bellis' own, which nobody else sends on.
pub struct Communicator {
    raw: ffi::MPI_Comm,
    rank: usize,
    size: usize,
}

// SAFETY: a communicator may be used from any thread that MPI's thread level allows; `run` moves an endpoint to
// another thread, or shares it behind a mutex, only when MPI provides MPI_THREAD_SERIALIZED or more.
unsafe impl Send for Communicator {}

impl Communicator {
    /// This rank.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of ranks.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Begins to send `buffer`, and never waits for the receiver.
    ///
    /// # Errors
    /// MPI refuses.
    #[inline]
    pub fn send(&self, to: usize, tag: u16, buffer: Vec<u8>) -> Result<SendRequest, MpiError> {
        SendRequest::start(self.raw, self.rank, to, tag, buffer)
    }

    /// Takes the next message that has arrived, if there is one, and replaces the content of `buffer` with it: who sent
    /// it, and its tag. One call at a time.
    ///
    /// # Errors
    /// MPI refuses.
    #[inline]
    pub fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<(usize, u16)>, MpiError> {
        let mut is_there = 0;
        // SAFETY: a status is plain old data that MPI fills in.
        let mut status: ffi::MPI_Status = unsafe { std::mem::zeroed() };
        // SAFETY: `raw` is this endpoint's own communicator; the results are valid places.
        let code = unsafe {
            ffi::MPI_Iprobe(ffi::RSMPI_ANY_SOURCE, ffi::RSMPI_ANY_TAG, self.raw, &mut is_there, &mut status)
        };
        check("MPI_Iprobe", self.rank, code)?;
        if is_there == 0 {
            return Ok(None);
        }
        let mut length = 0;
        // SAFETY: `status` was filled in by the probe.
        let code = unsafe { ffi::MPI_Get_count(&status, ffi::RSMPI_UINT8_T, &mut length) };
        check("MPI_Get_count", self.rank, code)?;
        buffer.resize(to_usize(length), 0);
        // SAFETY: `buffer` holds `length` bytes. Only this endpoint receives on `raw`, one call at a time, so that the
        // message received is the one that was probed.
        let code = unsafe {
            ffi::MPI_Recv(
                buffer.as_mut_ptr().cast::<c_void>(),
                length,
                ffi::RSMPI_UINT8_T,
                status.MPI_SOURCE,
                status.MPI_TAG,
                self.raw,
                ffi::RSMPI_STATUS_IGNORE,
            )
        };
        check("MPI_Recv", self.rank, code)?;
        // A tag was given as a u16.
        Ok(Some((to_usize(status.MPI_SOURCE), status.MPI_TAG as u16)))
    }

    /// Gives the communicator back (`MPI_Comm_free`); all ranks do so together.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn free(mut self) -> Result<(), MpiError> {
        // SAFETY: this endpoint's own communicator, which nobody uses from here on.
        check("MPI_Comm_free", self.rank, unsafe { ffi::MPI_Comm_free(&mut self.raw) })?;
        N_OPEN.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// Ranks whose processes MPI says have ended; none where the library cannot tell (it lacks ULFM). Receiving goes on
    /// without them.
    pub fn ended_ranks(&self) -> Vec<usize> {
        failures::ended_ranks(self.raw)
    }

    /// The run is over, and the communicator stays for the next one.
    pub fn rest(&self) {
        N_OPEN.fetch_sub(1, Ordering::Relaxed);
    }

    /// A run uses the communicator again.
    pub fn resume(&self) {
        N_OPEN.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the communicator up alone. It is not freed: MPI would hand messages that arrive late to the next one of the
    /// same number.
    pub fn abandon(self) {
        N_OPEN.fetch_sub(1, Ordering::Relaxed);
    }

    /// All ranks of the job, ended at once with this exit code (`MPI_Abort`).
    pub(super) fn abort_world(code: c_int) {
        // SAFETY: a constant of the MPI library, which the caller knows to be initialized.
        unsafe { ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, code) };
    }
}

impl fmt::Debug for Communicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank, self.size)
    }
}
