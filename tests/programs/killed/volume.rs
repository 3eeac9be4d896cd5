//! What the program writes, and what the test that kills it knows of it.

use bellis::{Fit, Result, Roi, Task, TaskBuilder};
use ndarray::{Array3, ArrayD};

/// No multiple of the blocks: the last ones are cut.
pub const SHAPE: [u64; 3] = [110, 120, 100];
pub const BLOCK: [u64; 3] = [24; 3];

/// Where an array of a kind lies in a directory.
pub fn path_of(kind: &str) -> &'static str {
    match kind {
        "direct" | "mpio" => "a.h5/raw",
        "n5" => "a.n5/raw",
        _ => "a.zarr/raw",
    }
}

/// What the voxels of a block hold: each its position, counted from 1, so that none is like one that nobody wrote.
pub fn content(roi: &Roi) -> ArrayD<u32> {
    let (begin, shape) = (roi.begin(), roi.shape());
    let extent = |axis: usize| usize::try_from(shape[axis]).expect("a block fits into memory");
    let first = |axis: usize| begin[axis].unsigned_abs() as u32;
    let [_, height, width] = SHAPE.map(|extent| extent as u32);
    let voxel = |(z, y, x): (usize, usize, usize)| {
        ((first(0) + z as u32) * height + first(1) + y as u32) * width + first(2) + x as u32 + 1
    };
    Array3::from_shape_fn((extent(0), extent(1), extent(2)), voxel).into_dyn()
}

/// A task over all blocks.
pub fn blocks(name: &str) -> Result<TaskBuilder> {
    let total = Roi::new([0; 3], SHAPE.map(u64::cast_signed))?;
    let task = Task::builder(name).total_roi(total).block_shape(BLOCK.map(u64::cast_signed));
    Ok(task.fit(Fit::Shrink).read_write_conflict(false))
}
