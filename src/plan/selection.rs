//! A part of a pipeline: which of its blocks are to run, while all of them stay what they are.
//!
//! The others are *excluded*: they do not run, and for those that wait for them it is as if they had completed. Blocks
//! keep their indices and their ROIs, so that a region can be done again, or one block looked into.

use std::ops::Range;
use std::sync::Arc;

use thiserror::Error;

use super::block::TaskId;
use super::compiled::Plan;
use super::grid_box::GridBox;
use super::ranges::{complement, joined, union};
use super::spec::TaskSpec;
use crate::geometry::{GeometryError, Roi};

/// Which blocks of a plan are to run: all of them, but for what was said.
///
/// ```
/// use bellis::plan::{Plan, Selection, TaskId};
/// use bellis::{Roi, Task};
///
/// let total = Roi::new([0, 0], [100, 100])?;
/// let task = |name| Task::builder(name).total_roi(total).block_shape([10, 10]).build();
/// let plan = Plan::new(&(task("smooth")? + task("label")?))?;
/// let mut selection = Selection::of(&plan);
/// selection.only(&Roi::new([10, 10], [15, 10])?)?;
/// assert_eq!(selection.excluded(TaskId(1)).collect::<Vec<_>>(), [0..11, 12..21, 22..100]);
/// let mut selection = Selection::of(&plan);
/// selection.only_blocks("label:3,label:90-99")?;
/// assert_eq!(selection.excluded(TaskId(0)).collect::<Vec<_>>(), [0..100]);
/// assert_eq!(selection.excluded(TaskId(1)).collect::<Vec<_>>(), [0..3, 4..90]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Selection {
    parts: Vec<Part>,
}

/// What is to run of one task: what all of these let through.
#[derive(Debug, Clone)]
struct Part {
    spec: Arc<TaskSpec>,
    within: Vec<GridBox>,
    unlisted: Vec<Range<u64>>,
    masked: Vec<Range<u64>>,
}

/// A selection that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// Text that names no blocks.
    #[error("{0:?} names no blocks: write TASK:INDEX or TASK:FIRST-LAST, several with commas between them")]
    Unreadable(String),
    /// A task that is not in the plan.
    #[error("there is no task {task:?} (there are {known})")]
    UnknownTask {
        /// The name.
        task: String,
        /// The names that there are.
        known: String,
    },
    /// A block that is not in the grid.
    #[error("task {task:?} has no block {index}: it has {n_blocks}, from 0")]
    NoSuchBlock {
        /// The task.
        task: String,
        /// The index.
        index: u64,
        /// Number of its blocks.
        n_blocks: u64,
    },
    /// A box that no block writes in.
    #[error("no block of any task writes in {only}: {tasks} (in world units)")]
    Nothing {
        /// The box.
        only: Roi,
        /// What each task writes.
        tasks: String,
    },
    /// A box of another number of axes.
    #[error("task {task:?}: {problem}")]
    Axes {
        /// The task.
        task: String,
        /// What is wrong.
        problem: GeometryError,
    },
}

impl Selection {
    /// All blocks of a plan.
    pub fn of(plan: &Plan) -> Self {
        let part = |spec: &Arc<TaskSpec>| Part {
            spec: spec.clone(),
            within: Vec::new(),
            unlisted: Vec::new(),
            masked: Vec::new(),
        };
        Self { parts: plan.tasks().iter().map(|planned| part(&planned.spec)).collect() }
    }

    /// Keeps only blocks whose write ROI meets a box, of every task.
    ///
    /// # Errors
    /// A box of another number of axes than a task, or in which no block writes.
    pub fn only(&mut self, roi: &Roi) -> Result<(), SelectionError> {
        let within = |part: &Part| {
            part.spec
                .grid()
                .writing(roi)
                .map_err(|problem| SelectionError::Axes { task: part.spec.name().to_owned(), problem })
        };
        let boxes = self.parts.iter().map(within).collect::<Result<Vec<_>, _>>()?;
        if boxes.iter().all(GridBox::is_empty) {
            let written = |part: &Part| format!("{} writes {}", part.spec.name(), part.spec.grid().written());
            let tasks = self.parts.iter().map(written).collect::<Vec<_>>().join(", ");
            return Err(SelectionError::Nothing { only: *roi, tasks });
        }
        self.parts.iter_mut().zip(boxes).for_each(|(part, within)| part.within.push(within));
        Ok(())
    }

    /// Keeps only the blocks of a list such as `smooth:3,label:90-99` (the last one included), and none of the tasks that
    /// it does not name.
    ///
    /// # Errors
    /// Text that is no such list; a task or a block that there is not.
    pub fn only_blocks(&mut self, list: &str) -> Result<(), SelectionError> {
        let mut listed = vec![Vec::new(); self.parts.len()];
        for item in list.split(',') {
            let (task, blocks) = self.listed_blocks(item.trim())?;
            listed[task].push(blocks);
        }
        for (part, mut listed) in self.parts.iter_mut().zip(listed) {
            listed.sort_unstable_by_key(|blocks| blocks.start);
            let unlisted = complement(joined(listed), part.spec.grid().n_blocks()).collect::<Vec<_>>();
            add(&mut part.unlisted, unlisted);
        }
        Ok(())
    }

    /// Excludes blocks of a task, in which a [mask](super::masked) found nothing. `ranges` rise and do not overlap; the index
    /// of a task is in the plan.
    pub fn exclude(&mut self, task: TaskId, ranges: impl IntoIterator<Item = Range<u64>>) {
        if let Some(part) = self.parts.get_mut(task.as_usize()) {
            add(&mut part.masked, ranges);
        }
    }

    /// The blocks of a task that were [excluded](Self::exclude) as there is nothing in them, and not because this run is
    /// about others: ranges in rising order, that neither overlap nor touch.
    ///
    /// # Panics
    /// When `task` is not of the plan.
    pub fn masked(&self, task: TaskId) -> &[Range<u64>] {
        &self.parts[task.as_usize()].masked
    }

    /// The blocks of a task that are not to run: ranges of indices in rising order, that neither overlap nor touch. They
    /// are found as the iterator goes on: a row of the grid at a time, not block by block.
    ///
    /// # Panics
    /// When `task` is not of the plan.
    pub fn excluded(&self, task: TaskId) -> impl Iterator<Item = Range<u64>> + '_ {
        let part = &self.parts[task.as_usize()];
        let grid = part.spec.grid();
        let outside = |within: &GridBox| -> Box<dyn Iterator<Item = Range<u64>> + '_> {
            Box::new(complement(grid.index_ranges(within, 0), grid.n_blocks()))
        };
        let mut sources: Vec<_> = part.within.iter().map(outside).collect();
        sources.push(Box::new(part.unlisted.iter().cloned()));
        sources.push(Box::new(part.masked.iter().cloned()));
        union(sources)
    }

    /// A box around the blocks of a task that are to run, as far as ROIs and lists say; empty where there are none.
    ///
    /// # Panics
    /// When `task` is not of the plan.
    pub fn bounds(&self, task: TaskId) -> GridBox {
        let part = &self.parts[task.as_usize()];
        let grid = part.spec.grid();
        let within = part.within.iter().fold(grid.bounds(), |bounds, within| bounds.intersect(within));
        if part.unlisted.is_empty() {
            return within;
        }
        let listed = complement(part.unlisted.iter().cloned(), grid.n_blocks());
        let around = listed.map(|range| grid.around(range)).reduce(|all, next| all.hull(&next));
        let nothing = GridBox { begin: *grid.shape(), end: *grid.shape() };
        within.intersect(&around.unwrap_or(nothing))
    }

    /// Returns whether every block is to run.
    pub fn is_all(&self) -> bool {
        (0..).map(TaskId).take(self.parts.len()).all(|task| self.excluded(task).next().is_none())
    }

    /// The task and the blocks that one item of a list names.
    fn listed_blocks(&self, item: &str) -> Result<(usize, Range<u64>), SelectionError> {
        let unreadable = || SelectionError::Unreadable(item.to_owned());
        // The name may hold a colon, the indices do not.
        let (name, indices) = item.rsplit_once(':').ok_or_else(unreadable)?;
        let (first, last) = indices.split_once('-').unwrap_or((indices, indices));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| unreadable());
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(unreadable());
        }
        let task = self.parts.iter().position(|part| part.spec.name() == name).ok_or_else(|| {
            let known: Vec<&str> = self.parts.iter().map(|part| part.spec.name()).collect();
            SelectionError::UnknownTask { task: name.to_owned(), known: known.join(", ") }
        })?;
        let n_blocks = self.parts[task].spec.grid().n_blocks();
        if last >= n_blocks {
            return Err(SelectionError::NoSuchBlock { task: name.to_owned(), index: last, n_blocks });
        }
        Ok((task, first..last + 1))
    }
}

/// Adds ranges in rising order to others.
fn add(known: &mut Vec<Range<u64>>, ranges: impl IntoIterator<Item = Range<u64>>) {
    let former = std::mem::take(known).into_iter();
    *known =
        union(vec![Box::new(former), Box::new(joined(ranges).collect::<Vec<_>>().into_iter())]).collect();
}
