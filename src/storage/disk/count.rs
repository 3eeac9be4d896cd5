//! Counting the files of an array: how many chunks there are, and what they take.

use std::path::Path;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Files.
    pub n_files: u64,
    /// Bytes in them.
    pub n_bytes: u64,
    /// Files, and folders, that were looked at.
    pub n_looked_at: u64,
    /// Whether there may be more.
    pub is_cut: bool,
}

/// Counts the files below `directory` whose names `is_chunk` takes, until it has looked at `max` files and folders.
///
/// # Errors
/// A directory that cannot be read.
pub fn files_below(directory: &Path, is_chunk: impl Fn(&str) -> bool, max: u64) -> std::io::Result<Count> {
    let mut count = Count::default();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(current) = waiting.pop() {
        for entry in current.read_dir()? {
            if count.n_looked_at == max {
                return Ok(Count { is_cut: true, ..count });
            }
            count.n_looked_at += 1;
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else if is_chunk(&entry.file_name().to_string_lossy()) {
                count.n_files += 1;
                count.n_bytes += entry.metadata()?.len();
            }
        }
    }
    Ok(count)
}

/// Returns whether a file of this name holds a chunk: its index, as Zarr and N5 write it. Metadata, and files that are being
/// written, are called otherwise.
pub fn is_chunk_name(name: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.strip_prefix("c.").unwrap_or(name);
    name == "c" || name.split('.').all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_ends_where_it_is_told() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("0"))?;
        ["0/0", "0/1", "0/2", "zarr.json"]
            .iter()
            .try_for_each(|name| std::fs::write(folder.path().join(name), "x"))?;
        let count = |max| files_below(folder.path(), is_chunk_name, max);
        assert_eq!(count(5)?, Count { n_files: 3, n_bytes: 3, n_looked_at: 5, is_cut: false });
        assert!((0..5).all(|max| count(max).is_ok_and(|count| count.is_cut && count.n_looked_at == max)));
        Ok(())
    }

    #[test]
    fn names_of_chunks() {
        for name in ["0", "12", "0.3.1", "c.0.1", "c"] {
            assert!(is_chunk_name(name), "{name}");
        }
        for name in ["zarr.json", ".zarray", "attributes.json", "0.tmp", ".0.x", "c.", "", "0."] {
            assert!(!is_chunk_name(name), "{name}");
        }
    }
}
