//! What can be said about blocks and about the output, the same way for every tool.

use std::path::Path;

use bellis::ArraySpec;
use bellis::storage::{ArrayInfo, Compression, DataType, ZarrVersion};
use clap::builder::RangedU64ValueParser;
use clap::value_parser;

use super::place::is_in_n5;

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
    /// Without chunks, all voxels in one piece: HDF5 without compression [default: as the input]
    #[arg(long, conflicts_with_all = ["chunks", "shards"])]
    pub contiguous: bool,
    /// Shape of the output's shards in voxels, of whole chunks: few files of many chunks, in Zarr v3 [default: no shards]
    #[arg(long, value_name = "Z,Y,X", value_delimiter = ',', value_parser = extent())]
    pub shards: Option<Vec<u64>>,
    /// How chunks are compressed: none, zstd, gzip or blosc in Zarr; these, bzip2, lz4 or xz in N5; none or gzip in
    /// HDF5; with a level behind a colon (zstd:5) [default: the format's]
    #[arg(long, value_name = "CODEC", value_parser = compression)]
    pub compression: Option<Compression>,
    /// Version of the Zarr format, 2 or 3 [default: that of the group the array lies in, or 3]
    #[arg(long, value_name = "VERSION", value_parser = zarr_version)]
    pub zarr_version: Option<ZarrVersion>,
}

impl Output {
    /// Whether compression was asked for.
    pub fn is_compressed(&self) -> bool {
        self.compression.is_some_and(|compression| compression != Compression::None)
    }

    /// `spec`, for an array at `to` that is made from the one that `info` is of, with what was asked for put over it.
    pub fn over(&self, spec: ArraySpec, to: &Path, info: &ArrayInfo) -> bellis::Result<ArraySpec> {
        // The only fill value of N5 is 0: nothing is lost, as every voxel is written.
        let mut spec = if is_in_n5(to) { spec.fill_value(0u8) } else { spec };
        let chunks = self.chunks.as_ref().map(|chunks| all_axes("--chunks", chunks, info, &info.chunks));
        let chunks = chunks.transpose()?;
        if let Some(shards) = &self.shards {
            let shards = all_axes("--shards", shards, info, chunks.as_ref().unwrap_or(&info.chunks))?;
            if chunks.is_none() && !info.is_contiguous {
                spec = spec.chunks(dividing(&shards, &info.chunks));
            }
            spec = spec.shards(shards);
        }
        if let Some(chunks) = chunks {
            spec = spec.chunks(chunks);
        }
        if self.contiguous {
            spec = spec.contiguous();
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

/// The largest extents up to these that divide a shard.
fn dividing(shards: &[u64], most: &[u64]) -> Vec<u64> {
    let along =
        |(shard, most): (&u64, &u64)| (1..=*most).rev().find(|extent| shard % extent == 0).unwrap_or(1);
    shards.iter().zip(most).map(along).collect()
}

/// What was said for the spatial axes of the array that `info` is of, with `others` along channel axes before; or what was
/// said for all.
pub fn all_axes(option: &str, given: &[u64], info: &ArrayInfo, others: &[u64]) -> bellis::Result<Vec<u64>> {
    let (n_channel_axes, n_axes) = (info.n_channel_axes(), info.shape.len());
    if given.len() == n_axes {
        return Ok(given.to_vec());
    }
    require_axes(option, given, info)?;
    Ok(others[..n_channel_axes].iter().chain(given).copied().collect())
}

/// Refuses another number of extents than there are spatial axes.
pub fn require_axes(option: &str, given: &[u64], info: &ArrayInfo) -> bellis::Result {
    let n_spatial = info.offset.n_axes();
    if given.len() == n_spatial {
        return Ok(());
    }
    let (n_given, path) = (given.len(), info.path.display());
    let several = if n_spatial == 1 { "axis" } else { "axes" };
    Err(format!("{option} has {n_given} numbers, but {path} has {n_spatial} {several}: give one for each")
        .into())
}

/// A type of element by numpy's or Rust's name.
pub fn data_type(text: &str) -> Result<DataType, String> {
    let known = DataType::ALL.into_iter().find(|known| [known.name(), known.rust_name()].contains(&text));
    known.ok_or_else(|| format!("use one of {}", DataType::ALL.map(DataType::name).join(", ")))
}

fn compression(text: &str) -> Result<Compression, String> {
    let (name, level) = text.split_once(':').map_or((text, None), |(name, level)| (name, Some(level)));
    let number = level.map(str::parse::<i32>).transpose().ok();
    let from_to = |least: u32, most: u32, default: u32| match number
        .and_then(|n| n.map(u32::try_from).transpose().ok())
    {
        Some(None) => Ok(default),
        Some(Some(level)) if (least..=most).contains(&level) => Ok(level),
        _ => Err(format!("{name} takes levels from {least} to {most}")),
    };
    match (name, number) {
        ("none", Some(None)) => Ok(Compression::None),
        ("lz4", Some(None)) => Ok(Compression::Lz4),
        ("zstd", Some(level)) if level.is_none_or(|level| (-131_072..=22).contains(&level)) => {
            Ok(Compression::Zstd { level: level.unwrap_or(1) })
        }
        ("zstd", _) => Err("zstd takes levels from -131072 to 22".to_owned()),
        ("gzip", _) => Ok(Compression::Gzip { level: from_to(0, 9, 6)? }),
        ("blosc", _) => Ok(Compression::Blosc { level: from_to(0, 9, 5)? }),
        ("bzip2", _) => Ok(Compression::Bzip2 { level: from_to(1, 9, 9)? }),
        ("xz", _) => Ok(Compression::Xz { level: from_to(0, 9, 6)? }),
        ("none" | "lz4", _) => Err(format!("{name} has no levels")),
        _ => {
            Err("use none, zstd, gzip or blosc (in N5 also bzip2, lz4 or xz; in HDF5 none or gzip), with a \
                  level behind a colon, such as zstd:5"
                .to_owned())
        }
    }
}

fn zarr_version(text: &str) -> Result<ZarrVersion, &'static str> {
    match text {
        "2" => Ok(ZarrVersion::V2),
        "3" => Ok(ZarrVersion::V3),
        _ => Err("use 2 or 3"),
    }
}
