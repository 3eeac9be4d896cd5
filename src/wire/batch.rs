//! Many small things in one message, written and read one by one.
//!
//! Blocks that arrived wait in a [`BatchQueue`] as the bytes they came in: a block is large next to its message, and
//! is decoded where it is used.

use std::marker::PhantomData;

use bincode::de::BorrowDecoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Decode, Encode};

use super::assigned::{Assigned, read_assigned};
use super::error::WireError;
use super::format::CONFIG;

/// A sequence of `T` within a received message; nothing is decoded before it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a, T> {
    len: u32,
    bytes: &'a [u8],
    item: PhantomData<T>,
}

impl<'a, T: Decode<()> + 'a> Batch<'a, T> {
    /// How many there are, as the sender says.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The items in order. After an error there is nothing more.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, WireError>> + use<'a, T> {
        let mut left = self.len;
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            match bincode::decode_from_slice(rest, CONFIG) {
                Ok((item, length)) => {
                    rest = &rest[length..];
                    Some(Ok(item))
                }
                Err(error) => {
                    left = 0;
                    Some(Err(WireError::from(error)))
                }
            }
        })
    }
}

impl<T> Encode for Batch<'_, T> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.len.encode(encoder)?;
        self.bytes.encode(encoder)
    }
}

impl<'de, T, Context> BorrowDecode<'de, Context> for Batch<'de, T> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let len = u32::decode(decoder)?;
        let bytes = <&[u8]>::borrow_decode(decoder)?;
        Ok(Self { len, bytes, item: PhantomData })
    }
}

/// Collects items for a [`Batch`]; keeps its memory from one batch to the next.
#[derive(Debug)]
pub struct BatchWriter<T> {
    len: u32,
    bytes: Vec<u8>,
    item: PhantomData<T>,
}

impl<T> Default for BatchWriter<T> {
    fn default() -> Self {
        Self { len: 0, bytes: Vec::new(), item: PhantomData }
    }
}

impl<T: Encode> BatchWriter<T> {
    /// Adds an item.
    ///
    /// # Errors
    /// The item cannot be encoded.
    #[inline]
    pub fn push(&mut self, item: &T) -> Result<(), WireError> {
        bincode::encode_into_std_write(item, &mut self.bytes, CONFIG)?;
        self.len += 1;
        Ok(())
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes the items take.
    pub fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// All items.
    pub fn batch(&self) -> Batch<'_, T> {
        Batch { len: self.len, bytes: &self.bytes, item: PhantomData }
    }

    /// Forgets all items and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
        self.bytes.clear();
    }
}

/// Blocks of received batches that wait to be decoded, in order of arrival.
#[derive(Debug, Default)]
pub struct BatchQueue {
    len: usize,
    /// Where the next block begins in `bytes`.
    next: usize,
    bytes: Vec<u8>,
}

impl BatchQueue {
    /// Adds all blocks of a batch.
    pub fn push(&mut self, batch: &Batch<'_, Assigned>) {
        // What was read makes room once there is more of it than of what was not.
        if self.next >= self.bytes.len() / 2 {
            self.bytes.drain(..self.next);
            self.next = 0;
        }
        self.len += batch.len as usize;
        self.bytes.extend_from_slice(batch.bytes);
    }

    /// Takes the next block, or `None` when there is none.
    ///
    /// # Errors
    /// Bytes that are no block.
    #[inline]
    pub fn pop(&mut self) -> Result<Option<Assigned>, WireError> {
        if self.len == 0 {
            return Ok(None);
        }
        let (assigned, length) = read_assigned(&self.bytes[self.next..])?;
        self.next += length;
        self.len -= 1;
        Ok(Some(assigned))
    }

    /// How many blocks wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no block waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}
