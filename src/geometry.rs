//! Integer nD space: the only place in the crate that does arithmetic on coordinates.
//!
//! Everything here is exact: signed 64-bit world units, half-open boxes, and an error instead of a wrap or a
//! guess. The module knows nothing of blocks, tasks or files, and uses nothing but the standard library.

mod axes;
mod chunk_grid;
mod coordinate;
mod error;
mod mask;
mod roi;
mod source;
// Array formats are what uses all of it.
#[cfg_attr(not(all(feature = "hdf5", feature = "n5", feature = "zarr")), allow(dead_code))]
mod voxel_box;
#[cfg_attr(not(all(feature = "hdf5", feature = "n5", feature = "zarr")), allow(dead_code))]
mod voxel_grid;

pub use axes::MAX_AXES;
pub use chunk_grid::{ChunkGrid, WriteTarget, Writers};
pub use coordinate::Coordinate;
pub use error::{GeometryError, Result};
pub use mask::{Cover, MaskGrid, MaskSource};
pub use roi::{Roi, Snap, VoxelRange};
pub use source::{ReadSource, Source};
pub(crate) use voxel_box::VoxelBox;
pub(crate) use voxel_grid::VoxelGrid;
