//! What a file format must offer, so that [`Array`](crate::storage::Array) need not know which one it holds.

use std::ops::Range;

use ndarray::{ArrayD, ArrayViewD};

use crate::storage::error::Result;
use crate::storage::schema::info::ArrayInfo;

/// An open array of one format: voxel boxes in, voxel boxes out.
///
/// Ranges have one entry per axis, channel axes included. The caller has checked that they lie inside the array and
/// hold at least one voxel, and that data and range have the same shape. One value is used by many threads at once.
pub(super) trait Backend<T>: Send + Sync {
    /// The voxels in `range`, in C order; chunks that were never written hold the fill value.
    fn read(&self, range: &[Range<u64>]) -> Result<ArrayD<T>>;

    /// Writes `data`, in whatever memory order, to `range`.
    fn write(&self, range: &[Range<u64>], data: ArrayViewD<'_, T>) -> Result<()>;

    /// Why only one process can write it, and what to write instead, if that is so.
    fn one_process_only(&self) -> Option<&'static str> {
        None
    }
}

/// What a format returns when it opens an array.
pub(super) struct Opened<T> {
    pub(super) info: ArrayInfo,
    pub(super) fill_value: T,
    pub(super) backend: Box<dyn Backend<T>>,
}
