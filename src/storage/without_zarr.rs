//! Stands in for the Zarr backend where the crate is built without it: every call says so.

use std::path::Path;

use super::backend::Opened;
use super::format::Format;
use super::{ArrayInfo, ArraySpec, Element, Result};

/// What the backend asks of an element type: nothing.
pub trait Stored {}
impl<T> Stored for T {}

/// Whether a Zarr array's metadata lies in `directory`: without the format, who knows.
pub(super) fn is_array(_directory: &Path) -> bool {
    false
}

pub(super) fn describe(path: &Path) -> Result<ArrayInfo> {
    Err(Format::Zarr.unavailable(path))
}

pub(super) fn open<T: Element>(path: &Path) -> Result<Opened<T>> {
    Err(Format::Zarr.unavailable(path))
}

pub(super) fn create<T: Element>(path: &Path, _spec: &ArraySpec) -> Result<Opened<T>> {
    Err(Format::Zarr.unavailable(path))
}

#[cfg(test)]
mod tests {
    use crate::storage::{Array, ArraySpec};

    #[test]
    fn says_what_is_missing() {
        let refused = Array::<u8>::create("a.zarr", &ArraySpec::new([4])).map_err(|error| error.to_string());
        let expected = "a.zarr is in format Zarr, which is not available here: \
                        bellis was built without feature zarr, build it with --features zarr";
        assert_eq!(refused.map(|_| ()), Err(expected.to_owned()));
    }
}
