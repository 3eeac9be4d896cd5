//! What an HDF5 dataset takes in its file, and which datasets a file holds.

use std::path::Path;

use hdf5::filters::Filter;

use super::array::resolve_link;
use super::codec::LZF;
use super::creation_lock;
use super::handle::Handle;
use super::location::Location;
use super::metadata::datasets_within;
use crate::storage::error::Result;
use crate::storage::listing::{Bounds, Listing};
use crate::storage::schema::info::ArrayInfo;
use crate::storage::usage::{Usage, n_chunks};

/// The version of the HDF5 library.
pub fn library_version() -> String {
    let (major, minor, release) = hdf5::library_version();
    format!("{major}.{minor}.{release}")
}

/// What the dataset takes.
pub fn usage(info: &ArrayInfo) -> Result<Usage> {
    let at = Location::of(&info.path);
    creation_lock::wait(&at.file);
    let at = resolve_link(at)?;
    Handle::of(&at.file).with(&at, |dataset| {
        let steps: Vec<String> = dataset.filters().iter().map(name).collect();
        let n_bytes = dataset.storage_size();
        let n_present = match dataset.num_chunks() {
            Some(n_present) if !info.is_contiguous => n_present as u64,
            _ => u64::from(n_bytes > 0),
        };
        Ok(Usage {
            codec: if steps.is_empty() { "none".to_owned() } else { steps.join(", ") },
            n_chunks: if info.is_contiguous { 1 } else { n_chunks(&info.shape, &info.chunks) },
            n_present,
            n_bytes,
            n_files: 0,
            is_cut: false,
        })
    })
}

fn name(filter: &Filter) -> String {
    match filter {
        Filter::Deflate(level) => format!("gzip:{level}"),
        Filter::Shuffle => "shuffle".to_owned(),
        Filter::Fletcher32 => "fletcher32".to_owned(),
        Filter::User(LZF, _) => "lzf".to_owned(),
        Filter::User(number, _) => format!("filter {number}"),
        other => format!("{other:?}"),
    }
}

/// The datasets, within bounds, by path below `path`, which is a file or a group in one.
pub fn arrays(path: &Path, bounds: Bounds) -> Result<Listing> {
    let at = Location::of(path);
    creation_lock::wait(&at.file);
    Handle::of(&at.file).with_file(|file| {
        if at.dataset.is_empty() {
            return Ok(datasets_within(file, bounds));
        }
        Ok(file.group(&at.dataset).map(|group| datasets_within(&group, bounds)).unwrap_or_default())
    })
}
