//! An array of any type of element, read as one type.

use crate::tools::error::Result;
use std::path::Path;
use std::sync::Arc;

use crate::geometry::Roi;
use crate::geometry::{ChunkGrid, WriteTarget};
use crate::storage::{Array, ArraySpec, OpenOptions};
use crate::storage::{ArrayInfo, describe_with};
use ndarray::ArrayD;

use super::number::{Loss, Value, cast, with_type};

type Read<T> = dyn Fn(&Roi) -> Result<ArrayD<T>> + Send + Sync;

/// An array on disk, read as `T`. Cheap to clone.
#[derive(Clone)]
pub struct Source<T> {
    /// What it is.
    pub info: ArrayInfo,
    /// What it covers, in world units.
    pub roi: Roi,
    /// An array like it.
    pub spec: ArraySpec,
    /// What is read best in one piece.
    pub chunk_grid: ChunkGrid,
    read: Arc<Read<T>>,
}

impl<T: Value> Source<T> {
    /// Opens the array at `path`, of which `options` say more.
    pub fn open(path: &Path, options: &OpenOptions, loss: Loss) -> Result<Self> {
        let data_type = describe_with(path, options)?.data_type;
        with_type!(data_type, S => Ok(Self::of(Array::<S>::open_with(path, options)?, loss)))
    }

    /// The same of an array that is open.
    pub fn of<S: Value>(array: Array<S>, loss: Loss) -> Self {
        let (info, roi, spec) = (array.info().clone(), array.roi(), ArraySpec::like(&array));
        let chunk_grid = array.chunk_grid();
        let read = move |roi: &Roi| cast::<S, T>(array.read(roi)?, loss);
        Self { info, roi, spec, chunk_grid, read: Arc::new(read) }
    }

    /// The voxels in the part of `roi` that the array covers.
    pub fn read(&self, roi: &Roi) -> Result<ArrayD<T>> {
        (self.read)(&roi.intersect(&self.roi)?)
    }
}
