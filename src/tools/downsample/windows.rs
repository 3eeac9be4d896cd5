//! The walk over the windows that become one voxel each.

use ndarray::{ArrayD, IxDyn};

use super::method::{Method, Reduce};

/// `data`, with each window of `factors` voxels made one; at the end of an axis, of what is there.
pub fn reduce<T: Reduce>(data: &ArrayD<T>, factors: &[usize], method: Method) -> ArrayD<T> {
    let shape: Vec<usize> = data.shape().iter().zip(factors).map(|(extent, f)| extent.div_ceil(*f)).collect();
    let data = data.as_standard_layout();
    let values = data.as_slice().unwrap_or(&[]);
    let mut reduced = ArrayD::from_elem(IxDyn(&shape), T::default());
    let mut window = Vec::with_capacity(factors.iter().product());
    let mut rows = Vec::new();
    let (last, width) = (factors.len() - 1, data.shape()[factors.len() - 1]);
    let mut at = vec![0; last];
    for mut target in reduced.rows_mut() {
        input_rows(data.shape(), factors, &at, &mut rows);
        for (x, voxel) in target.iter_mut().enumerate() {
            let along = x * factors[last]..((x + 1) * factors[last]).min(width);
            window.clear();
            for row in &rows {
                window.extend_from_slice(&values[row * width + along.start..row * width + along.end]);
            }
            *voxel = T::reduce(&mut window, method);
        }
        advance(&mut at, &shape[..last]);
    }
    reduced
}

/// The rows of the input that become the row at `at`.
fn input_rows(shape: &[usize], factors: &[usize], at: &[usize], rows: &mut Vec<usize>) {
    rows.clear();
    rows.push(0);
    for (axis, position) in at.iter().enumerate() {
        let (begin, end) = (position * factors[axis], ((position + 1) * factors[axis]).min(shape[axis]));
        *rows = rows.iter().flat_map(|row| (begin..end).map(move |p| row * shape[axis] + p)).collect();
    }
}

/// To the next position in C order.
fn advance(at: &mut [usize], shape: &[usize]) {
    for axis in (0..shape.len()).rev() {
        at[axis] += 1;
        if at[axis] < shape[axis] {
            return;
        }
        at[axis] = 0;
    }
}
