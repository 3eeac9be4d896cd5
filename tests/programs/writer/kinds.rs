//! The ways to store an array, by name.

use bellis::ArraySpec;
use bellis::storage::{Compression, ZarrVersion};

/// A name, what its path ends in, and how it is made of a specification.
pub struct Kind {
    pub name: &'static str,
    pub suffix: &'static str,
    spec: fn(ArraySpec) -> ArraySpec,
}

/// Chunks, or shards, have this many voxels along each axis.
const EDGE: u64 = 16;

const fn kind(name: &'static str, suffix: &'static str, spec: fn(ArraySpec) -> ArraySpec) -> Kind {
    Kind { name, suffix, spec }
}

fn chunks(spec: ArraySpec) -> ArraySpec {
    spec.chunks([EDGE; 3])
}

fn v2(spec: ArraySpec) -> ArraySpec {
    chunks(spec).zarr_version(ZarrVersion::V2)
}

fn shards(spec: ArraySpec) -> ArraySpec {
    spec.chunks([EDGE / 2; 3]).shards([EDGE; 3])
}

/// All that several ranks may write, and the last one, for one process.
pub const KINDS: [Kind; 21] = [
    kind("zarr2", "zarr", v2),
    kind("zarr2-none", "zarr", |s| v2(s).compression(Compression::None)),
    kind("zarr2-blosc", "zarr", |s| v2(s).compression(Compression::Blosc { level: 5 })),
    kind("zarr2-gzip", "zarr", |s| v2(s).compression(Compression::Gzip { level: 1 })),
    kind("zarr3", "zarr", chunks),
    kind("zarr3-none", "zarr", |s| chunks(s).compression(Compression::None)),
    kind("zarr3-blosc", "zarr", |s| chunks(s).compression(Compression::Blosc { level: 5 })),
    kind("zarr3-gzip", "zarr", |s| chunks(s).compression(Compression::Gzip { level: 1 })),
    kind("shards", "zarr", shards),
    kind("shards-none", "zarr", |s| shards(s).compression(Compression::None)),
    kind("n5", "n5", chunks),
    kind("n5-none", "n5", |s| chunks(s).compression(Compression::None)),
    kind("n5-bzip2", "n5", |s| chunks(s).compression(Compression::Bzip2 { level: 1 })),
    kind("n5-zstd", "n5", |s| chunks(s).compression(Compression::Zstd { level: 1 })),
    kind("n5-blosc", "n5", |s| chunks(s).compression(Compression::Blosc { level: 5 })),
    kind("n5-lz4", "n5", |s| chunks(s).compression(Compression::Lz4)),
    kind("n5-xz", "n5", |s| chunks(s).compression(Compression::Xz { level: 1 })),
    kind("hdf5", "h5", |s| s),
    kind("hdf5-chunks", "h5", chunks),
    kind("hdf5-filled", "h5", |s| chunks(s).fill_value(7)),
    kind("hdf5-gzip", "h5", |s| chunks(s).compression(Compression::Gzip { level: 1 })),
];

impl Kind {
    /// The kind of this name.
    pub fn of(name: &str) -> bellis::Result<&'static Self> {
        let found = KINDS.iter().find(|kind| kind.name == name);
        found.ok_or_else(|| format!("a kind {name:?} is unknown").into())
    }

    /// An array of this shape.
    pub fn spec(&self, shape: [u64; 3]) -> ArraySpec {
        (self.spec)(ArraySpec::new(shape))
    }

    /// Whether several ranks may write it.
    pub fn is_for_ranks(&self) -> bool {
        self.name != "hdf5-gzip"
    }

    /// Whether a chunk is replaced as a whole, so that readers see the former one or the new one.
    pub fn is_replaced(&self) -> bool {
        self.suffix != "h5"
    }
}
