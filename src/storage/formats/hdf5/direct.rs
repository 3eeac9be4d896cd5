//! Bytes read and written at their addresses, without the library.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::byte_layout::ByteLayout;
use super::location::Location;
use crate::geometry::{VoxelBox, VoxelGrid};
use crate::storage::backend::Backend;
use crate::storage::context::Context;
use crate::storage::error::{Result, StorageError};
use crate::storage::schema::element::DataType;
use crate::storage::voxels::spans::{Span, Spans};
use crate::storage::voxels::uninit;

/// Maximum number of bytes between two short spans that are read along with them: one call more costs as much.
const MAX_GAP: u64 = 4 << 10;
/// Maximum number of bytes of a span that is read or written together with others.
const SHORT_SPAN: u64 = 16 << 10;
/// Maximum number of bytes of one call, where spans are put together.
const MAX_GROUP: u64 = 1 << 20;

/// An open array whose bytes have their addresses.
pub(super) struct DirectArray {
    path: PathBuf,
    file: PathBuf,
    layout: ByteLayout,
    /// All voxels of the array.
    whole: VoxelBox,
    /// Bytes of a voxel.
    element: u64,
    reader: File,
    writer: OnceLock<File>,
    context: Context,
}

impl DirectArray {
    pub(super) fn open(
        at: &Location,
        layout: ByteLayout,
        shape: &[u64],
        data_type: DataType,
        context: &Context,
    ) -> Result<Self> {
        let reader = File::open(&at.file).map_err(StorageError::io("open", &at.file))?;
        let actual = reader.metadata().map_err(StorageError::io("look at", &at.file))?.len();
        let array = Self {
            path: at.path.clone(),
            file: at.file.clone(),
            layout,
            whole: VoxelBox::of_shape(shape),
            element: data_type.size() as u64,
            reader,
            writer: OnceLock::new(),
            context: context.clone(),
        };
        let expected = array.end();
        if expected > actual {
            return Err(StorageError::CutShort { path: array.path, expected, actual });
        }
        Ok(array)
    }

    /// The byte after the last one.
    fn end(&self) -> u64 {
        match &self.layout {
            ByteLayout::Contiguous { begin } => begin + self.whole.n_voxels() * self.element,
            ByteLayout::Chunked { grid, addresses } => {
                let chunk_bytes = self.bytes_of_chunk(grid);
                let last = grid.n_chunks().and_then(|n_chunks| n_chunks.checked_sub(1));
                last.map_or(0, |last| addresses.at(last, chunk_bytes) + chunk_bytes)
            }
        }
    }

    /// The spans that make up `range`, in the order of the file piece by piece.
    fn spans(&self, range: &VoxelBox) -> Vec<Span> {
        let mut all = Vec::new();
        let mut add = |part: &VoxelBox, store: &VoxelBox, begin: u64| {
            let spans = Spans { part, store, memory: range, element: self.element as usize };
            spans.for_each(|span| all.push(Span { in_store: begin + span.in_store, ..span }));
        };
        match &self.layout {
            ByteLayout::Contiguous { begin } => add(range, &self.whole, *begin),
            ByteLayout::Chunked { grid, addresses } => {
                let chunk_bytes = self.bytes_of_chunk(grid);
                for index in grid.chunks_of(range) {
                    let position = grid.position(&index).expect("one of so many chunks as a number tells");
                    let chunk = grid.chunk(&index);
                    add(&range.intersect(&chunk), &chunk, addresses.at(position, chunk_bytes));
                }
            }
        }
        all
    }

    fn bytes_of_chunk(&self, grid: &VoxelGrid) -> u64 {
        grid.chunk_shape().iter().product::<u64>() * self.element
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

    fn read_spans(&self, spans: &[Span], data: &mut [MaybeUninit<u8>]) -> io::Result<()> {
        let mut joined = Vec::new();
        for group in groups(spans, MAX_GAP) {
            if let [span] = group {
                let target = &mut data[span.in_memory..span.in_memory + span.length];
                uninit::read_exact_at(&self.reader, target, span.in_store)?;
                continue;
            }
            let (begin, end) = bounds(group);
            joined.resize((end - begin) as usize, 0);
            self.reader.read_exact_at(&mut joined, begin)?;
            for span in group {
                let from = (span.in_store - begin) as usize;
                uninit::copy(&joined[from..from + span.length], &mut data[span.in_memory..][..span.length]);
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

    fn write_spans(&self, spans: &[Span], data: &[u8]) -> Result<()> {
        let file = self.writer()?;
        let mut joined = Vec::new();
        for group in groups(spans, 0) {
            let (begin, _) = bounds(group);
            let written = if let [span] = group {
                file.write_all_at(&data[span.in_memory..span.in_memory + span.length], begin)
            } else {
                joined.clear();
                group.iter().for_each(|span| {
                    joined.extend_from_slice(&data[span.in_memory..span.in_memory + span.length]);
                });
                file.write_all_at(&joined, begin)
            };
            written.map_err(StorageError::io("write", &self.path))?;
        }
        if self.context.is_synced() {
            file.sync_data().map_err(StorageError::io("write", &self.path))?;
        }
        self.context.note_written(&self.file);
        Ok(())
    }
}

// SAFETY: the spans make up the whole range, and all are read in full.
unsafe impl Backend for DirectArray {
    fn read(&self, range: &VoxelBox, voxels: &mut [MaybeUninit<u8>]) -> Result<()> {
        self.read_spans(&self.spans(range), voxels).map_err(|error| self.read_error(error))
    }

    fn write(&self, range: &VoxelBox, voxels: &[u8]) -> Result<()> {
        self.write_spans(&self.spans(range), voxels)
    }
}

/// Groups of spans that go in one call, gaps included.
fn groups(spans: &[Span], max_gap: u64) -> impl Iterator<Item = &[Span]> {
    let mut rest = spans;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let fits = |a: &Span, b: &Span| {
            let (end, length) = (a.in_store + a.length as u64, a.length as u64);
            let gap = b.in_store.checked_sub(end);
            length <= SHORT_SPAN
                && gap.is_some_and(|gap| gap <= max_gap)
                && b.in_store + b.length as u64 - first.in_store <= MAX_GROUP
        };
        let n = 1 + rest.windows(2).take_while(|pair| fits(&pair[0], &pair[1])).count();
        let (group, others) = rest.split_at(n);
        rest = others;
        Some(group)
    })
}

/// The first byte of a group, and the one after its last.
fn bounds(group: &[Span]) -> (u64, u64) {
    let end = group.last().map_or(0, |span| span.in_store + span.length as u64);
    (group.first().map_or(0, |span| span.in_store), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_spans_are_read_groups() {
        let spans: Vec<Span> =
            (0..4).map(|n| Span { in_store: n * 80, in_memory: 10 * n as usize, length: 10 }).collect();
        assert_eq!(groups(&spans, 70).map(<[Span]>::len).collect::<Vec<_>>(), [4]);
        assert_eq!(groups(&spans, 69).map(<[Span]>::len).collect::<Vec<_>>(), [1; 4]);
        let adjacent: Vec<Span> =
            (0..3).map(|n| Span { in_store: n * 10, in_memory: 20 * n as usize, length: 10 }).collect();
        assert_eq!(groups(&adjacent, 0).map(<[Span]>::len).collect::<Vec<_>>(), [3]);
    }
}
