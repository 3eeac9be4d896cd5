//! Tasks of one pipeline that touch one array: which of their blocks wait for each other, beyond what the edges say.
//!
//! An edge makes a block wait for the blocks whose output it reads. That is not all there is to an array that several
//! tasks touch: a block must not overwrite what another still reads around it, nor write a part of a chunk while
//! another block writes another part. Where one task comes after the other, by an edge or by several, its blocks wait
//! for those as well: the link between the two reaches farther, or is made. Where neither comes first there is no
//! answer: two that write one chunk are refused, unless both may share chunks (then they go in the order of the
//! plan); one that writes what the other reads is a warning.
//!
//! Only arrays count that the tasks declare, and by what they are, not what they are called. All of it is arithmetic on
//! two grids: it costs the same for any number of blocks.

use std::collections::BTreeMap;

use super::block::TaskId;
use super::error::PlanError;
use super::grid::Grid;
use super::link::Link;
use super::output::Output;
use super::planned::PlannedTask;
use super::warning::PlanWarning;
use crate::geometry::{Coordinate, GeometryError, Roi};

/// A task that touches an array.
#[derive(Clone, Copy)]
struct Access<'a> {
    task: TaskId,
    output: Option<&'a Output>,
    is_reading: bool,
}

/// Links blocks of tasks that touch one array so far as `order`, in which no task stands before one that it comes after,
/// lets them be told apart; and what remains open.
///
/// # Errors
/// Two tasks that write one chunk, and neither comes after the other.
pub(super) fn link_sharers(
    tasks: &mut [PlannedTask],
    order: &[TaskId],
) -> Result<Vec<PlanWarning>, PlanError> {
    let mut warnings = Vec::new();
    let specs: Vec<_> = tasks.iter().map(|planned| planned.spec.clone()).collect();
    let mut arrays: BTreeMap<&str, Vec<Access<'_>>> = BTreeMap::new();
    for task in order {
        let spec = &specs[task.as_usize()];
        let outputs = spec.outputs.iter().map(|output| (&output.identity, Some(output)));
        let inputs = spec.inputs.iter().map(|input| (&input.source.identity, None));
        for (identity, output) in outputs.chain(inputs) {
            let accesses = arrays.entry(identity).or_default();
            if accesses.last().is_none_or(|last| last.task != *task) {
                accesses.push(Access { task: *task, output: None, is_reading: false });
            }
            let Some(access) = accesses.last_mut() else { continue };
            access.output = output.or(access.output);
            access.is_reading |= output.is_none();
        }
    }
    for accesses in arrays.values().filter(|accesses| accesses.len() > 1) {
        link_array(tasks, accesses, &mut warnings)?;
    }
    Ok(warnings)
}

/// Links the tasks that touch one array, in their order.
fn link_array(
    tasks: &mut [PlannedTask],
    accesses: &[Access<'_>],
    warnings: &mut Vec<PlanWarning>,
) -> Result<(), PlanError> {
    // Those before `since` have all gone before it, and it writes wherever they did anything.
    let mut since = 0;
    for (index, later) in accesses.iter().enumerate().skip(1) {
        let mut ancestors = None;
        let mut is_after_all = true;
        for earlier in accesses[since..index].iter().rev() {
            if earlier.output.is_none() && later.output.is_none() {
                // Two that read are in nobody's way, but both must be behind whoever overwrites what they read.
                is_after_all = false;
                continue;
            }
            let Some(hazard) = Hazard::between(tasks, earlier, later)? else { continue };
            let is_after = is_linked(tasks, earlier.task, later.task)
                || ancestors.get_or_insert_with(|| ancestors_of(tasks, later.task))[earlier.task.as_usize()];
            match (is_after, hazard.shares_chunks) {
                (false, None) => {
                    is_after_all = false;
                    warnings.push(hazard.unordered(tasks, earlier, later));
                }
                (false, Some(output)) if !may_share(tasks, earlier, later) => {
                    return Err(refusal(tasks, earlier, later, output));
                }
                (is_after, _) => {
                    link_around(tasks, earlier.task, later.task, &hazard.lo, &hazard.hi)?;
                    if !is_after {
                        ancestors = None;
                    }
                }
            }
        }
        if is_after_all && overwrites_all(tasks, &accesses[since..=index]) {
            since = index;
        }
    }
    Ok(())
}

/// What two tasks do to each other: the later one has to wait for what lies so far around its write ROIs.
struct Hazard<'a> {
    lo: Coordinate,
    hi: Coordinate,
    /// Where both write parts of one chunk.
    shares_chunks: Option<&'a Output>,
}

impl<'a> Hazard<'a> {
    fn between(
        tasks: &[PlannedTask],
        earlier: &Access<'a>,
        later: &Access<'a>,
    ) -> Result<Option<Self>, PlanError> {
        let (before, after) = (grid(tasks, earlier.task), grid(tasks, later.task));
        if before.n_axes() != after.n_axes() {
            return Ok(None);
        }
        let none = Coordinate::zeros(after.n_axes());
        let mut hazard = Self { lo: none, hi: none, shares_chunks: None };
        let mut is_one = false;
        let mut add = |lo: &Coordinate, hi: &Coordinate| -> Result<(), GeometryError> {
            (hazard.lo, hazard.hi) = (hazard.lo.max(lo)?, hazard.hi.max(hi)?);
            is_one = true;
            Ok(())
        };
        let mut compare = || -> Result<Option<&'a Output>, GeometryError> {
            if earlier.output.is_some() && later.is_reading && before.written().intersects(&after.read())? {
                add(after.context_lo(), after.context_hi())?;
            }
            if earlier.is_reading && later.output.is_some() && before.read().intersects(&after.written())? {
                // Who reads past its write ROI is waited for by who writes before it.
                add(before.context_hi(), before.context_lo())?;
            }
            let (Some(first), Some(second)) = (earlier.output, later.output) else { return Ok(None) };
            let both = first.chunks_of(before).into_iter().zip(second.chunks_of(after)).take(after.n_axes());
            let meet = both.into_iter().all(|(a, b)| a.0.max(b.0) < a.1.min(b.1));
            if meet {
                let (lo, hi) = second.around_blocks(after);
                add(&lo, &hi)?;
            }
            Ok(meet.then_some(second))
        };
        let shares_chunks = compare().map_err(|problem| wrong(tasks, later.task, problem))?;
        hazard.shares_chunks = shares_chunks;
        Ok(is_one.then_some(hazard))
    }

    fn unordered(&self, tasks: &[PlannedTask], earlier: &Access<'_>, later: &Access<'_>) -> PlanWarning {
        let (writer, reader) = if earlier.output.is_some() { (earlier, later) } else { (later, earlier) };
        let array = writer.output.map_or_else(String::new, |output| output.label.clone());
        PlanWarning::Unordered {
            array,
            writer: name(tasks, writer.task).to_owned(),
            reader: name(tasks, reader.task).to_owned(),
        }
    }
}

fn refusal(tasks: &[PlannedTask], earlier: &Access<'_>, later: &Access<'_>, output: &Output) -> PlanError {
    PlanError::SharedOutput {
        one: name(tasks, earlier.task).to_owned(),
        other: name(tasks, later.task).to_owned(),
        output: output.label.clone(),
        chunk_shape: output.chunk_grid.chunk_shape,
        chunk_begin: *output.chunk_grid.extent.begin(),
    }
}

fn may_share(tasks: &[PlannedTask], earlier: &Access<'_>, later: &Access<'_>) -> bool {
    [earlier, later].into_iter().all(|access| tasks[access.task.as_usize()].spec.share_chunks)
}

/// Returns whether the last of these tasks writes wherever any of them reads or writes the array.
fn overwrites_all(tasks: &[PlannedTask], accesses: &[Access<'_>]) -> bool {
    let Some(last) = accesses.last().filter(|last| last.output.is_some()) else { return false };
    let written = grid(tasks, last.task).written();
    let touched = |access: &Access<'_>| -> Roi {
        let grid = grid(tasks, access.task);
        if access.is_reading { grid.read() } else { grid.written() }
    };
    accesses.iter().all(|access| {
        let own = touched(access);
        let extent = last.output.map(|output| output.chunk_grid.extent);
        // Nothing is outside of the array.
        let inside = extent.map_or(Ok(own), |extent| own.intersect(&extent));
        inside.is_ok_and(|inside| inside.is_empty() || written.contains(&inside).unwrap_or(false))
    })
}

fn is_linked(tasks: &[PlannedTask], upstream: TaskId, downstream: TaskId) -> bool {
    tasks[downstream.as_usize()].upstream.iter().any(|(task, _)| *task == upstream)
}

/// For each task whether another one comes after it.
fn ancestors_of(tasks: &[PlannedTask], task: TaskId) -> Vec<bool> {
    let mut is_ancestor = vec![false; tasks.len()];
    let mut found = vec![task];
    while let Some(next) = found.pop() {
        for (upstream, _) in &tasks[next.as_usize()].upstream {
            if !std::mem::replace(&mut is_ancestor[upstream.as_usize()], true) {
                found.push(*upstream);
            }
        }
    }
    is_ancestor
}

/// Makes blocks of `downstream` wait for all that lies so far around their write ROIs, and what they waited for before.
fn link_around(
    tasks: &mut [PlannedTask],
    upstream: TaskId,
    downstream: TaskId,
    lo: &Coordinate,
    hi: &Coordinate,
) -> Result<(), PlanError> {
    let known = tasks[downstream.as_usize()].upstream.iter().position(|(task, _)| *task == upstream);
    let (mut wide_lo, mut wide_hi) = (*lo, *hi);
    if let Some(index) = known {
        let (known_lo, known_hi) = tasks[downstream.as_usize()].upstream[index].1.waits_around();
        for axis in 0..lo.n_axes() {
            wide_lo[axis] = lo[axis].max(known_lo[axis]);
            wide_hi[axis] = hi[axis].max(known_hi[axis]);
        }
        if (wide_lo, wide_hi) == (known_lo, known_hi) {
            return Ok(());
        }
    }
    let link = Link::around(grid(tasks, upstream), grid(tasks, downstream), &wide_lo, &wide_hi)
        .map_err(|problem| wrong(tasks, downstream, problem))?;
    let set = |links: &mut Vec<(TaskId, Link)>, task: TaskId, link: Link| match links
        .iter_mut()
        .find(|(known, _)| *known == task)
    {
        Some((_, known)) => *known = link,
        None => links.push((task, link)),
    };
    set(&mut tasks[upstream.as_usize()].downstream, downstream, link.clone());
    set(&mut tasks[downstream.as_usize()].upstream, upstream, link);
    Ok(())
}

fn grid(tasks: &[PlannedTask], task: TaskId) -> &Grid {
    tasks[task.as_usize()].spec.grid()
}

fn name(tasks: &[PlannedTask], task: TaskId) -> &str {
    tasks[task.as_usize()].spec.name()
}

fn wrong(tasks: &[PlannedTask], task: TaskId, problem: GeometryError) -> PlanError {
    PlanError::Task { task: name(tasks, task).to_owned(), problem: Box::new(problem.into()) }
}
