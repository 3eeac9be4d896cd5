//! The log of commits: what the done maps are about to become, on the disk before they are touched.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::JournalError;
use super::page::PageEdit;
use super::record::{self, HEAD_LEN, Record};
use super::repair::Repair;

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct CommitLog {
    path: PathBuf,
    file: File,
    /// Where the whole records end.
    length: u64,
    next_sequence: u64,
    /// There may be part of a record behind `length`, which could not be cut off.
    is_torn: bool,
}

impl CommitLog {
    /// Makes an empty log, whatever was there.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = File::create(path).map_err(JournalError::io("create", path))?;
        file.sync_all().map_err(JournalError::io("sync", path))?;
        let file =
            OpenOptions::new().read(true).write(true).open(path).map_err(JournalError::io("open", path))?;
        Ok(Self { path: path.into(), file, length: 0, next_sequence: first_sequence(), is_torn: false })
    }

    /// Opens the log, cuts off what is no whole record, and puts the rest on the disk.
    pub fn open(path: &Path, repairs: &mut Vec<Repair>) -> Result<Self, JournalError> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                repairs.push(Repair::MissingLog { path: path.into() });
                return Self::create(path);
            }
            Err(error) => return Err(JournalError::io("open", path)(error)),
        };
        let end = file.metadata().map_err(JournalError::io("read", path))?.len();
        let mut log =
            Self { path: path.into(), file, length: end, next_sequence: first_sequence(), is_torn: false };
        let (whole, sequence) = log.scan(|_| Ok(()))?;
        log.next_sequence = sequence.unwrap_or(log.next_sequence);
        if whole < end {
            repairs.push(Repair::TornLog { path: path.into(), at: whole, n_bytes: end - whole });
            log.cut(whole).map_err(JournalError::io("cut", path))?;
        }
        // The process that wrote the last record may have died before it was on the disk.
        log.file.sync_data().map_err(JournalError::io("sync", path))?;
        Ok(log)
    }

    /// Bytes in the log.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends a commit and puts it on the disk. After an error the log holds what it held before.
    pub fn append(&mut self, pages: &[PageEdit]) -> Result<(), JournalError> {
        if self.is_torn {
            self.cut(self.length).map_err(JournalError::io("cut", &self.path))?;
        }
        let mut bytes = Vec::new();
        let next_sequence = record::encode(self.next_sequence, pages, &mut bytes);
        let written = self.file.write_all_at(&bytes, self.length).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // A commit that is reported as failed must not come back. Cut off it is also written anew, and not taken for
            // written by the system, when it is tried again.
            self.is_torn = self.cut(self.length).is_err();
            return Err(JournalError::io("write", &self.path)(error));
        }
        self.length += bytes.len() as u64;
        self.next_sequence = next_sequence;
        Ok(())
    }

    /// Hands out all commits in the log, in order.
    pub fn replay(
        &self,
        mut each: impl FnMut(PageEdit) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let each = |record: Record| record.pages.into_iter().try_for_each(&mut each);
        let (whole, _) = self.scan(each)?;
        if whole == self.length {
            return Ok(());
        }
        Err(JournalError::Damaged {
            path: self.path.clone(),
            reason: format!("it changed at byte {whole} while it was in use"),
            remedy: "run again, and what is missing is processed again".into(),
        })
    }

    /// Forgets all commits.
    pub fn clear(&mut self) -> Result<(), JournalError> {
        self.cut(0).map_err(JournalError::io("cut", &self.path))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.length = length;
        self.is_torn = false;
        Ok(())
    }

    /// Walks over the whole records. Returns where they end, and the sequence number after the last of them.
    fn scan(
        &self,
        mut each: impl FnMut(Record) -> Result<(), JournalError>,
    ) -> Result<(u64, Option<u64>), JournalError> {
        let mut reader =
            BufReader::with_capacity(1 << 18, At { file: &self.file, offset: 0, end: self.length });
        let (mut whole, mut next) = (0, None);
        while let Some((record, length)) =
            read_record(&mut reader).map_err(JournalError::io("read", &self.path))?
        {
            // A number out of turn is what a file system left of an older log.
            if next.is_some_and(|next| next != record.sequence) {
                break;
            }
            next = record.sequence.checked_add(1);
            each(record)?;
            whole += length;
        }
        Ok((whole, next))
    }
}

/// The next record and its length in bytes; `None` where no whole one follows.
fn read_record(reader: &mut impl Read) -> io::Result<Option<(Record, u64)>> {
    let mut head = [0; HEAD_LEN];
    if !fill(reader, &mut head)? {
        return Ok(None);
    }
    let Some((length, sum)) = record::decode_head(head) else { return Ok(None) };
    let mut payload = vec![0; length];
    if !fill(reader, &mut payload)? {
        return Ok(None);
    }
    Ok(record::decode(&payload, sum).map(|record| (record, (HEAD_LEN + length) as u64)))
}

/// Returns whether there was enough to fill the buffer.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        result => result.map(|()| true),
    }
}

/// Reads part of a file without moving where others read it.
struct At<'a> {
    file: &'a File,
    offset: u64,
    end: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end - self.offset).unwrap_or(usize::MAX);
        let wanted = rest.min(buffer.len());
        let n_read = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        self.offset += n_read as u64;
        Ok(n_read)
    }
}

/// Where a log begins to count: above all that an earlier one counted.
fn first_sequence() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX / 2)
}
