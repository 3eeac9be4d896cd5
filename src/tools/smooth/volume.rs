//! A volume of any type of element, read as `f32`.

use std::path::Path;

use crate::geometry::Roi;
use crate::storage::{Array, ArraySpec, Border, OpenOptions, StorageError};
use crate::storage::{ArrayInfo, Element, describe_with};
use crate::tools::common::number::with_number;
use crate::tools::common::output::require_voxels;
use half::{bf16, f16};
use ndarray::ArrayD;

type Read = dyn Fn(&Roi) -> Result<ArrayD<f32>, StorageError> + Send + Sync;

/// A volume on disk. The type of its elements is known to [`open`](Self::open) and to nobody after.
pub struct Volume {
    /// What it is.
    pub info: ArrayInfo,
    /// What it covers, in world units.
    pub roi: Roi,
    /// An array like it.
    pub spec: ArraySpec,
    read: Box<Read>,
}

impl Volume {
    /// Opens the array at `path`, of which `options` say more.
    pub fn open(path: &Path, options: &OpenOptions) -> crate::tools::error::Result<Self> {
        let info = describe_with(path, options)?;
        require_voxels(&info)?;
        with_number!(info.data_type, T => Ok(Self::of::<T>(path, options)?))
    }

    fn of<T: Number>(path: &Path, options: &OpenOptions) -> Result<Self, StorageError> {
        let array = Array::<T>::open_with(path, options)?;
        let (info, roi, spec) = (array.info().clone(), array.roi(), ArraySpec::like(&array));
        let read = Box::new(move |roi: &Roi| Ok(array.read_with(roi, Border::Nearest)?.mapv(T::to_f32)));
        Ok(Self { info, roi, spec, read })
    }

    /// The voxels in `roi`, the nearest ones where it reaches past the border.
    pub fn read(&self, roi: &Roi) -> Result<ArrayD<f32>, StorageError> {
        (self.read)(roi)
    }
}

/// A number that can be rounded to `f32`.
trait Number: Element {
    fn to_f32(self) -> f32;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Number for $type {
            fn to_f32(self) -> f32 {
                self as f32
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

impl Number for bool {
    fn to_f32(self) -> f32 {
        u8::from(self).into()
    }
}

impl Number for f16 {
    fn to_f32(self) -> f32 {
        self.into()
    }
}

impl Number for bf16 {
    fn to_f32(self) -> f32 {
        self.into()
    }
}
