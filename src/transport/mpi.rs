//! Messages between MPI ranks.
//!
//! rsmpi drops MPI's return codes, and a scheduler that must survive needs them: what goes on during a run calls the
//! C interface that rsmpi binds (`mpi::ffi`), with `MPI_ERRORS_RETURN`, and every code is looked at. Messages travel
//! on a duplicate of the caller's communicator, so that they never meet the caller's own.

mod environment;

use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ::mpi::ffi;
use ::mpi::traits::{AsRaw, Communicator};

pub use environment::{Environment, abort, environment, is_foreign, is_initialized};

use super::endpoint::{Envelope, Tag, Transport};
use super::error::TransportError;
use super::idle::{Idle, Waiting};

/// A communicator of the caller's, to be duplicated when a run starts.
#[derive(Debug, Clone, Copy)]
pub struct Comm<'c> {
    raw: ffi::MPI_Comm,
    borrowed: PhantomData<&'c ()>,
}

impl<'c> Comm<'c> {
    /// The caller's communicator.
    pub fn of<C: Communicator + AsRaw<Raw = ffi::MPI_Comm>>(communicator: &'c C) -> Self {
        Self { raw: communicator.as_raw(), borrowed: PhantomData }
    }

    /// All ranks of the job. MPI must be initialized.
    pub fn world() -> Self {
        // SAFETY: a constant of the MPI library.
        Self { raw: unsafe { ffi::RSMPI_COMM_WORLD }, borrowed: PhantomData }
    }

    /// The communicator, for other libraries that speak MPI.
    pub fn raw(&self) -> ffi::MPI_Comm {
        self.raw
    }

    /// This rank, and how many there are.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn rank_and_size(&self) -> Result<(usize, usize), TransportError> {
        let (mut rank, mut size) = (0, 0);
        // SAFETY: `raw` is a communicator, and both results are valid places.
        check("MPI_Comm_rank", 0, unsafe { ffi::MPI_Comm_rank(self.raw, &mut rank) })?;
        check("MPI_Comm_size", 0, unsafe { ffi::MPI_Comm_size(self.raw, &mut size) })?;
        Ok((to_usize(rank), to_usize(size)))
    }
}

/// A message that MPI has not let go of yet.
struct Pending {
    request: ffi::MPI_Request,
    /// Must not move or change before the request is done. A `Vec`'s content stays when the `Vec` moves.
    buffer: Vec<u8>,
}

/// One rank's endpoint, on a communicator of its own.
pub struct MpiTransport {
    comm: ffi::MPI_Comm,
    rank: usize,
    size: usize,
    pending: Vec<Pending>,
    spare: Vec<Vec<u8>>,
}

// SAFETY: a communicator may be used from any thread that MPI's thread level allows; `run` moves an endpoint to
// another thread, or shares it behind a mutex, only when MPI provides MPI_THREAD_SERIALIZED or more.
unsafe impl Send for MpiTransport {}

/// Endpoints of this process that were made and not closed.
static N_OPEN: AtomicUsize = AtomicUsize::new(0);

/// Whether an endpoint was not closed: other ranks may be waiting for this one within a run, and nothing but the end
/// of the job reaches them.
pub fn is_any_open() -> bool {
    N_OPEN.load(Ordering::Relaxed) > 0
}

/// For so long rank 0 waits for others before it says so.
const SILENCE: Duration = Duration::from_secs(10);

/// As many buffers are kept for reuse.
const MAX_SPARE: usize = 64;

impl MpiTransport {
    /// Duplicates a communicator: all its ranks do so together. Gives up after `patience`, if there is one, and
    /// returns `None`: then nothing is left to do with MPI but to abort.
    ///
    /// # Errors
    /// MPI refuses.
    pub fn duplicate(comm: Comm<'_>, patience: Option<Duration>) -> Result<Option<Self>, TransportError> {
        let (rank, size) = comm.rank_and_size()?;
        let Some(duplicate) = duplicate(comm, rank, size, patience)? else { return Ok(None) };
        // SAFETY: `duplicate` was just made, and the handler is a constant of the MPI library.
        let code = unsafe { ffi::MPI_Comm_set_errhandler(duplicate, ffi::RSMPI_ERRORS_RETURN) };
        check("MPI_Comm_set_errhandler", rank, code)?;
        N_OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Some(Self { comm: duplicate, rank, size, pending: Vec::new(), spare: Vec::new() }))
    }

    /// Lets go of the messages that have left.
    #[inline]
    fn progress(&mut self) -> Result<(), TransportError> {
        let mut place = 0;
        while place < self.pending.len() {
            if is_done(&mut self.pending[place].request, self.rank)? {
                let sent = self.pending.swap_remove(place);
                self.keep(sent.buffer);
            } else {
                place += 1;
            }
        }
        Ok(())
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
    }
}

impl Transport for MpiTransport {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn send(&mut self, to: usize, tag: Tag, bytes: &[u8]) -> Result<(), TransportError> {
        let length = c_int::try_from(bytes.len()).map_err(|_| TransportError::TooLarge(bytes.len()))?;
        let to = c_int::try_from(to).map_err(|_| TransportError::Gone { to })?;
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        // SAFETY: a constant of the MPI library, overwritten below.
        let mut request = unsafe { ffi::RSMPI_REQUEST_NULL };
        // SAFETY: `buffer` holds `length` bytes and stays as it is, in `pending`, until the request is done.
        let code = unsafe {
            ffi::MPI_Isend(
                buffer.as_ptr().cast::<c_void>(),
                length,
                ffi::RSMPI_UINT8_T,
                to,
                c_int::from(tag.0),
                self.comm,
                &mut request,
            )
        };
        check("MPI_Isend", self.rank, code)?;
        if is_done(&mut request, self.rank)? {
            self.keep(buffer);
        } else {
            self.pending.push(Pending { request, buffer });
        }
        Ok(())
    }

    #[inline]
    fn try_receive(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Envelope>, TransportError> {
        if !self.pending.is_empty() {
            self.progress()?;
        }
        let mut is_there = 0;
        // SAFETY: a status is plain old data that MPI fills in.
        let mut status: ffi::MPI_Status = unsafe { std::mem::zeroed() };
        // SAFETY: `comm` is this endpoint's own communicator; the results are valid places.
        let code = unsafe {
            ffi::MPI_Iprobe(ffi::RSMPI_ANY_SOURCE, ffi::RSMPI_ANY_TAG, self.comm, &mut is_there, &mut status)
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
        // SAFETY: `buffer` holds `length` bytes. Only this endpoint receives on `comm`, one call at a time, so that
        // the message received is the one that was probed.
        let code = unsafe {
            ffi::MPI_Recv(
                buffer.as_mut_ptr().cast::<c_void>(),
                length,
                ffi::RSMPI_UINT8_T,
                status.MPI_SOURCE,
                status.MPI_TAG,
                self.comm,
                ffi::RSMPI_STATUS_IGNORE,
            )
        };
        check("MPI_Recv", self.rank, code)?;
        // A tag was given as a u16.
        Ok(Some(Envelope { from: to_usize(status.MPI_SOURCE), tag: Tag(status.MPI_TAG as u16) }))
    }

    fn sleep(&mut self, limit: Duration) {
        std::thread::sleep(limit);
    }

    fn close(mut self: Box<Self>) -> Result<(), TransportError> {
        while !self.pending.is_empty() {
            self.progress()?;
            std::thread::yield_now();
        }
        // SAFETY: this endpoint's own communicator, which nobody uses from here on.
        check("MPI_Comm_free", self.rank, unsafe { ffi::MPI_Comm_free(&mut self.comm) })?;
        N_OPEN.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }

    /// The communicator is not freed: MPI would hand messages that arrive late to the next one of the same number.
    fn abandon(self: Box<Self>) {
        N_OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for MpiTransport {
    fn drop(&mut self) {
        // MPI may still read these; without `close`, nobody knows until when.
        std::mem::take(&mut self.pending).into_iter().for_each(|pending| std::mem::forget(pending.buffer));
    }
}

/// `MPI_Comm_idup`, since a rank may wait long for the others: it gives its core away meanwhile.
fn duplicate(
    comm: Comm<'_>,
    rank: usize,
    size: usize,
    patience: Option<Duration>,
) -> Result<Option<ffi::MPI_Comm>, TransportError> {
    // SAFETY: a constant of the MPI library, overwritten below.
    let mut request = unsafe { ffi::RSMPI_REQUEST_NULL };
    // MPI writes to it at any time before the request is done, which may be never: then it stays.
    // SAFETY: a constant of the MPI library, overwritten below.
    let place = Box::into_raw(Box::new(unsafe { ffi::RSMPI_COMM_NULL }));
    // SAFETY: `raw` is a communicator, and the results are valid places for as long as the request lives.
    check("MPI_Comm_idup", rank, unsafe { ffi::MPI_Comm_idup(comm.raw, place, &mut request) })?;
    let begin = Instant::now();
    let mut next_word = begin + SILENCE;
    let mut waiting = Waiting::new(Idle::Sleep);
    while !is_done(&mut request, rank)? {
        waiting.pause(std::thread::sleep);
        let now = Instant::now();
        if patience.is_some_and(|patience| now - begin > patience) {
            return Ok(None);
        }
        if rank == 0 && now > next_word {
            next_word = now + 6 * SILENCE;
            log::warn!("waiting until all {size} ranks have come to start a run, or to the end");
        }
    }
    // SAFETY: made above by `Box::into_raw`; MPI has done with it.
    Ok(Some(*unsafe { Box::from_raw(place) }))
}

#[inline]
fn is_done(request: &mut ffi::MPI_Request, rank: usize) -> Result<bool, TransportError> {
    let mut is_done = 0;
    // SAFETY: a request that MPI made; the results are valid places.
    let code = unsafe { ffi::MPI_Test(request, &mut is_done, ffi::RSMPI_STATUS_IGNORE) };
    check("MPI_Test", rank, code)?;
    Ok(is_done != 0)
}

#[inline]
fn check(call: &'static str, rank: usize, code: c_int) -> Result<(), TransportError> {
    if code == 0 { Ok(()) } else { Err(failed(call, rank, code)) }
}

#[cold]
fn failed(call: &'static str, rank: usize, code: c_int) -> TransportError {
    // Longer than MPI_MAX_ERROR_STRING in every MPI there is.
    let mut text = [0u8; 2048];
    let mut length = 0;
    // SAFETY: `text` is longer than any message, and `length` a valid place.
    let known = unsafe { ffi::MPI_Error_string(code, text.as_mut_ptr().cast::<c_char>(), &mut length) };
    let message = if known == 0 {
        String::from_utf8_lossy(&text[..to_usize(length).min(text.len())]).into_owned()
    } else {
        format!("error {code}")
    };
    TransportError::Mpi { call, rank, message }
}

/// MPI counts in C ints and gives no negative ones where this is used.
fn to_usize(value: c_int) -> usize {
    usize::try_from(value).unwrap_or(0)
}
