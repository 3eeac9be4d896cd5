//! Counting the files of an array: how many chunks there are, and what they take.

use std::path::Path;

/// Maximum number of files looked at: more take minutes on a parallel file system.
const MAX_FILES: u64 = 1_000_000;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Files.
    pub n_files: u64,
    /// Bytes in them.
    pub n_bytes: u64,
    /// Whether there are more.
    pub is_cut: bool,
}

/// Counts the files below `directory` whose names `is_chunk` takes.
///
/// # Errors
/// A directory that cannot be read.
pub fn files_below(directory: &Path, is_chunk: impl Fn(&str) -> bool) -> std::io::Result<Count> {
    let mut count = Count::default();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(current) = waiting.pop() {
        for entry in current.read_dir()? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if is_chunk(&entry.file_name().to_string_lossy()) {
                if count.n_files == MAX_FILES {
                    return Ok(Count { is_cut: true, ..count });
                }
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
    fn names_of_chunks() {
        for name in ["0", "12", "0.3.1", "c.0.1", "c"] {
            assert!(is_chunk_name(name), "{name}");
        }
        for name in ["zarr.json", ".zarray", "attributes.json", "0.tmp", ".0.x", "c.", "", "0."] {
            assert!(!is_chunk_name(name), "{name}");
        }
    }
}
