//! What arrays have in common beside their files: the memory for decoded chunks, whether writes wait for the disk, and what
//! was read.
//!
//! The cache keeps chunks of which a read took a part; those that are read whole are not kept, as a copy of a volume would
//! only push out what others need. An entry counts as long as the file it was decoded from is still there, unchanged: another
//! rank may have written it meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::{fmt, io};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::disk::files::Version;
use super::disk::unsynced::Unsynced;

/// Maximum number of bytes that a context keeps unless it is told otherwise: enough for three planes of 24 x 24 chunks of 256 KiB, so that none of
/// them is decoded again while the blocks on both of its sides go by.
const DEFAULT_CACHE_BYTES: u64 = 512 << 20;
/// Bytes that an entry takes beside its voxels, about.
const OVERHEAD: u64 = 128;

/// What arrays share: a cache of decoded chunks, whether writes wait for the disk, and counters of what was read.
///
/// Arrays belong to the context that they were opened in, [the process's](Self::process) unless another is named
/// ([`DynArray::open_in`], [`Array::open_in`]). Two contexts see nothing of each other: for libraries and tests that must not
/// change what the rest of the process has set. Clones are cheap, and are the same context.
///
/// ```
/// # #[cfg(feature = "zarr")] {
/// use bellis::storage::{Array, ArraySpec, Context};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a.zarr");
/// let context = Context::new();
/// context.set_cache_bytes(64 << 20);
/// let array = Array::<u8>::create_in(&context, &path, &ArraySpec::new([100, 200]))?;
/// assert_eq!(array.context().cache_bytes(), 64 << 20);
/// assert_eq!(Context::process().cache_bytes(), 512 << 20);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`DynArray::open_in`]: crate::storage::DynArray::open_in
/// [`Array::open_in`]: crate::storage::Array::open_in
#[derive(Clone)]
pub struct Context {
    inner: Arc<Inner>,
}

struct Inner {
    cache: Cache<Key, Entry, Bytes>,
    is_synced: AtomicBool,
    is_synced_by_block: AtomicBool,
    unsynced: Unsynced,
    n_hits: AtomicU64,
    n_misses: AtomicU64,
    bytes_read: AtomicU64,
    bytes_decoded: AtomicU64,
}

/// Who asks for what was written to be put on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncBy {
    /// Rank 0, for all blocks since it asked last.
    Asking,
    /// The worker, for each block before it reports it.
    Block,
}

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

/// A chunk of an open array, each of which has a number of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub array: u64,
    pub chunk: u64,
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

impl Context {
    /// A context of its own: a cache of at most 512 MiB, and writes that do not wait for the disk.
    pub fn new() -> Self {
        const TYPICAL_CHUNK: u64 = 256 << 10;
        let mut options = OptionsBuilder::new();
        // In one piece: what is divided has no room for chunks larger than a piece.
        options.shards(1).weight_capacity(DEFAULT_CACHE_BYTES);
        options.estimated_items_capacity((DEFAULT_CACHE_BYTES / TYPICAL_CHUNK) as usize);
        let options = options.build().expect("both numbers that must be given are");
        let lifecycle = DefaultLifecycle::default();
        let inner = Inner {
            cache: Cache::with_options(options, Bytes, DefaultHashBuilder::default(), lifecycle),
            is_synced: AtomicBool::new(false),
            is_synced_by_block: AtomicBool::new(false),
            unsynced: Unsynced::default(),
            n_hits: AtomicU64::new(0),
            n_misses: AtomicU64::new(0),
            bytes_read: AtomicU64::new(0),
            bytes_decoded: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The context of all arrays of this process that were not opened in another.
    pub fn process() -> &'static Self {
        static PROCESS: LazyLock<Context> = LazyLock::new(Context::new);
        &PROCESS
    }

    /// Maximum number of bytes of decoded chunks that are kept.
    pub fn cache_bytes(&self) -> u64 {
        self.inner.cache.capacity()
    }

    /// Sets the maximum number of bytes of decoded chunks that are kept; 0 keeps none. No chunk larger than an eighth of it
    /// is kept.
    pub fn set_cache_bytes(&self, bytes: u64) {
        self.inner.cache.set_capacity(bytes);
    }

    /// Returns whether writes return only once the disk has the data.
    pub fn is_synced(&self) -> bool {
        self.inner.is_synced.load(Ordering::Relaxed)
    }

    /// Sets whether writes to arrays of this context return only once the disk has the data.
    ///
    /// Without it, a process that is killed loses nothing that it wrote; a node that loses power loses what the system had
    /// not written out yet, half a minute's worth or so.
    pub fn set_sync(&self, is_synced: bool) {
        self.inner.is_synced.store(is_synced, Ordering::Relaxed);
    }

    /// Says that something was written to the file at `path`, or that it was removed: for closures that write files of their
    /// own, in runs that are to go on after the loss of a node. Arrays say so themselves.
    pub fn note_written(&self, path: &Path) {
        self.inner.unsynced.add(path);
    }

    /// Puts on the disk all that was [noted](Self::note_written) since the last call, with the names that lead there. Costs a
    /// sync for each file and directory.
    ///
    /// # Errors
    /// The system could not write something. What else was written may be lost as well, so that all later calls fail too.
    pub fn sync_written(&self) -> io::Result<()> {
        self.inner.unsynced.sync()
    }

    /// Sets whether note is kept of what is written from now on, and who then calls [`sync_written`](Self::sync_written).
    pub(crate) fn keep_note(&self, sync: Option<SyncBy>) {
        self.inner.unsynced.switch(sync.is_some());
        self.inner.is_synced_by_block.store(sync == Some(SyncBy::Block), Ordering::Relaxed);
    }

    /// Returns whether each block is synced before it is reported.
    #[inline]
    pub(crate) fn is_synced_by_block(&self) -> bool {
        self.inner.is_synced_by_block.load(Ordering::Relaxed)
    }

    /// Returns whether a file whose content others rely on is to be on the disk before it takes the place of the former.
    pub(super) fn replaces_synced(&self) -> bool {
        self.is_synced() || self.inner.unsynced.is_on()
    }

    /// Returns what was counted since the last call; `None` where nothing was read.
    pub(crate) fn take_statistics(&self) -> Option<Statistics> {
        // One look, where there is nothing: workers ask for every few blocks.
        if self.inner.bytes_read.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let take = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        Some(Statistics {
            n_hits: take(&self.inner.n_hits),
            n_misses: take(&self.inner.n_misses),
            bytes_read: take(&self.inner.bytes_read),
            bytes_decoded: take(&self.inner.bytes_decoded),
        })
    }

    /// Counts the bytes that a read returned.
    pub(super) fn count_read(&self, bytes: usize) {
        self.inner.bytes_read.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a chunk, or a part of one, that had to be decoded, and the bytes that decoding made.
    pub(super) fn count_decoded(&self, bytes: usize) {
        self.inner.n_misses.fetch_add(1, Ordering::Relaxed);
        self.inner.bytes_decoded.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A chunk, if it is kept and its file still has this version.
    pub(super) fn find(&self, key: Key, version: Version) -> Option<Arc<Vec<u8>>> {
        let found = self.inner.cache.get(&key).filter(|entry| entry.version == version)?;
        self.inner.n_hits.fetch_add(1, Ordering::Relaxed);
        Some(found.chunk)
    }

    /// Keeps a chunk of a file of this version.
    pub(super) fn keep(&self, key: Key, version: Version, voxels: Vec<u8>) {
        self.inner.cache.insert(key, Entry { version, chunk: Arc::new(voxels) });
    }

    /// Forgets all chunks of an array.
    pub(super) fn forget(&self, array: u64) {
        self.inner.cache.retain(|key, _| key.array != array);
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Context");
        shown.field("cache_bytes", &self.cache_bytes()).field("is_synced", &self.is_synced());
        shown.finish_non_exhaustive()
    }
}
