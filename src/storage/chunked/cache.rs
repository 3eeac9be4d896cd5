//! Decoded chunks that are likely to be asked for again: a worker whose blocks read overlapping contexts decodes a chunk
//! once, not once for each block.
//!
//! The bytes belong to the [`Context`]; what an array has of them, and who decodes, is here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::storage::context::{Context, Key};
use crate::storage::disk::files::Version;
use crate::storage::disk::locks::Locks;

/// Minimum number of chunks that fit into the cache: larger ones are not kept, as none of them would stay until it is asked
/// for again.
const MIN_CHUNKS: u64 = 8;

/// A chunk that a read wants, or a part of it.
pub trait ChunkReader {
    type Error;

    /// Bytes of the whole chunk, decoded.
    fn n_bytes(&self) -> u64;

    /// Returns whether all that the array has of the chunk is wanted.
    fn wants_all(&self) -> bool;

    /// Decodes the whole chunk into an empty buffer. Returns whether it did: where nothing is stored that could be decoded,
    /// the read has got what it wanted some other way.
    fn decode(&mut self, voxels: &mut Vec<u8>) -> Result<bool, Self::Error>;

    /// Takes what is wanted from the decoded chunk.
    fn copy_from(&mut self, voxels: &[u8]);

    /// Decodes what is wanted to where it belongs, and keeps nothing.
    fn decode_wanted(&mut self) -> Result<(), Self::Error>;
}

/// What to do about a chunk that another thread is decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// Nothing: it is read later, once the others are.
    Defer,
    /// Wait until it is decoded.
    Wait,
}

/// What became of a chunk that was to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum ReadThrough {
    Done,
    /// Another thread is decoding it.
    Deferred,
}

/// The part of the cache that an open array has, and the turns of the threads that decode for it.
pub struct ChunkCache {
    context: Context,
    array: u64,
    decoding: Locks,
}

impl ChunkCache {
    pub fn new(context: &Context) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let array = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { context: context.clone(), array, decoding: Locks::new() }
    }

    /// The context whose memory it is.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Reads a chunk: from the cache, or decoded, and then kept if others are likely to want it. A chunk that is kept is
    /// decoded by one thread, for all.
    ///
    /// `key` is the position of the chunk among those of the array and the version of the file that it is in; without it
    /// nothing is found or kept.
    pub fn read_through<R: ChunkReader>(
        &self,
        key: Option<(u64, Version)>,
        when_busy: WhenBusy,
        reader: &mut R,
    ) -> Result<ReadThrough, R::Error> {
        let find = || key.and_then(|(chunk, version)| self.find(chunk, version));
        if let Some(kept) = find() {
            reader.copy_from(&kept);
            return Ok(ReadThrough::Done);
        }
        let cacheable = key.filter(|_| !reader.wants_all() && self.has_room_for(reader.n_bytes()));
        let Some((chunk, version)) = cacheable else {
            return reader.decode_wanted().map(|()| ReadThrough::Done);
        };
        let _turn = match (self.decoding.try_lock(&chunk), when_busy) {
            (Some(turn), _) => turn,
            (None, WhenBusy::Defer) => return Ok(ReadThrough::Deferred),
            (None, WhenBusy::Wait) => self.decoding.lock(&chunk),
        };
        // Another thread may have been faster.
        if let Some(kept) = find() {
            reader.copy_from(&kept);
            return Ok(ReadThrough::Done);
        }
        let mut voxels = Vec::new();
        if reader.decode(&mut voxels)? {
            reader.copy_from(&voxels);
            self.keep(chunk, version, voxels);
        }
        Ok(ReadThrough::Done)
    }

    /// A chunk, if it is kept and its file still has this version.
    pub fn find(&self, chunk: u64, version: Version) -> Option<Arc<Vec<u8>>> {
        self.context.find(self.key(chunk), version)
    }

    /// Keeps a chunk of a file of this version, if there is room for it.
    pub fn keep(&self, chunk: u64, version: Version, voxels: Vec<u8>) {
        if self.has_room_for(voxels.len() as u64) {
            self.context.keep(self.key(chunk), version, voxels);
        }
    }

    /// Returns whether chunks of so many bytes are kept.
    fn has_room_for(&self, bytes: u64) -> bool {
        bytes <= self.context.cache_bytes() / MIN_CHUNKS
    }

    fn key(&self, chunk: u64) -> Key {
        Key { array: self.array, chunk }
    }
}

impl Drop for ChunkCache {
    fn drop(&mut self) {
        self.context.forget(self.array);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::storage::disk::files;

    /// A part of a chunk of four bytes.
    #[derive(Default)]
    struct Reader {
        wants_all: bool,
        n_decoded: usize,
        n_copied: usize,
        n_decoded_past: usize,
    }

    impl ChunkReader for Reader {
        type Error = Infallible;

        fn n_bytes(&self) -> u64 {
            4
        }

        fn wants_all(&self) -> bool {
            self.wants_all
        }

        fn decode(&mut self, voxels: &mut Vec<u8>) -> Result<bool, Infallible> {
            self.n_decoded += 1;
            voxels.extend([1, 2, 3, 4]);
            Ok(true)
        }

        fn copy_from(&mut self, voxels: &[u8]) {
            assert_eq!(voxels, [1, 2, 3, 4]);
            self.n_copied += 1;
        }

        fn decode_wanted(&mut self) -> Result<(), Infallible> {
            self.n_decoded_past += 1;
            Ok(())
        }
    }

    /// The versions of a file before and after it was replaced.
    fn versions() -> [Version; 2] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("chunk");
        [1, 2].map(|content| files::replace(&path, &[content], false).expect("a file in it"))
    }

    #[test]
    fn a_part_is_decoded_once_as_long_as_the_file_stays() {
        let (cache, [first, second]) = (ChunkCache::new(&Context::new()), versions());
        let mut reader = Reader::default();
        let read = |version, reader: &mut Reader| {
            assert_eq!(
                cache.read_through(Some((7, version)), WhenBusy::Defer, reader),
                Ok(ReadThrough::Done)
            );
        };
        read(first, &mut reader);
        read(first, &mut reader);
        assert_eq!((reader.n_decoded, reader.n_copied), (1, 2));
        read(second, &mut reader);
        assert_eq!((reader.n_decoded, reader.n_copied), (2, 3));
        // What is read whole is taken from the cache, but not kept.
        let mut whole = Reader { wants_all: true, ..Reader::default() };
        read(second, &mut whole);
        read(first, &mut whole);
        assert_eq!((whole.n_copied, whole.n_decoded_past, whole.n_decoded), (1, 1, 0));
        assert!(matches!(cache.read_through(None, WhenBusy::Wait, &mut reader), Ok(ReadThrough::Done)));
        assert_eq!((reader.n_decoded, reader.n_decoded_past), (2, 1));
    }

    #[test]
    fn a_chunk_that_another_thread_decodes_is_put_off() {
        let (cache, [version, _]) = (ChunkCache::new(&Context::new()), versions());
        let mut reader = Reader::default();
        let turn = cache.decoding.lock(&7u64);
        let read = cache.read_through(Some((7, version)), WhenBusy::Defer, &mut reader);
        assert_eq!((read, reader.n_decoded), (Ok(ReadThrough::Deferred), 0));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| cache.read_through(Some((7, version)), WhenBusy::Wait, &mut reader));
            cache.keep(7, version, vec![1, 2, 3, 4]);
            drop(turn);
            assert_eq!(waiting.join().expect("no panic"), Ok(ReadThrough::Done));
        });
        assert_eq!((reader.n_decoded, reader.n_copied), (0, 1));
    }
}
