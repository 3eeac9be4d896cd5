//! Arrays whose write chunks (chunks, or shards of several chunks) are files of their own: what Zarr and N5 have in common.
//!
//! A format says where a write chunk's file is and how its content is coded ([`ChunkCodec`]); which ones are touched, in
//! which order and under which lock, what is kept decoded and when a file is replaced, is decided here. Everything runs on
//! the calling thread.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};

use super::cache::{ChunkCache, ChunkReader, ReadThrough, WhenBusy};
use super::codec::{ChunkCodec, ChunkContent, CodecError};
use super::partial_write::PartialWrite;
use crate::geometry::{VoxelBox, VoxelGrid};
use crate::storage::backend::Backend;
use crate::storage::context::Context;
use crate::storage::disk::files::{self, Version};
use crate::storage::disk::locks::Locks;
use crate::storage::error::{Result, StorageError};
use crate::storage::voxels::buffer::{self, Voxels, VoxelsMut};
use crate::storage::voxels::{scratch, uninit};

/// An open array whose write chunks are files.
pub struct ChunkedArray<C> {
    codec: C,
    /// What is written at once, and is a file: chunks or shards.
    write_chunks: VoxelGrid,
    /// What is decoded at once, and kept decoded: many of them may make up a write chunk.
    chunks: VoxelGrid,
    /// The bytes of a voxel that nobody wrote.
    fill_value: Vec<u8>,
    /// The turns of those who write parts of a write chunk.
    writing: Locks,
    cache: ChunkCache,
}

/// A chunk that is read once the others are.
struct Deferred {
    write_chunk: Vec<u64>,
    chunk: Vec<u64>,
}

impl<C> ChunkedArray<C> {
    /// `fill_value` are the bytes of a voxel that nobody wrote.
    pub fn new(
        codec: C,
        write_chunks: VoxelGrid,
        chunks: VoxelGrid,
        fill_value: &[u8],
        context: &Context,
    ) -> Self {
        let (fill_value, cache) = (fill_value.to_vec(), ChunkCache::new(context));
        Self { codec, write_chunks, chunks, fill_value, writing: Locks::new(), cache }
    }
}

// SAFETY: the write chunks make up the whole range, and what is read of each is written in full.
unsafe impl<C: ChunkCodec> Backend for ChunkedArray<C> {
    fn read(&self, range: &VoxelBox, bytes: &mut [MaybeUninit<u8>]) -> Result<()> {
        let n_bytes = bytes.len();
        let mut to = VoxelsMut { range, bytes, element: self.element() };
        let mut deferred = Vec::new();
        for index in self.write_chunks.chunks_of(range) {
            self.read_write_chunk(&index, &mut to, &mut deferred)?;
        }
        // By now the other threads have decoded them.
        for Deferred { write_chunk, chunk } in &deferred {
            self.read_deferred(write_chunk, chunk, &mut to)?;
        }
        self.context().count_read(n_bytes);
        Ok(())
    }

    fn write(&self, range: &VoxelBox, bytes: &[u8]) -> Result<()> {
        let voxels = Voxels { range, bytes, element: self.element() };
        let mut write_chunks = self.write_chunks.chunks_of(range);
        write_chunks.try_for_each(|index| self.write_write_chunk(&index, voxels))
    }

    fn is_stored(&self, range: &VoxelBox) -> Option<bool> {
        const MAX_FILES: usize = 64;
        let mut first = self.write_chunks.chunks_of(range).take(MAX_FILES);
        Some(first.any(|index| self.codec.path_of(&index).exists()))
    }
}

impl<C: ChunkCodec> ChunkedArray<C> {
    /// Reads what the memory takes of a write chunk. Chunks that another thread is decoding, to keep them, are put off.
    fn read_write_chunk(
        &self,
        index: &[u64],
        to: &mut VoxelsMut<'_>,
        deferred: &mut Vec<Deferred>,
    ) -> Result<()> {
        let Some(opened) = self.open(index)? else {
            self.fill(index, to);
            return Ok(());
        };
        let wanted = to.range.intersect(&opened.write_chunk);
        for chunk in self.chunks.chunks_of(&wanted) {
            match opened.read_chunk(&chunk, to, WhenBusy::Defer)? {
                ReadThrough::Done => {}
                ReadThrough::Deferred => deferred.push(Deferred { write_chunk: index.to_vec(), chunk }),
            }
        }
        Ok(())
    }

    /// Reads what the memory takes of one chunk of a write chunk, once whoever is decoding it has done so.
    fn read_deferred(&self, index: &[u64], chunk: &[u64], to: &mut VoxelsMut<'_>) -> Result<()> {
        match self.open(index)? {
            Some(opened) => opened.read_chunk(chunk, to, WhenBusy::Wait).map(drop),
            // Removed meanwhile.
            None => {
                let part = to.range.intersect(&self.chunks.chunk(chunk));
                to.fill(&part, &self.fill_value);
                Ok(())
            }
        }
    }

    /// Fills what the memory takes of a write chunk that nobody wrote.
    fn fill(&self, index: &[u64], to: &mut VoxelsMut<'_>) {
        let part = to.range.intersect(&self.write_chunks.chunk(index));
        to.fill(&part, &self.fill_value);
    }

    /// A write chunk's file, opened; `None` where there is none.
    fn open(&self, index: &[u64]) -> Result<Option<OpenedChunk<'_, C, impl ChunkContent + use<'_, C>>>> {
        let path = self.codec.path_of(index);
        let opened = files::open(&path).map_err(StorageError::io("open chunk", &path))?;
        Ok(opened.map(|(file, version)| OpenedChunk {
            array: self,
            write_chunk: self.write_chunks.chunk(index),
            content: self.codec.content(file, version.length()),
            version,
            path,
        }))
    }

    /// Writes what `voxels` have of a write chunk.
    fn write_write_chunk(&self, index: &[u64], voxels: Voxels<'_>) -> Result<()> {
        let write_chunk = self.write_chunks.chunk(index);
        let part = voxels.range.intersect(&write_chunk);
        let path = self.codec.path_of(index);

        let _turn = self.writing.lock(index);
        if *voxels.range == write_chunk {
            return self.store(index, voxels.bytes, &path, self.context().is_synced()).map(drop);
        }
        if part == self.write_chunks.inside(&write_chunk) {
            // At the array's border a chunk reaches past it: nothing of the former content is kept.
            return scratch::with(|whole| {
                self.make_empty(&write_chunk, whole).map_err(|error| error.of_encoding(&path))?;
                voxels.copy_to(&part, &write_chunk, whole);
                self.store(index, whole, &path, self.context().is_synced()).map(drop)
            });
        }
        let write = PartialWrite {
            grid: &self.write_chunks,
            write_chunk: &write_chunk,
            voxels,
            context: self.context(),
        };
        if self.write_partially(&write, &path)? {
            return Ok(());
        }
        let mut whole = self.former(index, &write_chunk, &path)?;
        voxels.copy_to(&part, &write_chunk, &mut whole);
        // Others' voxels, which are done, are on the disk all the time.
        let version = self.store(index, &whole, &path, self.context().replaces_synced())?;
        // Whoever wrote a part of it is likely to write the next one.
        if let (Some(position), Some(version)) = (self.position_of_single_chunk(index), version) {
            self.cache.keep(position, version, whole);
        }
        Ok(())
    }

    /// Changes the file of a write chunk of several chunks. Returns whether there is one.
    fn write_partially(&self, write: &PartialWrite<'_>, path: &Path) -> Result<bool> {
        let Some(encoder) = self.codec.partial_encoder() else { return Ok(false) };
        let opened = files::open(path).map_err(StorageError::io("open chunk", path))?;
        let Some((former, version)) = opened else { return Ok(false) };
        scratch::with(|file| {
            let has_voxels = encoder.encode_partially(&former, version.length(), write, file);
            if has_voxels.map_err(|error| error.of_decoding(path))? {
                files::replace(path, file, self.context().replaces_synced())
                    .map(drop)
                    .map_err(StorageError::io("write chunk", path))?;
            } else {
                files::remove(path).map_err(StorageError::io("remove chunk", path))?;
            }
            self.context().note_written(path);
            Ok(true)
        })
    }

    /// Puts the voxels of a write chunk into its file, or removes the file where none of them need be stored. Returns its
    /// version.
    fn store(&self, index: &[u64], voxels: &[u8], path: &Path, is_synced: bool) -> Result<Option<Version>> {
        if buffer::is_all(voxels, &self.fill_value) {
            files::remove(path).map_err(StorageError::io("remove chunk", path))?;
            self.context().note_written(path);
            return Ok(None);
        }
        scratch::with(|file| {
            self.codec.encode(index, voxels, file).map_err(|error| error.of_encoding(path))?;
            let version = files::replace(path, file, is_synced);
            let version = version.map_err(StorageError::io("write chunk", path))?;
            self.context().note_written(path);
            Ok(Some(version))
        })
    }

    /// The voxels of a write chunk as they are.
    fn former(&self, index: &[u64], write_chunk: &VoxelBox, path: &Path) -> Result<Vec<u8>> {
        let opened = files::open(path).map_err(StorageError::io("open chunk", path))?;
        let mut voxels = Vec::new();
        let Some((file, version)) = opened else {
            let made = self.make_empty(write_chunk, &mut voxels);
            return made.map(|()| voxels).map_err(|error| error.of_encoding(path));
        };
        let position = self.position_of_single_chunk(index);
        if let Some(kept) = position.and_then(|position| self.cache.find(position, version)) {
            return Ok(kept.to_vec());
        }
        let content = self.codec.content(file, version.length());
        let decoded = self.decode(&content, &write_chunk.relative_to(write_chunk), &mut voxels);
        decoded.map(|()| voxels).map_err(|error| error.of_decoding(path))
    }

    /// Puts the voxels of a box, counted from the write chunk's begin, into an empty buffer.
    fn decode(
        &self,
        content: &impl ChunkContent,
        part: &VoxelBox,
        voxels: &mut Vec<u8>,
    ) -> Result<(), CodecError> {
        let n_bytes = self.bytes_of(part) as usize;
        uninit::reserve(voxels, n_bytes)?;
        self.context().count_decoded(n_bytes);
        // SAFETY: what content promises.
        unsafe { uninit::fill_up(voxels, n_bytes, |to| content.decode(part, to)) }
    }

    /// Puts a write chunk that nobody wrote into an empty buffer.
    fn make_empty(&self, write_chunk: &VoxelBox, voxels: &mut Vec<u8>) -> Result<(), CodecError> {
        let n_bytes = self.bytes_of(write_chunk) as usize;
        uninit::reserve(voxels, n_bytes)?;
        if self.fill_value.iter().all(|&byte| byte == 0) {
            voxels.resize(n_bytes, 0);
        } else {
            voxels.extend(self.fill_value.iter().copied().cycle().take(n_bytes));
        }
        Ok(())
    }

    /// Where the cache has a write chunk that is a single chunk.
    fn position_of_single_chunk(&self, index: &[u64]) -> Option<u64> {
        let is_chunk = self.write_chunks.chunk_shape() == self.chunks.chunk_shape();
        is_chunk.then(|| self.chunks.position(index)).flatten()
    }

    fn context(&self) -> &Context {
        self.cache.context()
    }

    fn element(&self) -> usize {
        self.fill_value.len()
    }

    /// Opening an array has checked that a write chunk fits into memory.
    fn bytes_of(&self, part: &VoxelBox) -> u64 {
        part.n_voxels() * self.element() as u64
    }
}

/// The file of a write chunk, as it was when it was opened.
struct OpenedChunk<'a, C, F> {
    array: &'a ChunkedArray<C>,
    write_chunk: VoxelBox,
    content: F,
    version: Version,
    path: PathBuf,
}

impl<C: ChunkCodec, F: ChunkContent> OpenedChunk<'_, C, F> {
    /// Reads what the memory takes of the chunk at `index`.
    fn read_chunk(&self, index: &[u64], to: &mut VoxelsMut<'_>, when_busy: WhenBusy) -> Result<ReadThrough> {
        let chunk = self.array.chunks.chunk(index);
        let wanted = to.range.intersect(&chunk);
        let key = self.array.chunks.position(index).map(|position| (position, self.version));
        let mut reader = PartOfChunk { opened: self, chunk: &chunk, wanted: &wanted, to };
        let read = self.array.cache.read_through(key, when_busy, &mut reader);
        read.map_err(|error| error.of_decoding(&self.path))
    }
}

/// What a read wants of one chunk.
struct PartOfChunk<'a, 'b, C, F> {
    opened: &'a OpenedChunk<'a, C, F>,
    chunk: &'a VoxelBox,
    wanted: &'a VoxelBox,
    to: &'a mut VoxelsMut<'b>,
}

impl<C: ChunkCodec, F: ChunkContent> PartOfChunk<'_, '_, C, F> {
    /// Puts the voxels of a box into an empty buffer.
    fn decode_box(&self, part: &VoxelBox, voxels: &mut Vec<u8>) -> Result<(), CodecError> {
        let OpenedChunk { array, write_chunk, content, .. } = self.opened;
        array.decode(content, &part.relative_to(write_chunk), voxels)
    }
}

impl<C: ChunkCodec, F: ChunkContent> ChunkReader for PartOfChunk<'_, '_, C, F> {
    type Error = CodecError;

    fn n_bytes(&self) -> u64 {
        self.opened.array.bytes_of(self.chunk)
    }

    fn wants_all(&self) -> bool {
        *self.wanted == self.opened.array.chunks.inside(self.chunk)
    }

    fn decode(&mut self, voxels: &mut Vec<u8>) -> Result<bool, CodecError> {
        self.decode_box(self.chunk, voxels).map(|()| true)
    }

    fn copy_from(&mut self, voxels: &[u8]) {
        self.to.copy_from(self.wanted, self.chunk, voxels);
    }

    /// A chunk that is wanted as far as the array has it is decoded as a whole: codecs are better at that.
    fn decode_wanted(&mut self) -> Result<(), CodecError> {
        let decoded = if self.wants_all() { self.chunk } else { self.wanted };
        if self.wanted == decoded
            && let Some(piece) = self.to.piece(self.wanted)
        {
            self.opened.array.context().count_decoded(piece.len());
            return self.opened.content.decode(&self.wanted.relative_to(&self.opened.write_chunk), piece);
        }
        scratch::with(|voxels| {
            self.decode_box(decoded, voxels)?;
            self.to.copy_from(self.wanted, decoded, voxels);
            Ok(())
        })
    }
}
