//! What kind of file system a run directory lies on, and whether its lock works there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file system, as far as a run directory is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileSystem {
    /// Its name, as the system has it: `ext4` or `lustre`.
    pub name: String,
    /// Whether several machines see it, as a rule.
    pub is_shared: bool,
    /// Whether what it holds is gone when the machine goes down.
    pub is_memory: bool,
}

/// File systems that several machines see; of `nfs4` and `fuse.sshfs` the beginning is enough.
const SHARED: [&str; 14] = [
    "nfs", "lustre", "gpfs", "beegfs", "ceph", "fuse.", "panfs", "pvfs2", "orangefs", "ocfs2", "gfs2",
    "cifs", "smb", "afs",
];
/// File systems in memory.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// The file system of a directory, or of the one that it would be made in; `None` where the system does not tell: it is asked as
/// Linux is.
pub fn file_system(dir: &Path) -> Option<FileSystem> {
    let dir = nearest(dir)?.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let name = name_of(&mounts, &dir)?;
    let is_any = |names: &[&str]| names.iter().any(|known| name.starts_with(known));
    Some(FileSystem { is_shared: is_any(&SHARED), is_memory: is_any(&MEMORY), name: name.to_owned() })
}

/// The kind of the last mount above a directory, of those that are nearest to it: it hides the others.
fn name_of<'m>(mounts: &'m str, dir: &Path) -> Option<&'m str> {
    let mounts = mounts.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        // Blanks and backslashes in names are written in octal.
        let place = mount.split(' ').nth(4)?.replace("\\040", " ").replace("\\134", "\\");
        let depth = dir.starts_with(&place).then(|| Path::new(&place).components().count())?;
        Some((depth, kind.split(' ').next()?))
    });
    mounts.max_by_key(|(depth, _)| *depth).map(|(_, name)| name)
}

/// Whether the lock of a run directory works in a directory, or in the one that it would be made in: it needs a second name
/// for a file (a hard link), which only one process gets.
///
/// # Errors
/// Why it does not work, in words: nothing can be written there, say.
pub fn try_lock(dir: &Path) -> Result<(), String> {
    let Some(dir) = nearest(dir) else { return Err(format!("no part of {} exists", dir.display())) };
    let [own, lock] = ["own", "lock"].map(|end| dir.join(format!(".bellis-{}.{end}", std::process::id())));
    let tried = try_link(&own, &lock);
    // At worst they are left behind, and mean nothing.
    let _ = (fs::remove_file(&own), fs::remove_file(&lock));
    tried.map_err(|why| format!("{}: {why}", dir.display()))
}

fn try_link(own: &Path, lock: &Path) -> Result<(), String> {
    fs::write(own, "").map_err(|error| error.to_string())?;
    fs::hard_link(own, lock).map_err(|error| format!("hard links are not possible ({error})"))?;
    match fs::hard_link(own, lock) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(()) => Err("a name that is taken can be taken again".to_owned()),
    }
}

/// The directory, or the nearest one above it that exists.
fn nearest(dir: &Path) -> Option<PathBuf> {
    let dir = std::path::absolute(dir).ok()?;
    dir.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_yet_to_be_made_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().expect("a directory");
        let below = folder.path().join("run/of/today");
        assert_eq!(file_system(&below), file_system(folder.path()));
        assert_eq!(try_lock(&below), Ok(()));
        assert_eq!(folder.path().read_dir().expect("it is there").count(), 0, "nothing is left behind");
    }

    #[test]
    fn the_mount_that_is_nearest_and_last_tells() {
        let mounts = "21 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n\
                      22 21 0:5 / /scratch rw,relatime shared:1 - lustre 10.0.0.1@tcp:/s rw\n\
                      23 21 0:6 / /home\\040of\\040all rw - nfs4 server:/home rw\n\
                      24 22 0:7 / /scratch/tmp rw - xfs /dev/sdb rw\n\
                      25 22 0:8 / /scratch/tmp rw - tmpfs tmpfs rw\n\
                      no mount at all\n";
        for (dir, name) in [
            ("/", "ext4"),
            ("/scratchy", "ext4"),
            ("/scratch", "lustre"),
            ("/scratch/a/b", "lustre"),
            ("/scratch/tmp/a", "tmpfs"),
            ("/home of all/me", "nfs4"),
        ] {
            assert_eq!(name_of(mounts, Path::new(dir)), Some(name), "{dir}");
        }
        assert_eq!(name_of("", Path::new("/")), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_place_without_files_of_ones_own_has_no_lock() {
        let name = file_system(Path::new("/proc")).map(|found| found.name);
        assert_eq!(name.as_deref(), Some("proc"));
        let why = try_lock(Path::new("/proc")).expect_err("nothing can be written there");
        assert!(why.starts_with("/proc: "), "{why}");
    }
}
