//! Calls that MPI finishes later.

use std::ffi::{c_char, c_int, c_void};

use ::mpi::ffi;

use super::error::MpiError;

/// A message that MPI may not have let go of yet.
pub struct SendRequest {
    request: ffi::MPI_Request,
    rank: usize,
    /// Must not move or change before the request is done. A `Vec`'s content stays when the `Vec` moves.
    buffer: Vec<u8>,
    is_done: bool,
}

// SAFETY: as for the communicator that it was sent on, of which it is a part.
unsafe impl Send for SendRequest {}

impl SendRequest {
    /// Begins to send `buffer` (`MPI_Isend`). `comm` is a communicator on which this process is `rank`.
    #[inline]
    pub(super) fn start(
        comm: ffi::MPI_Comm,
        rank: usize,
        to: usize,
        tag: u16,
        buffer: Vec<u8>,
    ) -> Result<Self, MpiError> {
        let length = c_int::try_from(buffer.len()).map_err(|_| MpiError::TooLarge(buffer.len()))?;
        let to = c_int::try_from(to).map_err(|_| MpiError::NoRank(to))?;
        // SAFETY: a constant of the MPI library, overwritten below.
        let mut request = unsafe { ffi::RSMPI_REQUEST_NULL };
        // SAFETY: `buffer` holds `length` bytes and stays as it is, in the request, until that is done.
        let code = unsafe {
            ffi::MPI_Isend(
                buffer.as_ptr().cast::<c_void>(),
                length,
                ffi::RSMPI_UINT8_T,
                to,
                c_int::from(tag),
                comm,
                &mut request,
            )
        };
        check("MPI_Isend", rank, code)?;
        Ok(Self { request, rank, buffer, is_done: false })
    }

    /// Returns whether the message has left.
    ///
    /// # Errors
    /// It cannot be sent.
    #[inline]
    pub fn poll(&mut self) -> Result<bool, MpiError> {
        if !self.is_done {
            self.is_done = test(&mut self.request, self.rank)?;
        }
        Ok(self.is_done)
    }

    /// The buffer of a message that has left, emptied.
    #[inline]
    pub fn into_buffer(mut self) -> Vec<u8> {
        if !self.is_done {
            return Vec::new();
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer
    }
}

impl Drop for SendRequest {
    fn drop(&mut self) {
        if !self.is_done {
            // MPI may still read it, and nobody knows until when.
            std::mem::forget(std::mem::take(&mut self.buffer));
        }
    }
}

/// Returns whether a request is done (`MPI_Test`).
#[inline]
pub(super) fn test(request: &mut ffi::MPI_Request, rank: usize) -> Result<bool, MpiError> {
    let mut is_done = 0;
    // SAFETY: a request that MPI made; the results are valid places.
    let code = unsafe { ffi::MPI_Test(request, &mut is_done, ffi::RSMPI_STATUS_IGNORE) };
    check("MPI_Test", rank, code)?;
    Ok(is_done != 0)
}

/// An error unless the call returned MPI_SUCCESS.
#[inline]
pub(super) fn check(call: &'static str, rank: usize, code: c_int) -> Result<(), MpiError> {
    if code == 0 { Ok(()) } else { Err(failed(call, rank, code)) }
}

#[cold]
fn failed(call: &'static str, rank: usize, code: c_int) -> MpiError {
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
    MpiError::Call { call, rank, message }
}

/// MPI counts in C ints and gives no negative ones where this is used.
pub(super) fn to_usize(value: c_int) -> usize {
    usize::try_from(value).unwrap_or(0)
}
