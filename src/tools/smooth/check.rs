//! Whether the result is right: a few voxels, computed again in another way.

use crate::geometry::{Coordinate, Roi};
use crate::storage::Array;
use crate::tools::error::Result;
use ndarray::ArrayD;

use super::error::SmoothError;
use super::gaussian::Gaussian;
use super::volume::Volume;

/// Computes voxels from corner to corner of the volume again, with one sum over all axes, in double precision.
pub fn check(input: &Volume, output: &Array<f32>, gaussian: &Gaussian) -> Result {
    const N_STEPS: i64 = 4;
    let (roi, voxel_size) = (output.roi(), output.voxel_size());
    let context = gaussian.context(voxel_size)?;
    for step in 0..=N_STEPS {
        let offset = Coordinate::from_fn(roi.n_axes(), |axis| {
            let last = roi.shape()[axis] / voxel_size[axis] - 1;
            // Last by parts, as the product may not fit.
            roi.begin()[axis] + (last / N_STEPS * step + last % N_STEPS * step / N_STEPS) * voxel_size[axis]
        });
        let voxel = Roi::new(offset, *voxel_size)?;
        let around = input.read(&voxel.grow(&context, &context)?)?;
        let largest = around.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let expected = centre_values(&around, roi.n_axes(), gaussian);
        for (found, expected) in output.read(&voxel)?.iter().zip(expected) {
            // Not the other way round: a result that is not a number is wrong too, unless it should be none.
            let is_right = (f64::from(*found) - expected).abs() <= 1e-4 * f64::from(largest)
                || (found.is_nan() && expected.is_nan());
            if !is_right && largest.is_finite() {
                return Err(SmoothError::WrongVoxel { voxel, found: *found, expected }.into());
            }
        }
    }
    Ok(())
}

/// The Gaussian at the centre of the last `n_axes` axes, for each channel before them.
fn centre_values(around: &ArrayD<f32>, n_axes: usize, gaussian: &Gaussian) -> Vec<f64> {
    let extent = 2 * gaussian.radius() + 1;
    let weight = |mut index: usize| {
        let along = (0..n_axes).map(|_| {
            let place = index % extent;
            index /= extent;
            gaussian.weight(place.abs_diff(gaussian.radius()))
        });
        along.product::<f64>()
    };
    let values: Vec<f32> = around.iter().copied().collect();
    let channels = values.chunks(extent.pow(n_axes as u32));
    let sum = |channel: &[f32]| channel.iter().enumerate().map(|(i, v)| weight(i) * f64::from(*v)).sum();
    channels.map(sum).collect()
}
