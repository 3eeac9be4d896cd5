//! The done maps of all tasks and the log of commits, which together survive a crash at any byte: see the module doc.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::commit_log::CommitLog;
use super::done_map::DoneMap;
use super::error::JournalError;
use super::layout::Layout;
use super::page::{self, PAGE_BLOCKS, PageEdit};
use super::paths;
use super::repair::Repair;
use super::scan;
use super::state::{BlockState, StateCounts};
use crate::plan::TaskId;

/// The log is emptied into the maps when it is longer than this.
const MAX_LOG_LEN: u64 = 16 << 20;
/// Pages that a commit holds in memory at once, each twice.
const MAX_STAGED: usize = 4096;

/// Blocks that end in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The task.
    pub task: TaskId,
    /// The blocks, by index.
    pub blocks: Range<u64>,
    /// What they become.
    pub state: BlockState,
}

impl Change {
    /// One block that ends in a state.
    pub fn block(block: crate::plan::BlockId, state: BlockState) -> Self {
        Self { task: block.task, blocks: block.index..block.index + 1, state }
    }
}

/// The done maps and the log.
#[derive(Debug)]
pub(super) struct Ledger {
    maps: Vec<DoneMap>,
    counts: Vec<StateCounts>,
    log: CommitLog,
    /// Something that is in the log may not be in the maps.
    is_behind: bool,
}

/// Pages as they were and as they are to be.
type Staged = BTreeMap<(u32, u64), (Vec<u8>, Vec<u8>)>;

impl Ledger {
    /// Makes the maps of tasks of which no block is done.
    pub fn create(dir: &Path, layout: &Layout) -> Result<Self, JournalError> {
        let log = CommitLog::create(&paths::commit_log(dir))?;
        let maps = layout.tasks.iter().map(|task| DoneMap::create(dir, &task.name, &task.grid));
        let maps = maps.collect::<Result<Vec<_>, _>>()?;
        let counts = maps.iter().map(|map| StateCounts { not_done: map.n_blocks(), ..Default::default() });
        Ok(Self { counts: counts.collect(), maps, log, is_behind: false })
    }

    /// Opens the maps, brings them up to what the log says, and compares them with their checksums. Tasks for which
    /// `is_reset` says so are begun anew instead, in the order in which it names them.
    pub fn open(
        dir: &Path,
        layout: &Layout,
        reset: &[TaskId],
        repairs: &mut Vec<Repair>,
    ) -> Result<Self, JournalError> {
        let mut log = CommitLog::open(&paths::commit_log(dir), repairs)?;
        let mut kept: Vec<Option<DoneMap>> = Vec::new();
        for (at, task) in layout.tasks.iter().enumerate() {
            let is_reset = reset.iter().any(|id| id.as_usize() == at);
            let mut open = || DoneMap::open(dir, &task.name, &task.grid, repairs);
            kept.push(if is_reset { None } else { Some(open()?) });
        }
        replay(&log, &mut kept, dir)?;
        let mut counts = vec![StateCounts::default(); kept.len()];
        for (map, counts) in kept.iter_mut().zip(&mut counts) {
            if let Some(map) = map {
                *counts = scan::verify(map, repairs)?;
                map.checkpoint()?;
            }
        }
        if log.length() > 0 {
            log.clear()?;
        }
        for id in reset {
            let task = &layout.tasks[id.as_usize()];
            let map = DoneMap::create(dir, &task.name, &task.grid)?;
            counts[id.as_usize()].not_done = map.n_blocks();
            kept[id.as_usize()] = Some(map);
        }
        let maps = kept.into_iter().flatten().collect();
        Ok(Self { maps, counts, log, is_behind: false })
    }

    /// Sets whether a commit returns only once it is on the disk.
    pub fn sync_commits(&mut self, is_synced: bool) {
        self.log.set_sync(is_synced);
    }

    /// The map of a task.
    pub fn map(&self, task: TaskId) -> Result<&DoneMap, JournalError> {
        self.maps.get(task.as_usize()).ok_or(JournalError::NoSuchBlocks {
            task: task.0,
            blocks: 0..0,
            n_blocks: 0,
        })
    }

    /// How many blocks of each task are in which state.
    pub fn counts(&self) -> &[StateCounts] {
        &self.counts
    }

    /// Records changes, of which later ones win, and returns when they are on the disk. After an error some may be,
    /// and all may be given again.
    pub fn commit(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        self.settle()?;
        if self.log.length() > MAX_LOG_LEN {
            self.checkpoint()?;
        }
        changes.iter().try_for_each(|change| self.require(change))?;
        let mut staged = Staged::new();
        for change in changes {
            let mut begin = change.blocks.start;
            while begin < change.blocks.end {
                let page = begin / PAGE_BLOCKS;
                let end = change.blocks.end.min((page + 1) * PAGE_BLOCKS);
                if staged.len() >= MAX_STAGED && !staged.contains_key(&(change.task.0, page)) {
                    self.write(std::mem::take(&mut staged))?;
                }
                self.stage(&mut staged, change.task.0, begin..end, change.state)?;
                begin = end;
            }
        }
        self.write(staged)
    }

    /// Brings the maps up to the log, puts them on the disk and empties the log.
    pub fn checkpoint(&mut self) -> Result<(), JournalError> {
        self.settle()?;
        // When this breaks off in the middle, the system may take for written what is not: all is written again.
        self.is_behind = true;
        self.maps.iter_mut().try_for_each(DoneMap::checkpoint)?;
        if self.log.length() > 0 {
            self.log.clear()?;
        }
        self.is_behind = false;
        Ok(())
    }

    /// Begins tasks anew, in this order.
    pub fn reset(&mut self, dir: &Path, layout: &Layout, tasks: &[TaskId]) -> Result<(), JournalError> {
        self.checkpoint()?;
        for id in tasks {
            let task = &layout.tasks[id.as_usize()];
            let map = DoneMap::create(dir, &task.name, &task.grid)?;
            self.counts[id.as_usize()] = StateCounts { not_done: map.n_blocks(), ..Default::default() };
            self.maps[id.as_usize()] = map;
        }
        Ok(())
    }

    /// Makes good for an earlier error.
    fn settle(&mut self) -> Result<(), JournalError> {
        if self.is_behind {
            let Self { maps, log, .. } = self;
            log.replay(|edit| maps[edit.task as usize].apply(&edit))?;
            self.is_behind = false;
        }
        Ok(())
    }

    fn require(&self, change: &Change) -> Result<(), JournalError> {
        let n_blocks = self.maps.get(change.task.as_usize()).map_or(0, DoneMap::n_blocks);
        if change.blocks.end <= n_blocks {
            return Ok(());
        }
        Err(JournalError::NoSuchBlocks { task: change.task.0, blocks: change.blocks.clone(), n_blocks })
    }

    fn stage(
        &self,
        staged: &mut Staged,
        task: u32,
        blocks: Range<u64>,
        state: BlockState,
    ) -> Result<(), JournalError> {
        let page = blocks.start / PAGE_BLOCKS;
        let (_, new) = match staged.entry((task, page)) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let bytes = self.maps[task as usize].read_page(page)?;
                entry.insert((bytes.clone(), bytes))
            }
        };
        let first = (blocks.start % PAGE_BLOCKS) as usize;
        new[first..first + (blocks.end - blocks.start) as usize].fill(state.byte());
        Ok(())
    }

    /// Writes what is staged: first to the log, then to the maps.
    fn write(&mut self, staged: Staged) -> Result<(), JournalError> {
        let mut edits = Vec::new();
        let mut counts = self.counts.clone();
        for ((task, page), (old, new)) in staged {
            let changes = page::difference(&old, &new);
            if changes.is_empty() {
                continue;
            }
            let counts = &mut counts[task as usize];
            for run in &changes {
                let was = &old[run.range()];
                was.iter()
                    .filter_map(|byte| BlockState::of(*byte))
                    .for_each(|state| *counts.of_mut(state) -= 1);
                *counts.of_mut(run.state) += was.len() as u64;
            }
            edits.push(PageEdit { task, page, sum: page::sum(&new), edits: changes });
        }
        if edits.is_empty() {
            return Ok(());
        }
        self.log.append(&edits)?;
        self.counts = counts;
        self.is_behind = true;
        edits.iter().try_for_each(|edit| self.maps[edit.task as usize].apply(edit))?;
        self.is_behind = false;
        Ok(())
    }
}

/// Brings the maps up to the log; those that are not there are left out.
fn replay(log: &CommitLog, maps: &mut [Option<DoneMap>], dir: &Path) -> Result<(), JournalError> {
    log.replay(|edit| {
        match maps.get_mut(edit.task as usize) {
            Some(None) => Ok(()),
            Some(Some(map)) if map.takes(&edit) => map.apply(&edit),
            // The checksum was right, so no accident made this.
            _ => Err(JournalError::Damaged {
                path: paths::commit_log(dir),
                reason: format!(
                    "it holds a change of page {} of task {}, which does not exist",
                    edit.page, edit.task
                ),
                remedy:
                    "it belongs to another run directory: restore the one that belongs here, or remove it"
                        .into(),
            }),
        }
    })
}
