//! `bellis info`.

use std::path::PathBuf;

use bellis::storage::{ArrayInfo, FillValue, Writers};
use bellis::tools::{self, Described, Tree};
use serde_json::{Value, json};

use super::print;

/// Shows what lies at a path: an array, or all arrays below a Zarr or N5 group or in an HDF5 file
#[derive(clap::Args)]
pub struct Arguments {
    /// An array or what holds some, such as volume.zarr/raw or volume.h5
    path: PathBuf,
    /// Show at most so many arrays
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
    max_arrays: u32,
    /// Count the chunks of all arrays together in at most so many files
    #[arg(long, value_name = "N", default_value = "100000")]
    max_files: u64,
}

impl Arguments {
    /// Runs the command.
    pub fn run(self, json: bool) -> bellis::Result {
        let Self { path, max_arrays, max_files } = self;
        let info = tools::Info { path, max_arrays: max_arrays as usize, max_files };
        if let Some(tree) = info.run()? {
            print::either(json, || text(&tree, &info), || value(&tree))?;
        }
        Ok(())
    }
}

fn text(Tree { arrays, is_cut, n_uncounted }: &Tree, info: &tools::Info) -> String {
    let mut parts: Vec<String> = arrays.iter().map(text_of).collect();
    if *is_cut {
        let (shown, more) = (arrays.len(), info.max_arrays.saturating_mul(10));
        parts.push(format!("There are more than these {shown} arrays: --max-arrays {more} shows more of them, and the path of a group its own."));
    }
    if *n_uncounted > 0 {
        let more = info.max_files.saturating_mul(10).max(1_000_000);
        parts.push(format!("The chunks of {n_uncounted} arrays were not counted to the end: --max-files {more} counts more of them."));
    }
    parts.join("\n\n")
}

fn text_of(Described { path, found }: &Described) -> String {
    let path = path.display();
    let (info, usage) = match found {
        Ok(found) => found,
        Err(error) => return format!("{path}\n  cannot be read: {error}"),
    };
    let more = if usage.is_cut { "at least " } else { "" };
    let fields = [
        ("format", info.format.to_owned()),
        ("shape", list(&info.shape)),
        ("chunks", if info.is_contiguous { "none: in one piece".to_owned() } else { list(&info.chunks) }),
        ("shards", info.shards.as_ref().map_or_else(|| "none".to_owned(), |shards| list(shards))),
        ("data type", info.data_type.to_string()),
        ("codec", usage.codec.clone()),
        ("fill value", info.fill_value.to_string()),
        ("axes", info.axis_names.join(", ")),
        ("offset", info.offset.to_string()),
        ("voxel size", info.voxel_size.to_string()),
        ("units", info.units.join(", ")),
        ("present", format!("{more}{} of {} {}", usage.n_present, usage.n_chunks, pieces(info))),
        ("on disk", format!("{more}{} bytes of {}", usage.n_bytes, n_bytes(info))),
        ("blocks", safe_blocks(info)),
    ];
    let line = |(name, value): &(&str, String)| format!("\n  {name:<11}{value}");
    format!("{path}{}", fields.iter().map(line).collect::<String>())
}

/// What one writer has to own.
fn pieces(info: &ArrayInfo) -> &'static str {
    match (info.is_contiguous, info.shards.is_some()) {
        (true, _) => "piece",
        (_, true) => "shards",
        _ => "chunks",
    }
}

/// Which block shapes several workers may write at the same time.
fn safe_blocks(info: &ArrayInfo) -> String {
    if let Writers::OneProcess { why } = &info.writers {
        return format!("of any shape, from one process: {why}");
    }
    let spatial = &info.write_chunk[info.n_channel_axes()..];
    if spatial.iter().all(|extent| *extent == 1) {
        return "of any shape, from any number of ranks".to_owned();
    }
    let chunk: Vec<String> = spatial.iter().map(ToString::to_string).collect();
    format!("of multiples of {} voxels, from any number of ranks", chunk.join(","))
}

fn list(extents: &[u64]) -> String {
    extents.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Bytes in memory.
fn n_bytes(info: &ArrayInfo) -> u128 {
    let voxels = info.shape.iter().map(|extent| u128::from(*extent)).product::<u128>();
    voxels * info.data_type.size() as u128
}

fn value(Tree { arrays, is_cut, n_uncounted }: &Tree) -> Value {
    let arrays: Vec<Value> = arrays.iter().map(value_of).collect();
    json!({"arrays": arrays, "is_cut": is_cut, "n_uncounted": n_uncounted})
}

fn value_of(Described { path, found }: &Described) -> Value {
    let path = path.display().to_string();
    let (info, usage) = match found {
        Ok(found) => found,
        Err(error) => return json!({"path": path, "error": error.to_string()}),
    };
    let fill_value = match info.fill_value {
        FillValue::Float(value) if value.is_finite() => json!(value),
        FillValue::Integer(value) => {
            i64::try_from(value).map_or_else(|_| json!(value.to_string()), Value::from)
        }
        other => json!(other.to_string()),
    };
    json!({
        "path": path,
        "format": info.format,
        "shape": info.shape,
        "chunks": if info.is_contiguous { Value::Null } else { json!(info.chunks) },
        "shards": info.shards,
        "data_type": info.data_type.name(),
        "codec": usage.codec,
        "fill_value": fill_value,
        "axis_names": info.axis_names,
        "offset": info.offset.iter().collect::<Vec<i64>>(),
        "voxel_size": info.voxel_size.iter().collect::<Vec<i64>>(),
        "units": info.units,
        "n_chunks": usage.n_chunks,
        "n_present": usage.n_present,
        "bytes": usage.n_bytes,
        "is_cut": usage.is_cut,
        "write_chunk": info.write_chunk,
        "writers": if matches!(info.writers, Writers::Any) { "any" } else { "one process" },
    })
}
