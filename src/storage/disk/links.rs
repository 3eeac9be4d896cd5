//! One path for a place, by whatever links it is reached.

use std::path::{Path, PathBuf};

/// The path without links, as far as there is anything: an array in a file has a name that is none of a directory's.
pub fn without_links(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let found = path.ancestors().find_map(|part| Some((part.canonicalize().ok()?, part)));
    match found {
        Some((plain, part)) if part == path => plain,
        Some((plain, part)) => plain.join(path.strip_prefix(part).unwrap_or(Path::new(""))),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_has_one_path() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("a.h5"), "").expect("there is room");
        std::os::unix::fs::symlink("a.h5", dir.path().join("b.h5")).expect("there is room");
        let place = |name: &str| without_links(&dir.path().join(name));
        assert_eq!(place("b.h5/group/raw"), place("./a.h5/group/raw"));
        assert_eq!(place("b.h5"), place("a.h5"));
        assert_ne!(place("b.h5/raw"), place("b.h5/other"));
        assert_eq!(place("nothing/there"), place("nothing/./there"));
    }
}
