//! What blocks of one task leave for blocks of another: a file for each block, in a folder that all ranks see.
//!
//! Workers are other processes, so that what a block found out has to lie on disk before the block is reported; the
//! pipeline then makes sure that nobody reads it earlier. A file appears complete or not at all, and a block that is
//! processed twice leaves the same file twice. Numbers are unsigned 64-bit, little endian, behind their count.

use crate::tools::error::{Result, ScratchError};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::storage::Context;
use tempfile::NamedTempFile;

const WORD: usize = size_of::<u64>();

/// One kind of what blocks leave. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exchange {
    folder: PathBuf,
}

impl Exchange {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Leaves `words` in the name of block `index`.
    pub fn put(&self, index: u64, words: &[u64]) -> Result {
        let path = self.path(index);
        match write(&path, words) {
            Ok(()) => Context::process().note_written(&path),
            Err(source) => return Err(ScratchError::Write { path, source }.into()),
        }
        Ok(())
    }

    /// What block `index` left.
    pub fn get(&self, index: u64) -> Result<Vec<u64>> {
        self.read(index, |n_words| 0..n_words)
    }

    /// A part of what block `index` left.
    pub fn get_part(&self, index: u64, part: Range<usize>) -> Result<Vec<u64>> {
        self.read(index, |_| part)
    }

    /// What block `index` left, from `begin` on.
    pub fn get_from(&self, index: u64, begin: usize) -> Result<Vec<u64>> {
        self.read(index, |n_words| begin..n_words)
    }

    fn read(&self, index: u64, part: impl FnOnce(usize) -> Range<usize>) -> Result<Vec<u64>> {
        let path = self.path(index);
        read(&path, part).map_err(|source| ScratchError::Read { path, source }.into())
    }

    /// No folder gets more than a thousand files.
    fn path(&self, index: u64) -> PathBuf {
        self.folder.join(format!("{:06}", index / 1000)).join(format!("{:03}", index % 1000))
    }
}

fn write(path: &Path, words: &[u64]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = BufWriter::new(NamedTempFile::new_in(folder)?);
    file.write_all(&(words.len() as u64).to_le_bytes())?;
    for word in words {
        file.write_all(&word.to_le_bytes())?;
    }
    file.into_inner().map_err(|error| error.into_error())?.persist(path)?;
    Ok(())
}

fn read(path: &Path, part: impl FnOnce(usize) -> Range<usize>) -> std::io::Result<Vec<u64>> {
    let broken = || std::io::Error::other("it is not what a block left");
    let file = File::open(path)?;
    let mut count = [0; WORD];
    file.read_exact_at(&mut count, 0)?;
    let n_words = usize::try_from(u64::from_le_bytes(count)).map_err(|_| broken())?;
    let n_bytes = n_words.checked_add(1).and_then(|n| n.checked_mul(WORD)).ok_or_else(broken)?;
    let part = part(n_words);
    if file.metadata()?.len() != n_bytes as u64 || part.start > part.end || part.end > n_words {
        return Err(broken());
    }
    let mut bytes = vec![0; part.len() * WORD];
    file.read_exact_at(&mut bytes, ((part.start + 1) * WORD) as u64)?;
    let (words, _) = bytes.as_chunks::<WORD>();
    Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
}
