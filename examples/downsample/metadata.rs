//! What says that the levels belong together.
//!
//! THE PLACE FOR OME-ZARR: its `multiscales` are to be written here, once the library knows how (branch `formats`). All
//! that they need comes in: the group, what each level is (the first entry is level 0: paths, shapes, voxel sizes, the
//! offset at which voxel 0 begins, names and units of the axes), and the method. Rank 0 calls this once, after the run.

use std::path::Path;

use bellis::storage::ArrayInfo;

use super::method::Method;

/// Writes the metadata of a pyramid in the group at `dst`.
#[allow(clippy::unnecessary_wraps)] // it will write to disk
pub fn write(dst: &Path, levels: &[ArrayInfo], method: Method) -> bellis::Result {
    log::debug!("{}: {} levels by {method:?}, without metadata for all", dst.display(), levels.len());
    Ok(())
}
