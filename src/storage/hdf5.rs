//! HDF5: the only file, with those below it, that uses the `hdf5` library.
//!
//! Two ways lead to the data. **Directly**: where a dataset is not filtered and all of its space is allocated, the
//! library says once at which addresses its bytes lie, the file is closed, and from then on bytes go by `pread` and
//! `pwrite`: without the library's global lock, from all slots at once, from as many processes as there are, with
//! nothing to close at the end and nothing that a lost rank could leave half done. Compressed chunks are read in much the same
//! way, and decoded here. **Through the library** goes what is left: writing compressed chunks, rarer filters, datasets
//! without space yet, and types of another byte order.
//!
//! What is created without compression can be written directly, so by many ranks: the file is made complete by one
//! process, with early allocation, and closed, before any other opens it (`hdf5/create.rs`).

mod create;
mod creation_lock;
mod direct;
mod failure;
mod filtered;
mod handle;
mod library;
mod metadata;
#[cfg(feature = "mpi")]
mod mpio;
mod pipeline;
mod place;

use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "mpi")]
pub use self::mpio::MpiIo;
#[cfg(feature = "mpi")]
pub(super) use self::mpio::{create_mpio, open_mpio};

use self::direct::DirectArray;
use self::filtered::FilteredArray;
use self::handle::Handle;
use self::library::LibraryArray;
use self::metadata::Metadata;
use super::backend::{Backend, Opened};
use super::format::Format;
use super::{ArrayInfo, ArraySpec, Element, FillValue, Result, StorageError};

/// What the library asks of an element type.
pub trait Stored: hdf5::H5Type {}
impl<T: hdf5::H5Type> Stored for T {}

/// A dataset inside a file.
#[derive(Debug, Clone)]
struct Location {
    /// What the user called it: both parts.
    path: PathBuf,
    file: PathBuf,
    dataset: String,
}

impl Location {
    /// Splits a path at the file, which exists or is told by its suffix.
    fn of(path: &Path) -> Self {
        let existing = path.ancestors().find(|part| part.is_file());
        let named = || path.ancestors().find(|part| Format::of_suffix(part) == Some(Format::Hdf5));
        let file = existing.or_else(named).unwrap_or(path).to_path_buf();
        let rest = path.strip_prefix(&file).unwrap_or(Path::new(""));
        let parts: Vec<_> = rest.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Self { path: path.to_path_buf(), dataset: parts.join("/"), file }
    }

    /// The same dataset in the file that really holds it: an external link leads to another one, with addresses, locks and
    /// a time of its own.
    fn followed(self) -> Result<Self> {
        let handle = Handle::of(&self.file);
        let home = handle.with(&self, |dataset| Ok(place::home(dataset, &self.file)))?;
        let Some((file, dataset)) = home else { return Ok(self) };
        // The former has the latter open.
        handle.close();
        creation_lock::wait(&file);
        Ok(Self { file, dataset, ..self })
    }
}

/// What the array at `path` is.
pub(super) fn describe(path: &Path) -> Result<ArrayInfo> {
    let at = Location::of(path);
    creation_lock::wait(&at.file);
    let at = at.followed()?;
    let metadata = Handle::of(&at.file).with(&at, |dataset| Metadata::of(&at, dataset))?;
    metadata.info(&at)
}

/// Opens the array at `path`.
pub(super) fn open<T: Element>(path: &Path) -> Result<Opened<T>> {
    let at = Location::of(path);
    creation_lock::wait(&at.file);
    opened(at.followed()?)
}

/// Creates the array at `path` unless it exists, and opens it.
pub(super) fn create<T: Element>(path: &Path, spec: &ArraySpec) -> Result<Opened<T>> {
    let at = Location::of(path);
    let wanted = create::create::<T>(&at, spec)?;
    let at = at.followed()?;
    let metadata = Handle::of(&at.file).with(&at, |dataset| Metadata::of(&at, dataset))?;
    metadata.info(&at)?.require_matches(&wanted)?;
    opened(at)
}

fn opened<T: Element>(at: Location) -> Result<Opened<T>> {
    let handle = Handle::of(&at.file);
    let metadata = handle.with(&at, |dataset| Metadata::of(&at, dataset))?;
    if metadata.data_type != T::DATA_TYPE {
        return Err(StorageError::DataTypeDiffers {
            path: at.path,
            on_disk: metadata.data_type,
            asked: T::DATA_TYPE,
        });
    }
    let info = metadata.info(&at)?;
    let fill_value = T::from_fill(info.fill_value).unwrap_or_default();
    handle.close();
    let backend: Box<dyn Backend<T>> =
        if let Some(filtered) = FilteredArray::of(&at, &handle, &metadata, fill_value) {
            Box::new(filtered)
        } else if let Some(place) = metadata.place {
            Box::new(DirectArray::open(&at, place, metadata.shape, T::DATA_TYPE.size())?)
        } else {
            Box::new(LibraryArray::new(at, handle, metadata.why_one_process_only()))
        };
    Ok(Opened { info, fill_value, backend })
}

/// The handle of a file that stays closed until it is needed.
type Shared = Arc<Handle>;

/// 0, where a dataset says nothing.
const NO_FILL_VALUE: FillValue = FillValue::Integer(0);
