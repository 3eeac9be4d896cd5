//! The done map of one task on the disk: a Zarr array, and the checksums of its pages in a file beside it.
//!
//! The checksums in the file are those of the last checkpoint; those in memory follow each commit.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::durable;
use super::error::JournalError;
use super::page::{self, PAGE_BLOCKS, PAGE_LEN, PageEdit};
use super::paths::{self, MapPaths};
use super::repair::Repair;
use super::zarr_metadata;

/// Bytes of a checksum in its file.
const SUM_LEN: u64 = 4;

/// An open done map.
#[derive(Debug)]
pub(super) struct DoneMap {
    paths: MapPaths,
    n_blocks: u64,
    chunk: File,
    sums_file: File,
    /// The checksum of each page, 8 bits for 1024 blocks.
    sums: Vec<u32>,
    /// The pages whose checksum the file does not have yet.
    unsaved: BTreeSet<u64>,
}

impl DoneMap {
    /// Makes the done map of a task of which no block is done, whatever was there.
    pub fn create(dir: &Path, task: &str, grid: &[u64]) -> Result<Self, JournalError> {
        let paths = MapPaths::of(dir, task, grid.len());
        let n_blocks = grid.iter().product();
        durable::remove(&paths.array)?;
        durable::make_directory(&paths.array)?;
        let chunk = open(&paths.chunk, true)?;
        // Sparse, and of full length, so that a short one is known to be torn.
        let made = chunk.set_len(n_blocks).and_then(|()| chunk.sync_all());
        made.map_err(JournalError::io("create", &paths.chunk))?;
        let sums_file = open(&paths.sums, true)?;
        let sums = fresh_sums(n_blocks);
        let map = Self { paths, n_blocks, chunk, sums_file, sums, unsaved: BTreeSet::new() };
        let bytes: Vec<u8> = map.sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        map.write_sums(0, &bytes)?;
        map.sums_file.sync_all().map_err(JournalError::io("sync", &map.paths.sums))?;
        map.write_metadata(grid)?;
        durable::sync_directory(&paths::tasks(dir))?;
        Ok(map)
    }

    /// Opens the done map of a task. Files that are too short are made as long as they should be.
    pub fn open(
        dir: &Path,
        task: &str,
        grid: &[u64],
        repairs: &mut Vec<Repair>,
    ) -> Result<Self, JournalError> {
        let paths = MapPaths::of(dir, task, grid.len());
        let n_blocks: u64 = grid.iter().product();
        let reset =
            || format!("restore it, or forget what is done with `bellis reset {} {task:?}`", dir.display());
        let missing = |path: &PathBuf| match path.try_exists() {
            Ok(false) => Err(JournalError::Damaged {
                path: path.clone(),
                reason: "it is missing".into(),
                remedy: reset(),
            }),
            _ => Ok(()),
        };
        missing(&paths.chunk)?;
        missing(&paths.sums)?;
        let (chunk, sums_file) = (open(&paths.chunk, false)?, open(&paths.sums, false)?);
        let mut map =
            Self { paths, n_blocks, chunk, sums_file, sums: fresh_sums(n_blocks), unsaved: BTreeSet::new() };
        map.open_metadata(grid, repairs)?;
        let sums_len = map.sums.len() as u64 * SUM_LEN;
        lengthen(&map.chunk, &map.paths.chunk, n_blocks, repairs, &reset)?;
        lengthen(&map.sums_file, &map.paths.sums, sums_len, repairs, &reset)?;
        let mut bytes = vec![0; map.sums.len() * SUM_LEN as usize];
        map.sums_file.read_exact_at(&mut bytes, 0).map_err(JournalError::io("read", &map.paths.sums))?;
        for (sum, bytes) in map.sums.iter_mut().zip(bytes.as_chunks().0) {
            *sum = u32::from_le_bytes(*bytes);
        }
        Ok(map)
    }

    /// Number of blocks.
    pub fn n_blocks(&self) -> u64 {
        self.n_blocks
    }

    /// The file that holds the states.
    pub fn chunk_path(&self) -> &Path {
        &self.paths.chunk
    }

    /// The checksum that a page should have.
    pub fn sum(&self, page: u64) -> u32 {
        self.sums[page as usize]
    }

    /// Reads states from block `begin` on, as many as the buffer takes; what the file lacks is not done.
    pub fn read(&self, begin: u64, buffer: &mut [u8]) -> Result<(), JournalError> {
        let mut n_read = 0;
        while n_read < buffer.len() {
            match self.chunk.read_at(&mut buffer[n_read..], begin + n_read as u64) {
                Ok(0) => break,
                Ok(n) => n_read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(JournalError::io("read", &self.paths.chunk)(error)),
            }
        }
        buffer[n_read..].fill(0);
        Ok(())
    }

    /// The states of a page, which must be those that were recorded.
    pub fn read_page(&self, page: u64) -> Result<Vec<u8>, JournalError> {
        let blocks = page::blocks_of(page, self.n_blocks);
        let mut bytes = vec![0; (blocks.end - blocks.start) as usize];
        self.read(blocks.start, &mut bytes)?;
        if page::sum(&bytes) == self.sum(page) {
            return Ok(bytes);
        }
        Err(JournalError::ChangedOutside { path: self.paths.chunk.clone(), blocks })
    }

    /// Returns whether a change is one of this map.
    pub fn takes(&self, edit: &PageEdit) -> bool {
        let n_pages = self.sums.len() as u64;
        edit.page < n_pages && {
            let blocks = page::blocks_of(edit.page, self.n_blocks);
            edit.edits.iter().all(|edit| edit.range().end as u64 <= blocks.end - blocks.start)
        }
    }

    /// Makes a change that is in the log. It may be made again and again.
    pub fn apply(&mut self, edit: &PageEdit) -> Result<(), JournalError> {
        debug_assert!(self.takes(edit));
        self.sums[edit.page as usize] = edit.sum;
        self.unsaved.insert(edit.page);
        for run in &edit.edits {
            let begin = edit.page * PAGE_BLOCKS + u64::from(run.offset);
            let states = [run.state.byte(); PAGE_LEN];
            let written = self.chunk.write_all_at(&states[..usize::from(run.length)], begin);
            written.map_err(JournalError::io("write", &self.paths.chunk))?;
        }
        Ok(())
    }

    /// Makes all blocks of a page not done.
    pub fn blank(&mut self, page: u64) -> Result<(), JournalError> {
        let blocks = page::blocks_of(page, self.n_blocks);
        let zeros = &[0; PAGE_LEN][..(blocks.end - blocks.start) as usize];
        self.chunk.write_all_at(zeros, blocks.start).map_err(JournalError::io("write", &self.paths.chunk))?;
        self.sums[page as usize] = page::sum(zeros);
        self.unsaved.insert(page);
        Ok(())
    }

    /// Puts on the disk all that was applied, first the states, then their checksums.
    pub fn checkpoint(&mut self) -> Result<(), JournalError> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        self.chunk.sync_data().map_err(JournalError::io("sync", &self.paths.chunk))?;
        let pages: Vec<u64> = self.unsaved.iter().copied().collect();
        for run in pages.chunk_by(|a, b| a + 1 == *b) {
            let bytes: Vec<u8> = run.iter().flat_map(|page| self.sum(*page).to_le_bytes()).collect();
            self.write_sums(run[0], &bytes)?;
        }
        self.sums_file.sync_data().map_err(JournalError::io("sync", &self.paths.sums))?;
        self.unsaved.clear();
        Ok(())
    }

    fn write_sums(&self, first: u64, bytes: &[u8]) -> Result<(), JournalError> {
        let written = self.sums_file.write_all_at(bytes, first * SUM_LEN);
        written.map_err(JournalError::io("write", &self.paths.sums))
    }

    fn write_metadata(&self, grid: &[u64]) -> Result<(), JournalError> {
        let metadata = format!("{:#}\n", zarr_metadata::metadata(grid));
        durable::replace(&self.paths.metadata, metadata.as_bytes())
    }

    fn open_metadata(&self, grid: &[u64], repairs: &mut Vec<Repair>) -> Result<(), JournalError> {
        let path = &self.paths.metadata;
        let Some(found) = durable::read(path)? else {
            repairs.push(Repair::MissingMetadata { path: path.clone() });
            return self.write_metadata(grid);
        };
        match zarr_metadata::problem(&found, grid) {
            None => Ok(()),
            Some(reason) => Err(JournalError::Damaged {
                path: path.clone(),
                reason,
                remedy: "restore it, or remove it, and it is written again at the next run".into(),
            }),
        }
    }
}

/// Returns whether a done map was never written to, as far as its checksums say.
pub(super) fn is_untouched(sums: &Path, chunk: &Path) -> Result<bool, JournalError> {
    let length = durable::none_if_missing(chunk.metadata()).map_err(JournalError::io("read", chunk))?;
    let (Some(length), Some(sums)) = (length, durable::read(sums)?) else { return Ok(true) };
    let fresh: Vec<u8> = fresh_sums(length.len()).into_iter().flat_map(u32::to_le_bytes).collect();
    // Half a file of checksums is what a crash leaves while a map is made.
    Ok(fresh.starts_with(&sums))
}

/// The checksums of pages of which no block is done.
fn fresh_sums(n_blocks: u64) -> Vec<u32> {
    let n_pages = page::n_pages(n_blocks);
    let mut sums = vec![page::sum(&[0; PAGE_LEN]); n_pages as usize];
    if let Some(last) = sums.last_mut() {
        let blocks = page::blocks_of(n_pages - 1, n_blocks);
        *last = page::sum(&[0; PAGE_LEN][..(blocks.end - blocks.start) as usize]);
    }
    sums
}

fn open(path: &Path, is_new: bool) -> Result<File, JournalError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(is_new).truncate(is_new);
    options.open(path).map_err(JournalError::io("open", path))
}

/// Makes a file that is too short as long as it should be; one that is too long is somebody else's.
fn lengthen(
    file: &File,
    path: &Path,
    expected: u64,
    repairs: &mut Vec<Repair>,
    reset: &dyn Fn() -> String,
) -> Result<(), JournalError> {
    let actual = file.metadata().map_err(JournalError::io("read", path))?.len();
    if actual > expected {
        let reason = format!("it has {actual} bytes and should have {expected}");
        return Err(JournalError::Damaged { path: path.into(), reason, remedy: reset() });
    }
    if actual < expected {
        repairs.push(Repair::Short { path: path.into(), expected, actual });
        let made = file.set_len(expected).and_then(|()| file.sync_all());
        made.map_err(JournalError::io("lengthen", path))?;
    }
    Ok(())
}
