//! Decoded chunks that are likely to be asked for again: a worker whose blocks read overlapping contexts decodes a chunk
//! once, not once for each block.
//!
//! All arrays of a process share one cache of so many bytes. It keeps chunks of which a read took a part; those that are
//! read whole are not kept, as a copy of a volume would only push out what others need. An entry counts as long as
//! the file it was decoded from is still there, unchanged: another rank may have written it meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::storage::disk::files::Version;
use crate::storage::disk::locks::Locks;

/// Maximum number of bytes that a process keeps unless it is told otherwise: enough for three planes of 24 x 24 chunks of 256 KiB, so that none of
/// them is decoded again while the blocks on both of its sides go by.
pub(crate) const DEFAULT_BYTES: u64 = 512 << 20;
/// Minimum number of chunks that fit into the cache: larger ones are not kept, as none of them would stay until it is asked
/// for again.
const MIN_CHUNKS: u64 = 8;
/// Bytes that an entry takes beside its voxels, about.
const OVERHEAD: u64 = 128;

/// How much of what was read came out of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    /// Chunks that were found decoded.
    pub n_hits: u64,
    /// Chunks that had to be decoded.
    pub n_misses: u64,
    /// Bytes that reads returned.
    pub bytes_read: u64,
    /// Bytes that decoding made.
    pub bytes_decoded: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    array: u64,
    chunk: u64,
}

#[derive(Clone)]
struct Entry {
    version: Version,
    chunk: Arc<Vec<u8>>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Entry> for Bytes {
    fn weight(&self, _: &Key, entry: &Entry) -> u64 {
        entry.chunk.len() as u64 + OVERHEAD
    }
}

static CACHE: LazyLock<Cache<Key, Entry, Bytes>> = LazyLock::new(|| {
    const TYPICAL_CHUNK: u64 = 256 << 10;
    let mut options = OptionsBuilder::new();
    // In one piece: what is divided has no room for chunks larger than a piece.
    options.shards(1).weight_capacity(DEFAULT_BYTES);
    options.estimated_items_capacity((DEFAULT_BYTES / TYPICAL_CHUNK) as usize);
    let options = options.build().expect("both numbers that must be given are");
    Cache::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default())
});

static N_HITS: AtomicU64 = AtomicU64::new(0);
static N_MISSES: AtomicU64 = AtomicU64::new(0);
static BYTES_READ: AtomicU64 = AtomicU64::new(0);
static BYTES_DECODED: AtomicU64 = AtomicU64::new(0);

/// Sets the maximum number of bytes that are kept; 0 keeps nothing.
pub(crate) fn set_capacity(bytes: u64) {
    CACHE.set_capacity(bytes);
}

/// Returns what was counted since the last call, in the whole process; `None` where nothing was read.
pub(crate) fn take_statistics() -> Option<Statistics> {
    // One look, where there is nothing: workers ask for every few blocks.
    if BYTES_READ.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
    Some(Statistics {
        n_hits: take(&N_HITS),
        n_misses: take(&N_MISSES),
        bytes_read: take(&BYTES_READ),
        bytes_decoded: take(&BYTES_DECODED),
    })
}

/// Counts the bytes that a read returned.
pub fn count_read(bytes: usize) {
    BYTES_READ.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// Counts a chunk, or a part of one, that had to be decoded, and the bytes that decoding made.
pub fn count_decoded(bytes: usize) {
    N_MISSES.fetch_add(1, Ordering::Relaxed);
    BYTES_DECODED.fetch_add(bytes as u64, Ordering::Relaxed);
}

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
    array: u64,
    decoding: Locks,
}

impl ChunkCache {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self { array: COUNT.fetch_add(1, Ordering::Relaxed), decoding: Locks::new() }
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
        let found = CACHE.get(&self.key(chunk)).filter(|entry| entry.version == version)?;
        N_HITS.fetch_add(1, Ordering::Relaxed);
        Some(found.chunk)
    }

    /// Keeps a chunk of a file of this version, if there is room for it.
    pub fn keep(&self, chunk: u64, version: Version, voxels: Vec<u8>) {
        if self.has_room_for(voxels.len() as u64) {
            CACHE.insert(self.key(chunk), Entry { version, chunk: Arc::new(voxels) });
        }
    }

    /// Returns whether chunks of so many bytes are kept.
    fn has_room_for(&self, bytes: u64) -> bool {
        bytes <= CACHE.capacity() / MIN_CHUNKS
    }

    fn key(&self, chunk: u64) -> Key {
        Key { array: self.array, chunk }
    }
}

impl Drop for ChunkCache {
    fn drop(&mut self) {
        CACHE.retain(|key, _| key.array != self.array);
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
        [1, 2].map(|content| files::replace(&path, &[content]).expect("a file in it"))
    }

    #[test]
    fn a_part_is_decoded_once_as_long_as_the_file_stays() {
        let (cache, [first, second]) = (ChunkCache::new(), versions());
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
        let (cache, [version, _]) = (ChunkCache::new(), versions());
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
