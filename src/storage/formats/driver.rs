//! The way to each format that is built in, and the error for those that are not.

use std::path::Path;

use crate::storage::backend::Opened;
use crate::storage::context::Context;
use crate::storage::error::{Result, StorageError};
use crate::storage::format::Format;
use crate::storage::listing::{Bounds, Listing};
use crate::storage::schema::element::DataType;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::open_options::OpenOptions;
use crate::storage::schema::spec::ArraySpec;
use crate::storage::usage::Usage;

/// The libraries that this build reads formats with, by name, each with its version.
pub fn library_versions() -> Vec<(&'static str, String)> {
    vec![
        #[cfg(feature = "hdf5")]
        ("HDF5", super::hdf5::usage::library_version()),
        #[cfg(feature = "zarr")]
        ("zarrs", super::zarr::usage::library_version()),
    ]
}

impl Format {
    /// What the array at `path` is, with what `options` say of it.
    pub(in crate::storage) fn describe(self, path: &Path, options: &OpenOptions) -> Result<ArrayInfo> {
        let mut info = self.described(path, options)?;
        options.over(&mut info)?;
        match &options.channels {
            Some(channels) => Ok(info.of_channels(&info.channel_ranges(channels)?)),
            None => Ok(info),
        }
    }

    fn described(self, path: &Path, options: &OpenOptions) -> Result<ArrayInfo> {
        match self {
            #[cfg(feature = "zarr")]
            Self::Zarr => super::zarr::array::describe(path, options),
            #[cfg(feature = "n5")]
            Self::N5 => super::n5::array::describe(path, options),
            #[cfg(feature = "hdf5")]
            Self::Hdf5 => super::hdf5::array::describe(path, options),
            #[allow(unreachable_patterns)]
            missing => {
                let _ = options;
                Err(missing.unavailable(path))
            }
        }
    }

    /// What the array that `info` is of takes on disk.
    pub(in crate::storage) fn usage(self, info: &ArrayInfo, max_files: u64) -> Result<Usage> {
        match self {
            #[cfg(feature = "zarr")]
            Self::Zarr => super::zarr::usage::usage(info, max_files),
            #[cfg(feature = "n5")]
            Self::N5 => super::n5::usage::usage(info, max_files),
            #[cfg(feature = "hdf5")]
            Self::Hdf5 => super::hdf5::usage::usage(info),
            #[allow(unreachable_patterns)]
            missing => {
                let _ = max_files;
                Err(missing.unavailable(&info.path))
            }
        }
    }

    /// The arrays in a file that holds several, by path below `path`, within bounds; none in other formats.
    pub(in crate::storage) fn arrays_in_file(self, path: &Path, bounds: Bounds) -> Result<Listing> {
        match self {
            #[cfg(feature = "hdf5")]
            Self::Hdf5 => super::hdf5::usage::arrays(path, bounds),
            _ => {
                let _ = (path, bounds);
                Ok(Listing::default())
            }
        }
    }

    /// Opens the array at `path`, which `options` say more of. What they say of channels is left to the caller.
    pub(in crate::storage) fn open(
        self,
        path: &Path,
        context: &Context,
        options: &OpenOptions,
    ) -> Result<Opened> {
        let mut opened = self.opened(path, context, options)?;
        options.over(&mut opened.info)?;
        Ok(opened)
    }

    fn opened(self, path: &Path, context: &Context, options: &OpenOptions) -> Result<Opened> {
        match self {
            #[cfg(feature = "zarr")]
            Self::Zarr => super::zarr::array::open(path, context, options),
            #[cfg(feature = "n5")]
            Self::N5 => super::n5::array::open(path, context, options),
            #[cfg(feature = "hdf5")]
            Self::Hdf5 => super::hdf5::array::open(path, context, options),
            #[allow(unreachable_patterns)]
            missing => {
                let _ = (context, options);
                Err(missing.unavailable(path))
            }
        }
    }

    /// What [`create`](Self::create) would return, without making it.
    pub(in crate::storage) fn resolve(
        self,
        path: &Path,
        data_type: DataType,
        spec: &ArraySpec,
    ) -> Result<ArrayInfo> {
        match self {
            #[cfg(feature = "zarr")]
            Self::Zarr => super::zarr::array::resolve(path, data_type, spec),
            #[cfg(feature = "n5")]
            Self::N5 => super::n5::array::resolve(path, data_type, spec),
            #[cfg(feature = "hdf5")]
            Self::Hdf5 => super::hdf5::array::resolve(path, data_type, spec),
            #[allow(unreachable_patterns)]
            missing => {
                let _ = (data_type, spec);
                Err(missing.unavailable(path))
            }
        }
    }

    /// Creates the array at `path` unless it exists, and opens it.
    pub(in crate::storage) fn create(
        self,
        path: &Path,
        data_type: DataType,
        spec: &ArraySpec,
        context: &Context,
    ) -> Result<Opened> {
        match self {
            #[cfg(feature = "zarr")]
            Self::Zarr => super::zarr::array::create(path, data_type, spec, context),
            #[cfg(feature = "n5")]
            Self::N5 => super::n5::array::create(path, data_type, spec, context),
            #[cfg(feature = "hdf5")]
            Self::Hdf5 => super::hdf5::array::create(path, data_type, spec, context),
            #[allow(unreachable_patterns)]
            missing => {
                let _ = (data_type, spec, context);
                Err(missing.unavailable(path))
            }
        }
    }

    /// The error for a format that is not built in.
    #[allow(dead_code)]
    fn unavailable(self, path: &Path) -> StorageError {
        let (format, feature) = (self.name(), self.feature());
        StorageError::FormatUnavailable { path: path.to_path_buf(), format, feature }
    }
}

#[cfg(all(test, not(any(feature = "hdf5", feature = "n5", feature = "zarr"))))]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing() {
        let (path, spec) = (Path::new("a.zarr"), ArraySpec::new([4]));
        let refused = Format::Zarr
            .create(path, DataType::U8, &spec, Context::process())
            .map_err(|error| error.to_string());
        let expected = "a.zarr is in format Zarr, which is not available here: \
                        bellis was built without feature zarr, build it with --features zarr";
        assert_eq!(refused.map(|_| ()), Err(expected.to_owned()));
    }
}
