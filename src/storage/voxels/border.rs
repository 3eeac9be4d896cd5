//! What lies past the border of an array.

use std::ops::Range;

use ndarray::{ArrayD, Axis, Slice};

/// What [`Array::read_with`](crate::storage::Array::read_with) returns past the border of the array, along the spatial axes.
///
/// The names are those of [`scipy.ndimage`](https://docs.scipy.org/doc/scipy/reference/ndimage.html)'s `mode`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Border<T> {
    /// The same value everywhere: `(k k k | a b c d | k k k)`.
    Constant(T),
    /// The voxel at the border: `(a a a | a b c d | d d d)`.
    Nearest,
    /// Mirrored about the outer face of the voxel at the border, which so comes twice: `(c b a | a b c d | d c b)`.
    ///
    /// This is scipy's `reflect`, the default of its filters, and numpy's `pad` mode `symmetric`; not scipy's
    /// `mirror`, which numpy calls `reflect`.
    Reflect,
}

/// Where each voxel of a read comes from, along one axis.
pub struct AxisPlan {
    /// The voxels of the array to be read, not empty.
    pub source: Range<u64>,
    /// The voxels of the result that both the ROI and the array have; empty where there are none.
    inside: Range<usize>,
    /// The index in `source` of each voxel of the result; `None` where a constant goes.
    indices: Vec<Option<usize>>,
}

impl AxisPlan {
    /// The plan of reading `wanted`, which may lie past the border, of an axis of `extent` voxels.
    ///
    /// `None` where there is nothing to read: no voxel is both wanted and there.
    pub fn new<T>(wanted: &Range<i64>, extent: u64, border: &Border<T>) -> Option<Self> {
        // An ROI's ends are i64 and so is an extent: more voxels than that have no place in the world.
        let extent = i64::try_from(extent).unwrap_or(i64::MAX);
        let at = |voxel: i64| match border {
            _ if (0..extent).contains(&voxel) => Some(voxel),
            Border::Constant(_) => None,
            _ if extent == 0 => None,
            Border::Nearest => Some(voxel.clamp(0, extent - 1)),
            Border::Reflect => Some(reflected(voxel, extent)),
        };
        let voxels: Vec<Option<i64>> = wanted.clone().map(at).collect();
        let first = voxels.iter().flatten().copied().min()?;
        let last = voxels.iter().flatten().copied().max()?;
        let begin = 0.clamp(wanted.start, wanted.end);
        let inside = begin..extent.clamp(begin, wanted.end);
        let index = |voxel: Option<i64>| voxel.map(|voxel| (voxel - first) as usize);
        Some(Self {
            source: first.unsigned_abs()..last.unsigned_abs() + 1,
            inside: (inside.start - wanted.start) as usize..(inside.end - wanted.start) as usize,
            indices: voxels.into_iter().map(index).collect(),
        })
    }

    /// Returns whether the source lies within the voxels that both the ROI and the array have, so that the border can be
    /// copied from the inside.
    fn is_local(&self) -> bool {
        let n_source = (self.source.end - self.source.start) as usize;
        self.inside.len() == n_source
    }
}

/// `voxel` of an endless line of `extent` voxels, mirrored back and forth.
fn reflected(voxel: i64, extent: i64) -> i64 {
    let period = i128::from(extent) * 2;
    let phase = i128::from(voxel).rem_euclid(period);
    // Below `extent`, so it fits.
    phase.min(period - 1 - phase) as i64
}

/// The result of shape `shape` from the source voxels: `inner`, whose first `plans.len()` axes from the end are planned.
///
/// Copies the inside once and then each border slab by slab; only where the border mirrors voxels that the ROI itself
/// does not have is the source gathered axis by axis.
pub fn fill<T: Copy>(inner: ArrayD<T>, plans: &[AxisPlan], constant: T) -> ArrayD<T> {
    let n_channels = inner.ndim() - plans.len();
    if !plans.iter().all(AxisPlan::is_local) {
        return gather(inner, plans, n_channels, constant);
    }
    let mut shape = inner.shape().to_vec();
    for (axis, plan) in plans.iter().enumerate() {
        shape[n_channels + axis] = plan.indices.len();
    }
    let mut result = ArrayD::from_elem(shape, constant);
    result
        .slice_each_axis_mut(|slot| match slot.axis.index().checked_sub(n_channels) {
            Some(axis) => Slice::from(plans[axis].inside.clone()),
            None => Slice::from(..),
        })
        .assign(&inner);
    for (axis, plan) in plans.iter().enumerate() {
        copy_slabs(&mut result, Axis(n_channels + axis), plan);
    }
    result
}

/// Fills the border along one axis from the inside.
fn copy_slabs<T: Copy>(result: &mut ArrayD<T>, axis: Axis, plan: &AxisPlan) {
    let outside = (0..plan.inside.start).chain(plan.inside.end..plan.indices.len());
    for target in outside {
        if let Some(index) = plan.indices[target] {
            let source = plan.inside.start + index;
            let (mut before, mut after) = result.view_mut().split_at(axis, source.max(target));
            if target < source {
                before.index_axis_mut(axis, target).assign(&after.index_axis(axis, 0));
            } else {
                after.index_axis_mut(axis, 0).assign(&before.index_axis(axis, source));
            }
        }
    }
}

/// Picks each voxel of the result from the source, axis by axis.
fn gather<T: Copy>(inner: ArrayD<T>, plans: &[AxisPlan], n_channels: usize, constant: T) -> ArrayD<T> {
    let gathered = plans.iter().enumerate().fold(inner, |inner, (axis, plan)| {
        let axis = Axis(n_channels + axis);
        let indices: Vec<usize> = plan.indices.iter().map(|index| index.unwrap_or(0)).collect();
        let mut picked = inner.select(axis, &indices);
        for (target, _) in plan.indices.iter().enumerate().filter(|(_, index)| index.is_none()) {
            picked.index_axis_mut(axis, target).fill(constant);
        }
        picked
    });
    if gathered.is_standard_layout() { gathered } else { gathered.as_standard_layout().into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reflection_is_scipys_reflect() {
        // numpy.pad([0, 1, 2], 7, mode="symmetric")
        let padded: Vec<i64> = (-7..10).map(|voxel| reflected(voxel, 3)).collect();
        assert_eq!(padded, [0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2]);
        assert_eq!(reflected(i64::MIN, i64::MAX), i64::MAX - 1);
        assert_eq!((-3..3).map(|voxel| reflected(voxel, 1)).collect::<Vec<_>>(), [0; 6]);
    }

    #[test]
    fn plans_read_no_more_than_they_need() {
        let plan = |wanted, border: Border<u8>| AxisPlan::new(&wanted, 10, &border);
        let source = |wanted, border| plan(wanted, border).map(|plan| plan.source);
        assert_eq!(source(-2..4, Border::Constant(0)), Some(0..4));
        assert_eq!(source(-5..0, Border::Constant(0)), None);
        assert_eq!(source(10..12, Border::Nearest), Some(9..10));
        assert_eq!(source(-3..2, Border::Reflect), Some(0..3));
        assert_eq!(source(8..14, Border::Reflect), Some(6..10));
        assert_eq!(source(3..3, Border::Nearest), None);
        assert!(plan(-3..5, Border::Reflect).is_some_and(|plan| plan.is_local()));
        assert!(plan(-3..2, Border::Reflect).is_some_and(|plan| !plan.is_local()));
    }
}
