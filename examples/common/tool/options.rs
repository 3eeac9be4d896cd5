//! What can be said about blocks and about the output, the same way for every tool.

use std::path::Path;

use bellis::geometry::{Lattice, OnLattice};
use bellis::storage::{ArrayInfo, Compression, DataType, ZarrVersion};
use bellis::{ArraySpec, Coordinate};
use clap::builder::RangedU64ValueParser;
use clap::value_parser;

/// A number of voxels.
pub fn extent() -> RangedU64ValueParser {
    value_parser!(u64).range(1..=1 << 40)
}

/// How the output is stored.
#[derive(Debug, Clone, clap::Args)]
pub struct Output {
    /// Shape of the output's chunks in voxels [default: the input's]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    pub chunks: Option<Vec<u64>>,
    /// How chunks are compressed: none, zstd, gzip or blosc, with a level behind a colon (zstd:5) [default: the
    /// format's]
    #[arg(long, value_name = "CODEC", value_parser = compression)]
    pub compression: Option<Compression>,
    /// Version of the Zarr format, 2 or 3 [default: that of the group the array lies in, or 3]
    #[arg(long, value_name = "VERSION", value_parser = zarr_version)]
    pub zarr_version: Option<ZarrVersion>,
}

impl Output {
    /// `spec`, for an array made from the one that `info` is of, with what was asked for put over it.
    pub fn over(&self, spec: ArraySpec, info: &ArrayInfo) -> bellis::Result<ArraySpec> {
        let mut spec = spec;
        if let Some(chunks) = &self.chunks {
            spec = spec.chunks(all_axes("--chunks", chunks, info)?);
        }
        if let Some(compression) = self.compression {
            spec = spec.compression(compression);
        }
        if let Some(version) = self.zarr_version {
            spec = spec.zarr_version(version);
        }
        Ok(spec)
    }
}

/// What was said for the spatial axes, with the input's chunks along channel axes before; or what was said for all.
pub fn all_axes(option: &str, given: &[u64], info: &ArrayInfo) -> bellis::Result<Vec<u64>> {
    let (n_channel_axes, n_axes) = (info.n_channel_axes(), info.shape.len());
    if given.len() == n_axes {
        return Ok(given.to_vec());
    }
    require_axes(option, given, info)?;
    Ok(info.chunks[..n_channel_axes].iter().chain(given).copied().collect())
}

fn require_axes(option: &str, given: &[u64], info: &ArrayInfo) -> bellis::Result {
    let n_spatial = info.offset.n_axes();
    if given.len() == n_spatial {
        return Ok(());
    }
    let (n_given, path) = (given.len(), info.path.display());
    let several = if n_spatial == 1 { "axis" } else { "axes" };
    Err(format!("{option} has {n_given} numbers, but {path} has {n_spatial} {several}: give one for each")
        .into())
}

/// Voxels in a block where nothing is said: at most so many, unless a cell of the output has more.
const MOST_VOXELS: i64 = 1 << 21;

/// The shape of a block in world units: what was asked for, or as many whole cells of `lattice` as are still few voxels.
pub fn block_shape(
    asked: Option<&[u64]>,
    info: &ArrayInfo,
    voxel_size: &Coordinate,
    lattice: &Lattice,
) -> bellis::Result<Coordinate> {
    if let Some(asked) = asked {
        require_axes("--block", asked, info)?;
        let voxels = Coordinate::from_fn(asked.len(), |axis| asked[axis].cast_signed());
        return Ok(voxels.checked_mul(voxel_size)?);
    }
    let mut shape = lattice.cell;
    let voxels = |shape: &Coordinate| {
        (0..shape.n_axes()).map(|axis| shape[axis] / voxel_size[axis]).fold(1, i64::saturating_mul)
    };
    // Along the shortest axis that blocks do not span yet.
    while let Some(axis) = (0..shape.n_axes())
        .filter(|&axis| shape[axis] < lattice.extent.shape()[axis])
        .min_by_key(|&axis| shape[axis] / voxel_size[axis])
        .filter(|_| voxels(&shape).saturating_mul(2) <= MOST_VOXELS)
    {
        shape[axis] *= 2;
    }
    Ok(shape)
}

/// Refuses blocks that would share chunks of the output, in voxels, as `--block` was given; the planner would in world
/// units.
pub fn require_whole_chunks(
    block: &Coordinate,
    voxel_size: &Coordinate,
    to: &impl OnLattice,
) -> bellis::Result {
    let Lattice { extent, cell } = to.lattice();
    let is_whole = |axis: usize| block[axis] % cell[axis] == 0 || block[axis] >= extent.shape()[axis];
    if (0..block.n_axes()).all(is_whole) {
        return Ok(());
    }
    let text = |extent: &dyn Fn(usize) -> i64| {
        let voxels = (0..block.n_axes()).map(|axis| (extent(axis) / voxel_size[axis]).to_string());
        voxels.collect::<Vec<_>>().join(",")
    };
    let next =
        |axis: usize| if is_whole(axis) { block[axis] } else { (block[axis] / cell[axis] + 1) * cell[axis] };
    let (given, chunk, fitting) = (text(&|axis| block[axis]), text(&|axis| cell[axis]), text(&next));
    let path = to.label();
    Err(format!(
        "--block {given} cuts the chunks of {path} ({chunk}), and two blocks would write one: use {fitting}"
    )
    .into())
}

/// Refuses an output that is the input.
pub fn require_another(output: &Path, input: &Path) -> bellis::Result {
    match is_same(output, input) {
        true => Err(format!("{} is input and output: choose another output", output.display()).into()),
        false => Ok(()),
    }
}

/// Whether both are the same place on disk.
pub fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// A type of element by numpy's or Rust's name.
pub fn data_type(text: &str) -> Result<DataType, String> {
    let known = DataType::ALL.into_iter().find(|known| [known.name(), known.rust_name()].contains(&text));
    known.ok_or_else(|| format!("use one of {}", DataType::ALL.map(DataType::name).join(", ")))
}

fn compression(text: &str) -> Result<Compression, String> {
    let unknown = || "use none, zstd, gzip or blosc, with a level behind a colon, such as zstd:5".to_owned();
    let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
    let level = level.map(|level| level.parse::<i32>().map_err(|_| unknown())).transpose()?;
    let up_to_9 = |default: u32| match level.map(u32::try_from) {
        None => Ok(default),
        Some(Ok(level @ 0..=9)) => Ok(level),
        Some(_) => Err(format!("{name} takes levels from 0 to 9")),
    };
    match (name, level) {
        ("none", None) => Ok(Compression::None),
        ("zstd", level) if level.is_none_or(|level| (-131_072..=22).contains(&level)) => {
            Ok(Compression::Zstd { level: level.unwrap_or(1) })
        }
        ("zstd", _) => Err("zstd takes levels from -131072 to 22".to_owned()),
        ("gzip", _) => Ok(Compression::Gzip { level: up_to_9(6)? }),
        ("blosc", _) => Ok(Compression::Blosc { level: up_to_9(5)? }),
        _ => Err(unknown()),
    }
}

fn zarr_version(text: &str) -> Result<ZarrVersion, &'static str> {
    match text {
        "2" => Ok(ZarrVersion::V2),
        "3" => Ok(ZarrVersion::V3),
        _ => Err("use 2 or 3"),
    }
}
