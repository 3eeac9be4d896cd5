//! A Gaussian, axis by axis, for one block and its context.

use crate::geometry::{Coordinate, GeometryError};
use crate::tools::error::Result;
use ndarray::ArrayD;

/// The Gaussian of scipy's `gaussian_filter` with `truncate=4`: weights out to four sigma, which add up to 1.
///
/// A voxel of the result is one sum in one order, whatever block it lies in: blocks of any shape give the same bits.
#[derive(Debug, Clone)]
pub struct Gaussian {
    /// From the centre outwards.
    weights: Vec<f32>,
}

/// So many elements are summed over all weights before the next ones: they stay in the nearest cache.
const PIECE: usize = 1024;

impl Gaussian {
    /// The Gaussian of `sigma` voxels.
    pub fn new(sigma: f64) -> Self {
        let radius = (4.0 * sigma + 0.5) as usize;
        let weight = |distance: usize| (-0.5 * (distance as f64 / sigma).powi(2)).exp();
        let total = weight(0) + 2.0 * (1..=radius).map(weight).sum::<f64>();
        Self { weights: (0..=radius).map(|distance| (weight(distance) / total) as f32).collect() }
    }

    /// How many voxels it reaches.
    pub fn radius(&self) -> usize {
        self.weights.len() - 1
    }

    /// How far it reaches in world units.
    pub fn context(&self, voxel_size: &Coordinate) -> Result<Coordinate, GeometryError> {
        Coordinate::splat(voxel_size.n_axes(), self.radius() as i64).checked_mul(voxel_size)
    }

    /// The weight of a voxel at this distance along one axis.
    pub fn weight(&self, distance: usize) -> f64 {
        self.weights.get(distance).copied().unwrap_or(0.0).into()
    }

    /// `data`, in C order, smoothed along all axes from `first_axis` on, each of which gets shorter by the radius at
    /// both ends.
    ///
    /// # Costs
    /// A multiplication and two additions for each voxel, axis and distance, and memory for twice the data.
    pub fn smooth(&self, data: ArrayD<f32>, first_axis: usize) -> Result<ArrayD<f32>> {
        let mut shape = data.shape().to_vec();
        let mut data = data.into_raw_vec_and_offset().0;
        // The axis whose voxels lie farthest apart first: what it leaves away, the others need not compute.
        for axis in first_axis..shape.len() {
            let inner = shape[axis + 1..].iter().product();
            data = self.along(&data, shape[axis], inner);
            shape[axis] -= 2 * self.radius();
        }
        Ok(ArrayD::from_shape_vec(shape, data)?)
    }

    /// Smooths along an axis of `extent` voxels with `inner` elements to each.
    fn along(&self, data: &[f32], extent: usize, inner: usize) -> Vec<f32> {
        let slab = extent * inner;
        let smooth_slab = (extent - 2 * self.radius()) * inner;
        let mut smooth = vec![0.0; data.len() / slab * smooth_slab];
        for (slab, smooth) in data.chunks_exact(slab).zip(smooth.chunks_exact_mut(smooth_slab)) {
            for (piece, smooth) in smooth.chunks_mut(PIECE).enumerate() {
                self.sum(&slab[piece * PIECE..], inner, smooth);
            }
        }
        smooth
    }

    /// Voxels that are neighbours along the axis are `stride` elements apart, so that shifted copies of one slice are
    /// summed, whichever axis it is.
    fn sum(&self, data: &[f32], stride: usize, smooth: &mut [f32]) {
        let (radius, n) = (self.radius(), smooth.len());
        let shifted = |voxels: usize| &data[voxels * stride..][..n];
        for (result, centre) in smooth.iter_mut().zip(shifted(radius)) {
            *result = self.weights[0] * centre;
        }
        for (distance, weight) in self.weights.iter().enumerate().skip(1) {
            let (before, after) = (shifted(radius - distance), shifted(radius + distance));
            for ((result, before), after) in smooth.iter_mut().zip(before).zip(after) {
                *result += weight * (before + after);
            }
        }
    }
}
