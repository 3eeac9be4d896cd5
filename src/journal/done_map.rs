//! The done map of one task on the disk: a Zarr array, and the checksums of its pages in a file beside it.
//!
//! The checksums in the file are those of the last checkpoint; those in memory follow each commit.

use std::collections::BTreeSet;
use std::path::Path;

use super::durable;
use super::error::JournalError;
use super::ledger_file::LedgerFile;
use super::page::{self, PAGE_BLOCKS, PAGE_LEN, PageEdit};
use super::paths::{self, MapPaths};
use super::repair::Repair;
use super::zarr_metadata;

/// Bytes of a checksum in its file.
const SUM_LEN: u64 = 4;

/// An open done map.
#[derive(Debug)]
pub(super) struct DoneMap {
    n_blocks: u64,
    chunk: LedgerFile,
    sums_file: LedgerFile,
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
        let chunk = LedgerFile::create(&paths.chunk)?;
        // Sparse, and of full length, so that a short one is known to be torn.
        chunk.set_length(n_blocks)?;
        chunk.sync()?;
        let sums_file = LedgerFile::create(&paths.sums)?;
        let sums = fresh_sums(n_blocks);
        let bytes: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
        sums_file.write(0, &bytes)?;
        sums_file.sync()?;
        write_metadata(&paths.metadata, grid)?;
        durable::sync_directory(&paths::tasks(dir))?;
        Ok(Self { n_blocks, chunk, sums_file, sums, unsaved: BTreeSet::new() })
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
        let open = |path: &Path| {
            LedgerFile::open(path)?.ok_or_else(|| JournalError::Damaged {
                path: path.into(),
                reason: "it is missing".into(),
                remedy: reset(),
            })
        };
        let (chunk, sums_file) = (open(&paths.chunk)?, open(&paths.sums)?);
        require_metadata(&paths.metadata, grid, repairs)?;
        lengthen(&chunk, n_blocks, repairs, &reset)?;
        let n_pages = page::n_pages(n_blocks);
        lengthen(&sums_file, n_pages * SUM_LEN, repairs, &reset)?;
        let mut bytes = vec![0; (n_pages * SUM_LEN) as usize];
        sums_file.read(0, &mut bytes)?;
        let sums = bytes.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        Ok(Self { n_blocks, chunk, sums_file, sums, unsaved: BTreeSet::new() })
    }

    /// Number of blocks.
    pub fn n_blocks(&self) -> u64 {
        self.n_blocks
    }

    /// The file that holds the states.
    pub fn chunk_path(&self) -> &Path {
        self.chunk.path()
    }

    /// The checksum that a page should have.
    pub fn sum(&self, page: u64) -> u32 {
        self.sums[page as usize]
    }

    /// Reads states from block `begin` on, as many as the buffer takes; what the file lacks is not done.
    pub fn read(&self, begin: u64, buffer: &mut [u8]) -> Result<(), JournalError> {
        let n_read = self.chunk.read(begin, buffer)?;
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
        Err(JournalError::ChangedOutside { path: self.chunk.path().into(), blocks })
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
            self.chunk.write(begin, &states[..usize::from(run.length)])?;
        }
        Ok(())
    }

    /// Makes all blocks of a page not done.
    pub fn blank(&mut self, page: u64) -> Result<(), JournalError> {
        let blocks = page::blocks_of(page, self.n_blocks);
        let zeros = &[0; PAGE_LEN][..(blocks.end - blocks.start) as usize];
        self.chunk.write(blocks.start, zeros)?;
        self.sums[page as usize] = page::sum(zeros);
        self.unsaved.insert(page);
        Ok(())
    }

    /// Puts on the disk all that was applied, first the states, then their checksums.
    pub fn checkpoint(&mut self) -> Result<(), JournalError> {
        if self.unsaved.is_empty() {
            return Ok(());
        }
        self.chunk.sync()?;
        let pages: Vec<u64> = self.unsaved.iter().copied().collect();
        for run in pages.chunk_by(|a, b| a + 1 == *b) {
            let bytes: Vec<u8> = run.iter().flat_map(|page| self.sum(*page).to_le_bytes()).collect();
            self.sums_file.write(run[0] * SUM_LEN, &bytes)?;
        }
        self.sums_file.sync()?;
        self.unsaved.clear();
        Ok(())
    }
}

fn write_metadata(path: &Path, grid: &[u64]) -> Result<(), JournalError> {
    let metadata = format!("{:#}\n", zarr_metadata::metadata(grid));
    durable::replace(path, metadata.as_bytes())
}

/// Checks that the metadata are those of the grid, and writes them where there are none.
fn require_metadata(path: &Path, grid: &[u64], repairs: &mut Vec<Repair>) -> Result<(), JournalError> {
    let Some(found) = durable::read(path)? else {
        repairs.push(Repair::MissingMetadata { path: path.into() });
        return write_metadata(path, grid);
    };
    match zarr_metadata::problem(&found, grid) {
        None => Ok(()),
        Some(reason) => Err(JournalError::Damaged {
            path: path.into(),
            reason,
            remedy: "restore it, or remove it, and it is written again at the next run".into(),
        }),
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

/// Makes a file that is too short as long as it should be; one that is too long is somebody else's.
fn lengthen(
    file: &LedgerFile,
    expected: u64,
    repairs: &mut Vec<Repair>,
    reset: &dyn Fn() -> String,
) -> Result<(), JournalError> {
    let (path, actual) = (file.path().to_path_buf(), file.length()?);
    if actual > expected {
        let reason = format!("it has {actual} bytes and should have {expected}");
        return Err(JournalError::Damaged { path, reason, remedy: reset() });
    }
    if actual < expected {
        repairs.push(Repair::Short { path, expected, actual });
        file.set_length(expected)?;
        file.sync()?;
    }
    Ok(())
}
