//! What a file format must offer, so that [`DynArray`](crate::storage::DynArray) need not know which one it holds.

use std::mem::MaybeUninit;

use crate::geometry::VoxelBox;
use crate::storage::error::Result;
use crate::storage::schema::info::ArrayInfo;

/// An open array of one format: voxel boxes in, voxel boxes out.
///
/// The caller has checked that boxes, which have channel axes too, lie inside the array and hold at least one voxel. Voxels
/// are bytes in C order, as many as the box takes, in this machine's byte order. One value is used by many threads at once.
///
/// # Safety
/// Where [`read`](Self::read) returns `Ok`, it has written every byte that it was given.
pub(super) unsafe trait Backend: Send + Sync {
    /// Puts the voxels in `range` into memory that need not be initialized; those that were never written have the fill
    /// value.
    fn read(&self, range: &VoxelBox, voxels: &mut [MaybeUninit<u8>]) -> Result<()>;

    /// Writes `voxels` to `range`.
    fn write(&self, range: &VoxelBox, voxels: &[u8]) -> Result<()>;

    /// Whether anything is stored for `range`, where that shows without reading: in the first of very many files.
    fn is_stored(&self, range: &VoxelBox) -> Option<bool> {
        let _ = range;
        None
    }
}

/// What a format returns when it opens an array.
pub(super) struct Opened {
    pub(super) info: ArrayInfo,
    /// The bytes of a voxel that nobody wrote.
    pub(super) fill_value: Vec<u8>,
    pub(super) backend: Box<dyn Backend>,
}
