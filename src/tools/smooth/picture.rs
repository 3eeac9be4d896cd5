//! Pictures of the middle slice, before and after.

use crate::tools::error::Result;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use crate::geometry::{Coordinate, Roi};
use crate::storage::Array;
use ndarray::ArrayD;
use png::EncodingError::LimitsExceeded;

use super::error::SmoothError;
use super::volume::Volume;

/// Writes `before.png` and `after.png` to `folder`, in the same grey values.
pub fn write_both(folder: &Path, before: &Volume, after: &Array<f32>) -> Result<Vec<PathBuf>> {
    let slice = middle(&before.roi, after.voxel_size())?;
    let (before, after) = (before.read(&slice)?, after.read(&slice)?);
    let darkest = before.iter().copied().fold(f32::INFINITY, f32::min);
    let brightest = before.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut pictures = Vec::new();
    for (name, slice) in [("before.png", before), ("after.png", after)] {
        let path = folder.join(name);
        match write(&path, &slice, darkest, brightest) {
            Ok(()) => pictures.push(path),
            Err(source) => return Err(SmoothError::Picture { path, source }.into()),
        }
    }
    Ok(pictures)
}

/// One voxel in the middle along all axes but the last two.
fn middle(roi: &Roi, voxel_size: &Coordinate) -> Result<Roi> {
    let n_axes = roi.n_axes();
    let extent = |axis: usize| roi.shape()[axis] / voxel_size[axis];
    let offset = |axis: usize| match axis + 2 < n_axes {
        true => roi.begin()[axis] + extent(axis) / 2 * voxel_size[axis],
        false => roi.begin()[axis],
    };
    let shape = |axis: usize| if axis + 2 < n_axes { voxel_size[axis] } else { roi.shape()[axis] };
    Ok(Roi::new(Coordinate::from_fn(n_axes, offset), Coordinate::from_fn(n_axes, shape))?)
}

/// The last two axes as rows and columns, the first of the others.
fn write(path: &Path, slice: &ArrayD<f32>, darkest: f32, brightest: f32) -> io::Result<()> {
    let [.., rows, columns] = *slice.shape() else { return Err(LimitsExceeded.into()) };
    let (Ok(height), Ok(width)) = (u32::try_from(rows), u32::try_from(columns)) else {
        return Err(LimitsExceeded.into());
    };
    let scale = 255.0 / (brightest - darkest).max(f32::MIN_POSITIVE);
    let grey = |value: &f32| ((value - darkest) * scale).round() as u8;
    let pixels: Vec<u8> = slice.iter().take(rows * columns).map(grey).collect();
    let file = BufWriter::new(File::create(path)?);
    let mut encoder = png::Encoder::new(file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}
