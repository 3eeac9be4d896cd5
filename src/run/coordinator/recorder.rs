//! What of a run goes into its run directory.

use std::ops::Range;

use super::happened::Bound;
use super::outputs::KnownOutputs;
use crate::journal::{BlockState, Change, Event, Journal};
use crate::plan::TaskId;
use crate::run::error::RunError;
use crate::scheduler::{Ended, FinalState};

/// Where a run directory has what is known of the outputs.
pub(in crate::run) const OUTPUTS: &str = "outputs.json";

/// An open run directory, and what a run says there.
#[derive(Debug)]
pub(in crate::run) struct Recorder {
    journal: Journal,
    /// Blocks of each task that run without some that they wait for, as those are not of this part of the pipeline: they
    /// are done when they run after them. Ranges that rise and neither overlap nor touch.
    premature: Vec<Vec<Range<u64>>>,
    bound: Bound,
    /// Whether events could not be written, which was said.
    is_mute: bool,
}

impl Recorder {
    /// Records in a journal. Blocks that are `premature` are not recorded as done.
    pub fn new(journal: Journal, premature: Vec<Vec<Range<u64>>>) -> Self {
        let bound = Bound::new(journal.task_names());
        Self { journal, premature, bound, is_mute: false }
    }

    /// Writes down which blocks have ended, and returns when that is on the disk.
    ///
    /// # Errors
    /// The run directory cannot be written: nothing may be sent that follows from these ends.
    pub fn record(&mut self, ended: &[Ended]) -> Result<(), RunError> {
        let mut changes = Vec::with_capacity(ended.len());
        for Ended { task, blocks, how } in ended {
            let state = match how {
                FinalState::Completed | FinalState::Skipped => BlockState::Done,
                FinalState::Failed => BlockState::Failed,
                FinalState::Orphaned => BlockState::Orphaned,
            };
            let premature = match self.premature.get(task.as_usize()) {
                Some(premature) if state == BlockState::Done => premature.as_slice(),
                _ => &[],
            };
            let founded = parts(blocks.clone(), premature).filter(|(_, is_premature)| !is_premature);
            changes.extend(founded.map(|(blocks, _)| Change { task: *task, blocks, state }));
        }
        self.journal.commit(&changes).map_err(|error| match error.is_place() {
            true => RunError::BrokenOff { why: error.to_string() },
            false => error.into(),
        })
    }

    /// Writes down what is known of the outputs. No reason to end the run when that fails: less is known then.
    pub fn keep_outputs(&mut self, known: &KnownOutputs) {
        if let Err(error) = self.journal.keep(OUTPUTS, known) {
            log::debug!("what is known of the outputs is not written down: {error}");
        }
    }

    /// An output is gone: of the task that wrote it, and of those that depend on it, no block is done any more. Returns
    /// whether that is written down.
    pub fn take_back(&mut self, task: TaskId) -> bool {
        let taken = self.journal.reset(&[task]);
        taken.inspect_err(|error| log::error!("the run directory still has blocks as done: {error}")).is_ok()
    }

    /// Writes down what happened: not more than some lines for each task. No reason to end the run when that fails.
    pub fn tell(&mut self, events: Vec<Event>) {
        let told: Vec<Event> = events.into_iter().filter_map(|event| self.bound.admit(event)).collect();
        self.append(&told);
    }

    fn append(&mut self, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        if let Err(error) = self.journal.record(events)
            && !std::mem::replace(&mut self.is_mute, true)
        {
            log::warn!("what happens is not written down: {error}");
        }
    }

    /// Ends the run. What was committed is on the disk, however this goes.
    pub fn close(mut self, outcome: &str) {
        let rest = self.bound.rest();
        self.append(&rest);
        if let Err(error) = self.journal.close(outcome) {
            log::warn!(
                "the run directory could not be closed, but holds all blocks that were recorded: {error}"
            );
        }
    }
}

/// A range in parts, each with whether it is in one of `ranges`, which rise and neither overlap nor touch.
pub(in crate::run) fn parts(
    range: Range<u64>,
    ranges: &[Range<u64>],
) -> impl Iterator<Item = (Range<u64>, bool)> + '_ {
    let mut at = ranges.partition_point(|other| other.end <= range.start);
    let mut next = range.start;
    std::iter::from_fn(move || {
        if next >= range.end {
            return None;
        }
        let (end, is_in) = match ranges.get(at) {
            Some(other) if other.start <= next => {
                at += 1;
                (other.end.min(range.end), true)
            }
            Some(other) => (other.start.min(range.end), false),
            None => (range.end, false),
        };
        let part = next..end;
        next = end;
        Some((part, is_in))
    })
}

/// The number of blocks in ranges.
pub(in crate::run) fn n_blocks(ranges: &[Vec<Range<u64>>]) -> u64 {
    ranges.iter().flatten().map(|range| range.end - range.start).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_falls_into_parts() {
        let ranges = [2..4, 6..7, 9..20];
        let of = |range| parts(range, &ranges).collect::<Vec<_>>();
        assert_eq!(
            of(0..10),
            [(0..2, false), (2..4, true), (4..6, false), (6..7, true), (7..9, false), (9..10, true)]
        );
        assert_eq!(of(3..4), [(3..4, true)]);
        assert_eq!(of(4..6), [(4..6, false)]);
        assert_eq!(of(20..22), [(20..22, false)]);
        assert_eq!(of(5..5), []);
    }
}
