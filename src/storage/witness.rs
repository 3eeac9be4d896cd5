//! Whether an array is still the one that it was, seen from outside: for whoever has others write it, and must not take for
//! written what somebody removed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::dyn_array::DynArray;
use super::error::{Result, StorageError};
use super::format::{Format, is_hdf5, of_existing};
use super::schema::info::ArrayInfo;
use super::schema::open_options::OpenOptions;
use crate::geometry::{VoxelRange, Writers};

/// An array as it was when it was looked at first.
pub(crate) struct Witness {
    format: Format,
    array: DynArray,
    /// The directory of its own that it lies in, or the file.
    place: PathBuf,
    mark: Mark,
}

/// What tells a directory or a file from another that takes its name: as seen by every machine that shares the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    inode: u64,
    /// When it was made, in nanoseconds, where the file system keeps that: inodes are used again.
    made: Option<u64>,
}

impl Mark {
    fn of(place: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(place)?;
        let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made = made.and_then(|since| u64::try_from(since.as_nanos()).ok());
        Ok(Self { inode: metadata.ino(), made })
    }
}

impl Witness {
    /// The array at `path`.
    ///
    /// # Errors
    /// As [`DynArray::open`].
    pub fn of(path: &Path) -> Result<Self> {
        let format = of_existing(path)?;
        let context = Context::new();
        context.set_cache_bytes(0);
        let array = DynArray::open_in(&context, path)?;
        let place = match format {
            Format::Hdf5 => path.ancestors().find(|part| part.is_file()).unwrap_or(path).to_path_buf(),
            Format::Zarr | Format::N5 => path.to_path_buf(),
        };
        let mark = Mark::of(&place).map_err(StorageError::io("look at", &place))?;
        Ok(Self { format, array, place, mark })
    }

    /// Where files may lie that are about the array and none of it, and what their names begin with.
    pub fn beside(&self) -> (PathBuf, String) {
        if self.format != Format::Hdf5 {
            return (self.place.clone(), ".bellis-lock-".to_owned());
        }
        let file = self.place.file_name().unwrap_or_default().to_string_lossy();
        let dataset = self.array.path().strip_prefix(&self.place).unwrap_or(Path::new(""));
        let dataset = dataset.to_string_lossy().replace('/', "%");
        let directory = self.place.parent().unwrap_or(Path::new("/")).to_path_buf();
        (directory, format!(".{file}%{dataset}.bellis-lock-"))
    }

    /// What tells it from another array that takes its place.
    pub fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Why it is no longer what it was, if it is not: it was removed, another one has its place, or its metadata are other
    /// ones. Costs a look at some files.
    pub fn problem(&self) -> Option<String> {
        let now = match Mark::of(&self.place) {
            Ok(mark) => mark,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Some("it was removed".to_owned());
            }
            Err(error) => return Some(format!("it cannot be looked at ({error})")),
        };
        if now != self.mark {
            return Some("it was removed and made again".to_owned());
        }
        if self.format == Format::Hdf5 {
            // The library keeps files open, and knows nothing of what happens outside.
            return (!is_hdf5(&self.place)).then(|| "the file was overwritten".to_owned());
        }
        match self.format.describe(self.array.path(), &OpenOptions::new()) {
            Ok(info) if structure(&info) == structure(self.array.info()) => None,
            Ok(_) => Some("its metadata are other ones than before".to_owned()),
            Err(error) => Some(format!("its metadata are gone or spoilt ({error})")),
        }
    }

    /// Whether [`is_stored`](Self::is_stored) costs a look at some files, and no reading.
    pub fn is_cheap(&self) -> bool {
        self.format != Format::Hdf5
    }

    /// Whether it can be read while another process writes it: that one may keep its file locked.
    pub fn is_readable_meanwhile(&self) -> bool {
        matches!(self.array.info().writers, Writers::Any)
    }

    /// Whether any of these voxels, counted from the first of the array, is stored: a file of a chunk is there or, in HDF5,
    /// one of the first of them is not the fill value.
    ///
    /// # Errors
    /// The array cannot be read.
    pub fn is_stored(&self, voxels: &VoxelRange) -> Result<bool> {
        self.array.is_stored(voxels)
    }
}

/// What of the metadata says how voxels are stored; people may change the rest.
fn structure(info: &ArrayInfo) -> impl PartialEq + use<> {
    let ArrayInfo { format, data_type, shape, chunks, shards, .. } = info;
    (*format, *data_type, shape.clone(), chunks.clone(), shards.clone())
}

#[cfg(all(test, feature = "zarr"))]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::storage::{Array, ArraySpec};

    fn create(path: &Path) -> Array<u8> {
        Array::create(path, &ArraySpec::new([8, 8]).chunks([4, 4])).expect("there is room")
    }

    fn witness(path: &Path) -> Witness {
        Witness::of(path).expect("it is there")
    }

    #[test]
    fn what_is_removed_or_replaced_is_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let paths: &[&str] =
            if cfg!(feature = "hdf5") { &["a.zarr", "a.n5", "a.h5/raw"] } else { &["a.zarr"] };
        for path in paths {
            let path = dir.path().join(path);
            let array = create(&path);
            let before = witness(&path);
            assert_eq!(before.problem(), None);
            let first = vec![0..4, 0..4];
            assert!(!before.is_stored(&first).expect("it can be read"), "what is not written is not stored");
            array
                .write(&Roi::new([0, 0], [4, 4]).expect("a box"), &ndarray::Array2::ones([4, 4]))
                .expect("room");
            assert!(before.is_stored(&first).expect("it can be read"));
            assert!(!before.is_stored(&vec![4..8, 4..8]).expect("it can be read"));
            assert_eq!(before.problem(), None);
            drop(array);
            let place = if before.place.is_dir() { path.clone() } else { before.place.clone() };
            fs::rename(&place, dir.path().join("moved")).expect("it is there");
            assert_eq!(before.problem().as_deref(), Some("it was removed"));
            create(&path);
            assert_eq!(before.problem().as_deref(), Some("it was removed and made again"));
            fs::rename(dir.path().join("moved"), dir.path().join(format!("{}-old", place.display())))
                .expect("room");
        }
    }

    #[test]
    fn metadata_that_go_are_noticed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.zarr");
        create(&path);
        let before = witness(&path);
        fs::remove_file(path.join("zarr.json")).expect("it is there");
        assert!(before.problem().is_some_and(|problem| problem.starts_with("its metadata are gone")));
    }
}
