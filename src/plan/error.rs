//! What can be wrong with a task or a pipeline, before anything runs.

use std::fmt;

use thiserror::Error;

use super::fit::Fit;
use crate::geometry::{Coordinate, GeometryError, Roi};

/// A task or a pipeline that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A task is wrong in itself.
    #[error("task {task:?}: {problem}")]
    Task {
        /// The task's name.
        task: String,
        /// What is wrong with it. Boxed: a result that may hold an error is passed around far more often than one that does.
        problem: Box<TaskProblem>,
    },
    /// A pipeline without tasks.
    #[error("the pipeline has no task: add one")]
    NoTasks,
    /// Two different tasks of one name.
    #[error("two tasks are named {0:?}: give each its own name")]
    DuplicateName(String),
    /// An edge names a task that is not in the pipeline.
    #[error("edge {from:?} -> {to:?}: there is no task {missing:?} (there are {known})")]
    UnknownEdge {
        /// Where the edge begins.
        from: String,
        /// Where it ends.
        to: String,
        /// The name that is unknown.
        missing: String,
        /// The names that are known.
        known: String,
    },
    /// Tasks that wait for each other.
    #[error("task {0:?} depends on itself through its edges: remove one edge of the cycle")]
    Cycle(String),
    /// Two tasks that write one chunk, and neither comes after the other.
    #[error(
        "tasks {one:?} and {other:?} would write the same chunk of {output} at the same time (chunks of {chunk_shape} from \
         {chunk_begin}, in world units): add an edge between them, which makes their blocks wait for each other, or \
         share_chunks(true) in both; or let each write whole chunks of its own"
    )]
    SharedOutput {
        /// The task that comes first in the plan.
        one: String,
        /// The other one.
        other: String,
        /// The output's name.
        output: String,
        /// Its chunk shape, in world units.
        chunk_shape: Coordinate,
        /// Where its first chunk begins.
        chunk_begin: Coordinate,
    },
    /// Linked tasks of different dimensionality.
    #[error(
        "edge {from:?} -> {to:?}: {from:?} has {from_axes} axes and {to:?} has {to_axes}: \
         linked tasks need the same number of axes"
    )]
    LinkedAxesDiffer {
        /// The upstream task.
        from: String,
        /// Its number of axes.
        from_axes: usize,
        /// The downstream task.
        to: String,
        /// Its number of axes.
        to_axes: usize,
    },
}

/// What of a task cuts voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Where the total write ROI begins.
    Begin,
    /// The block shape, or the total ROI, where it cuts off the last block.
    BlockShape,
    /// The context.
    Context,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "a total write ROI that begins at",
            Self::BlockShape => "block shape",
            Self::Context => "context",
        })
    }
}

/// What is wrong with one task.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TaskProblem {
    /// The name is empty.
    #[error("the name is empty: name the task")]
    NoName,
    /// Neither total ROI was given, or both.
    #[error("give either total_roi (what is read) or total_write_roi (what is written), not {0}")]
    TotalRoi(&'static str),
    /// Block ROIs were given twice or not at all.
    #[error("give either block_shape (and context) or read_roi and write_roi, not {0}")]
    BlockRoi(&'static str),
    /// The write ROI of a block reaches out of its read ROI.
    #[error("write ROI {write_roi} is not inside read ROI {read_roi}: make the read ROI contain it")]
    WriteOutsideRead {
        /// The block's read ROI.
        read_roi: Roi,
        /// The block's write ROI.
        write_roi: Roi,
    },
    /// A negative context.
    #[error("context {0} is negative: a read ROI reaches out of the write ROI by 0 or more")]
    NegativeContext(Coordinate),
    /// No block fits.
    #[error("no block of shape {block_shape} fits into {total_write_roi} with fit {fit}: {advice}")]
    NoBlocks {
        /// The block's write shape.
        block_shape: Coordinate,
        /// What would have to be tiled.
        total_write_roi: Roi,
        /// The fit.
        fit: Fit,
        /// The way out.
        advice: &'static str,
    },
    /// More blocks than a 64-bit index counts.
    #[error("a grid of {0} blocks is too large for a 64-bit index: use larger blocks")]
    TooManyBlocks(Coordinate),
    /// `max_workers` is 0.
    #[error("max_workers is 0: no block could ever run; use 1 or more, or leave it out")]
    NoWorkers,
    /// Two blocks would write one chunk at the same time.
    #[error(
        "blocks of shape {block_shape} from {begin} would write the same chunk of {output} at the same time \
         (chunks of {chunk_shape} from {chunk_begin}, in world units): use a block shape of {fitting_shape}{}; or \
         share_chunks(true), which makes blocks that share a chunk wait for each other",
        begin_hint(begin, fitting_begin)
    )]
    SharedChunk {
        /// The block's write shape.
        block_shape: Coordinate,
        /// Where the first block writes.
        begin: Coordinate,
        /// The output's name.
        output: String,
        /// Its chunk shape, in world units.
        chunk_shape: Coordinate,
        /// Where its first chunk begins.
        chunk_begin: Coordinate,
        /// The smallest block shape, not below the one given, with which no chunk is shared.
        fitting_shape: Coordinate,
        /// Where the total write ROI would have to begin for that; `begin` where it may stay.
        fitting_begin: Coordinate,
    },
    /// An output of another dimensionality than the task.
    #[error(
        "output {output} has {output_axes} spatial axes and the task has {task_axes}: give both the same"
    )]
    OutputAxes {
        /// The output's name.
        output: String,
        /// Its spatial axes.
        output_axes: usize,
        /// The task's axes.
        task_axes: usize,
    },
    /// The task writes where its output has no voxels.
    #[error(
        "the blocks write {written}, which is not inside output {output} of {extent}: \
         enlarge the output, or use {}a smaller total ROI",
        if *fit == Fit::Overhang { "fit shrink or " } else { "" }
    )]
    WritesOutsideOutput {
        /// What the blocks write together.
        written: Roi,
        /// The output's name.
        output: String,
        /// The output's ROI.
        extent: Roi,
        /// The task's fit.
        fit: Fit,
    },
    /// An input of another dimensionality than the task.
    #[error("input {input} has {input_axes} spatial axes and the task has {task_axes}: give both the same")]
    InputAxes {
        /// The input's name.
        input: String,
        /// Its spatial axes.
        input_axes: usize,
        /// The task's axes.
        task_axes: usize,
    },
    /// Blocks read where none of their inputs has voxels.
    #[error(
        "{n_outside} of {n_blocks} blocks read nothing of input {input}: they read {read}, and it is at {extent} (in world \
         units): use a total ROI inside the input"
    )]
    ReadsOutsideInput {
        /// How many blocks.
        n_outside: u64,
        /// Of how many.
        n_blocks: u64,
        /// What all blocks read together.
        read: Roi,
        /// The input's name.
        input: String,
        /// The input's ROI.
        extent: Roi,
    },
    /// Blocks that cut the voxels of an input or output.
    #[error(
        "{what} {given} cuts voxels of {array}, which are {voxel_size} world units large and begin at {begin}: shapes and \
         ROIs are in world units, so {given} voxels would be {in_voxels} (block_voxels and context_voxels take voxels)"
    )]
    BrokenVoxels {
        /// What is given.
        what: Broken,
        /// Its value.
        given: Coordinate,
        /// The array's name.
        array: String,
        /// World units per voxel.
        voxel_size: Coordinate,
        /// Where the first voxel begins.
        begin: Coordinate,
        /// World units, if voxels were meant.
        in_voxels: Coordinate,
    },
    /// Arithmetic on the task's ROIs failed.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
}

fn begin_hint(begin: &Coordinate, fitting: &Coordinate) -> String {
    if begin == fitting {
        String::new()
    } else {
        format!(" and a total write ROI that begins on a chunk, such as {fitting}")
    }
}

/// Why a task does not process a block by hand: see [`Task::process_block`](super::task::Task::process_block).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProcessBlockError {
    /// The grid has no block of this index.
    #[error("task {task:?} has no block {index}: it has {n_blocks}, from 0")]
    NoBlock {
        /// The task's name.
        task: String,
        /// The index.
        index: u64,
        /// How many blocks there are.
        n_blocks: u64,
    },
    /// There is no closure that would process it.
    #[error("task {0:?} has no process closure: give it one")]
    NoProcess(String),
}
