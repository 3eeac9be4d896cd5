//! What says that the levels belong together: OME-Zarr's multiscales, where the levels are Zarr.

use crate::tools::error::Result;
use std::path::Path;

use crate::storage::{ArrayInfo, write_multiscales};

/// Writes the metadata of a pyramid in the group at `dst`, or says why there is none. For rank 0, once all levels are
/// there.
///
/// # Errors
/// A group whose metadata cannot be written.
pub fn write(dst: &Path, levels: &[ArrayInfo]) -> Result {
    // N5 and HDF5 have no such metadata: each level says where it lies.
    let Some(first) = levels.first().filter(|_| levels.iter().all(|level| level.format.starts_with("Zarr")))
    else {
        return Ok(());
    };
    match misfit(&first.axis_names, first.n_channel_axes()) {
        None => write_multiscales(dst, &levels.iter().collect::<Vec<_>>())?,
        Some(why) => log::warn!(
            "{} gets no OME-Zarr metadata, {why}; its levels are complete, and say where they lie",
            dst.display()
        ),
    }
    Ok(())
}

/// Why OME-Zarr has no such axes, if it has not: <https://ngff.openmicroscopy.org/0.5/#axes-md>.
fn misfit(names: &[String], n_channel_axes: usize) -> Option<String> {
    let names: Vec<&str> = names.iter().map(|name| name.trim_end_matches('^')).collect();
    let (others, space) = names.split_at_checked(n_channel_axes)?;
    if let Some(twice) =
        names.iter().enumerate().find_map(|(axis, name)| names[..axis].contains(name).then_some(name))
    {
        return Some(format!("where no two axes are called the same: two are called {twice:?}"));
    }
    match (others, space.len()) {
        ([] | [_] | ["t", _], 2 | 3) => None,
        (_, 2 | 3) => Some(format!(
            "which has at most the axes time (t) and channel, in this order, before those in space: these are {others:?}"
        )),
        (_, n) => Some(format!("which has 2 or 3 axes in space: these are {n}")),
    }
}
