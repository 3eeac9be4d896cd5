//! What says that the levels belong together: OME-Zarr's multiscales, where the levels are Zarr.

use std::path::Path;

use bellis::storage::{ArrayInfo, write_multiscales};

/// Writes the metadata of a pyramid in the group at `dst`. For rank 0, once all levels are there.
///
/// # Errors
/// A group whose metadata cannot be written.
pub fn write(dst: &Path, levels: &[ArrayInfo]) -> bellis::Result {
    // N5 and HDF5 have no such metadata: each level says where it lies.
    if levels.iter().all(|level| level.format.starts_with("Zarr")) {
        write_multiscales(dst, &levels.iter().collect::<Vec<_>>())?;
    }
    Ok(())
}
