//! What is said of an array that its file cannot say, or says wrongly.

use std::ops::Range;
use std::path::Path;

use super::info::{ArrayInfo, default_axis_names};
use crate::geometry::Coordinate;
use crate::storage::error::{Result, StorageError};

/// How an array is opened, where that is not all in its file: what is said here wins over what the file says.
///
/// Files say in many ways where voxels lie, some of which no array can be, and many do not say it at all; and what somebody else
/// wrote need not be writable. [`Array::open_with`](crate::storage::Array::open_with) takes the file as it is and changes nothing
/// in it.
///
/// Numbers are world units, those that the array has without them: of a file in which 0.5 micrometer became 500 nanometer, the
/// voxel size is a number of nanometers, unless [`units`](Self::units) says otherwise. That renames units, and converts no number.
///
/// ```
/// # #[cfg(feature = "zarr")] {
/// use bellis::storage::{Array, ArraySpec, OpenOptions};
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("a.zarr");
/// Array::<u8>::create(&path, &ArraySpec::new([3, 100, 200]))?;
/// let options = OpenOptions::new().channel_axes(1).voxel_size([4, 2]).offset([-40, 0]).units("nm");
/// let array = Array::<u8>::open_with(&path, &options.channels(1..2))?;
/// assert_eq!(array.roi(), "[-40:360, 0:400]".parse()?);
/// assert_eq!(array.info().shape, [1, 100, 200]);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOptions {
    pub(crate) n_channel_axes: Option<usize>,
    pub(crate) offset: Option<Vec<i64>>,
    pub(crate) voxel_size: Option<Vec<i64>>,
    pub(crate) units: Option<Vec<String>>,
    pub(crate) channels: Option<Channels>,
}

/// Some channels: a range for each channel axis.
///
/// Made of one range, or one number, where there is one channel axis, and of an array or a `Vec` of ranges where there are several;
/// an end of `u64::MAX` is the end of the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels(Vec<Range<u64>>);

impl From<u64> for Channels {
    fn from(channel: u64) -> Self {
        // What is beyond all axes stays so.
        let channel = channel.min(u64::MAX - 2);
        (channel..channel + 1).into()
    }
}

impl From<Range<u64>> for Channels {
    fn from(channels: Range<u64>) -> Self {
        Self(vec![channels])
    }
}

impl<const N: usize> From<[Range<u64>; N]> for Channels {
    fn from(channels: [Range<u64>; N]) -> Self {
        Self(channels.into())
    }
}

impl From<Vec<Range<u64>>> for Channels {
    fn from(channels: Vec<Range<u64>>) -> Self {
        Self(channels)
    }
}

impl OpenOptions {
    /// Everything as the file says it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of channel axes, the first ones; the others are spatial.
    pub fn channel_axes(mut self, n_channel_axes: usize) -> Self {
        self.n_channel_axes = Some(n_channel_axes);
        self
    }

    /// Where voxel 0 begins, in world units, spatial axes only.
    pub fn offset(mut self, offset: impl Into<Vec<i64>>) -> Self {
        self.offset = Some(offset.into());
        self
    }

    /// World units per voxel, spatial axes only.
    pub fn voxel_size(mut self, voxel_size: impl Into<Vec<i64>>) -> Self {
        self.voxel_size = Some(voxel_size.into());
        self
    }

    /// The name of the world unit, such as `nm`, along every spatial axis.
    pub fn units(self, unit: impl Into<String>) -> Self {
        self.units_per_axis([unit])
    }

    /// The name of the world unit along each spatial axis.
    pub fn units_per_axis<S: Into<String>>(mut self, units: impl IntoIterator<Item = S>) -> Self {
        self.units = Some(units.into_iter().map(Into::into).collect());
        self
    }

    /// Only these channels: see [`Array::channels`](crate::storage::Array::channels).
    pub fn channels(mut self, channels: impl Into<Channels>) -> Self {
        self.channels = Some(channels.into());
        self
    }

    /// Returns whether they say where voxels lie, or in which unit.
    pub fn says_where(&self) -> bool {
        self.offset.is_some() || self.voxel_size.is_some() || self.units.is_some()
    }

    /// Whether it does not matter what a file says under this name.
    pub(crate) fn replaces(&self, attribute: &str) -> bool {
        match attribute {
            "offset" => self.offset.is_some(),
            "voxel_size" | "resolution" => self.voxel_size.is_some(),
            "units" => self.units.is_some(),
            _ => false,
        }
    }

    /// How many of the `n_axes` axes of the array at `path` are channels, if that is said.
    pub(crate) fn n_channel_axes(&self, path: &Path, n_axes: usize) -> Result<Option<usize>> {
        match self.n_channel_axes {
            Some(n_channels) if n_channels >= n_axes => {
                let rule =
                    format!("less than {n_axes}, as it has so many axes and one of them must be spatial");
                Err(invalid(path, "number of channel axes", n_channels.to_string(), rule))
            }
            other => Ok(other),
        }
    }

    /// Puts what is said of places over what the file says, as `info` has it.
    pub(crate) fn over(&self, info: &mut ArrayInfo) -> Result<()> {
        let n_spatial = info.offset.n_axes();
        let one_per_axis = || match n_spatial {
            1 => "one value, as it has 1 spatial axis".to_owned(),
            n => format!("{n} values, one for each spatial axis"),
        };
        let coordinate = |property, values: &[i64]| match Coordinate::new(values) {
            Ok(coordinate) if values.len() == n_spatial => Ok(coordinate),
            _ => Err(invalid(&info.path, property, format!("{values:?}"), one_per_axis())),
        };
        let offset = self.offset.as_ref().map(|values| coordinate("offset", values)).transpose()?;
        let voxel_size =
            self.voxel_size.as_ref().map(|values| coordinate("voxel size", values)).transpose()?;
        if let Some(size) = voxel_size.filter(|size| !size.all(|size| size > 0)) {
            let rule = "1 or more along every axis".to_owned();
            return Err(invalid(&info.path, "voxel size", format!("{:?}", size.as_slice()), rule));
        }
        let units = match self.units.as_deref() {
            None => info.units.clone(),
            Some([unit]) => vec![unit.clone(); n_spatial],
            Some(units) if units.len() == n_spatial => units.to_vec(),
            Some(units) => return Err(invalid(&info.path, "units", format!("{units:?}"), one_per_axis())),
        };
        info.offset = offset.unwrap_or(info.offset);
        info.voxel_size = voxel_size.unwrap_or(info.voxel_size);
        info.units = units;
        Ok(())
    }
}

impl ArrayInfo {
    /// These channels of it, one range for each channel axis, in numbers that it has.
    pub(crate) fn channel_ranges(&self, Channels(channels): &Channels) -> Result<Vec<Range<u64>>> {
        let n_channel_axes = self.n_channel_axes();
        let shown = || channels.iter().map(|range| format!("{}:{}", range.start, range.end));
        if channels.len() != n_channel_axes {
            let rule = match n_channel_axes {
                0 => "none, as it has no channel axes".to_owned(),
                1 => "one range, as it has 1 channel axis".to_owned(),
                n => format!("{n} ranges, one for each channel axis"),
            };
            return Err(invalid(&self.path, "channels", shown().collect::<Vec<_>>().join(","), rule));
        }
        let along = |(axis, range): (usize, &Range<u64>)| {
            let extent = self.shape[axis];
            let end = if range.end == u64::MAX { extent } else { range.end };
            if (range.start..end).is_empty() || end > extent {
                let rule = format!("a part of 0:{extent} along channel axis {axis}");
                return Err(invalid(&self.path, "channels", format!("{}:{end}", range.start), rule));
            }
            Ok(range.start..end)
        };
        channels.iter().enumerate().map(along).collect()
    }

    /// What the array of these channels of it is, and no others.
    pub(crate) fn of_channels(&self, channels: &[Range<u64>]) -> Self {
        let mut info = self.clone();
        for (axis, range) in channels.iter().enumerate() {
            info.shape[axis] = range.end - range.start;
            for pieces in [&mut info.chunks, &mut info.write_chunk].into_iter().chain(&mut info.shards) {
                pieces[axis] = pieces[axis].min(info.shape[axis]);
            }
        }
        info
    }
}

/// The names of axes of which so many are channels, whatever they were taken for.
pub(crate) fn axis_names(names: Option<Vec<String>>, n_channels: usize, n_axes: usize) -> Vec<String> {
    let Some(names) = names.filter(|names| names.len() == n_axes) else {
        return default_axis_names(n_channels, n_axes - n_channels);
    };
    let marked = |(axis, name): (usize, String)| {
        let name = name.replace('^', "");
        if axis < n_channels { name + "^" } else { name }
    };
    names.into_iter().enumerate().map(marked).collect()
}

fn invalid(path: &Path, property: &'static str, value: String, rule: String) -> StorageError {
    StorageError::InvalidOptions { path: path.to_path_buf(), property, value, rule }
}
