//! What an array on disk is.

use std::path::PathBuf;

use super::element::{DataType, FillValue};
use crate::geometry::{ChunkGrid, Coordinate, GeometryError, Roi, Writers};
use crate::storage::error::{Result, StorageError};

/// What an array is: see [`describe`](crate::storage::describe) and [`Array::info`](crate::storage::Array::info).
///
/// The first [`n_channel_axes`](Self::n_channel_axes) entries of `shape`, `chunks` and `axis_names` are channels, the
/// others and `offset`, `voxel_size` and `units` are spatial axes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ArrayInfo {
    /// Where it is.
    pub path: PathBuf,
    /// The file format, such as `Zarr v3`.
    pub format: &'static str,
    /// The type of its elements.
    pub data_type: DataType,
    /// Voxels along each axis.
    pub shape: Vec<u64>,
    /// Voxels of a chunk along each axis: what is coded as one. All of them, where the array is in one piece.
    pub chunks: Vec<u64>,
    /// Voxels of a shard along each axis, where chunks are grouped into shards.
    pub shards: Option<Vec<u64>>,
    /// Whether the array is in one piece, uncompressed, as HDF5 has it by default.
    pub is_contiguous: bool,
    /// Voxels along each axis of what must not be written by two at the same time: a shard, a chunk, or a voxel.
    pub write_chunk: Vec<u64>,
    /// Who may write it at the same time: one process, where it is compressed HDF5.
    pub writers: Writers,
    /// Where voxel 0 begins, in world units.
    pub offset: Coordinate,
    /// World units per voxel.
    pub voxel_size: Coordinate,
    /// The name of each axis.
    pub axis_names: Vec<String>,
    /// The world unit along each spatial axis; empty text where none is known.
    pub units: Vec<String>,
    /// What voxels hold that nobody wrote.
    pub fill_value: FillValue,
}

impl ArrayInfo {
    /// The number of channel axes, before the spatial ones.
    pub fn n_channel_axes(&self) -> usize {
        self.shape.len() - self.offset.n_axes()
    }

    /// Voxels along each channel axis.
    pub fn channel_shape(&self) -> &[u64] {
        &self.shape[..self.n_channel_axes()]
    }

    /// Voxels along each spatial axis.
    pub fn spatial_shape(&self) -> &[u64] {
        &self.shape[self.n_channel_axes()..]
    }

    /// What the array covers, in world units, over the spatial axes.
    ///
    /// # Errors
    /// An end beyond 64 bits.
    pub fn roi(&self) -> Result<Roi> {
        let failed = |source| StorageError::Geometry { path: self.path.clone(), source };
        let shape = self.in_world_units(&self.shape).map_err(failed)?;
        Roi::new(self.offset, shape).map_err(failed)
    }

    /// The [write chunks](Self::write_chunk) in world units, over the spatial axes.
    ///
    /// # Errors
    /// An extent or an end beyond 64 bits.
    pub fn chunk_grid(&self) -> Result<ChunkGrid> {
        let chunk_shape = self
            .in_world_units(&self.write_chunk)
            .map_err(|source| StorageError::Geometry { path: self.path.clone(), source })?;
        Ok(ChunkGrid { extent: self.roi()?, chunk_shape })
    }

    /// Whether both say that their voxels lie at the same place.
    pub(crate) fn is_placed_as(&self, other: &Self) -> bool {
        (self.offset, self.voxel_size, &self.units) == (other.offset, other.voxel_size, &other.units)
            && self.shape == other.shape
    }

    fn in_world_units(&self, extents: &[u64]) -> Result<Coordinate, GeometryError> {
        let spatial = &extents[self.n_channel_axes()..];
        // An extent beyond i64 becomes the largest one, whose product or sum overflows in turn or lies past any data.
        let voxels =
            Coordinate::from_fn(spatial.len(), |axis| i64::try_from(spatial[axis]).unwrap_or(i64::MAX));
        voxels.checked_mul(&self.voxel_size)
    }

    /// Why an array that is this cannot serve where `spec` is asked for, if it cannot.
    pub(crate) fn require_matches(&self, wanted: &ArrayInfo) -> Result<()> {
        let differs = |property, existing: String, wanted: String| {
            let path = self.path.clone();
            Err(StorageError::Differs { path, property, existing, wanted })
        };
        if self.shape != wanted.shape {
            return differs("shape", format!("{:?}", self.shape), format!("{:?}", wanted.shape));
        }
        if self.data_type != wanted.data_type {
            return differs("data type", self.data_type.to_string(), wanted.data_type.to_string());
        }
        if self.chunks != wanted.chunks {
            return differs("chunk shape", format!("{:?}", self.chunks), format!("{:?}", wanted.chunks));
        }
        if self.shards != wanted.shards {
            let shards = |info: &ArrayInfo| match &info.shards {
                Some(shards) => format!("{shards:?}"),
                None => "none".to_owned(),
            };
            return differs("shard shape", shards(self), shards(wanted));
        }
        if self.offset.n_axes() != wanted.offset.n_axes() {
            let count = |info: &ArrayInfo| info.n_channel_axes().to_string();
            return differs("number of channel axes", count(self), count(wanted));
        }
        if self.offset != wanted.offset {
            return differs("offset", self.offset.to_string(), wanted.offset.to_string());
        }
        if self.voxel_size != wanted.voxel_size {
            return differs("voxel size", self.voxel_size.to_string(), wanted.voxel_size.to_string());
        }
        Ok(())
    }
}

/// `c0^`, `c1^`, ..., `d0`, `d1`, ...: funlib.persistence's default names.
pub fn default_axis_names(n_channels: usize, n_spatial: usize) -> Vec<String> {
    let channels = (0..n_channels).map(|axis| format!("c{axis}^"));
    channels.chain((0..n_spatial).map(|axis| format!("d{axis}"))).collect()
}
