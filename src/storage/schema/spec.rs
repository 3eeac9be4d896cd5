//! What a new array should be.

use super::element::FillValue;
use super::info::ArrayInfo;
use crate::geometry::{Coordinate, GeometryError, Roi};

/// What a new array should be: its shape, where it lies in the world, and how it is cut and compressed.
///
/// Everything but the shape has a default. Channel axes come first and have no place in the world: an array of shape
/// (3, 100, 200) with one channel axis covers a 2-D ROI.
///
/// ```
/// use bellis::storage::{ArraySpec, Compression};
/// let affinities = ArraySpec::new([3, 1000, 2000, 2000])
///     .channel_axes(1)
///     .chunks([3, 64, 64, 64])
///     .offset([0, -400, -400])
///     .voxel_size([40, 4, 4])
///     .axis_names(["c^", "z", "y", "x"])
///     .units("nm")
///     .compression(Compression::Blosc { level: 5 });
/// # let _ = affinities;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ArraySpec {
    pub(crate) shape: Vec<u64>,
    pub(crate) chunks: Option<Vec<u64>>,
    pub(crate) is_contiguous: bool,
    pub(crate) n_channel_axes: usize,
    pub(crate) offset: Option<Coordinate>,
    pub(crate) voxel_size: Option<Coordinate>,
    pub(crate) axis_names: Option<Vec<String>>,
    pub(crate) units: Option<Vec<String>>,
    pub(crate) fill_value: FillValue,
    pub(crate) compression: Option<Compression>,
    pub(crate) shards: Option<Vec<u64>>,
    pub(crate) zarr_version: Option<ZarrVersion>,
}

/// How chunks are compressed. Without one, each format has its own default: see [`ArraySpec::compression`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// Zstandard, level -131072 (fast) to 22 (small): Zarr and N5 (there not read by all). In Zarr v3 each chunk carries a checksum of its content.
    Zstd {
        /// The level.
        level: i32,
    },
    /// Gzip, level 0 to 9: Zarr, N5 and HDF5 (there with its bytes shuffled first, and called deflate).
    Gzip {
        /// The level.
        level: u32,
    },
    /// Blosc: bytes shuffled, then Zstandard, level 0 to 9: Zarr and N5. Often the smallest where elements have several bytes.
    Blosc {
        /// The level.
        level: u32,
    },
    /// Bzip2, level 1 to 9: N5.
    Bzip2 {
        /// The level.
        level: u32,
    },
    /// LZ4 in frames, as n5's libraries for Rust and C++ write it: N5.
    Lz4,
    /// XZ, level 0 to 9: N5.
    Xz {
        /// The level.
        level: u32,
    },
}

impl Compression {
    /// What is used in Zarr where nothing is said: Zstandard, level 1. It is what zarr-python 3 and tensorstore read
    /// without extras, faster than a parallel file system takes the data, and has a checksum that tells a spoilt
    /// chunk from a good one.
    pub const ZARR_DEFAULT: Self = Self::Zstd { level: 1 };

    /// What is used in N5 where nothing is said: gzip, which every reader of N5 knows, with a checksum; level 1.
    pub const N5_DEFAULT: Self = Self::Gzip { level: 1 };
}

/// The version of the Zarr format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ZarrVersion {
    /// For older readers.
    V2,
    /// The default.
    V3,
}

/// Voxels in a chunk where nothing else is said: 64³ in 3-D. As a power of two it divides along any number of axes.
const DEFAULT_CHUNK_BITS: u32 = 18;

impl ArraySpec {
    /// An array of `shape` voxels, channel axes first.
    pub fn new(shape: impl Into<Vec<u64>>) -> Self {
        Self {
            shape: shape.into(),
            chunks: None,
            is_contiguous: false,
            n_channel_axes: 0,
            offset: None,
            voxel_size: None,
            axis_names: None,
            units: None,
            fill_value: FillValue::Integer(0),
            compression: None,
            shards: None,
            zarr_version: None,
        }
    }

    /// An array without channel axes that covers `roi`, in world units, with voxels of `voxel_size`.
    ///
    /// # Errors
    /// A voxel size that is not positive or does not divide the shape of the ROI; a different number of axes.
    pub fn covering(roi: &Roi, voxel_size: impl Into<Coordinate>) -> Result<Self, GeometryError> {
        let voxel_size = voxel_size.into();
        let voxels = roi.to_voxels(roi.offset(), &voxel_size)?;
        let shape: Vec<u64> = voxels.iter().map(|range| range.end.unsigned_abs()).collect();
        Ok(Self::new(shape).offset(*roi.offset()).voxel_size(voxel_size))
    }

    /// The shape of a chunk in voxels, channel axes first. Default: the same power of two along every spatial axis so
    /// that a chunk has at most 2^18 voxels (64³ in 3-D), 1 along channel axes, nowhere more than the shape.
    pub fn chunks(mut self, chunks: impl Into<Vec<u64>>) -> Self {
        self.chunks = Some(chunks.into());
        self.is_contiguous = false;
        self
    }

    /// Without chunks, all voxels in one piece: uncompressed HDF5, where it is the default, and nothing else. For an array
    /// that is [`like`](Self::like) one in chunks.
    pub fn contiguous(mut self) -> Self {
        self.chunks = None;
        self.is_contiguous = true;
        self
    }

    /// The number of channel axes before the spatial ones. Default: 0.
    pub fn channel_axes(mut self, n_channel_axes: usize) -> Self {
        self.n_channel_axes = n_channel_axes;
        self
    }

    /// Other channel axes, of these extents, before the spatial axes, which stay as they are: none, if there are none. For an
    /// array that is [`like`](Self::like) one with other channels: its spatial axes keep their names, units and chunks. Channel axes
    /// keep their names where there are as many as before, and chunks have one channel.
    ///
    /// ```
    /// # #[cfg(feature = "zarr")] {
    /// use bellis::{Array, ArraySpec};
    /// # let dir = tempfile::tempdir()?;
    /// # let (raw, affinities) = (dir.path().join("raw.zarr"), dir.path().join("affinities.zarr"));
    /// let raw = Array::<u8>::create(&raw, &ArraySpec::new([30, 40]).axis_names(["y", "x"]).units("nm"))?;
    /// let affinities = Array::<f32>::create(&affinities, &ArraySpec::like(&raw).channels([2]))?;
    /// assert_eq!(affinities.info().shape, [2, 30, 40]);
    /// assert_eq!(affinities.info().axis_names, ["c0^", "y", "x"]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn channels(mut self, extents: impl Into<Vec<u64>>) -> Self {
        let extents = extents.into();
        let (n_before, n_axes) = (self.n_channel_axes.min(self.shape.len()), self.shape.len());
        let spatial = |along: &[u64]| (along.len() == n_axes).then(|| along[n_before..].to_vec());
        let in_pieces_of_one = |pieces: Vec<u64>| match spatial(&pieces) {
            Some(spatial) => [vec![1; extents.len()], spatial].concat(),
            // They do not go with the shape, which is refused when the array is made.
            None => pieces,
        };
        self.chunks = self.chunks.map(in_pieces_of_one);
        self.shards = self.shards.map(in_pieces_of_one);
        self.axis_names = self.axis_names.map(|names| match names.split_at_checked(n_before) {
            Some((_, spatial)) if names.len() == n_axes && n_before != extents.len() => {
                let channels = (0..extents.len()).map(|axis| format!("c{axis}^"));
                channels.chain(spatial.iter().cloned()).collect()
            }
            _ => names,
        });
        self.n_channel_axes = extents.len();
        self.shape = [extents, self.shape[n_before..].to_vec()].concat();
        self
    }

    /// Where voxel 0 begins, in world units, spatial axes only. Default: 0.
    pub fn offset(mut self, offset: impl Into<Coordinate>) -> Self {
        self.offset = Some(offset.into());
        self
    }

    /// World units per voxel, spatial axes only. Default: 1.
    pub fn voxel_size(mut self, voxel_size: impl Into<Coordinate>) -> Self {
        self.voxel_size = Some(voxel_size.into());
        self
    }

    /// A name for every axis; those of channel axes end in `^`, as funlib.persistence has it, and get it where it is
    /// missing. Default: `c0^`, `c1^`, ... and `d0`, `d1`, ...
    pub fn axis_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.axis_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The same world unit, such as `nm`, along every spatial axis. Default: none.
    pub fn units(self, unit: impl Into<String>) -> Self {
        // One entry stands for all axes: `resolve` spreads it, as the number of axes may still change here.
        self.units_per_axis([unit])
    }

    /// The world unit along each spatial axis.
    pub fn units_per_axis<S: Into<String>>(mut self, units: impl IntoIterator<Item = S>) -> Self {
        self.units = Some(units.into_iter().map(Into::into).collect());
        self
    }

    /// What voxels hold that nobody wrote. Default: 0.
    pub fn fill_value(mut self, value: impl Into<FillValue>) -> Self {
        self.fill_value = value.into();
        self
    }

    /// How chunks are compressed. Default: [`ZARR_DEFAULT`](Compression::ZARR_DEFAULT),
    /// [`N5_DEFAULT`](Compression::N5_DEFAULT), and none in HDF5, which only then can be written by several ranks.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Groups chunks into shards of this many voxels, a file each (Zarr v3): a volume becomes few large files, and
    /// readers still decode small chunks. What two blocks must not share is then a shard. Default: none.
    pub fn shards(mut self, shards: impl Into<Vec<u64>>) -> Self {
        self.shards = Some(shards.into());
        self
    }

    /// The version of the Zarr format. Default: that of the group the array lies in; v3 where there is none.
    pub fn zarr_version(mut self, version: ZarrVersion) -> Self {
        self.zarr_version = Some(version);
        self
    }

    /// The chunks that were asked for, or the default ones.
    pub(crate) fn chunks_or_default(&self) -> Vec<u64> {
        self.chunks.clone().unwrap_or_else(|| {
            let n_spatial = self.shape.len().saturating_sub(self.n_channel_axes).max(1);
            let edge = 1u64 << (DEFAULT_CHUNK_BITS / n_spatial as u32);
            let chunk = |(axis, &extent): (usize, &u64)| {
                let most = if axis < self.n_channel_axes { 1 } else { edge.min(extent).max(1) };
                let shard = self.shards.as_ref().and_then(|shards| shards.get(axis));
                let divides = |candidate: &u64| shard.is_none_or(|shard| shard % candidate == 0);
                (1..=most).rev().find(divides).unwrap_or(1)
            };
            self.shape.iter().enumerate().map(chunk).collect()
        })
    }
}

impl From<&ArrayInfo> for ArraySpec {
    /// An array of the shape, channel axes, chunks, offset, voxel size, axis names, units and fill value of the one that
    /// `info` describes. Compression, version of the format and shards are the defaults.
    fn from(info: &ArrayInfo) -> Self {
        Self {
            shape: info.shape.clone(),
            chunks: (!info.is_contiguous).then(|| info.chunks.clone()),
            is_contiguous: false,
            n_channel_axes: info.n_channel_axes(),
            offset: Some(info.offset),
            voxel_size: Some(info.voxel_size),
            axis_names: Some(info.axis_names.clone()),
            units: Some(info.units.clone()),
            fill_value: info.fill_value,
            compression: None,
            shards: None,
            zarr_version: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_chunks() {
        let chunks =
            |shape: &[u64], channels| ArraySpec::new(shape).channel_axes(channels).chunks_or_default();
        assert_eq!(chunks(&[4_096_000], 0), [1 << 18]);
        assert_eq!(chunks(&[10_000, 10_000], 0), [512, 512]);
        assert_eq!(chunks(&[189, 233, 20], 0), [64, 64, 20]);
        assert_eq!(chunks(&[3, 189, 233, 197], 1), [1, 64, 64, 64]);
        assert_eq!(chunks(&[100; 5], 0), [8; 5]);
    }

    #[test]
    fn covering_a_roi() {
        let roi = Roi::new([-8, 4], [16, 12]).expect("the test's own ROI");
        let spec = ArraySpec::covering(&roi, [4, 2]);
        assert_eq!(spec, Ok(ArraySpec::new([4, 6]).offset([-8, 4]).voxel_size([4, 2])));
        assert!(ArraySpec::covering(&roi, [3, 2]).is_err());
        assert!(ArraySpec::covering(&roi, [0, 2]).is_err());
    }
}
