//! The log of commits: what the done maps are about to become, on the disk before they are touched.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::error::JournalError;
use super::ledger_file::LedgerFile;
use super::page::PageEdit;
use super::record::{self, HEAD_LEN, Record};
use super::repair::Repair;

/// The log, open for appending.
#[derive(Debug)]
pub(super) struct CommitLog {
    file: LedgerFile,
    /// Where the whole records end.
    length: u64,
    next_sequence: u64,
    /// There may be part of a record behind `length`, which could not be cut off.
    is_torn: bool,
    /// Whether a commit returns only once it is on the disk.
    is_synced: bool,
}

impl CommitLog {
    /// Makes an empty log, whatever was there.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let file = LedgerFile::create(path)?;
        file.sync()?;
        Ok(Self { file, length: 0, next_sequence: first_sequence(), is_torn: false, is_synced: true })
    }

    /// Opens the log, cuts off what is no whole record, and puts the rest on the disk.
    pub fn open(path: &Path, repairs: &mut Vec<Repair>) -> Result<Self, JournalError> {
        let Some(file) = LedgerFile::open(path)? else {
            repairs.push(Repair::MissingLog { path: path.into() });
            return Self::create(path);
        };
        let end = file.length()?;
        let mut log =
            Self { file, length: end, next_sequence: first_sequence(), is_torn: false, is_synced: true };
        let (whole, sequence) = log.scan(|_| Ok(()))?;
        log.next_sequence = sequence.unwrap_or(log.next_sequence);
        if whole < end {
            repairs.push(Repair::TornLog { path: path.into(), at: whole, n_bytes: end - whole });
            log.cut(whole)?;
        }
        // The process that wrote the last record may have died before it was on the disk.
        log.file.sync()?;
        Ok(log)
    }

    /// Sets whether a commit returns only once it is on the disk.
    pub fn set_sync(&mut self, is_synced: bool) {
        self.is_synced = is_synced;
    }

    /// Bytes in the log.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends a commit and puts it on the disk, unless it [need not](Self::set_sync) be there. After an error the log holds
    /// what it held before.
    pub fn append(&mut self, pages: &[PageEdit]) -> Result<(), JournalError> {
        if self.is_torn {
            self.cut(self.length)?;
        }
        let mut bytes = Vec::new();
        let next_sequence = record::encode(self.next_sequence, pages, &mut bytes);
        let sync = |()| if self.is_synced { self.file.sync() } else { Ok(()) };
        if let Err(error) = self.file.write(self.length, &bytes).and_then(sync) {
            // A commit that is reported as failed must not come back. Cut off, it is also written anew, and not taken
            // for written by the system, when it is tried again.
            self.is_torn = true;
            let _ = self.cut(self.length);
            return Err(error);
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
            path: self.file.path().into(),
            reason: format!("it changed at byte {whole} while it was in use"),
            remedy: "run again, and what is missing is processed again".into(),
        })
    }

    /// Forgets all commits.
    pub fn clear(&mut self) -> Result<(), JournalError> {
        self.cut(0)
    }

    fn cut(&mut self, length: u64) -> Result<(), JournalError> {
        self.file.set_length(length)?;
        self.length = length;
        self.is_torn = false;
        Ok(())
    }

    /// Walks over the whole records. Returns where they end, and the sequence number after the last of them.
    fn scan(
        &self,
        mut each: impl FnMut(Record) -> Result<(), JournalError>,
    ) -> Result<(u64, Option<u64>), JournalError> {
        let (mut whole, mut next) = (0, None);
        while let Some((record, length)) = self.record_at(whole)? {
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

    /// The record that begins here and its length in bytes; `None` where no whole one does.
    fn record_at(&self, offset: u64) -> Result<Option<(Record, u64)>, JournalError> {
        let mut head = [0; HEAD_LEN];
        if offset + HEAD_LEN as u64 > self.length || self.file.read(offset, &mut head)? < HEAD_LEN {
            return Ok(None);
        }
        let Some((length, sum)) = record::decode_head(head) else { return Ok(None) };
        let total = (HEAD_LEN + length) as u64;
        let mut payload = vec![0; length];
        let begin = offset + HEAD_LEN as u64;
        if offset + total > self.length || self.file.read(begin, &mut payload)? < length {
            return Ok(None);
        }
        Ok(record::decode(&payload, sum).map(|record| (record, total)))
    }
}

/// Where a log begins to count: above all that an earlier one counted.
fn first_sequence() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX / 2)
}
