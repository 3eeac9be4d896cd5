//! A made-up volume that looks like cells under an electron microscope.
//!
//! Cell centres lie on a grid, each moved a little at random; a voxel belongs to the nearest centre. All is computed
//! from the coordinates alone, so that blocks of any shape make the same volume, on any number of ranks.

use std::ops::Range;

use ndarray::{Array3, s};

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

/// The voxels in a box.
pub fn voxels(voxels: [Range<i64>; 3]) -> Array3<u8> {
    let begin = [0, 1, 2].map(|axis| voxels[axis].start);
    let mut values = Array3::zeros([0, 1, 2].map(|axis| (voxels[axis].end - begin[axis]) as usize));
    // Within one cell of the grid, the same cells are near.
    let places = |axis: usize| begin[axis].div_euclid(SPACING)..=(voxels[axis].end - 1).div_euclid(SPACING);
    for (z, y, x) in places(0).flat_map(|z| places(1).flat_map(move |y| places(2).map(move |x| (z, y, x)))) {
        let part = |axis: usize, place: i64| {
            (place * SPACING).max(begin[axis])..((place + 1) * SPACING).min(voxels[axis].end)
        };
        let (near, xs) = (near([z, y, x]), part(2, x));
        for (z, y) in part(0, z).flat_map(|z| part(1, y).map(move |y| (z, y))) {
            let mut row = values.slice_mut(s![(z - begin[0]) as usize, (y - begin[1]) as usize, ..]);
            let row = row.as_slice_mut().expect("a row in C order is contiguous");
            let in_row = (xs.start - begin[2]) as usize..(xs.end - begin[2]) as usize;
            fill_row(&near, [z, y, xs.start], &mut row[in_row]);
        }
    }
    values
}

/// Computes the voxels of a part of a row, from `first` on, that lies in one cell of the grid.
fn fill_row(near: &[Cell; N_NEAR], first: [i64; 3], row: &mut [u8]) {
    let [z, y, first_x] = first;
    let mut nearest = [(f32::MAX, f32::MAX, 0); SPACING as usize];
    for (index, cell) in near.iter().enumerate() {
        let in_plane = (cell.centre[0] - z as f32).powi(2) + (cell.centre[1] - y as f32).powi(2);
        for (x, (first, second, which)) in (first_x..).zip(&mut nearest[..row.len()]) {
            let distance = in_plane + (cell.centre[2] - x as f32).powi(2);
            if distance < *first {
                (*second, *first, *which) = (*first, distance, index);
            } else if distance < *second {
                *second = distance;
            }
        }
    }
    for ((x, voxel), (first, second, which)) in (first_x..).zip(row).zip(nearest) {
        let noise = (hash([z, y, x], 7) % 24) as f32 - 12.0;
        // Rounds, and stays within 0 and 255.
        *voxel = (grey(&near[which], first.sqrt(), second.sqrt()) + noise + 0.5) as u8;
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

/// The cell of a place in the grid, and those around it.
fn near([z, y, x]: [i64; 3]) -> [Cell; N_NEAR] {
    std::array::from_fn(|index| {
        let step = |of: usize| (of % 3) as i64 - 1;
        cell([z + step(index / 9), y + step(index / 3), x + step(index)])
    })
}

/// The cell of a place in the grid.
fn cell(place: [i64; 3]) -> Cell {
    // From 0 to 1.
    let random = |what: u64| (hash(place, what) >> 40) as f32 / (1 << 24) as f32;
    let centre =
        std::array::from_fn(|axis| (place[axis] as f32 + 0.15 + 0.7 * random(axis as u64)) * SPACING as f32);
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
