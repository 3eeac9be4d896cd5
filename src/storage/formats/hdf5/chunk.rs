//! Compressed chunks that are decoded without the library: it hands out their stored bytes, and the rest goes on outside of
//! its global lock, so that all slots of a rank decode at once and keep what they decoded.
//!
//! For the filters that most files have (`codec`). Others, and all writing, are the library's.

use std::fs::File;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hdf5::Dataset;
use hdf5_sys::h5::{herr_t, hsize_t};
use hdf5_sys::h5d::H5Dread_chunk1;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::H5P_DEFAULT;

use super::codec::Filters;
use super::handle::Handle;
use super::library::LibraryArray;
use super::location::Location;
use super::metadata::Metadata;
use super::stored::Stored;
use crate::geometry::{VoxelBox, VoxelGrid};
use crate::storage::backend::Backend;
use crate::storage::chunked::cache::{ChunkCache, ChunkReader, ReadThrough, WhenBusy};
use crate::storage::context::Context;
use crate::storage::disk::files::Version;
use crate::storage::error::{Result, StorageError};
use crate::storage::voxels::buffer::VoxelsMut;
use crate::storage::voxels::{scratch, uninit};

/// An open array of compressed chunks.
pub(super) struct FilteredArray {
    at: Location,
    handle: Arc<Handle>,
    library: LibraryArray,
    file: File,
    grid: VoxelGrid,
    filters: Filters,
    stored: Stored,
    /// Bytes of a voxel.
    element: usize,
    cache: ChunkCache,
    has_space: AtomicBool,
    /// How often this process had written to the file when the array was opened.
    n_writes: u64,
}

impl FilteredArray {
    /// The array, if its chunks can be read here.
    pub(super) fn of(
        at: &Location,
        handle: &Arc<Handle>,
        metadata: &Metadata,
        context: &Context,
    ) -> Option<Self> {
        let (chunks, filters) = (metadata.chunks.as_ref()?, metadata.filters.as_ref()?);
        Some(Self {
            file: File::open(&at.file).ok()?,
            library: LibraryArray::new(at.clone(), handle.clone(), metadata.stored.clone(), context),
            grid: VoxelGrid::new(&metadata.shape, chunks),
            filters: filters.clone(),
            element: metadata.stored.data_type.size(),
            stored: metadata.stored.clone(),
            cache: ChunkCache::new(context),
            has_space: AtomicBool::new(false),
            n_writes: handle.n_writes(),
            handle: handle.clone(),
            at: at.clone(),
        })
    }

    /// Puts a chunk into an empty buffer. Returns whether it was found.
    fn decode(&self, chunk: &VoxelBox, voxels: &mut Vec<u8>) -> Result<bool> {
        let (begin, n_bytes) = (chunk.begin(), self.bytes_of(chunk));
        scratch::with(|stored| {
            let read = self.handle.with(&self.at, |dataset| {
                Ok(if self.has_space(dataset) { read_stored(dataset, &begin, stored) } else { Ok(None) })
            })?;
            let decoded = read.and_then(|skipped| {
                let Some(skipped) = skipped else { return Ok(false) };
                self.cache.context().count_decoded(n_bytes);
                let element = self.element;
                // SAFETY: decoding fills it all.
                unsafe {
                    uninit::fill_up(voxels, n_bytes, |to| self.filters.decode(stored, skipped, element, to))
                }?;
                self.stored.swap(voxels);
                Ok(true)
            });
            decoded.map_err(|reason: String| StorageError::CorruptDataset {
                path: self.at.path.clone(),
                reason: format!("chunk that begins at voxel {begin:?}: {reason}"),
            })
        })
    }
}

impl FilteredArray {
    /// Reads what the memory takes of the chunk at `index`. `version` is that of the file, if chunks are kept.
    fn read_chunk(
        &self,
        index: &[u64],
        version: Option<Version>,
        to: &mut VoxelsMut<'_>,
        when_busy: WhenBusy,
    ) -> Result<ReadThrough> {
        let chunk = self.grid.chunk(index);
        let wanted = to.range.intersect(&chunk);
        let key = self.grid.position(index).zip(version);
        let mut reader = PartOfChunk { array: self, chunk: &chunk, wanted: &wanted, to };
        self.cache.read_through(key, when_busy, &mut reader)
    }

    fn bytes_of(&self, part: &VoxelBox) -> usize {
        part.n_voxels() as usize * self.element
    }

    /// Returns whether any chunk was ever written. The library adds all of them up for that, so it is asked until it is so: and
    /// before anything else, as it would make the space, also in a file that it may only read.
    fn has_space(&self, dataset: &Dataset) -> bool {
        if !self.has_space.load(Ordering::Relaxed) {
            self.has_space.store(dataset.storage_size() > 0, Ordering::Relaxed);
        }
        self.has_space.load(Ordering::Relaxed)
    }
}

unsafe extern "C" {
    /// HDF5's own, since 1.10.2; its bindings lack it. It finds a chunk by its place, where what they have walks through
    /// all of them.
    fn H5Dget_chunk_storage_size(dataset: hid_t, begin: *const hsize_t, n_bytes: *mut hsize_t) -> herr_t;
}

/// Puts the stored bytes of the chunk at `begin` into an empty buffer: which filters were skipped, or `None` where no such
/// chunk is found.
fn read_stored(dataset: &Dataset, begin: &[u64], bytes: &mut Vec<u8>) -> Result<Option<u32>, String> {
    let mut n_bytes = 0;
    // SAFETY: a dataset's id, one coordinate for each of its axes, and a valid place for the result.
    let code =
        hdf5::sync::sync(|| unsafe { H5Dget_chunk_storage_size(dataset.id(), begin.as_ptr(), &mut n_bytes) });
    // Some releases of the library call it an error that a chunk was never written, others give it no bytes.
    if code < 0 || n_bytes == 0 {
        return Ok(None);
    }
    let length = usize::try_from(n_bytes).map_err(|error| error.to_string())?;
    bytes.try_reserve_exact(length).map_err(|error| error.to_string())?;
    let mut skipped = 0;
    // SAFETY: as above, and a buffer of as many bytes as the chunk takes.
    let code = hdf5::sync::sync(|| unsafe {
        let to = bytes.spare_capacity_mut().as_mut_ptr().cast();
        H5Dread_chunk1(dataset.id(), H5P_DEFAULT, begin.as_ptr(), &mut skipped, to)
    });
    if code < 0 {
        return Err("the library cannot read its bytes".to_owned());
    }
    // SAFETY: the library read them all.
    unsafe { bytes.set_len(length) };
    Ok(Some(skipped))
}

// SAFETY: the chunks make up the whole range, and what is read of each is written in full.
unsafe impl Backend for FilteredArray {
    fn read(&self, range: &VoxelBox, bytes: &mut [MaybeUninit<u8>]) -> Result<()> {
        // What this process writes may leave the time of the file as it was.
        let is_unchanged = self.handle.n_writes() == self.n_writes;
        let version = is_unchanged.then(|| Version::of(&self.file).ok()).flatten();
        let n_bytes = bytes.len();
        let mut to = VoxelsMut { range, bytes, element: self.element };
        let mut deferred = Vec::new();
        for index in self.grid.chunks_of(range) {
            match self.read_chunk(&index, version, &mut to, WhenBusy::Defer)? {
                ReadThrough::Done => {}
                ReadThrough::Deferred => deferred.push(index),
            }
        }
        // By now the other threads have decoded them.
        for index in &deferred {
            let _: ReadThrough = self.read_chunk(index, version, &mut to, WhenBusy::Wait)?;
        }
        self.cache.context().count_read(n_bytes);
        Ok(())
    }

    fn write(&self, range: &VoxelBox, voxels: &[u8]) -> Result<()> {
        self.library.write(range, voxels)
    }
}

/// What a read wants of one chunk.
struct PartOfChunk<'a, 'b> {
    array: &'a FilteredArray,
    chunk: &'a VoxelBox,
    wanted: &'a VoxelBox,
    to: &'a mut VoxelsMut<'b>,
}

impl PartOfChunk<'_, '_> {
    /// Reads what is wanted by the library, which knows what is there instead of the chunk, or what is wrong.
    fn read_by_library(&mut self) -> Result<()> {
        scratch::with(|voxels| {
            let (library, wanted) = (&self.array.library, self.wanted);
            let n_bytes = self.array.bytes_of(wanted);
            // SAFETY: what every backend promises.
            unsafe { uninit::fill_up(voxels, n_bytes, |to| library.read(wanted, to)) }?;
            self.to.copy_from(wanted, wanted, voxels);
            Ok(())
        })
    }
}

impl ChunkReader for PartOfChunk<'_, '_> {
    type Error = StorageError;

    fn n_bytes(&self) -> u64 {
        self.array.bytes_of(self.chunk) as u64
    }

    fn wants_all(&self) -> bool {
        *self.wanted == self.array.grid.inside(self.chunk)
    }

    fn decode(&mut self, voxels: &mut Vec<u8>) -> Result<bool> {
        let is_decoded = self.array.decode(self.chunk, voxels)?;
        if !is_decoded {
            self.read_by_library()?;
        }
        Ok(is_decoded)
    }

    fn copy_from(&mut self, voxels: &[u8]) {
        self.to.copy_from(self.wanted, self.chunk, voxels);
    }

    fn decode_wanted(&mut self) -> Result<()> {
        scratch::with(|voxels| {
            if self.decode(voxels)? {
                self.copy_from(voxels);
            }
            Ok(())
        })
    }
}
