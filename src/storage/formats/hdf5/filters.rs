//! The filters that the chunks of a dataset go through, known or not.

use std::ffi::CStr;
use std::ptr::null_mut;

use hdf5::Dataset;
use hdf5::filters::Filter;
use hdf5::plist::DatasetCreate;
use hdf5_sys::h5p::{H5Pget_filter2, H5Pget_nfilters};

/// Number of filters, also of kinds that nobody here can name; `None` where the library cannot tell.
pub(super) fn n_filters(creation: &DatasetCreate) -> Option<u32> {
    // SAFETY: the id of a property list.
    let n = hdf5::sync::sync(|| unsafe { H5Pget_nfilters(creation.id()) });
    // A negative number is an error.
    u32::try_from(n).ok()
}

/// The first filter that the library lacks, with the plug-ins in `HDF5_PLUGIN_PATH`: its name, if the file has one, and its
/// number.
pub(super) fn missing(dataset: &Dataset) -> Option<String> {
    let creation = dataset.dcpl().ok()?;
    (0..n_filters(&creation)?).find_map(|index| missing_at(&creation, index))
}

/// The first filter that the library lacks and without which no chunk can be read. A file may ask for a filter only where there
/// is one: then its chunks never went through it.
pub(super) fn missing_to_read(dataset: &Dataset) -> Option<String> {
    let creation = dataset.dcpl().ok()?;
    let lacks = |index| missing_at(&creation, index).map(|name| (index, name));
    let missing: Vec<_> = (0..n_filters(&creation)?).filter_map(lacks).collect();
    // What is asked next looks at all chunks.
    if missing.is_empty() || dataset.storage_size() == 0 {
        return None;
    }
    let skipped = dataset.chunk_info(0).map_or(0, |first| first.filter_mask);
    missing.into_iter().find(|(index, _)| skipped >> index & 1 == 0).map(|(_, name)| name)
}

fn missing_at(creation: &DatasetCreate, index: u32) -> Option<String> {
    let mut name = [0u8; 256];
    let mut n_values = 0;
    // SAFETY: the id of a property list and the number of one of its filters, room for no values and for the name, which
    // the library ends with a zero; what is not wanted may be null.
    let number = hdf5::sync::sync(|| unsafe {
        H5Pget_filter2(
            creation.id(),
            index,
            null_mut(),
            &mut n_values,
            null_mut(),
            name.len() - 1,
            name.as_mut_ptr().cast(),
            null_mut(),
        )
    });
    let info = Filter::get_info(number);
    if number < 0 || info.is_available && info.decode_enabled {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).map(CStr::to_string_lossy).unwrap_or_default();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(if name.is_empty() { number.to_string() } else { format!("{number} ({name})") })
}
