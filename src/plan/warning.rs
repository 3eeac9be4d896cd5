//! What looks like a mistake in a pipeline and may be none: said once, when it is run.

use std::fmt;

use super::fit::Fit;
use super::planned::PlannedTask;
use super::spec::TaskSpec;
use crate::geometry::{Coordinate, Roi};

/// As many blocks as a task seldom has that was meant so.
const MANY_BLOCKS: u64 = 1_000_000_000;

/// Something that looks like a mistake. [`Display`](fmt::Display) says what it is and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanWarning {
    /// Linked tasks of which one reads nothing that the other writes.
    NothingRead {
        /// The upstream task.
        upstream: String,
        /// What it writes.
        written: Roi,
        /// The downstream task.
        downstream: String,
        /// What it reads.
        read: Roi,
    },
    /// Tasks of which one writes what the other reads, and neither comes after the other.
    Unordered {
        /// The array.
        array: String,
        /// The task that writes it.
        writer: String,
        /// The task that reads it.
        reader: String,
    },
    /// A task of fit valid that leaves a part of its total ROI unwritten.
    Unwritten {
        /// The task.
        task: String,
        /// Its total write ROI.
        total: Roi,
        /// What its blocks write.
        written: Roi,
        /// Number of its blocks.
        n_blocks: u64,
        /// Number of blocks with fit shrink, which writes it all; `None` where it is beyond 64 bits.
        n_with_shrink: Option<u64>,
    },
    /// A task of so many blocks that its shape may have been meant in voxels.
    ManyBlocks {
        /// The task.
        task: String,
        /// Number of its blocks.
        n_blocks: u64,
        /// What each writes, in world units.
        block_shape: Coordinate,
        /// An array that it reads or writes, and the shape in voxels of it.
        in_voxels: Option<(String, Coordinate)>,
    },
}

impl fmt::Display for PlanWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingRead { upstream, written, downstream, read } => write!(
                f,
                "task {downstream:?} is linked to task {upstream:?} and reads nothing that it writes: {upstream:?} writes \
                 {written}, {downstream:?} reads {read} (both in world units); check offsets and voxel sizes, or leave \
                 out the edge"
            ),
            Self::Unordered { array, writer, reader } => write!(
                f,
                "task {reader:?} reads {array}, which task {writer:?} writes, and neither waits for the other: add an \
                 edge, such as {writer} + {reader}"
            ),
            Self::Unwritten { task, total, written, n_blocks, n_with_shrink } => {
                write!(
                    f,
                    "task {task:?}: fit valid leaves {} of its total write ROI unwritten: it is {total}, and the blocks \
                     write {written}; fit shrink writes all of it",
                    Share { part: written, whole: total }
                )?;
                match n_with_shrink {
                    Some(n_with_shrink) => write!(f, ", in {n_with_shrink} blocks instead of {n_blocks}"),
                    None => Ok(()),
                }
            }
            Self::ManyBlocks { task, n_blocks, block_shape, in_voxels } => {
                write!(f, "task {task:?} has {n_blocks} blocks: each is {block_shape} in world units")?;
                if let Some((array, in_voxels)) = in_voxels {
                    write!(f, ", which is {in_voxels} in voxels of {array}")?;
                }
                write!(f, "; if the shape was meant in voxels, use block_voxels")
            }
        }
    }
}

/// How much of a whole is not in a part of it.
struct Share<'a> {
    part: &'a Roi,
    whole: &'a Roi,
}

impl fmt::Display for Share<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sizes may be beyond 64 bits.
        let ratio = |axis: usize| self.part.shape()[axis] as f64 / self.whole.shape()[axis] as f64;
        let percent = 100.0 * (1.0 - (0..self.whole.n_axes()).map(ratio).product::<f64>());
        if percent < 1.0 { f.write_str("less than 1 %") } else { write!(f, "{percent:.0} %") }
    }
}

/// What looks like a mistake in single tasks and in links.
pub(super) fn of_tasks(tasks: &[PlannedTask]) -> impl Iterator<Item = PlanWarning> + '_ {
    tasks.iter().flat_map(move |planned| {
        let spec = &planned.spec;
        let empty = planned.upstream.iter().filter(|(_, link)| link.dependent().is_empty());
        let nothing_read = empty.map(|(upstream, _)| nothing_read(&tasks[upstream.as_usize()].spec, spec));
        nothing_read.chain(unwritten(spec)).chain(many_blocks(spec))
    })
}

fn nothing_read(upstream: &TaskSpec, downstream: &TaskSpec) -> PlanWarning {
    PlanWarning::NothingRead {
        upstream: upstream.name().to_owned(),
        written: upstream.grid().written(),
        downstream: downstream.name().to_owned(),
        read: downstream.grid().read(),
    }
}

fn unwritten(task: &TaskSpec) -> Option<PlanWarning> {
    let grid = task.grid();
    let (total, written) = (*grid.total_write(), grid.written());
    if grid.fit() != Fit::Valid || written == total {
        return None;
    }
    let with_shrink = total.shape().div_ceil(grid.write_shape()).and_then(|shape| shape.product());
    Some(PlanWarning::Unwritten {
        task: task.name().to_owned(),
        total,
        written,
        n_blocks: grid.n_blocks(),
        n_with_shrink: with_shrink.ok().map(i64::unsigned_abs),
    })
}

fn many_blocks(task: &TaskSpec) -> Option<PlanWarning> {
    let grid = task.grid();
    if grid.n_blocks() < MANY_BLOCKS {
        return None;
    }
    let outputs = task.outputs.iter().map(|output| (&output.label, output.voxel_size));
    let inputs = task.inputs.iter().map(|input| (&input.source.label, Some(input.source.voxel_size)));
    let in_voxels = outputs
        .chain(inputs)
        .find_map(|(label, size)| Some((label.clone(), grid.write_shape().div_floor(&size?).ok()?)));
    Some(PlanWarning::ManyBlocks {
        task: task.name().to_owned(),
        n_blocks: grid.n_blocks(),
        block_shape: *grid.write_shape(),
        in_voxels,
    })
}
