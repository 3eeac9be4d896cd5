//! Which dataset of which file a path leads to.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use hdf5::Dataset;
use hdf5_sys::h5l::H5Lget_val;
use hdf5_sys::h5o::H5Oexists_by_name;
use hdf5_sys::h5p::H5P_DEFAULT;

use crate::storage::format::Format;

/// A dataset inside a file.
#[derive(Debug, Clone)]
pub(super) struct Location {
    /// What the user called it: both parts.
    pub(super) path: PathBuf,
    pub(super) file: PathBuf,
    pub(super) dataset: String,
    /// The field that is wanted of elements that have several, and the field of that, and so on; none where all of them is.
    pub(super) fields: Vec<String>,
}

impl Location {
    /// Splits a path at the file, which exists or is told by its suffix.
    pub(super) fn of(path: &Path) -> Self {
        let existing = path.ancestors().find(|part| part.is_file());
        let named = || path.ancestors().find(|part| Format::of_suffix(part) == Some(Format::Hdf5));
        let file = existing.or_else(named).unwrap_or(path).to_path_buf();
        let rest = path.strip_prefix(&file).unwrap_or(Path::new(""));
        let parts: Vec<_> = rest.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Self { path: path.to_path_buf(), dataset: parts.join("/"), fields: Vec::new(), file }
    }

    /// The same with what follows the last `@` as the name of a field, if anything does.
    pub(super) fn of_field(&self) -> Option<Self> {
        let (dataset, field) = self.dataset.rsplit_once('@')?;
        let is_in_name = dataset.is_empty() || field.is_empty() || field.contains('/');
        (!is_in_name).then(|| Self {
            dataset: dataset.to_owned(),
            fields: [field].into_iter().map(str::to_owned).chain(self.fields.iter().cloned()).collect(),
            ..self.clone()
        })
    }
}

/// The file that holds `dataset`, which was found in `file`, and its name in there, where an external link led to another
/// file and the library can tell.
pub(super) fn link_target(dataset: &Dataset, file: &Path) -> Option<(PathBuf, String)> {
    if is_in(dataset, file) {
        return None;
    }
    let (name, real) = (dataset.name(), PathBuf::from(dataset.filename()));
    // Where a soft link led to the external one, the name is that of the soft one.
    let here = dataset.loc_info().ok()?.token;
    let there = dataset.file().ok()?.loc_info_by_name(&name).ok()?.token;
    (here == there && is_in(dataset, &real)).then(|| (real, name.trim_start_matches('/').to_owned()))
}

/// Where the link at `name`, which is there, leads, if nothing is there.
pub(super) fn dangling(file: &hdf5::File, name: &str) -> Option<String> {
    const MAX_LENGTH: usize = 4096;
    let name = CString::new(name).ok()?;
    let mut value = [0u8; MAX_LENGTH];
    let code = hdf5::sync::sync(|| {
        // SAFETY: a file's id, a name that ends, and room for as many bytes as is said, of which the last one stays 0.
        unsafe {
            if H5Oexists_by_name(file.id(), name.as_ptr(), H5P_DEFAULT) > 0 {
                return -1;
            }
            H5Lget_val(file.id(), name.as_ptr(), value.as_mut_ptr().cast(), MAX_LENGTH - 1, H5P_DEFAULT)
        }
    });
    // A link that is none but the object itself has no value.
    if code < 0 {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut parts = value.split(|byte| *byte == 0);
    // A link to another file begins with a byte of flags, which are 0.
    match parts.next()? {
        [] => {
            let (file, object) = (parts.next()?, parts.next()?);
            Some(format!("{} in {}", text(object), text(file)))
        }
        target => Some(text(target)),
    }
}

/// Returns whether `file` itself holds a dataset, or a group.
pub(super) fn is_in(object: &hdf5::Location, file: &Path) -> bool {
    match (Path::new(&object.filename()).canonicalize(), file.canonicalize()) {
        (Ok(real), Ok(file)) => real == file,
        _ => false,
    }
}
