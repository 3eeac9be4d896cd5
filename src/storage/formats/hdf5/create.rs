//! Creates datasets so that any process may do so at any time: one of them makes it, complete and closed, before
//! another one sees it.
//!
//! A new file is made under another name. A new dataset in a file that exists is made under another name inside it.
//! Without compression all of its space is allocated at once; chunks then lie one after the other in the file, and
//! each voxel has an address that never changes.

use std::ffi::CString;
use std::fs;
use std::path::Path;

use hdf5::dataset::{AllocTime, FillTime};
use hdf5::plist::DatasetCreate;
use hdf5::plist::file_create::FileSpaceStrategy;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, Dataspace, File, FileBuilder, OpenMode, h5check};
use hdf5_sys::h5d::H5Dcreate2;
use hdf5_sys::h5p::{H5P_DEFAULT, H5Pset_fill_value};

use super::creation_lock::CreationLock;
use super::failure::failed;
use super::handle::{self, Handle};
use super::location::{self, Location};
use super::metadata::{COMPRESSED, FORMAT};
use super::types;
use crate::geometry::Writers;
use crate::storage::disk::files::{require_writable, temporary_path};
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::DataType;
use crate::storage::schema::info::ArrayInfo;
use crate::storage::schema::resolve::resolve;
use crate::storage::schema::spec::{ArraySpec, Compression};

/// What is to be created.
pub(super) struct Wanted {
    pub(super) info: ArrayInfo,
    deflate: Option<u8>,
}

impl Wanted {
    /// What `spec` asks for at `at`, whatever is there.
    pub(super) fn of(at: &Location, data_type: DataType, spec: &ArraySpec) -> Result<Self> {
        let invalid = |property, value: String, rule| StorageError::InvalidSpec {
            path: at.path.clone(),
            property,
            value,
            rule,
        };
        if at.dataset.is_empty() {
            let rule = "the name of a dataset in the file, as in x.h5/raw";
            return Err(invalid("the part of the path after the file", "empty".to_owned(), rule));
        }
        let mut info = resolve(at.path.clone(), FORMAT, data_type, spec)?;
        let deflate = match spec.compression.unwrap_or(Compression::None) {
            Compression::None => None,
            // 0 to 9, so a u8.
            Compression::Gzip { level } => Some(level as u8),
            other => {
                return Err(invalid("compression", format!("{other:?}"), "Gzip (0 to 9) or None in HDF5"));
            }
        };
        if let Some(shards) = &info.shards {
            return Err(invalid("shard shape", format!("{shards:?}"), "left out: only Zarr v3 has shards"));
        }
        if spec.chunks.is_none() && deflate.is_none() {
            info.chunks = info.shape.clone();
            info.is_contiguous = true;
        } else {
            // The library refuses larger ones.
            info.chunks = info
                .chunks
                .iter()
                .zip(&info.shape)
                .map(|(chunk, extent)| (*chunk.min(extent)).max(1))
                .collect();
        }
        info.write_chunk = vec![1; info.shape.len()];
        if deflate.is_some() {
            info.writers = Writers::OneProcess { why: COMPRESSED.to_owned() };
        }
        Ok(Self { info, deflate })
    }

    /// Whether there is a dataset, of whatever kind.
    ///
    /// # Errors
    /// Where there is none, what is in the way of a new one.
    pub(super) fn is_there(&self, at: &Location) -> Result<bool> {
        let unwritable = StorageError::io("create", &at.path);
        if !at.file.exists() {
            require_writable(&at.file).map_err(unwritable)?;
            return Ok(false);
        }
        let handle = Handle::of(&at.file);
        if exists(&handle, at)? {
            return Ok(true);
        }
        require_groups_above(&handle, at)?;
        require_writable(&at.file).map_err(unwritable)?;
        Ok(false)
    }

    /// Makes the dataset at `at`, unless there is one.
    pub(super) fn create(&self, at: &Location) -> Result<()> {
        if self.is_there(at)? {
            return Ok(());
        }
        let _turn = CreationLock::acquire(&at.file)?;
        if !at.file.exists() {
            create_file(at, self)
        } else if !self.is_there(at)? {
            Handle::of(&at.file).while_closed(|| add(&at.file, at, self))
        } else {
            Ok(())
        }
    }
}

fn exists(handle: &Handle, at: &Location) -> Result<bool> {
    let found = handle.with_file(|file| {
        // Asked of a path, the library fails where an earlier part is missing.
        let mut parts = Vec::new();
        Ok(at.dataset.split('/').all(|part| {
            parts.push(part);
            file.link_exists(&parts.join("/"))
        }))
    });
    handle.close();
    found
}

/// An error unless all that is there above the dataset are groups of this file.
fn require_groups_above(handle: &Handle, at: &Location) -> Result<()> {
    let found =
        handle.with_file(|file| Ok(groups_above(&at.dataset).find_map(|path| obstacle(file, at, &path))));
    handle.close();
    found?.map_or(Ok(()), |value| {
        Err(StorageError::InvalidSpec {
            path: at.path.clone(),
            property: "what is above it",
            value,
            rule: "a group of the same file, or not there: choose another name",
        })
    })
}

/// What is at `path`, where no dataset can be made below that.
fn obstacle(file: &File, at: &Location, path: &str) -> Option<String> {
    if !file.link_exists(path) {
        return None;
    }
    let shown = at.file.join(path).display().to_string();
    match file.group(path) {
        Ok(group) if location::is_in(&group, &at.file) => None,
        Ok(group) => Some(format!("{shown}, a link to {}", group.filename())),
        Err(_) if file.dataset(path).is_ok() => Some(format!("the dataset {shown}")),
        Err(_) => Some(format!("{shown}, which leads nowhere")),
    }
}

/// The paths of all groups above a dataset, from the top.
fn groups_above(dataset: &str) -> impl Iterator<Item = String> {
    let parts: Vec<&str> = dataset.split('/').collect();
    (1..parts.len()).map(move |n| parts[..n].join("/"))
}

/// Makes a file with the dataset in it, and then gives it its name.
fn create_file(at: &Location, wanted: &Wanted) -> Result<()> {
    let temporary = temporary_path(&at.file);
    let made = FileBuilder::new()
        .create_excl(&temporary)
        .and_then(File::close)
        .map_err(failed("create", &at.file))
        .and_then(|()| add(&temporary, at, wanted))
        .and_then(|()| fs::rename(&temporary, &at.file).map_err(StorageError::io("create", &at.file)));
    if made.is_err() {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&temporary);
    }
    made
}

/// Makes the dataset in `file`, which this process does not have open.
fn add(file: &Path, at: &Location, wanted: &Wanted) -> Result<()> {
    let made = add_dataset(file, at, wanted);
    made.map_err(|error| {
        if let StorageError::Hdf5 { .. } = error { full_disk(at, file).unwrap_or(error) } else { error }
    })
}

/// The library does not say that there is no room for a dataset that is written out: the system does, when asked for a
/// little more.
fn full_disk(at: &Location, file: &Path) -> Option<StorageError> {
    const MORE: usize = 1 << 20;
    let temporary = temporary_path(file);
    let written = fs::write(&temporary, vec![0; MORE]);
    // What was asked is known.
    let _ = fs::remove_file(&temporary);
    written.err().map(StorageError::io("create", &at.path))
}

fn add_dataset(file: &Path, at: &Location, wanted: &Wanted) -> Result<()> {
    const UNFINISHED: &str = ".bellis-unfinished";
    let failed = failed("create", &at.path);
    let mut builder = FileBuilder::new();
    // Only the newer format, of HDF5 1.10, can tell that chunks lie in order; a file stays one that all can open.
    builder.with_fapl(|fapl| fapl.libver_v110());
    let mut opened = handle::open(file, OpenMode::ReadWrite, &builder)?;
    if opened.link_exists(UNFINISHED) {
        opened.unlink(UNFINISHED).map_err(&failed)?;
        // Once the file is closed, nothing new is put where that one was: what it held would be seen as voxels.
        opened.close().map_err(&failed)?;
        opened = handle::open(file, OpenMode::ReadWrite, &builder)?;
    }
    let made = new_dataset(&opened, wanted, UNFINISHED)
        .and_then(|dataset| write_attributes(&dataset, &wanted.info))
        .and_then(|()| make_groups(&opened, &at.dataset))
        .and_then(|()| opened.relink(UNFINISHED, &at.dataset));
    if made.is_err() && opened.link_exists(UNFINISHED) {
        // The error that matters is the one at hand.
        let _ = opened.unlink(UNFINISHED);
    }
    let closed = opened.flush().and_then(|()| opened.close());
    made.and(closed).map_err(&failed)
}

fn new_dataset(file: &File, wanted: &Wanted, name: &str) -> hdf5::Result<Dataset> {
    let info = &wanted.info;
    let sizes = |extents: &[u64]| extents.iter().map(|&extent| extent as usize).collect::<Vec<_>>();
    let mut builder = DatasetCreate::build();
    let creation = if info.is_contiguous { builder.no_chunk() } else { builder.chunk(sizes(&info.chunks)) };
    match wanted.deflate {
        Some(level) => creation.shuffle().deflate(level),
        None => creation.alloc_time(Some(AllocTime::Early)),
    };
    let fill_value = info.fill_value.to_bytes(info.data_type).unwrap_or_default();
    let is_filled = fill_value.iter().any(|byte| *byte != 0);
    if !is_filled && wanted.deflate.is_none() {
        // New space at the end of a file is 0 already: to write that out would take as long as the volume is large.
        let is_new = !reuses_space(file)?;
        creation.fill_time(if is_new { FillTime::Never } else { FillTime::Alloc });
    }
    let creation = creation.finish()?;
    let (stored, space) = (types::native(info.data_type)?, Dataspace::try_new(sizes(&info.shape))?);
    let name = CString::new(name).map_err(|error| hdf5::Error::from(error.to_string()))?;
    hdf5::sync::sync(|| {
        // SAFETY: ids that live longer than the calls, as many bytes as an element of the type takes, and a name that ends.
        unsafe {
            if is_filled {
                h5check(H5Pset_fill_value(creation.id(), stored.id(), fill_value.as_ptr().cast()))?;
            }
            hdf5::from_id(h5check(H5Dcreate2(
                file.id(),
                name.as_ptr(),
                stored.id(),
                space.id(),
                H5P_DEFAULT,
                creation.id(),
                H5P_DEFAULT,
            ))?)
        }
    })
}

/// Returns whether the file keeps track of the space that another dataset had, and uses it again: what bellis makes does not.
fn reuses_space(file: &File) -> hdf5::Result<bool> {
    let strategy = file.create_plist()?.get_file_space_strategy()?;
    Ok(matches!(strategy, FileSpaceStrategy::FreeSpaceManager { persist: true, .. }))
}

fn write_attributes(dataset: &Dataset, info: &ArrayInfo) -> hdf5::Result<()> {
    let numbers = [("offset", &info.offset), ("voxel_size", &info.voxel_size)];
    for (name, values) in numbers {
        dataset.new_attr_builder().with_data(values.as_slice()).create(name)?;
    }
    let text =
        |text: &String| text.parse::<VarLenUnicode>().map_err(|error| hdf5::Error::from(error.to_string()));
    for (name, values) in [("axis_names", &info.axis_names), ("units", &info.units)] {
        let values = values.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        dataset.new_attr_builder().with_data(&values).create(name)?;
    }
    Ok(())
}

fn make_groups(file: &File, dataset: &str) -> hdf5::Result<()> {
    groups_above(dataset)
        .filter(|path| !file.link_exists(path))
        .try_for_each(|path| file.create_group(&path).map(drop))
}
