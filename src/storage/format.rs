//! Which format a path is in, by what is on disk or, for what is yet to be created, by its name.

use std::fmt;
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::disk::json;
use super::error::{Result, StorageError};
use super::listing::{Bounds, Listing};

/// A file format that bellis knows of, whether or not this build can read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Zarr, version 2 or 3.
    Zarr,
    /// N5.
    N5,
    /// HDF5.
    Hdf5,
}

impl Format {
    /// The format of the array at `path`, or, where there is none, of the one that [`Array::create`] would make there: that
    /// of the innermost part of the path whose name tells, or else whose metadata on disk do.
    ///
    /// [`Array::create`]: crate::storage::Array::create
    ///
    /// ```
    /// use bellis::storage::Format;
    /// assert_eq!(Format::of("nothing-there/volume.n5/raw")?, Format::N5);
    /// assert!(Format::of("nothing-there/volume").is_err());
    /// # Ok::<(), bellis::storage::StorageError>(())
    /// ```
    ///
    /// # Errors
    /// Neither a name nor the disk tells; a file that cannot be read.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        of_existing(path).or_else(|error| match error {
            StorageError::NotFound { .. } => of_new(path),
            other => of_new(path).map_err(|_| other),
        })
    }

    /// The outermost file or directory of arrays that `path` lies in, by name or by what is on disk; or `path` itself.
    pub fn container(path: &Path) -> &Path {
        let is_container = |part: &&Path| {
            Self::of_suffix(part).is_some() || of_marked_directory(part).is_some() || part.is_file()
        };
        path.ancestors().filter(is_container).last().unwrap_or(path)
    }

    /// What it is called: `Zarr`, `N5` or `HDF5`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zarr => "Zarr",
            Self::N5 => "N5",
            Self::Hdf5 => "HDF5",
        }
    }

    /// The Cargo feature that brings it.
    pub(super) fn feature(self) -> &'static str {
        match self {
            Self::Zarr => "zarr",
            Self::N5 => "n5",
            Self::Hdf5 => "hdf5",
        }
    }

    pub(super) fn of_suffix(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "zarr" => Some(Self::Zarr),
            "n5" => Some(Self::N5),
            "h5" | "hdf5" | "hdf" => Some(Self::Hdf5),
            _ => None,
        }
    }

    /// Returns whether an array's metadata lie in `directory`, whose format this is. What cannot be read is taken for an
    /// array, so that somebody says why.
    fn is_array(self, directory: &Path) -> bool {
        let holds = |file: &str, says: fn(&Value) -> bool| {
            let text = fs::read(directory.join(file)).ok();
            text.and_then(|text| json::parse(&text).ok()).is_none_or(|metadata| says(&metadata))
        };
        match self {
            Self::Zarr if directory.join("zarr.json").is_file() => {
                holds("zarr.json", |metadata| metadata["node_type"] == "array")
            }
            Self::Zarr => directory.join(".zarray").is_file(),
            Self::N5 => holds("attributes.json", |attributes| attributes.get("dimensions").is_some()),
            Self::Hdf5 => false,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The format of what is at `path`, which may be a dataset inside a file: `volume.h5/raw`.
pub(super) fn of_existing(path: &Path) -> Result<Format> {
    let nearest = nearest_existing(path);
    if nearest.is_file() {
        return of_file(path, &nearest);
    }
    if nearest == path {
        return of_directory(path);
    }
    let arrays = arrays_below(&nearest);
    Err(StorageError::NotFound { path: path.to_path_buf(), nearest, arrays })
}

/// The format that a new array at `path` gets.
fn of_new(path: &Path) -> Result<Format> {
    let by_disk = || path.ancestors().find_map(of_marked_directory);
    let by_name = path.ancestors().find_map(Format::of_suffix);
    by_name.or_else(by_disk).ok_or_else(|| StorageError::UnknownFormat { path: path.to_path_buf() })
}

fn of_file(path: &Path, file: &Path) -> Result<Format> {
    let opened = File::open(file).map_err(StorageError::io("open", file))?;
    let is_hdf5 = has_hdf5_signature(&opened).map_err(StorageError::io("read", file))?;
    // By its name, what is spoilt is HDF5 too: then there is more to say.
    if is_hdf5 || Format::of_suffix(file) == Some(Format::Hdf5) {
        return Ok(Format::Hdf5);
    }
    let found = match path == file {
        true => "a file that is not HDF5".to_owned(),
        false => format!("below the file {}, which is not HDF5", file.display()),
    };
    Err(StorageError::NotAnArray { path: path.to_path_buf(), found, arrays: Vec::new() })
}

/// Returns whether there is a file that is HDF5, whatever its name.
pub(super) fn is_hdf5(path: &Path) -> bool {
    File::open(path).and_then(|file| has_hdf5_signature(&file)).unwrap_or(false)
}

/// Returns whether a file is HDF5, whatever its name: the signature is at byte 0 or, behind a user block such as MATLAB's, at
/// 512, 1024, 2048 and so on.
fn has_hdf5_signature(file: &File) -> io::Result<bool> {
    const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
    let length = file.metadata()?.len();
    let places = std::iter::once(0).chain((9..u64::BITS).map(|exponent| 1 << exponent));
    for place in places.take_while(|place| place + SIGNATURE.len() as u64 <= length) {
        let mut found = [0; SIGNATURE.len()];
        file.read_exact_at(&mut found, place)?;
        if found == *SIGNATURE {
            return Ok(true);
        }
    }
    Ok(false)
}

fn of_directory(path: &Path) -> Result<Format> {
    of_marked_directory(path).ok_or_else(|| StorageError::NotAnArray {
        path: path.to_path_buf(),
        found: "a directory without array metadata".to_owned(),
        arrays: arrays_below(path),
    })
}

/// The format whose metadata lies in `directory`.
fn of_marked_directory(directory: &Path) -> Option<Format> {
    let has = |name: &str| directory.join(name).is_file();
    if ["zarr.json", ".zarray", ".zgroup"].into_iter().any(has) {
        Some(Format::Zarr)
    } else if has("attributes.json") {
        Some(Format::N5)
    } else {
        None
    }
}

/// The longest part of `path` that exists; empty where none of a relative path does.
fn nearest_existing(path: &Path) -> PathBuf {
    path.ancestors().find(|part| part.exists()).unwrap_or(Path::new("")).to_path_buf()
}

/// The arrays below `directory`, by relative path: a few, for a message.
pub(super) fn arrays_below(directory: &Path) -> Vec<String> {
    arrays_within(directory, Bounds::FOR_A_MESSAGE).names
}

/// The arrays below `directory`.
pub(super) fn arrays_within(directory: &Path, bounds: Bounds) -> Listing {
    // In N5 a group need not say that it is one: below something that does, every directory may be a group.
    let tells = |part: &Path| Format::of_suffix(part).is_some() || of_marked_directory(part).is_some();
    let mut walk = Walk { root: directory, bounds, n_looks: 0, found: Listing::default() };
    walk.visit(directory, 0, directory.ancestors().any(tells));
    walk.found
}

struct Walk<'a> {
    root: &'a Path,
    bounds: Bounds,
    n_looks: usize,
    found: Listing,
}

impl Walk<'_> {
    /// Looks into a directory, and into those below that may be groups.
    fn visit(&mut self, directory: &Path, depth: usize, is_inside: bool) {
        // Directories that cannot be read hold nothing that could be offered.
        let Ok(entries) = directory.read_dir() else { return };
        let left = self.bounds.max_looks - self.n_looks;
        let mut entries: Vec<DirEntry> = entries.flatten().take(left + 1).collect();
        if entries.len() > left {
            entries.truncate(left);
            self.found.is_cut = true;
        }
        self.n_looks += entries.len();
        entries.sort_unstable_by_key(DirEntry::file_name);
        for path in entries.iter().filter(|entry| is_directory(entry)).map(DirEntry::path) {
            let format = of_marked_directory(&path);
            if format.is_some_and(|format| format.is_array(&path)) {
                if self.found.names.len() == self.bounds.max_arrays {
                    self.found.is_cut = true;
                    return;
                }
                let name = path.strip_prefix(self.root).ok().map(|name| name.display().to_string());
                self.found.names.extend(name);
            } else if format.is_some() || is_inside {
                if depth + 1 < self.bounds.max_depth {
                    self.visit(&path, depth + 1, true);
                }
                if self.found.is_cut {
                    return;
                }
            }
        }
    }
}

/// Returns whether an entry is a directory, or a link to one; other entries cost no look of their own.
fn is_directory(entry: &DirEntry) -> bool {
    entry.file_type().is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_or_what_the_innermost_name_says() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let at = |path: &str| dir.path().join(path);
        let of = |path: &str| Format::of(at(path)).ok();
        fs::create_dir_all(at("group/n5"))?;
        fs::write(at("group/n5/attributes.json"), "{}")?;
        fs::write(at("file"), b"\x89HDF\r\n\x1a\n...")?;
        let behind = |n_bytes: usize| [vec![b'x'; n_bytes], b"\x89HDF\r\n\x1a\n".to_vec()].concat();
        for n_bytes in [512, 1024, 1 << 20] {
            fs::write(at(&format!("{n_bytes}.mat")), behind(n_bytes))?;
        }
        fs::write(at("elsewhere"), behind(513))?;
        fs::write(at("short"), &behind(512)[..519])?;
        fs::write(at("text.zarr"), "nothing of the kind")?;
        for (path, format) in [
            ("a.zarr", Some(Format::Zarr)),
            ("a.zarr/raw", Some(Format::Zarr)),
            ("a.zarr/b.n5/raw", Some(Format::N5)),
            ("a.hdf5/raw", Some(Format::Hdf5)),
            ("a", None),
            ("group", None),
            ("group/n5", Some(Format::N5)),
            ("group/n5/raw", Some(Format::N5)),
            ("group/n5/raw.zarr", Some(Format::Zarr)),
            ("file/raw", Some(Format::Hdf5)),
            ("text.zarr/raw", Some(Format::Zarr)),
            ("512.mat", Some(Format::Hdf5)),
            ("1024.mat/raw", Some(Format::Hdf5)),
            ("1048576.mat/raw", Some(Format::Hdf5)),
            ("elsewhere/raw", None),
            ("short/raw", None),
        ] {
            assert_eq!(of(path), format, "{path}");
        }
        let (inner, outer) = (at("group/n5/a.zarr/raw"), at("group/n5"));
        assert_eq!(Format::container(&inner), outer);
        assert_eq!(Format::container(&at("group")), at("group"));
        assert_eq!(Format::container(&at("512.mat/x/y")), at("512.mat"));
        Ok(())
    }

    #[test]
    fn the_first_arrays_by_name_whatever_else_lies_there() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("a.zarr");
        for array in ["b/2", "b/1", "a", "c"] {
            fs::create_dir_all(root.join(array))?;
            fs::write(root.join(array).join(".zarray"), "{}")?;
        }
        let list = |max_arrays, max_looks| {
            let Listing { names, is_cut } =
                arrays_within(&root, Bounds { max_arrays, max_looks, ..Bounds::to_list(9) });
            (names.join(" "), is_cut)
        };
        assert_eq!(list(4, 5), ("a b/1 b/2 c".to_owned(), false));
        assert_eq!(list(3, 5), ("a b/1 b/2".to_owned(), true));
        assert_eq!(list(1, 5), ("a".to_owned(), true));
        assert_eq!(list(4, 3), ("a".to_owned(), true), "nothing is left to look into b");
        for index in 0..1500 {
            fs::create_dir(root.join(format!("b/{index:04}")))?;
        }
        assert_eq!(list(4, 5000), ("a b/1 b/2 c".to_owned(), false));
        let (found, is_cut) = list(4, 1000);
        assert!(is_cut && found.starts_with('a'), "{found}");
        Ok(())
    }
}
