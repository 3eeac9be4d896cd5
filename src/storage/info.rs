//! What an array on disk is.

use std::path::PathBuf;

use super::{ArraySpec, DataType, FillValue, Result, StorageError};
use crate::geometry::{Coordinate, Roi};

/// What an array is: see [`describe`](super::describe) and [`Array::info`](super::Array::info).
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
    /// Voxels of a chunk along each axis: of a shard, where chunks are grouped into shards.
    pub chunks: Vec<u64>,
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

    /// What the array covers, in world units, over the spatial axes.
    ///
    /// # Errors
    /// An end beyond 64 bits.
    pub fn roi(&self) -> Result<Roi> {
        let failed = |source| StorageError::Geometry { path: self.path.clone(), source };
        let shape = self.in_world_units(&self.shape).map_err(failed)?;
        Roi::new(self.offset, shape).map_err(failed)
    }

    /// The shape of a chunk, in world units, over the spatial axes.
    ///
    /// # Errors
    /// An extent beyond 64 bits.
    pub fn chunk_cell(&self) -> Result<Coordinate> {
        self.in_world_units(&self.chunks)
            .map_err(|source| StorageError::Geometry { path: self.path.clone(), source })
    }

    fn in_world_units(&self, extents: &[u64]) -> Result<Coordinate, crate::GeometryError> {
        let spatial = &extents[self.n_channel_axes()..];
        // An extent beyond i64 becomes the largest one, whose product or sum overflows in turn or lies past any data.
        let voxels =
            Coordinate::from_fn(spatial.len(), |axis| i64::try_from(spatial[axis]).unwrap_or(i64::MAX));
        voxels.checked_mul(&self.voxel_size)
    }

    /// Why an array that is this cannot serve where `spec` is asked for, if it cannot.
    pub(super) fn require_matches(&self, wanted: &ArrayInfo) -> Result<()> {
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

    /// What `spec` asks for, checked and with every default filled in.
    pub(super) fn resolve(
        path: PathBuf,
        format: &'static str,
        data_type: DataType,
        spec: &ArraySpec,
    ) -> Result<Self> {
        let invalid = |property, value: String, rule| StorageError::InvalidSpec {
            path: path.clone(),
            property,
            value,
            rule,
        };
        let n_axes = spec.shape.len();
        if n_axes <= spec.n_channel_axes || n_axes - spec.n_channel_axes > crate::geometry::MAX_AXES {
            let value = format!("{:?} with {} channel axes", spec.shape, spec.n_channel_axes);
            return Err(invalid("shape", value, "1 to 8 spatial axes after the channel axes"));
        }
        let n_spatial = n_axes - spec.n_channel_axes;
        let positive = |extents: &[u64]| extents.iter().all(|&v| (1..=i64::MAX.unsigned_abs()).contains(&v));
        if !positive(&spec.shape) {
            return Err(invalid("shape", format!("{:?}", spec.shape), "1 or more along every axis"));
        }
        let chunks = spec.chunks_or_default();
        if chunks.len() != n_axes || !positive(&chunks) {
            let rule = "1 or more along every axis, and as many axes as the shape";
            return Err(invalid("chunk shape", format!("{chunks:?}"), rule));
        }
        let offset = spec.offset.unwrap_or_else(|| Coordinate::zeros(n_spatial));
        let voxel_size = spec.voxel_size.unwrap_or_else(|| Coordinate::splat(n_spatial, 1));
        let one_per_axis = "one value per spatial axis, so as many as the shape has without channel axes";
        if offset.n_axes() != n_spatial {
            return Err(invalid("offset", offset.to_string(), one_per_axis));
        }
        if voxel_size.n_axes() != n_spatial {
            return Err(invalid("voxel size", voxel_size.to_string(), one_per_axis));
        }
        if !voxel_size.all(|v| v > 0) {
            return Err(invalid("voxel size", voxel_size.to_string(), "1 or more along every axis"));
        }
        let axis_names = match &spec.axis_names {
            None => default_axis_names(spec.n_channel_axes, n_spatial),
            Some(names) if names.len() == n_axes => mark_channels(names, spec.n_channel_axes),
            Some(names) => return Err(invalid("axis names", format!("{names:?}"), "one name per axis")),
        };
        let units = match spec.units.as_deref() {
            None => vec![String::new(); n_spatial],
            Some([unit]) => vec![unit.clone(); n_spatial],
            Some(units) if units.len() == n_spatial => units.to_vec(),
            Some(units) => return Err(invalid("units", format!("{units:?}"), one_per_axis)),
        };
        if let Some(name) = axis_names[spec.n_channel_axes..].iter().find(|name| name.contains('^')) {
            return Err(invalid("axis names", name.clone(), "a ^ only in the names of channel axes"));
        }
        let info = Self {
            path,
            format,
            data_type,
            shape: spec.shape.clone(),
            chunks,
            offset,
            voxel_size,
            axis_names,
            units,
            fill_value: spec.fill_value,
        };
        info.roi()?;
        info.chunk_cell()?;
        Ok(info)
    }
}

/// `c0^`, `c1^`, ..., `d0`, `d1`, ...: funlib.persistence's default names.
pub(super) fn default_axis_names(n_channels: usize, n_spatial: usize) -> Vec<String> {
    let channels = (0..n_channels).map(|axis| format!("c{axis}^"));
    channels.chain((0..n_spatial).map(|axis| format!("d{axis}"))).collect()
}

/// The names with the `^` that tells other readers which axes are channels.
fn mark_channels(names: &[String], n_channels: usize) -> Vec<String> {
    let mark = |(axis, name): (usize, &String)| {
        if axis < n_channels && !name.contains('^') { format!("{name}^") } else { name.clone() }
    };
    names.iter().enumerate().map(mark).collect()
}
