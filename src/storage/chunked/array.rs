//! Arrays cut into cells, each in a file of its own: what Zarr and N5 have in common.
//!
//! A cell is what is written at once: a chunk, or a shard of several chunks. A format says where a cell's file is and
//! how its content is coded ([`CellCodec`]); which cells are touched, in which order and under which lock, what is kept
//! decoded and when a file is replaced, is decided here. Everything runs on the calling thread.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::cache::{Shelf, count_decoded, count_read};
use super::codec::{CellCodec, CodecError, Content};
use super::partial_write::Change;
use crate::storage::backend::Backend;
use crate::storage::disk::files::{self, Version};
use crate::storage::disk::locks::Locks;
use crate::storage::error::{Result, StorageError};
use crate::storage::voxels::{boxes, scratch, spans, uninit};

/// The shapes of an array that is cut into cells.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Of the array.
    pub shape: Vec<u64>,
    /// Of a cell.
    pub cell: Vec<u64>,
    /// Of what is decoded at once, and kept decoded: a chunk, many of which may make up a cell.
    pub chunk: Vec<u64>,
}

/// An open array that is cut into cells.
pub struct ChunkedArray<C> {
    codec: C,
    cut: Cut,
    /// The bytes of a voxel that nobody wrote.
    fill_value: Vec<u8>,
    /// Of those who write parts of a cell.
    locks: Locks,
    /// Of those who decode a chunk that others will want too.
    decoding: Locks,
    shelf: Shelf,
}

/// A cell and a chunk in it, which is read once the others are.
type Later = (Vec<u64>, Vec<u64>);

impl<C> ChunkedArray<C> {
    /// `fill_value` are the bytes of a voxel that nobody wrote.
    pub fn new(codec: C, cut: Cut, fill_value: &[u8]) -> Self {
        let fill_value = fill_value.to_vec();
        Self { codec, cut, fill_value, locks: Locks::new(), decoding: Locks::new(), shelf: Shelf::new() }
    }
}

// SAFETY: the cells make up the whole range, and what is read of each is written in full.
unsafe impl<C: CellCodec> Backend for ChunkedArray<C> {
    fn read(&self, range: &[Range<u64>], voxels: &mut [MaybeUninit<u8>]) -> Result<()> {
        let mut later = Vec::new();
        for index in boxes::chunks_of(range, &self.cut.cell) {
            self.read_cell(&index, None, range, voxels, Some(&mut later))?;
        }
        // By now the other threads have decoded them.
        for (index, chunk) in &later {
            self.read_cell(index, Some(chunk), range, voxels, None)?;
        }
        count_read(voxels.len());
        Ok(())
    }

    fn write(&self, range: &[Range<u64>], voxels: &[u8]) -> Result<()> {
        let mut cells = boxes::chunks_of(range, &self.cut.cell);
        cells.try_for_each(|index| self.write_cell(&index, range, voxels))
    }
}

impl<C: CellCodec> ChunkedArray<C> {
    /// Reads what `range`, whose voxels go to `data`, has of a cell, or of one chunk in it.
    ///
    /// Chunks that another thread is decoding, to keep them, are put off and added to `later`, or waited for without it.
    fn read_cell(
        &self,
        index: &[u64],
        only: Option<&[u64]>,
        range: &[Range<u64>],
        data: &mut [MaybeUninit<u8>],
        mut later: Option<&mut Vec<Later>>,
    ) -> Result<()> {
        let cell = boxes::chunk_box(index, &self.cut.cell);
        let wanted = boxes::common(range, &cell);
        let path = self.codec.path_of(index);
        let Some((file, version)) = files::open(&path).map_err(StorageError::io("open chunk", &path))? else {
            spans::fill(&wanted, range, data, &self.fill_value);
            return Ok(());
        };
        let content = self.codec.content(file, version.length());
        let is_wanted = |position: &Vec<u64>| only.is_none_or(|only| only == position);
        for position in boxes::chunks_of(&wanted, &self.cut.chunk).filter(is_wanted) {
            let number = self.number(&position);
            let chunk = boxes::chunk_box(&position, &self.cut.chunk);
            let part = boxes::common(&wanted, &chunk);
            let find = || number.and_then(|number| self.shelf.find(number, version));
            let paste = |kept: &[u8], data: &mut _| {
                spans::paste(&part, &chunk, kept, range, data, self.element());
            };
            if let Some(kept) = find() {
                paste(&kept, data);
                continue;
            }
            let is_whole = part == boxes::inside(&chunk, &self.cut.shape);
            let to_keep = number.filter(|_| !is_whole && self.shelf.has_room_for(self.bytes_of(&chunk)));
            let decoded = if let Some(number) = to_keep {
                let _turn = match (self.decoding.try_of(&position), &mut later) {
                    (Some(turn), _) => turn,
                    (None, Some(later)) => {
                        later.push((index.to_vec(), position));
                        continue;
                    }
                    (None, None) => self.decoding.of(&position),
                };
                // Another thread may have been faster.
                if let Some(kept) = find() {
                    paste(&kept, data);
                    continue;
                }
                let mut voxels = Vec::new();
                self.decode(&content, &chunk, &cell, &mut voxels).map(|()| {
                    paste(&voxels, data);
                    self.shelf.keep(number, version, Arc::new(voxels));
                })
            } else {
                let decoded = if is_whole { &chunk } else { &part };
                self.decode_once(&content, [&part, decoded, &cell, range], data)
            };
            decoded.map_err(|error| error.at("read chunk", &path))?;
        }
        Ok(())
    }

    /// Reads a part, of what is decoded, of a cell, to its place in `range`, and keeps nothing.
    fn decode_once(
        &self,
        content: &impl Content,
        [part, decoded, cell, range]: [&[Range<u64>]; 4],
        data: &mut [MaybeUninit<u8>],
    ) -> Result<(), CodecError> {
        if let Some(place) = spans::one_run(part, range, self.element()).filter(|_| part == decoded) {
            count_decoded(place.len());
            return content.decode(&boxes::relative(part, cell), &mut data[place]);
        }
        scratch::with(|voxels| {
            self.decode(content, decoded, cell, voxels)?;
            spans::paste(part, decoded, voxels, range, data, self.element());
            Ok(())
        })
    }

    /// Writes what `range`, whose voxels are `data`, has of a cell.
    fn write_cell(&self, index: &[u64], range: &[Range<u64>], data: &[u8]) -> Result<()> {
        let cell = boxes::chunk_box(index, &self.cut.cell);
        let common = boxes::common(range, &cell);
        let covers_what_exists = common == boxes::inside(&cell, &self.cut.shape);
        let path = self.codec.path_of(index);

        let _turn = self.locks.of(index);
        if range == cell {
            return self.store(index, data, &path).map(drop);
        }
        if covers_what_exists {
            // At the array's border a cell reaches past it: nothing of the former content is kept.
            return scratch::with(|voxels| {
                self.make_empty(&cell, voxels).map_err(|error| error.of_encoding(&path))?;
                spans::cut(&common, &cell, voxels, range, data, self.element());
                self.store(index, voxels, &path).map(drop)
            });
        }
        let change = Change { shape: &self.cut.shape, cell: &cell, range, data, element: self.element() };
        if self.patch(&change, &path)? {
            return Ok(());
        }
        let mut voxels = self.former(index, &cell, &path)?;
        spans::cut(&common, &cell, &mut voxels, range, data, self.element());
        let version = self.store(index, &voxels, &path)?;
        // Whoever wrote a part of it is likely to write the next one.
        let number = self.number(index).filter(|_| self.cut.cell == self.cut.chunk);
        if let (Some(number), Some(version)) = (number, version) {
            self.shelf.keep(number, version, Arc::new(voxels));
        }
        Ok(())
    }

    /// Changes the file of a cell of several chunks: whether there is one.
    fn patch(&self, change: &Change<'_>, path: &Path) -> Result<bool> {
        let Some(patcher) = self.codec.patcher() else { return Ok(false) };
        let opened = files::open(path).map_err(StorageError::io("open chunk", path))?;
        let Some((former, version)) = opened else { return Ok(false) };
        scratch::with(|file| {
            let has_voxels = patcher.patch(&former, version.length(), change, file);
            if has_voxels.map_err(|error| error.at("read chunk", path))? {
                files::replace(path, file).map(drop).map_err(StorageError::io("write chunk", path))?;
            } else {
                files::remove(path).map_err(StorageError::io("remove chunk", path))?;
            }
            Ok(true)
        })
    }

    /// Puts the voxels of a cell into its file, or removes the file where none of them need be stored: its version.
    fn store(&self, index: &[u64], voxels: &[u8], path: &Path) -> Result<Option<Version>> {
        if spans::is_all(voxels, &self.fill_value) {
            files::remove(path).map_err(StorageError::io("remove chunk", path))?;
            return Ok(None);
        }
        scratch::with(|file| {
            self.codec.encode(index, voxels, file).map_err(|error| error.of_encoding(path))?;
            files::replace(path, file).map(Some).map_err(StorageError::io("write chunk", path))
        })
    }

    /// The voxels of a cell as they are.
    fn former(&self, index: &[u64], cell: &[Range<u64>], path: &Path) -> Result<Vec<u8>> {
        let opened = files::open(path).map_err(StorageError::io("open chunk", path))?;
        let mut voxels = Vec::new();
        let Some((file, version)) = opened else {
            let made = self.make_empty(cell, &mut voxels);
            return made.map(|()| voxels).map_err(|error| error.of_encoding(path));
        };
        let number = self.number(index).filter(|_| self.cut.cell == self.cut.chunk);
        if let Some(kept) = number.and_then(|number| self.shelf.find(number, version)) {
            return Ok(kept.to_vec());
        }
        let content = self.codec.content(file, version.length());
        let decoded = self.decode(&content, cell, cell, &mut voxels);
        decoded.map(|()| voxels).map_err(|error| error.at("read chunk", path))
    }

    /// Puts the voxels of `part` of a cell into an empty buffer.
    fn decode(
        &self,
        content: &impl Content,
        part: &[Range<u64>],
        cell: &[Range<u64>],
        voxels: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let n_bytes = self.bytes_of(part) as usize;
        uninit::make_room(voxels, n_bytes)?;
        count_decoded(n_bytes);
        // SAFETY: what content promises.
        unsafe { uninit::fill_up(voxels, n_bytes, |to| content.decode(&boxes::relative(part, cell), to)) }
    }

    /// Puts a cell that nobody wrote into an empty buffer.
    fn make_empty(&self, cell: &[Range<u64>], voxels: &mut Vec<u8>) -> Result<(), CodecError> {
        let n_bytes = self.bytes_of(cell) as usize;
        uninit::make_room(voxels, n_bytes)?;
        if self.fill_value.iter().all(|&byte| byte == 0) {
            voxels.resize(n_bytes, 0);
        } else {
            voxels.extend(self.fill_value.iter().copied().cycle().take(n_bytes));
        }
        Ok(())
    }

    fn number(&self, chunk: &[u64]) -> Option<u64> {
        boxes::number(chunk, &self.cut.shape, &self.cut.chunk)
    }

    fn element(&self) -> u64 {
        self.fill_value.len() as u64
    }

    /// Opening an array has checked that a cell fits into memory.
    fn bytes_of(&self, part: &[Range<u64>]) -> u64 {
        part.iter().fold(self.element(), |bytes, range| bytes * (range.end - range.start))
    }
}
