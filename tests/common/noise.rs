//! Data that no codec makes smaller, that nobody could mistake for other data, and that two programs agree on.

use ndarray::ArrayD;

/// The voxels of a box that begins at `begin`: each another one for each place and each `round`.
pub fn noise(begin: &[i64], shape: &[i64], round: u16) -> ArrayD<u16> {
    let extents: Vec<usize> = shape.iter().map(|extent| *extent as usize).collect();
    ArrayD::from_shape_fn(extents, |at| {
        let mix = |all: u64, axis: usize| {
            let mixed = (all ^ (begin[axis] as u64).wrapping_add(at[axis] as u64)).wrapping_add(1);
            let mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed ^ (mixed >> 29)
        };
        // Never 0, as voxels are that nobody wrote.
        ((0..begin.len()).fold(0, mix) >> 40) as u16 % 32_749 + 1 + round
    })
}

#[allow(dead_code)]
/// The round that all voxels of a box are of, if it is one.
pub fn round_of(begin: &[i64], data: &ArrayD<u16>) -> Option<u16> {
    let shape: Vec<i64> = data.shape().iter().map(|extent| *extent as i64).collect();
    let first = noise(begin, &shape, 0);
    let round = data.first()?.checked_sub(*first.first()?)?;
    (first + round == *data).then_some(round)
}
