//! What has to be known of the `zarrs` library wherever it is used: its threads, and what it says when it refuses.

use std::io;

use zarrs::array::CodecError as Refusal;
use zarrs::storage::StorageError as StoreError;

use crate::storage::chunked::codec::CodecError;

/// Runs `f`, which only asks rayon how many threads it has, where the answer is 1.
///
/// zarrs asks when it makes options and opens arrays, and rayon's first answer starts a thread for each core of the
/// node: on each of many ranks, for nothing.
pub(super) fn without_global_pool<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
        Ok(pool) => pool.install(f),
        Err(_) => f(),
    }
}

pub(super) fn one_line(error: &dyn std::error::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<Refusal> for CodecError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // What compressors say about their input is an error of another kind.
            Refusal::StorageError(StoreError::IOError(source)) => {
                io::Error::new(source.kind(), source.to_string()).into()
            }
            other => Self::Corrupt(one_line(&other)),
        }
    }
}
