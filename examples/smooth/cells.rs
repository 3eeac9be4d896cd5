//! A made-up volume that looks like cells under an electron microscope.
//!
//! Cell centres lie on a grid, each moved a little at random; a voxel belongs to the nearest centre. All is computed
//! from the coordinates alone, so that blocks of any shape make the same volume, on any number of ranks.

use bellis::Roi;
use ndarray::{Array1, ArrayD, IxDyn};

/// Voxels between two neighbours of the grid that the centres lie on.
const SPACING: i64 = 32;
/// Cells whose centres may be the nearest: those of a grid cell and of its neighbours.
const N_NEAR: usize = 27;

/// A cell's centre, and its own grey value.
#[derive(Clone, Copy)]
struct Cell {
    centre: [f32; 3],
    nucleus: f32,
    grey: f32,
}

/// The voxels in `roi`.
pub fn voxels(roi: &Roi) -> bellis::Result<ArrayD<u8>> {
    let voxels = roi.to_voxels(&[0, 0, 0].into(), &[1, 1, 1].into())?;
    let mut values = Vec::with_capacity(usize::try_from(roi.size()?)?);
    for z in voxels[0].clone() {
        for y in voxels[1].clone() {
            let mut x = voxels[2].start;
            while x < voxels[2].end {
                // As far as the same cells are near.
                let end = voxels[2].end.min((x.div_euclid(SPACING) + 1) * SPACING);
                row(z, y, x..end, &mut values);
                x = end;
            }
        }
    }
    let shape: Vec<usize> = voxels.iter().map(|range| (range.end - range.start) as usize).collect();
    Ok(Array1::from_vec(values).into_shape_with_order(IxDyn(&shape))?)
}

/// Adds the voxels of a part of a row that lies in one cell of the grid.
fn row(z: i64, y: i64, xs: std::ops::Range<i64>, values: &mut Vec<u8>) {
    let near = near([z, y, xs.start]);
    let [z_f, y_f] = [z, y].map(|at| at as f32);
    let in_plane = near.map(|cell| (cell.centre[0] - z_f).powi(2) + (cell.centre[1] - y_f).powi(2));
    for x in xs {
        let mut nearest = (f32::MAX, 0);
        let mut second = f32::MAX;
        for (index, cell) in near.iter().enumerate() {
            let distance = in_plane[index] + (cell.centre[2] - x as f32).powi(2);
            if distance < nearest.0 {
                second = nearest.0;
                nearest = (distance, index);
            } else if distance < second {
                second = distance;
            }
        }
        let noise = (hash([z, y, x], 7) % 24) as f32 - 12.0;
        let grey = grey(&near[nearest.1], nearest.0.sqrt(), second.sqrt()) + noise;
        // Rounds, and stays within 0 and 255.
        values.push((grey + 0.5) as u8);
    }
}

/// Bright where two cells meet, dark in the nucleus, in between the cell's own grey.
fn grey(cell: &Cell, to_nearest: f32, to_second: f32) -> f32 {
    if to_second - to_nearest < 2.5 {
        225.0
    } else if to_nearest < cell.nucleus {
        45.0
    } else {
        cell.grey
    }
}

/// The cells around a voxel.
fn near(voxel: [i64; 3]) -> [Cell; N_NEAR] {
    let [z, y, x] = voxel.map(|at| at.div_euclid(SPACING));
    std::array::from_fn(|index| {
        let step = |of: usize| (of % 3) as i64 - 1;
        cell([z + step(index / 9), y + step(index / 3), x + step(index)])
    })
}

/// The cell of a place in the grid.
fn cell(place: [i64; 3]) -> Cell {
    // From 0 to 1.
    let random = |what: u64| (hash(place, what) >> 40) as f32 / (1 << 24) as f32;
    let centre = std::array::from_fn(|axis| {
        (place[axis] as f32 + 0.15 + 0.7 * random(axis as u64)) * SPACING as f32
    });
    Cell { centre, nucleus: 5.0 + 4.0 * random(3), grey: 110.0 + 60.0 * random(4) }
}

/// A number that looks random: the finalizer of splitmix64, once for each coordinate.
fn hash(place: [i64; 3], what: u64) -> u64 {
    place.iter().fold(what.wrapping_mul(0x9e37_79b9_7f4a_7c15), |hash, at| {
        let mut hash = hash ^ at.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    })
}
