//! Masks: where in space there is something, and where nothing.

use super::axes::MAX_AXES;
use super::coordinate::Coordinate;
use super::error::GeometryError;
use super::roi::Roi;
use super::source::ReadSource;

/// What there is of a mask in a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// Nothing: no block that writes there is to run.
    Nothing,
    /// Something; of a part of the box it may be nothing.
    Something,
    /// Each part of the box, however small, has something of it.
    Everything,
}

/// Voxels each of which is something or nothing: an array of which those that are not 0 count.
pub trait MaskSource: ReadSource + Send + Sync {
    /// Which voxels of a ROI are something, in C order. The ROI is inside the extent and falls on whole voxels. Of several
    /// channels any counts.
    ///
    /// # Errors
    /// Voxels that cannot be read.
    fn something(&self, roi: &Roi) -> Result<Vec<bool>, Box<dyn std::error::Error + Send + Sync>>;
}

/// A mask of voxels that are something or nothing, as large as one likes: outside of it there is nothing.
///
/// Holds a sum for each voxel, so that a box of any size is looked up in a few steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskGrid {
    begin: Coordinate,
    voxel_size: Coordinate,
    shape: Coordinate,
    /// For each corner between voxels, the number of voxels before it along all axes that are something.
    sums: Vec<u64>,
}

impl MaskGrid {
    /// A mask of `shape` voxels in C order, of which the first begins at `begin`, in world units.
    ///
    /// # Errors
    /// Numbers of axes that differ, a shape or voxels that are not positive, a mask that ends beyond 64 bits.
    ///
    /// # Panics
    /// When there are not as many voxels as the shape says.
    pub fn new(
        begin: Coordinate,
        voxel_size: Coordinate,
        shape: Coordinate,
        voxels: &[bool],
    ) -> Result<Self, GeometryError> {
        begin.require_same_axes(&voxel_size)?;
        begin.require_same_axes(&shape)?;
        voxel_size.require_positive("voxel size")?;
        shape.require_positive("shape of a mask")?;
        // The end of it has to be a coordinate.
        begin.checked_add(&shape.checked_mul(&voxel_size)?)?;
        assert_eq!(shape.product()?.unsigned_abs(), voxels.len() as u64, "as many voxels as the shape says");
        let mut mask = Self { begin, voxel_size, shape, sums: Vec::new() };
        mask.sums = mask.sums_of(voxels);
        Ok(mask)
    }

    fn sums_of(&self, voxels: &[bool]) -> Vec<u64> {
        let n_axes = self.shape.n_axes();
        let n_corners: usize = self.shape.iter().map(|extent| extent as usize + 1).product();
        let mut sums = vec![0; n_corners];
        // The voxels first, each at the corner after it, a row at a time.
        let last = self.shape[n_axes - 1] as usize;
        for (row, voxels) in voxels.chunks(last).enumerate() {
            let (mut rest, mut first, mut stride) = (row, 1, last + 1);
            for axis in (0..n_axes - 1).rev() {
                let extent = self.shape[axis] as usize;
                first += (rest % extent + 1) * stride;
                (rest, stride) = (rest / extent, stride * (extent + 1));
            }
            sums[first..first + last].iter_mut().zip(voxels).for_each(|(sum, is)| *sum = u64::from(*is));
        }
        // Along one axis after the other.
        for axis in 0..n_axes {
            let stride: usize = (axis + 1..n_axes).map(|later| self.shape[later] as usize + 1).product();
            let extent = self.shape[axis] as usize + 1;
            for at in 0..sums.len() {
                if !(at / stride).is_multiple_of(extent) {
                    sums[at] += sums[at - stride];
                }
            }
        }
        sums
    }

    /// What there is of it in a box. A voxel counts with all of what it covers.
    pub fn cover(&self, roi: &Roi) -> Cover {
        if roi.n_axes() != self.shape.n_axes() {
            return Cover::Nothing;
        }
        let mut bounds = [(0, 0); MAX_AXES];
        let mut is_inside = true;
        for (axis, bounds) in bounds.iter_mut().enumerate().take(roi.n_axes()) {
            let wide = |value: i64| i128::from(value);
            let begin = wide(roi.begin()[axis]) - wide(self.begin[axis]);
            let end = begin + wide(roi.shape()[axis]);
            let (first, past) = (
                begin.div_euclid(wide(self.voxel_size[axis])),
                -(-end).div_euclid(wide(self.voxel_size[axis])),
            );
            is_inside &= first >= 0 && past <= wide(self.shape[axis]);
            // Between 0 and the shape.
            let within = |at: i128| at.clamp(0, wide(self.shape[axis])) as i64;
            *bounds = (within(first), within(past));
        }
        let bounds = &bounds[..roi.n_axes()];
        let n_voxels: u64 = bounds.iter().map(|(begin, end)| end.abs_diff(*begin)).product();
        match self.count(bounds) {
            0 => Cover::Nothing,
            n if n == n_voxels && is_inside => Cover::Everything,
            _ => Cover::Something,
        }
    }

    /// Number of voxels in a box that are something: what lies before its far corner, less what lies before the others.
    fn count(&self, bounds: &[(i64, i64)]) -> u64 {
        (0..1u32 << bounds.len()).fold(0, |count: u64, corner| {
            let index = bounds.iter().enumerate().fold(0, |index, (axis, (begin, end))| {
                let at = if corner >> axis & 1 == 0 { end } else { begin };
                index * (self.shape[axis] as usize + 1) + *at as usize
            });
            // On the way the count may pass below 0; it comes back.
            match corner.count_ones() % 2 {
                0 => count.wrapping_add(self.sums[index]),
                _ => count.wrapping_sub(self.sums[index]),
            }
        })
    }
}
