//! Bytes read and written at their addresses, without the library.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::byte_layout::Place;
use super::location::Location;
use crate::storage::backend::Backend;
use crate::storage::disk::files;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::DataType;
use crate::storage::voxels::spans::{Run, for_each_run};
use crate::storage::voxels::{boxes, uninit};

/// A gap between two short runs is read along when it is at most so long: one call more costs as much.
const MAX_GAP: u64 = 4 << 10;
/// Longer runs are read on their own.
const SHORT_RUN: u64 = 16 << 10;
/// What is read, or written, in one call, where runs are put together.
const MAX_SPAN: u64 = 1 << 20;

/// An open array whose bytes have their place.
pub(super) struct DirectArray {
    path: PathBuf,
    file: PathBuf,
    place: Place,
    shape: Vec<u64>,
    /// Bytes of a voxel.
    element: u64,
    reader: File,
    writer: OnceLock<File>,
}

impl DirectArray {
    pub(super) fn open(at: &Location, place: Place, shape: Vec<u64>, data_type: DataType) -> Result<Self> {
        let reader = File::open(&at.file).map_err(StorageError::io("open", &at.file))?;
        let actual = reader.metadata().map_err(StorageError::io("look at", &at.file))?.len();
        let array = Self {
            path: at.path.clone(),
            file: at.file.clone(),
            place,
            shape,
            element: data_type.size() as u64,
            reader,
            writer: OnceLock::new(),
        };
        let expected = array.end();
        if expected > actual {
            return Err(StorageError::CutShort { path: array.path, expected, actual });
        }
        Ok(array)
    }

    /// The byte after the last one.
    fn end(&self) -> u64 {
        let bytes = |shape: &[u64]| shape.iter().product::<u64>() * self.element;
        match &self.place {
            Place::Contiguous { begin } => begin + bytes(&self.shape),
            Place::Chunked { chunks, addresses } => {
                let n_chunks: u64 =
                    self.shape.iter().zip(chunks).map(|(n, chunk)| n.div_ceil(*chunk)).product();
                let last = (0..n_chunks).rev().take(1).map(|last| addresses.at(last, bytes(chunks))).max();
                last.map_or(0, |last| last + bytes(chunks))
            }
        }
    }

    /// The runs that make up `range`, in the order of the file piece by piece.
    fn runs(&self, range: &[Range<u64>]) -> Vec<Run> {
        let mut all = Vec::new();
        let mut add = |part: &[Range<u64>], piece: &[Range<u64>], begin: u64| {
            for_each_run(part, piece, range, self.element, |run| {
                all.push(Run { in_store: begin + run.in_store, ..run });
            });
        };
        match &self.place {
            Place::Contiguous { begin } => {
                let whole: Vec<_> = self.shape.iter().map(|&extent| 0..extent).collect();
                add(range, &whole, *begin);
            }
            Place::Chunked { chunks, addresses } => {
                let grid: Vec<u64> =
                    self.shape.iter().zip(chunks).map(|(n, chunk)| n.div_ceil(*chunk)).collect();
                let bytes = chunks.iter().product::<u64>() * self.element;
                for index in boxes::chunks_of(range, chunks) {
                    let position = index.iter().zip(&grid).fold(0, |all, (index, n)| all * n + index);
                    let chunk = boxes::chunk_box(&index, chunks);
                    let part = boxes::common(range, &chunk);
                    add(&part, &chunk, addresses.at(position, bytes));
                }
            }
        }
        all
    }

    fn writer(&self) -> Result<&File> {
        if self.writer.get().is_none() {
            let file = OpenOptions::new().read(true).write(true).open(&self.file);
            let file = file.map_err(StorageError::io("open for writing", &self.file))?;
            // Another thread may have been faster: either serves.
            let _ = self.writer.set(file);
        }
        Ok(self.writer.get().unwrap_or(&self.reader))
    }

    fn read_runs(&self, runs: &[Run], data: &mut [MaybeUninit<u8>]) -> io::Result<()> {
        let mut span = Vec::new();
        for group in together(runs, MAX_GAP) {
            if let [run] = group {
                let target = &mut data[run.in_memory..run.in_memory + run.length];
                uninit::read_exact_at(&self.reader, target, run.in_store)?;
                continue;
            }
            let (begin, end) = bounds(group);
            span.resize((end - begin) as usize, 0);
            self.reader.read_exact_at(&mut span, begin)?;
            for run in group {
                let from = (run.in_store - begin) as usize;
                uninit::copy(&span[from..from + run.length], &mut data[run.in_memory..][..run.length]);
            }
        }
        Ok(())
    }

    fn read_error(&self, error: io::Error) -> StorageError {
        match error.kind() {
            // The file was long enough when it was opened.
            ErrorKind::UnexpectedEof => StorageError::CutShort {
                path: self.path.clone(),
                expected: self.end(),
                actual: self.reader.metadata().map_or(0, |metadata| metadata.len()),
            },
            _ => StorageError::io("read", &self.path)(error),
        }
    }

    fn write_runs(&self, runs: &[Run], data: &[u8]) -> Result<()> {
        let file = self.writer()?;
        let mut span = Vec::new();
        for group in together(runs, 0) {
            let (begin, _) = bounds(group);
            let written = if let [run] = group {
                file.write_all_at(&data[run.in_memory..run.in_memory + run.length], begin)
            } else {
                span.clear();
                group.iter().for_each(|run| {
                    span.extend_from_slice(&data[run.in_memory..run.in_memory + run.length]);
                });
                file.write_all_at(&span, begin)
            };
            written.map_err(StorageError::io("write", &self.path))?;
        }
        if files::is_synced() {
            file.sync_data().map_err(StorageError::io("write", &self.path))?;
        }
        Ok(())
    }
}

// SAFETY: the runs make up the whole range, and all are read in full.
unsafe impl Backend for DirectArray {
    fn read(&self, range: &[Range<u64>], voxels: &mut [MaybeUninit<u8>]) -> Result<()> {
        self.read_runs(&self.runs(range), voxels).map_err(|error| self.read_error(error))
    }

    fn write(&self, range: &[Range<u64>], voxels: &[u8]) -> Result<()> {
        self.write_runs(&self.runs(range), voxels)
    }
}

/// Groups of runs that go in one call, gaps included.
fn together(runs: &[Run], max_gap: u64) -> impl Iterator<Item = &[Run]> {
    let mut rest = runs;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let fits = |a: &Run, b: &Run| {
            let (end, length) = (a.in_store + a.length as u64, a.length as u64);
            let gap = b.in_store.checked_sub(end);
            length <= SHORT_RUN
                && gap.is_some_and(|gap| gap <= max_gap)
                && b.in_store + b.length as u64 - first.in_store <= MAX_SPAN
        };
        let n = 1 + rest.windows(2).take_while(|pair| fits(&pair[0], &pair[1])).count();
        let (group, others) = rest.split_at(n);
        rest = others;
        Some(group)
    })
}

/// The first byte of a group, and the one after its last.
fn bounds(group: &[Run]) -> (u64, u64) {
    let end = group.last().map_or(0, |run| run.in_store + run.length as u64);
    (group.first().map_or(0, |run| run.in_store), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_runs_are_read_together() {
        let runs: Vec<Run> =
            (0..4).map(|n| Run { in_store: n * 80, in_memory: 10 * n as usize, length: 10 }).collect();
        assert_eq!(together(&runs, 70).map(<[Run]>::len).collect::<Vec<_>>(), [4]);
        assert_eq!(together(&runs, 69).map(<[Run]>::len).collect::<Vec<_>>(), [1; 4]);
        let adjacent: Vec<Run> =
            (0..3).map(|n| Run { in_store: n * 10, in_memory: 20 * n as usize, length: 10 }).collect();
        assert_eq!(together(&adjacent, 0).map(<[Run]>::len).collect::<Vec<_>>(), [3]);
    }
}
