//! Which blocks of a pipeline a run leaves out: said by a ROI, a list or masks, and told to the scheduler before there is
//! a worker.
//!
//! Rank 0 reads the masks, on as many threads as there are cores, and each voxel about once. For the scheduler, blocks that
//! are left out are as if a former run had completed them.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use super::error::{RunError, one_line};
use super::options::Options;
use crate::geometry::{Coordinate, Cover, GeometryError, MaskGrid, MaskSource, Roi, Snap, Source};
use crate::plan::{Grid, Plan, Selection, Task, TaskId, masked_rows};
use crate::scheduler::{Actions, Event, Scheduler};
use crate::storage::{Context, DynArray};

/// Maximum number of voxels of a mask that a thread reads at once.
const WINDOW: i128 = if cfg!(test) { 50 } else { 1 << 20 };

/// What a run leaves out, or `None` where nothing was said.
///
/// # Errors
/// A part that there is not, a mask that cannot be read.
pub(super) fn selection(
    plan: &Plan,
    tasks: &[Task],
    options: &Options,
    storage: &Context,
) -> Result<Option<Selection>, RunError> {
    let has_mask = tasks.iter().any(|task| task.body().mask().is_some());
    if options.only.is_none() && options.blocks.is_none() && options.mask.is_none() && !has_mask {
        return Ok(None);
    }
    let mut selection = Selection::of(plan);
    if let Some(roi) = &options.only {
        selection.only(roi)?;
    }
    if let Some(list) = &options.blocks {
        selection.only_blocks(list)?;
    }
    let for_all =
        match &options.mask {
            Some(path) => Some(DynArray::open_in(storage, path).map_err(|error| RunError::Mask {
                mask: path.display().to_string(),
                why: one_line(&error),
            })?),
            None => None,
        };
    for (id, task) in (0..).map(TaskId).zip(tasks) {
        let for_all = for_all.as_ref().map(|mask| mask as &dyn MaskSource);
        for mask in task.body().mask().into_iter().chain(for_all) {
            let excluded = excluded_by(mask, task.grid())?;
            let n_excluded: u64 = excluded.iter().map(|range| range.end - range.start).sum();
            let (label, n_blocks) = (mask.source().label, task.grid().n_blocks());
            log::info!("task {:?}: {n_excluded} of {n_blocks} blocks excluded by {label}", task.name());
            selection.exclude(id, excluded);
        }
    }
    Ok(Some(selection))
}

/// Tells the scheduler what is left out, before the first worker joins.
pub(super) fn leave_out(scheduler: &mut Scheduler, plan: &Plan, selection: &Selection) {
    let mut actions = Actions::default();
    // Dependents first, which then need not be told of what they waited for.
    for task in plan.by_priority() {
        for blocks in selection.excluded(*task) {
            scheduler.handle(0, Event::Restored { task: *task, blocks }, &mut actions);
        }
    }
}

/// The blocks whose write ROI meets nothing of a mask.
fn excluded_by(mask: &dyn MaskSource, grid: &Grid) -> Result<Vec<Range<u64>>, RunError> {
    let source = mask.source();
    let wrong = |why: String| RunError::Mask { mask: source.label.clone(), why };
    if source.extent.n_axes() != grid.n_axes() {
        let (mask_axes, task_axes) = (source.extent.n_axes(), grid.n_axes());
        return Err(wrong(format!("it has {mask_axes} spatial axes and the task has {task_axes}")));
    }
    let n_rows = grid.shape()[0];
    let n_threads = thread::available_parallelism().map_or(1, usize::from).min(n_rows as usize);
    // Some threads find more to read than others.
    let step = (n_rows / (8 * n_threads as i64)).max(1);
    let next = AtomicI64::new(0);
    let look = || -> Result<Vec<Range<u64>>, RunError> {
        let block_shape = grid.write_shape();
        let mut window = Window { mask, source: &source, block_shape, read: None, problem: None };
        let mut found = Vec::new();
        loop {
            let first = next.fetch_add(step, Ordering::Relaxed);
            if first >= n_rows {
                return Ok(found);
            }
            found.extend(masked_rows(grid, first..first.saturating_add(step), |roi| window.cover(roi)));
            if let Some(problem) = window.problem.take() {
                return Err(wrong(problem));
            }
        }
    };
    let found = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..n_threads).map(|_| thread::Builder::new().spawn_scoped(scope, look)).collect();
        let ends = threads.into_iter().map(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(error) => Err(RunError::Thread(error.to_string())),
        });
        ends.collect::<Result<Vec<_>, _>>()
    })?;
    let mut excluded: Vec<Range<u64>> = found.into_iter().flatten().collect();
    excluded.sort_unstable_by_key(|range| range.start);
    Ok(excluded)
}

/// A mask, and the part of it that was read last.
struct Window<'a> {
    mask: &'a dyn MaskSource,
    source: &'a Source,
    block_shape: &'a Coordinate,
    read: Option<(Roi, MaskGrid)>,
    /// Why a part could not be read.
    problem: Option<String>,
}

impl Window<'_> {
    fn cover(&mut self, roi: &Roi) -> Cover {
        self.try_cover(roi).unwrap_or_else(|problem| {
            self.problem.get_or_insert(problem);
            // No need to look any further.
            Cover::Everything
        })
    }

    fn try_cover(&mut self, roi: &Roi) -> Result<Cover, String> {
        if self.problem.is_some() {
            return Ok(Cover::Everything);
        }
        let inside = roi.intersect(&self.source.extent).map_err(|error| error.to_string())?;
        if inside.is_empty() {
            return Ok(Cover::Nothing);
        }
        if let Some((read, grid)) = &self.read
            && read.contains(&inside).unwrap_or(false)
        {
            return Ok(grid.cover(roi));
        }
        let voxels = self.whole_voxels(&inside).map_err(|error| error.to_string())?;
        if self.n_voxels(&voxels) > WINDOW {
            let is_one_block = (0..roi.n_axes()).all(|axis| roi.shape()[axis] <= self.block_shape[axis]);
            // Several blocks are looked at in parts.
            let is_something = !is_one_block || self.is_something(voxels)?;
            return Ok(if is_something { Cover::Something } else { Cover::Nothing });
        }
        let something = self.read(&voxels)?;
        let shape = voxels.shape().div_floor(&self.source.voxel_size);
        let grid = shape
            .and_then(|shape| MaskGrid::new(*voxels.begin(), self.source.voxel_size, shape, &something))
            .map_err(|error| error.to_string())?;
        let cover = grid.cover(roi);
        self.read = Some((voxels, grid));
        Ok(cover)
    }

    fn read(&self, voxels: &Roi) -> Result<Vec<bool>, String> {
        self.mask.something(voxels).map_err(|error| one_line(&*error))
    }

    /// Whether there is something in a part that is too large to be read at once.
    fn is_something(&self, voxels: Roi) -> Result<bool, String> {
        let mut open = vec![voxels];
        while let Some(part) = open.pop() {
            if self.n_voxels(&part) <= WINDOW {
                if self.read(&part)?.contains(&true) {
                    return Ok(true);
                }
                continue;
            }
            // Along the first axis parts are closest to how voxels lie in a file.
            let extent = |axis: usize| part.shape()[axis] / self.source.voxel_size[axis];
            let Some(axis) = (0..part.n_axes()).find(|axis| extent(*axis) > 1) else { continue };
            let mut shapes = [*part.shape(); 2];
            let mut middle = *part.begin();
            shapes[0][axis] = extent(axis) / 2 * self.source.voxel_size[axis];
            shapes[1][axis] -= shapes[0][axis];
            middle[axis] += shapes[0][axis];
            for (begin, shape) in [(middle, shapes[1]), (*part.begin(), shapes[0])] {
                open.push(Roi::new(begin, shape).map_err(|error| error.to_string())?);
            }
        }
        Ok(false)
    }

    /// The whole voxels that a part of the mask meets.
    fn whole_voxels(&self, inside: &Roi) -> Result<Roi, GeometryError> {
        let Source { extent, voxel_size, .. } = self.source;
        let back = Coordinate::zeros(extent.n_axes()).checked_sub(extent.begin())?;
        inside.shift(&back)?.snap_to_grid(voxel_size, Snap::Grow)?.shift(extent.begin())?.intersect(extent)
    }

    fn n_voxels(&self, voxels: &Roi) -> i128 {
        let along = |axis: usize| i128::from(voxels.shape()[axis] / self.source.voxel_size[axis]);
        (0..voxels.n_axes()).map(along).fold(1, i128::saturating_mul)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;
    use crate::geometry::ReadSource;
    use crate::observe::Progress;
    use crate::plan::{BoxError, Fit, Pipeline};
    use crate::run::runner::Runner;

    /// A mask of voxels of 3 x 5 from (-10, 4), of which every `every`-th is something.
    #[derive(Clone)]
    struct Mask {
        shape: [i64; 2],
        every: i64,
    }

    impl Mask {
        fn is_something(&self, at: [i64; 2]) -> bool {
            (at[0] * self.shape[1] + at[1]) % self.every == 0
        }

        /// What a voxel covers.
        fn cell(at: [i64; 2]) -> Roi {
            Roi::new([at[0] * 3 - 10, at[1] * 5 + 4], [3, 5]).expect("a box")
        }
    }

    impl ReadSource for Mask {
        fn source(&self) -> Source {
            let extent = Roi::new([-10, 4], [self.shape[0] * 3, self.shape[1] * 5]).expect("a box");
            let (label, identity) = ("mask".to_owned(), "mask".to_owned());
            Source { label, identity, extent, voxel_size: [3, 5].into() }
        }
    }

    impl MaskSource for Mask {
        fn something(&self, roi: &Roi) -> Result<Vec<bool>, BoxError> {
            assert!(self.source().extent.contains(roi)?, "it is asked for what there is");
            let range = roi.to_voxels(self.source().extent.begin(), &self.source().voxel_size)?;
            if range[0].contains(&13) {
                return Err("voxel 13 is unlucky".into());
            }
            let row = |first: i64| range[1].clone().map(move |second| self.is_something([first, second]));
            Ok(range[0].clone().flat_map(row).collect())
        }
    }

    fn task(offset: [i64; 2], block: [i64; 2]) -> Task {
        let total = Roi::new(offset, [41, 57]).expect("a box");
        let task = Task::builder("t").total_roi(total).block_shape(block).fit(Fit::Shrink);
        task.process(|_| Ok(())).build().expect("a task")
    }

    #[test]
    fn blocks_that_meet_nothing_are_found() {
        for (shape, every) in [([13, 9], 1), ([12, 11], 7), ([5, 8], 40), ([1, 1], 1), ([12, 11], 1000)] {
            let mask = Mask { shape, every };
            let cells = (0..shape[0]).flat_map(|first| (0..shape[1]).map(move |second| [first, second]));
            let cells: Vec<Roi> = cells.filter(|at| mask.is_something(*at)).map(Mask::cell).collect();
            for (offset, block) in
                [([-10, 4], [3, 5]), ([-13, 1], [7, 4]), ([0, 0], [1, 1]), ([-20, -9], [40, 50])]
            {
                let task = task(offset, block);
                let is_excluded = |index: &u64| {
                    let write = task.grid().write_roi(&task.grid().position(*index));
                    !cells.iter().any(|cell| cell.intersects(&write).expect("2 axes"))
                };
                let expected: BTreeSet<u64> = (0..task.grid().n_blocks()).filter(is_excluded).collect();
                let found = excluded_by(&mask, task.grid()).expect("it is readable");
                assert!(found.windows(2).all(|two| two[0].end <= two[1].start));
                assert_eq!(
                    found.into_iter().flatten().collect::<BTreeSet<u64>>(),
                    expected,
                    "{shape:?} {block:?}"
                );
            }
        }
    }

    #[test]
    fn a_mask_that_cannot_be_read_keeps_the_run_from_beginning() {
        let total = Roi::new([-10, 4], [60, 40]).expect("a box");
        let task =
            Task::builder("t").total_roi(total).block_shape([3, 5]).mask(&Mask { shape: [20, 8], every: 3 });
        let task = task.process(|_| panic!("no block may run")).build().expect("a task");
        let error = Runner::new().progress(Progress::Off).run(task).expect_err("it cannot be read");
        assert_eq!(error.to_string(), "the mask mask: voxel 13 is unlucky");
        let line = Task::builder("t").total_roi(Roi::new([0], [9]).expect("a box")).block_shape([3]);
        let line = line.mask(&Mask { shape: [2, 2], every: 1 }).process(|_| Ok(())).build().expect("a task");
        let error = Runner::new().progress(Progress::Off).run(line).expect_err("the axes differ");
        assert_eq!(error.to_string(), "the mask mask: it has 2 spatial axes and the task has 1");
    }

    /// Runs two tasks in a row, the second of which reads around its blocks, and returns the blocks that ran.
    fn ran(runner: &Runner) -> Result<BTreeSet<(u32, u64)>, RunError> {
        let seen = std::sync::Arc::new(Mutex::new(BTreeSet::new()));
        let build = |name: &str, which: u32, context: i64| {
            let (seen, total) = (seen.clone(), Roi::new([0], [100]).expect("a box"));
            let task = Task::builder(name).total_write_roi(total).block_shape([10]);
            let task = task.context([context], [context]).process(move |block| {
                assert!(seen.lock().expect("nobody panics").insert((which, block.index())), "each once");
                Ok(())
            });
            task.build().expect("a task")
        };
        let pipeline: Pipeline = build("a", 0, 0) + build("b", 1, 10);
        let report = runner.clone().progress(Progress::Off).run(pipeline)?;
        let ran = seen.lock().expect("nobody panics").clone();
        assert!(report.all_completed());
        let n_skipped: u64 = report.tasks.iter().map(|task| task.counts.skipped).sum();
        assert_eq!(n_skipped + ran.len() as u64, 20);
        Ok(ran)
    }

    #[test]
    fn a_part_runs_as_it_would_in_the_whole() {
        let roi = Roi::new([15], [10]).expect("a box");
        let only = ran(&Runner::new().only(roi)).expect("there are such blocks");
        assert_eq!(only, [(0, 1), (0, 2), (1, 1), (1, 2)].into());
        let blocks = ran(&Runner::new().blocks("b:4,a:9").only(Roi::new([40], [60]).expect("a box")));
        assert_eq!(blocks.expect("there are such blocks"), [(0, 9), (1, 4)].into());
        assert_eq!(ran(&Runner::new()).expect("all").len(), 20);
        let error = ran(&Runner::new().blocks("c:1")).expect_err("there is no such task");
        assert_eq!(error.to_string(), "there is no task \"c\" (there are a, b)");
        assert!(ran(&Runner::new().only(Roi::new([200], [5]).expect("a box"))).is_err());
    }
}
