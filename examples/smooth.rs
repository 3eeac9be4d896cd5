//! Blocks that read more than they write: smooths a volume with a binomial filter of 5 voxels along each axis.
//!
//! `smooth [FOLDER]` makes its input in a first task, and computes one voxel again at the end. For volumes of your own there is
//! `bellis smooth`.

use std::path::PathBuf;
use std::process::ExitCode;

use bellis::{Array, ArraySpec, Border, BoxError, Fit, PlanError, Roi, Task};
use ndarray::{Array3, ArrayD, Axis, Slice};

/// Voxels along each axis, and along that of a block: the last blocks are smaller.
const EXTENT: u64 = 100;
const BLOCK: i64 = 32;
/// World units along each axis of a voxel: slices are thicker than they are wide, as they often are.
const VOXEL_SIZE: [i64; 3] = [40, 4, 4];
/// What neighbours count, out of 16.
const WEIGHTS: [f32; 5] = [1.0, 4.0, 6.0, 4.0, 1.0];
/// Voxels that a block reads on each side beyond those that it writes.
const RADIUS: i64 = 2;

fn main() -> ExitCode {
    bellis::main(|| {
        let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "demo-out".into()));
        let spec = ArraySpec::new([EXTENT; 3]).chunks([BLOCK as u64; 3]).voxel_size(VOXEL_SIZE).units("nm");
        let noise = Array::<u8>::create(folder.join("noise.zarr"), &spec)?;
        let smooth = Array::<f32>::create(folder.join("smooth.zarr"), &ArraySpec::like(&noise))?;
        // A block of the second task waits for those blocks of the first that it reads, its context included.
        let report = bellis::run(fill(&noise)? + filter(&noise, &smooth)?)?;
        let elapsed_s = report.elapsed_s;
        report.into_result()?;
        if bellis::is_coordinator() {
            check(&noise, &smooth)?;
            println!("{} ({elapsed_s:.2} s)", smooth.path().display());
        }
        Ok(())
    })
}

/// So many voxels in world units.
fn voxels(n: i64) -> [i64; 3] {
    VOXEL_SIZE.map(|size| n * size)
}

/// Writes a pattern of which each voxel can be told from its place.
fn fill(noise: &Array<u8>) -> Result<Task, PlanError> {
    let output = noise.clone();
    Task::builder("fill")
        .total_roi(noise.roi())
        .block_shape(voxels(BLOCK))
        .fit(Fit::Shrink)
        .writes(noise)
        .process(move |block| {
            let begin: Vec<i64> =
                (0..3).map(|axis| block.write_roi.begin()[axis] / VOXEL_SIZE[axis]).collect();
            let shape = [0, 1, 2].map(|axis| (block.write_roi.shape()[axis] / VOXEL_SIZE[axis]) as usize);
            let values = Array3::from_shape_fn(shape, |(z, y, x)| {
                let place =
                    (begin[0] + z as i64) * 31 + (begin[1] + y as i64) * 17 + (begin[2] + x as i64) * 7;
                (place * place % 251) as u8
            });
            output.write(&block.write_roi, &values)?;
            Ok(())
        })
        .build()
}

/// Reads each block with its context, and writes it smoothed.
fn filter(noise: &Array<u8>, smooth: &Array<f32>) -> Result<Task, PlanError> {
    let (input, output) = (noise.clone(), smooth.clone());
    Task::builder("filter")
        // What is written; what is read reaches two voxels further, also past the volume.
        .total_write_roi(smooth.roi())
        .block_shape(voxels(BLOCK))
        .context(voxels(RADIUS), voxels(RADIUS))
        .fit(Fit::Shrink)
        // Another array is read than written, so that no block has to wait for its neighbours.
        .reads(noise)
        .writes(smooth)
        .process(move |block| {
            let data = input.read_with(&block.read_roi, Border::Nearest)?;
            output.write(&block.write_roi, &binomial(data.mapv(f32::from)))?;
            Ok(())
        })
        .build()
}

/// Smooths along one axis after the other, each of which gets shorter by the radius at both ends.
fn binomial(mut data: ArrayD<f32>) -> ArrayD<f32> {
    for axis in (0..data.ndim()).map(Axis) {
        let n = data.len_of(axis) as i64 - 2 * RADIUS;
        let shifted = |by: i64| data.slice_axis(axis, Slice::from(by as isize..(by + n) as isize));
        let mut sum = ArrayD::zeros(shifted(0).raw_dim());
        for (by, weight) in (0..).zip(WEIGHTS) {
            sum.scaled_add(weight / 16.0, &shifted(by));
        }
        data = sum;
    }
    data
}

/// Computes the voxel at the corner again: all that it sees past the border is the nearest voxel.
fn check(noise: &Array<u8>, smooth: &Array<f32>) -> Result<(), BoxError> {
    let corner = Roi::new([0; 3], VOXEL_SIZE)?;
    let around = noise.read(&Roi::new([0; 3], voxels(RADIUS + 1))?)?;
    let mut expected = 0.0;
    for (z, along_z) in WEIGHTS.iter().enumerate() {
        for (y, along_y) in WEIGHTS.iter().enumerate() {
            for (x, along_x) in WEIGHTS.iter().enumerate() {
                let nearest = [z, y, x].map(|at| at.saturating_sub(RADIUS as usize));
                expected += along_z * along_y * along_x / 4096.0 * f32::from(around[nearest]);
            }
        }
    }
    let found = smooth.read(&corner)?[[0, 0, 0]];
    match (found - expected).abs() <= 1e-3 {
        true => Ok(()),
        false => Err(format!("the voxel at the corner is {found} and should be {expected}").into()),
    }
}
