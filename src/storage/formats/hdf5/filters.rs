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

/// The first filter that the library lacks: its name, if the file has one, and its number.
pub(super) fn missing(dataset: &Dataset) -> Option<String> {
    let creation = dataset.dcpl().ok()?;
    (0..n_filters(&creation)?).find_map(|index| missing_at(&creation, index))
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
    if number < 0 || Filter::get_info(number).is_available {
        return None;
    }
    let name = CStr::from_bytes_until_nul(&name).map(CStr::to_string_lossy).unwrap_or_default();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(if name.is_empty() { number.to_string() } else { format!("{number} ({name})") })
}
