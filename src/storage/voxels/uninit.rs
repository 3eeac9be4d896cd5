//! Memory that is filled before anybody looks at it: what blocks are read into is not first set to zero.
//!
//! All of storage's unsafe code about memory is here.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

use ndarray::{ArrayD, IxDyn};

use super::plain::Plain;

/// An array of `shape` whose bytes are what `fill` writes.
///
/// # Safety
/// Where `fill` returns `Ok`, it has written every byte that it was given.
pub unsafe fn filled<T: Plain, E>(
    shape: &[usize],
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<(), E>,
) -> Result<ArrayD<T>, E> {
    let n_elements = shape.iter().product();
    let mut elements: Vec<T> = Vec::with_capacity(n_elements);
    let spare = &mut elements.spare_capacity_mut()[..n_elements];
    // SAFETY: the same bytes, borrowed as long; the type of elements has no padding, and any byte may be written.
    let bytes = unsafe { std::slice::from_raw_parts_mut(spare.as_mut_ptr().cast(), size_of_val(spare)) };
    fill(bytes)?;
    // SAFETY: the caller's promise: all of them are initialized.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) };
    T::make_valid(bytes);
    // SAFETY: by now the bytes are values.
    unsafe { elements.set_len(n_elements) };
    Ok(ArrayD::from_shape_vec(IxDyn(shape), elements).expect("as many elements as the shape says"))
}

/// Sets memory to 0: it is initialized then.
pub fn zero(bytes: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    bytes.fill(MaybeUninit::new(0));
    // SAFETY: the same bytes, borrowed as long, all of which were just written.
    unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}

/// Copies bytes to memory of the same length, which need not be initialized.
pub fn copy(from: &[u8], to: &mut [MaybeUninit<u8>]) {
    // SAFETY: the same bytes: what is initialized may be seen as what need not be.
    let from = unsafe { std::slice::from_raw_parts(from.as_ptr().cast::<MaybeUninit<u8>>(), from.len()) };
    to.copy_from_slice(from);
}

/// Fills `to` with the bytes of `file` from `offset` on.
pub fn read_exact_at(file: &File, mut to: &mut [MaybeUninit<u8>], mut offset: u64) -> io::Result<()> {
    while !to.is_empty() {
        match rustix::io::pread(file, &mut *to, offset) {
            Ok(([], _)) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok((read, _)) => {
                let n_read = read.len();
                offset += n_read as u64;
                to = &mut to[n_read..];
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// `length` bytes of `file` from `offset` on.
pub fn read_range(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_range_to(file, offset, length, &mut bytes)?;
    Ok(bytes)
}

/// Puts `length` bytes of `file` from `offset` on into an empty buffer.
pub fn read_range_to(file: &File, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    // What a file says of its own length need not be true.
    buffer.try_reserve_exact(length)?;
    // SAFETY: all of them are read.
    unsafe { fill_up(buffer, length, |spare| read_exact_at(file, spare, offset)) }
}

/// Appends `length` bytes of `file` from `begin` on to a buffer.
pub fn append_range(file: &File, [begin, length]: [u64; 2], buffer: &mut Vec<u8>) -> io::Result<()> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    buffer.try_reserve(length)?;
    read_exact_at(file, &mut buffer.spare_capacity_mut()[..length], begin)?;
    let end = buffer.len() + length;
    // SAFETY: all of them were read.
    unsafe { buffer.set_len(end) };
    Ok(())
}

/// Reserves memory for `n_bytes` in all, where a file says how many there are: an error where the system has not so much.
pub fn reserve(buffer: &mut Vec<u8>, n_bytes: usize) -> io::Result<()> {
    let missing = n_bytes.saturating_sub(buffer.len());
    buffer
        .try_reserve_exact(missing)
        .map_err(|_| io::Error::other(format!("no memory for its {n_bytes} bytes")))
}

/// Puts `length` bytes into an empty buffer: those that `fill` writes.
///
/// # Safety
/// Where `fill` returns `Ok`, it has written every byte that it was given.
pub unsafe fn fill_up<E>(
    buffer: &mut Vec<u8>,
    length: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<(), E>,
) -> Result<(), E> {
    buffer.clear();
    buffer.reserve_exact(length);
    fill(&mut buffer.spare_capacity_mut()[..length])?;
    // SAFETY: the caller's promise.
    unsafe { buffer.set_len(length) };
    Ok(())
}
