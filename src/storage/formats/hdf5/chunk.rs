//! Compressed chunks that are decoded without the library: it hands out their stored bytes, and the rest goes on outside of
//! its global lock, so that all slots of a rank decode at once and keep what they decoded.
//!
//! For the filters that most files have: bytes shuffled, then deflated. Others, and all writing, are the library's.

use std::fs::File;
use std::mem::MaybeUninit;
use std::ops::Range;
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
use crate::storage::backend::Backend;
use crate::storage::chunked::cache::{Shelf, count_decoded, count_read};
use crate::storage::disk::files::Version;
use crate::storage::error::{Result, StorageError};
use crate::storage::voxels::{boxes, scratch, spans, uninit};

/// An open array of compressed chunks.
pub(super) struct FilteredArray {
    at: Location,
    handle: Arc<Handle>,
    library: LibraryArray,
    file: File,
    shape: Vec<u64>,
    chunks: Vec<u64>,
    filters: Filters,
    /// Bytes of a voxel.
    element: usize,
    shelf: Shelf,
    has_space: AtomicBool,
    /// How often this process had written to the file when the array was opened.
    n_writes: u64,
}

impl FilteredArray {
    /// The array, if its chunks can be read here.
    pub(super) fn of(at: &Location, handle: &Arc<Handle>, metadata: &Metadata) -> Option<Self> {
        let (chunks, filters) = (metadata.chunks.as_ref()?, metadata.filters.as_ref()?);
        Some(Self {
            file: File::open(&at.file).ok()?,
            library: LibraryArray::new(at.clone(), handle.clone(), metadata),
            shape: metadata.shape.clone(),
            chunks: chunks.clone(),
            filters: filters.clone(),
            element: metadata.data_type.size(),
            shelf: Shelf::new(),
            has_space: AtomicBool::new(false),
            n_writes: handle.n_writes(),
            handle: handle.clone(),
            at: at.clone(),
        })
    }

    /// Reads what `range`, whose voxels go to `data`, has of a chunk. `version` is that of the file, if chunks are kept.
    fn read_chunk(
        &self,
        index: &[u64],
        range: &[Range<u64>],
        data: &mut [MaybeUninit<u8>],
        version: Option<Version>,
    ) -> Result<()> {
        let element = self.element;
        let chunk = boxes::chunk_box(index, &self.chunks);
        let part = boxes::common(range, &chunk);
        let paste = |voxels: &[u8], data: &mut [MaybeUninit<u8>]| {
            spans::paste(&part, &chunk, voxels, range, data, element as u64);
        };
        let number = boxes::number(index, &self.shape, &self.chunks).zip(version);
        if let Some(kept) = number.and_then(|(number, version)| self.shelf.find(number, version)) {
            paste(&kept, data);
            return Ok(());
        }
        let n_bytes = boxes::extents(&chunk).iter().product::<usize>() * element;
        let is_whole = part == boxes::inside(&chunk, &self.shape);
        let to_keep = number.filter(|_| !is_whole && self.shelf.has_room_for(n_bytes as u64));
        let is_decoded = if let Some((number, version)) = to_keep {
            let mut voxels = Vec::new();
            let is_decoded = self.decode(&chunk, n_bytes, &mut voxels)?;
            if is_decoded {
                paste(&voxels, data);
                self.shelf.keep(number, version, Arc::new(voxels));
            }
            is_decoded
        } else {
            scratch::with(|voxels| {
                let is_decoded = self.decode(&chunk, n_bytes, voxels)?;
                if is_decoded {
                    paste(voxels, data);
                }
                Ok(is_decoded)
            })?
        };
        if !is_decoded {
            // The library knows what is there instead, or what is wrong.
            let n_bytes = boxes::extents(&part).iter().product::<usize>() * element;
            scratch::with(|voxels| {
                // SAFETY: what the library's backend promises.
                unsafe { uninit::fill_up(voxels, n_bytes, |to| self.library.read(&part, to)) }?;
                spans::paste(&part, &part, voxels, range, data, element as u64);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Puts a chunk of so many bytes into an empty buffer; whether it was found.
    fn decode(&self, chunk: &[Range<u64>], n_bytes: usize, voxels: &mut Vec<u8>) -> Result<bool> {
        let begin: Vec<u64> = chunk.iter().map(|range| range.start).collect();
        scratch::with(|stored| {
            let read = self.handle.with(&self.at, |dataset| {
                Ok(if self.has_space(dataset) { read_stored(dataset, &begin, stored) } else { Ok(None) })
            })?;
            let decoded = read.and_then(|skipped| {
                let Some(skipped) = skipped else { return Ok(false) };
                count_decoded(n_bytes);
                let element = self.element;
                // SAFETY: decoding fills it all.
                unsafe {
                    uninit::fill_up(voxels, n_bytes, |to| self.filters.decode(stored, skipped, element, to))
                }?;
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
    /// Whether any chunk was ever written. The library adds all of them up for that, so it is asked until it is so: and
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
    fn read(&self, range: &[Range<u64>], voxels: &mut [MaybeUninit<u8>]) -> Result<()> {
        // What this process writes may leave the time of the file as it was.
        let is_kept = self.handle.n_writes() == self.n_writes;
        let version = is_kept.then(|| Version::of(&self.file).ok()).flatten();
        for index in boxes::chunks_of(range, &self.chunks) {
            self.read_chunk(&index, range, voxels, version)?;
        }
        count_read(voxels.len());
        Ok(())
    }

    fn write(&self, range: &[Range<u64>], voxels: &[u8]) -> Result<()> {
        self.library.write(range, voxels)
    }

    fn one_process_only(&self) -> Option<&'static str> {
        self.library.one_process_only()
    }
}
