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

/// What a process keeps unless it is told otherwise: enough for three planes of 24 x 24 chunks of 256 KiB, so that none of
/// them is decoded again while the blocks on both of its sides go by.
pub(crate) const DEFAULT_BYTES: u64 = 512 << 20;
/// No chunk takes more than this part of the cache: some must fit, or none stays until it is asked for again.
const MIN_CHUNKS: u64 = 8;
/// What an entry takes beside its bytes, about.
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

/// Keeps at most so many bytes from now on; 0 keeps nothing.
pub(crate) fn set_capacity(bytes: u64) {
    CACHE.set_capacity(bytes);
}

/// What happened since this was asked last, in the whole process; `None` where nothing was read.
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

/// A read returned so many bytes.
pub fn count_read(bytes: usize) {
    BYTES_READ.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// A chunk had to be decoded, or a part of one.
pub fn count_decoded(bytes: usize) {
    N_MISSES.fetch_add(1, Ordering::Relaxed);
    BYTES_DECODED.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// The part of the cache that an open array has.
pub struct Shelf {
    array: u64,
}

impl Shelf {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self { array: COUNT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Whether chunks of so many bytes are kept.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        bytes <= CACHE.capacity() / MIN_CHUNKS
    }

    /// A chunk, if it is kept and its file still has this version.
    pub fn find(&self, chunk: u64, version: Version) -> Option<Arc<Vec<u8>>> {
        let found = CACHE.get(&self.key(chunk)).filter(|entry| entry.version == version)?;
        N_HITS.fetch_add(1, Ordering::Relaxed);
        Some(found.chunk)
    }

    /// Keeps a chunk of a file of this version.
    pub fn keep(&self, chunk: u64, version: Version, bytes: Arc<Vec<u8>>) {
        if self.has_room_for(bytes.len() as u64) {
            CACHE.insert(self.key(chunk), Entry { version, chunk: bytes });
        }
    }

    fn key(&self, chunk: u64) -> Key {
        Key { array: self.array, chunk }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        CACHE.retain(|key, _| key.array != self.array);
    }
}
