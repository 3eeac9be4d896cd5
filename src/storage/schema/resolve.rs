//! From what an array should be to what it will be: every default filled in, every contradiction refused.

use std::path::{Path, PathBuf};

use super::element::{DataType, FillValue};
use super::info::{ArrayInfo, default_axis_names};
use super::spec::{ArraySpec, Compression};
use crate::geometry::{Coordinate, MAX_AXES, Writers};
use crate::storage::error::{Result, StorageError};

const ONE_PER_AXIS: &str = "one value per spatial axis, so as many as the shape has without channel axes";

/// What `spec` asks for at `path`.
pub fn resolve(
    path: PathBuf,
    format: &'static str,
    data_type: DataType,
    spec: &ArraySpec,
) -> Result<ArrayInfo> {
    let request = Request { path: &path, spec };
    let n_spatial = request.n_spatial()?;
    let shards = request.shards(data_type)?;
    let chunks = request.chunks(data_type)?;
    request.layout(format)?;
    request.compression()?;
    let info = ArrayInfo {
        format,
        data_type,
        shape: spec.shape.clone(),
        write_chunk: shards.as_ref().unwrap_or(&chunks).clone(),
        chunks,
        shards,
        is_contiguous: false,
        writers: Writers::Any,
        offset: request.coordinate("offset", spec.offset, Coordinate::zeros(n_spatial))?,
        voxel_size: request.voxel_size(n_spatial)?,
        axis_names: request.axis_names(n_spatial)?,
        units: request.units(n_spatial)?,
        fill_value: request.fill_value(data_type)?,
        path: path.clone(),
    };
    // The world must be able to hold it.
    info.chunk_grid()?;
    Ok(info)
}

struct Request<'a> {
    path: &'a Path,
    spec: &'a ArraySpec,
}

impl Request<'_> {
    fn invalid(&self, property: &'static str, value: String, rule: &'static str) -> StorageError {
        StorageError::InvalidSpec { path: self.path.to_path_buf(), property, value, rule }
    }

    fn n_spatial(&self) -> Result<usize> {
        let spec = self.spec;
        let n_spatial = spec.shape.len().saturating_sub(spec.n_channel_axes);
        if !(1..=MAX_AXES).contains(&n_spatial) {
            let value = format!("{:?} with {} channel axes", spec.shape, spec.n_channel_axes);
            return Err(self.invalid("shape", value, "1 to 8 spatial axes after the channel axes"));
        }
        // Arrays without voxels are made of such arrays.
        if !spec.shape.iter().all(|&extent| i64::try_from(extent).is_ok()) {
            return Err(self.invalid(
                "shape",
                format!("{:?}", spec.shape),
                "less than 2^63 along every axis",
            ));
        }
        Ok(n_spatial)
    }

    fn chunks(&self, data_type: DataType) -> Result<Vec<u64>> {
        // What Blosc and others take at most.
        const MAX_BYTES: u64 = (1 << 31) - 1;
        let chunks = self.spec.chunks_or_default();
        let rule = match self.refusal_of_pieces(&chunks, data_type, MAX_BYTES, "less than 2 GiB") {
            Some(rule) => rule,
            None if !self.divide_shards(&chunks) => "so that whole chunks fill a shard along every axis",
            None => return Ok(chunks),
        };
        Err(self.invalid("chunk shape", format!("{chunks:?}"), rule))
    }

    /// Only HDF5 keeps voxels in one piece; compressed they are in chunks.
    fn layout(&self, format: &str) -> Result<()> {
        let is_compressed = self.spec.compression.is_some_and(|compression| compression != Compression::None);
        if self.spec.is_contiguous && (format != "HDF5" || is_compressed) {
            let rule = "chunks: only HDF5 without compression is contiguous";
            return Err(self.invalid("layout", "contiguous".to_owned(), rule));
        }
        Ok(())
    }

    /// Which compressions there are is the format's to say.
    fn compression(&self) -> Result<()> {
        match self.spec.compression.filter(|compression| !compression.is_valid()) {
            None => Ok(()),
            Some(compression) => {
                let rule =
                    "of a level that it has: -131072 to 22 of zstd, 1 to 9 of bzip2, 0 to 9 of all others";
                Err(self.invalid("compression", compression.to_string(), rule))
            }
        }
    }

    /// As an element of the array has it.
    fn fill_value(&self, data_type: DataType) -> Result<FillValue> {
        let (asked, rule) = (self.spec.fill_value, "a value of the array's type of element");
        let bytes = asked.to_bytes(data_type);
        let bytes = bytes.ok_or_else(|| self.invalid("fill value", asked.to_string(), rule))?;
        Ok(FillValue::of_bytes(&bytes, data_type))
    }

    fn shards(&self, data_type: DataType) -> Result<Option<Vec<u64>>> {
        let Some(shards) = &self.spec.shards else { return Ok(None) };
        let most = i64::MAX.unsigned_abs();
        match self.refusal_of_pieces(shards, data_type, most, "such that one fits into memory") {
            Some(rule) => Err(self.invalid("shard shape", format!("{shards:?}"), rule)),
            None => Ok(Some(shards.clone())),
        }
    }

    /// What the shape of a piece must be, if it is not.
    fn refusal_of_pieces(
        &self,
        pieces: &[u64],
        data_type: DataType,
        max_bytes: u64,
        too_large: &'static str,
    ) -> Option<&'static str> {
        if pieces.len() != self.spec.shape.len() || !positive(pieces) {
            Some("1 or more along every axis, and as many axes as the shape")
        } else if byte_size(pieces, data_type).is_none_or(|bytes| bytes > max_bytes) {
            Some(too_large)
        } else {
            None
        }
    }

    fn divide_shards(&self, chunks: &[u64]) -> bool {
        let whole = |shards: &Vec<u64>| shards.iter().zip(chunks).all(|(shard, chunk)| shard % chunk == 0);
        self.spec.shards.as_ref().is_none_or(whole)
    }

    fn coordinate(
        &self,
        what: &'static str,
        asked: Option<Coordinate>,
        default: Coordinate,
    ) -> Result<Coordinate> {
        let value = asked.unwrap_or(default);
        if value.n_axes() == default.n_axes() {
            Ok(value)
        } else {
            Err(self.invalid(what, value.to_string(), ONE_PER_AXIS))
        }
    }

    fn voxel_size(&self, n_spatial: usize) -> Result<Coordinate> {
        let voxel_size =
            self.coordinate("voxel size", self.spec.voxel_size, Coordinate::splat(n_spatial, 1))?;
        if voxel_size.all(|v| v > 0) {
            Ok(voxel_size)
        } else {
            Err(self.invalid("voxel size", voxel_size.to_string(), "1 or more along every axis"))
        }
    }

    /// The names, those of channels with the `^` that tells other readers what they are.
    fn axis_names(&self, n_spatial: usize) -> Result<Vec<String>> {
        let n_channels = self.spec.n_channel_axes;
        let Some(names) = &self.spec.axis_names else {
            return Ok(default_axis_names(n_channels, n_spatial));
        };
        if names.len() != n_channels + n_spatial {
            return Err(self.invalid("axis names", format!("{names:?}"), "one name per axis"));
        }
        if let Some(name) = names[n_channels..].iter().find(|name| name.contains('^')) {
            return Err(self.invalid("axis names", name.clone(), "a ^ only in the names of channel axes"));
        }
        let mark = |(axis, name): (usize, &String)| {
            if axis < n_channels && !name.contains('^') { format!("{name}^") } else { name.clone() }
        };
        Ok(names.iter().enumerate().map(mark).collect())
    }

    fn units(&self, n_spatial: usize) -> Result<Vec<String>> {
        match self.spec.units.as_deref() {
            None => Ok(vec![String::new(); n_spatial]),
            Some([unit]) => Ok(vec![unit.clone(); n_spatial]),
            Some(units) if units.len() == n_spatial => Ok(units.to_vec()),
            Some(units) => Err(self.invalid("units", format!("{units:?}"), ONE_PER_AXIS)),
        }
    }
}

/// Whether every extent is at least 1, and a signed number.
fn positive(extents: &[u64]) -> bool {
    extents.iter().all(|&extent| extent >= 1 && i64::try_from(extent).is_ok())
}

/// Returns whether the voxels of a box are no more than a process can address.
pub fn fits_into_memory(shape: &[u64], data_type: DataType) -> bool {
    byte_size(shape, data_type).is_some_and(|bytes| isize::try_from(bytes).is_ok())
}

/// Bytes of a box of elements, if that is a number.
pub fn byte_size(shape: &[u64], data_type: DataType) -> Option<u64> {
    shape.iter().try_fold(data_type.size() as u64, |all, &extent| all.checked_mul(extent))
}
