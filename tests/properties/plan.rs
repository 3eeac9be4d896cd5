//! Blocks, conflicts, links and output checks against brute force written from the definitions: ROIs are compared
//! pair by pair, and nothing of the crate's arithmetic on grids is used to say what is right.

use std::collections::BTreeSet;

use bellis::geometry::{ChunkGrid, WriteTarget};
use bellis::plan::{Conflicts, Grid, GridBox, Link, Plan, PlanError, TaskProblem};
use bellis::{Coordinate, Fit, Roi, Task};
use proptest::prelude::*;

use crate::described::{
    Described, Expected, any_described, bounds, conflict, coordinate, meet, two_described,
};

fn index_set(grid: &Grid, positions: impl Iterator<Item = Coordinate>) -> BTreeSet<u64> {
    let mut set = BTreeSet::new();
    for position in positions {
        assert!(set.insert(grid.index(&position)), "{position} comes twice");
    }
    set
}

fn grid_of(described: &Described) -> Option<Task> {
    match described.builder("a").build() {
        Ok(task) => Some(task),
        Err(PlanError::Task { problem, .. }) if matches!(*problem, TaskProblem::NoBlocks { .. }) => {
            assert!(described.expected().is_empty());
            None
        }
        Err(other) => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn blocks_are_those_of_the_definitions(described in any_described()) {
        let expected = described.expected();
        let Some(task) = grid_of(&described) else { return Ok(()) };
        let plan = Plan::new(&task.clone().into()).expect("a good plan");
        let grid = task.grid();
        prop_assert_eq!(grid.n_blocks(), expected.len() as u64);
        prop_assert_eq!(plan.n_blocks(), expected.len() as u64);
        for (index, block) in (0..).zip(&expected) {
            let position = grid.position(index);
            prop_assert_eq!(position.as_slice(), &block.position[..]);
            prop_assert_eq!(grid.index(&position), index);
            let planned = plan.block(bellis::plan::BlockId { task: bellis::plan::TaskId(0), index });
            prop_assert_eq!(bounds(&planned.read_roi), block.read.clone());
            prop_assert_eq!(bounds(&planned.write_roi), block.write.clone());
        }
        for axis in 0..described.n_axes() {
            let ends = |of: fn(&Expected) -> &Vec<(i64, i64)>| {
                let begin = expected.iter().map(|b| of(b)[axis].0).min();
                (begin, expected.iter().map(|b| of(b)[axis].1).max())
            };
            let found = bounds(&grid.written())[axis];
            prop_assert_eq!(ends(|b| &b.write), (Some(found.0), Some(found.1)));
            let found = bounds(&grid.read())[axis];
            prop_assert_eq!(ends(|b| &b.read), (Some(found.0), Some(found.1)));
        }
    }

    #[test]
    fn conflicts_are_those_of_the_rois(mut described in any_described()) {
        described.is_conflicting = true;
        let expected = described.expected();
        let Some(task) = grid_of(&described) else { return Ok(()) };
        let grid = task.grid();
        let none_conflict = expected.iter().all(|a| expected.iter().all(|b| !conflict(a, b)));
        prop_assert_eq!(task.conflicts().is_none(), none_conflict);
        let Some(conflicts) = Conflicts::of(grid) else { return Ok(()) };
        let mut levels: Vec<Vec<i64>> = expected.iter().map(|b| described.level(b)).collect();
        for (a, block) in expected.iter().enumerate() {
            let (mut up, mut down) = (BTreeSet::new(), BTreeSet::new());
            for (b, other) in expected.iter().enumerate() {
                if conflict(block, other) {
                    prop_assert_ne!(&levels[a], &levels[b], "equal levels never conflict");
                    if levels[b] < levels[a] { up.insert(b as u64) } else { down.insert(b as u64) };
                }
            }
            let position = coordinate(&block.position);
            prop_assert_eq!(conflicts.n_upstream(&position), up.len() as u64);
            prop_assert_eq!(index_set(grid, conflicts.upstream(&position)), up);
            prop_assert_eq!(index_set(grid, conflicts.downstream(&position)), down);
        }
        // The crate's numbers sort as the levels of the definition do.
        let mut numbers: Vec<(u64, Vec<i64>)> =
            expected.iter().map(|b| conflicts.level(&coordinate(&b.position))).zip(levels.iter().cloned()).collect();
        numbers.sort();
        levels.sort();
        prop_assert!(numbers.iter().map(|(_, level)| level).eq(levels.iter()));
        prop_assert!(numbers.windows(2).all(|two| (two[0].0 == two[1].0) == (two[0].1 == two[1].1)));
        prop_assert!(numbers.iter().all(|(number, _)| *number < conflicts.n_levels()));
        let differences: Vec<Coordinate> = conflicts.differences().collect();
        prop_assert_eq!(conflicts.n_differences(), differences.len() as u64);
        for difference in &differences {
            let opposite = Coordinate::from_fn(difference.n_axes(), |axis| -difference[axis]);
            prop_assert!(differences.contains(&opposite));
        }
    }

    #[test]
    fn links_are_those_of_the_rois((up, down) in two_described()) {
        let (Some(upstream), Some(downstream)) = (grid_of(&up), grid_of(&down)) else { return Ok(()) };
        let (from, to) = (up.expected(), down.expected());
        let link = Link::between(upstream.grid(), downstream.grid()).expect("small numbers");
        let mut dependent = BTreeSet::new();
        for (index, block) in (0u64..).zip(&to) {
            let wanted: BTreeSet<u64> =
                (0u64..).zip(&from).filter(|(_, other)| meet(&block.read, &other.write)).map(|(i, _)| i).collect();
            let found = link.upstream(&coordinate(&block.position));
            prop_assert_eq!(found.size(), wanted.len() as u64);
            prop_assert!(found.size() <= link.max_upstream());
            if !wanted.is_empty() {
                dependent.insert(index);
            }
            prop_assert_eq!(index_set(upstream.grid(), found.positions()), wanted);
        }
        for block in &from {
            let wanted: BTreeSet<u64> =
                (0u64..).zip(&to).filter(|(_, other)| meet(&other.read, &block.write)).map(|(i, _)| i).collect();
            let found = link.downstream(&coordinate(&block.position));
            prop_assert_eq!(found.size(), wanted.len() as u64);
            prop_assert_eq!(index_set(downstream.grid(), found.positions()), wanted);
        }
        prop_assert_eq!(index_set(downstream.grid(), link.dependent().positions()), dependent);
    }

    #[test]
    fn far_away_from_zero_nothing_changes((up, down) in two_described(), is_negative in any::<bool>()) {
        let far = if is_negative { i64::MIN + 1000 } else { i64::MAX - 1000 };
        let moved = |described: &Described| {
            let offset = described.offset.iter().map(|o| o + far).collect();
            Described { offset, ..described.clone() }
        };
        let (Some(upstream), Some(downstream)) = (grid_of(&up), grid_of(&down)) else { return Ok(()) };
        let near = Link::between(upstream.grid(), downstream.grid()).expect("small numbers");
        let upstream = moved(&up).builder("a").build().expect("as near zero");
        let downstream = moved(&down).builder("b").build().expect("as near zero");
        let far = Link::between(upstream.grid(), downstream.grid()).expect("close to each other");
        let boxes = |link: &Link, task: &Task, find: fn(&Link, &Coordinate) -> GridBox| -> Vec<GridBox> {
            task.grid().bounds().positions().map(|position| find(link, &position)).collect()
        };
        prop_assert_eq!(boxes(&near, &downstream, Link::upstream), boxes(&far, &downstream, Link::upstream));
        prop_assert_eq!(boxes(&near, &upstream, Link::downstream), boxes(&far, &upstream, Link::downstream));
        prop_assert_eq!(near.dependent(), far.dependent());
    }

    #[test]
    fn boxes_and_runs(
        (shape, a, b) in (1usize..=4).prop_flat_map(|n| {
            let point = move || prop::collection::vec(-2i64..8, n);
            (prop::collection::vec(1i64..6, n), (point(), point()), (point(), point()))
        }),
        skip in 0u64..50,
        step in 1i64..5,
    ) {
        let n_axes = shape.len();
        let zero = Coordinate::zeros(n_axes);
        let total = Roi::new(zero, coordinate(&shape)).expect("small numbers");
        let grid = Grid::new(total, Coordinate::splat(n_axes, 1), zero, zero, Fit::Valid).expect("good");
        let make = |(begin, end): &(Vec<i64>, Vec<i64>)| GridBox { begin: coordinate(begin), end: coordinate(end) };
        let (a, b) = (make(&a), make(&b));
        let space = GridBox { begin: Coordinate::splat(n_axes, -3), end: Coordinate::splat(n_axes, 9) };
        let inside = |part: &GridBox| -> Vec<Coordinate> {
            let is_in = |p: &Coordinate| (0..n_axes).all(|x| part.begin[x] <= p[x] && p[x] < part.end[x]);
            space.positions().filter(is_in).collect()
        };
        let in_a = inside(&a);
        prop_assert_eq!(a.size(), in_a.len() as u64);
        prop_assert_eq!(a.is_empty(), in_a.is_empty());
        prop_assert_eq!(a.positions().collect::<Vec<_>>(), in_a.clone());
        let stepped = |p: &&Coordinate| (0..n_axes).all(|x| (p[x] - a.begin[x]) % step == 0);
        let by: Vec<Coordinate> = in_a.iter().filter(stepped).copied().collect();
        let steps = Coordinate::splat(n_axes, step);
        prop_assert_eq!(a.size_by(&steps), by.len() as u64);
        prop_assert_eq!(a.positions_by(&steps).collect::<Vec<_>>(), by);
        let both = a.intersect(&b);
        prop_assert_eq!(inside(&both), in_a.iter().filter(|p| b.contains(p)).copied().collect::<Vec<_>>());
        let parts = a.subtract(&b);
        let mut rest: Vec<Coordinate> = parts.iter().flat_map(|part| part.positions()).collect();
        rest.sort_by_key(|p| p.as_slice().to_vec());
        prop_assert_eq!(rest, in_a.iter().filter(|p| !b.contains(p)).copied().collect::<Vec<_>>());
        let within = a.intersect(&grid.bounds());
        let all: Vec<u64> = inside(&within).iter().map(|p| grid.index(p)).collect();
        let ranges: Vec<_> = grid.index_ranges(&within, skip).collect();
        prop_assert!(ranges.iter().all(|range| range.start < range.end));
        let walked: Vec<u64> = ranges.into_iter().flatten().collect();
        prop_assert_eq!(&walked[..], &all[(skip as usize).min(all.len())..]);
    }
}

struct Chunked(ChunkGrid);

impl WriteTarget for Chunked {
    fn chunk_grid(&self) -> ChunkGrid {
        self.0
    }

    fn label(&self) -> String {
        "out.zarr".to_owned()
    }
}

/// Whether two blocks that do not conflict write one chunk.
fn spoils(described: &Described, chunk_grid: &ChunkGrid) -> bool {
    let expected = described.expected();
    let chunks = |block: &Expected| -> Vec<(i64, i64)> {
        let axes = block.write.iter().enumerate();
        axes.map(|(axis, (begin, end))| {
            let (origin, chunk_shape) = (chunk_grid.extent.begin()[axis], chunk_grid.chunk_shape[axis]);
            ((begin - origin).div_euclid(chunk_shape), (end - 1 - origin).div_euclid(chunk_shape) + 1)
        })
        .collect()
    };
    expected.iter().enumerate().any(|(i, a)| {
        expected[..i]
            .iter()
            .any(|b| meet(&chunks(a), &chunks(b)) && !(described.is_conflicting && conflict(a, b)))
    })
}

fn problem(result: Result<Task, PlanError>) -> Option<TaskProblem> {
    match result {
        Ok(_) => None,
        Err(PlanError::Task { problem, .. }) => Some(*problem),
        Err(other) => panic!("not a problem of the task: {other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn outputs_are_refused_exactly_when_a_chunk_is_shared(
        described in any_described(),
        margin in prop::collection::vec(prop::sample::select(vec![0i64, 0, 1, 3, 8]), 4),
        chunk_shape in prop::collection::vec(1i64..12, 4),
        is_multiple in prop::collection::vec(any::<bool>(), 4),
    ) {
        let Some(task) = grid_of(&described) else { return Ok(()) };
        let n_axes = described.n_axes();
        let written = task.grid().written();
        let margin = coordinate(&margin[..n_axes]);
        let chunk_shape = Coordinate::from_fn(n_axes, |axis| {
            // Half of them divide the block, so that some are accepted.
            let whole = (1..=chunk_shape[axis]).rev().find(|c| described.block[axis] % c == 0);
            if is_multiple[axis] { whole.expect("1 divides all") } else { chunk_shape[axis] }
        });
        let extent = written.grow(&margin, &margin).expect("small numbers");
        let chunk_grid = ChunkGrid { extent, chunk_shape };
        let found = problem(described.builder("a").writes(&Chunked(chunk_grid)).build());
        let is_shared = matches!(found, Some(TaskProblem::SharedChunk { .. }));
        prop_assert_eq!(is_shared, spoils(&described, &chunk_grid), "{:?}", found);
        prop_assert!(is_shared || found.is_none(), "{:?}", found);
        let on_one = described.builder("a").max_workers(1).writes(&Chunked(chunk_grid));
        prop_assert_eq!(problem(on_one.build()), None);
        let Some(TaskProblem::SharedChunk { fitting_shape, begin: hinted, fitting_begin, .. }) = found else {
            return Ok(());
        };
        // What the message advises is accepted, as long as a block of that shape fits at all.
        prop_assert_eq!(hinted, *written.begin());
        let total_write = Roi::from_bounds(&fitting_begin, &written.end()).expect("small numbers");
        let better = Task::builder("a")
            .total_write_roi(total_write)
            .block_shape(fitting_shape)
            .context(described.lo.clone(), described.hi.clone())
            .fit(if described.fit == Fit::Overhang { Fit::Shrink } else { described.fit })
            .read_write_conflict(described.is_conflicting)
            .writes(&Chunked(chunk_grid));
        match problem(better.build()) {
            None => {}
            Some(TaskProblem::NoBlocks { fit: Fit::Valid, .. }) => {
                prop_assert!((0..n_axes).any(|axis| fitting_shape[axis] > total_write.shape()[axis]));
            }
            Some(other) => prop_assert!(false, "{}", other),
        }
        prop_assert!((0..n_axes).all(|axis| fitting_shape[axis] >= described.block[axis]));
    }
}

/// Chunks that a block writes, along each axis.
fn chunks_written(block: &Expected, chunk_grid: &ChunkGrid) -> Vec<(i64, i64)> {
    let along = |(axis, (begin, end)): (usize, &(i64, i64))| {
        let (origin, chunk_shape) = (chunk_grid.extent.begin()[axis], chunk_grid.chunk_shape[axis]);
        ((begin - origin).div_euclid(chunk_shape), (end - 1 - origin).div_euclid(chunk_shape) + 1)
    };
    block.write.iter().enumerate().map(along).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn blocks_that_share_a_chunk_are_kept_apart(
        described in any_described(),
        margin in prop::collection::vec(prop::sample::select(vec![0i64, 0, 1, 3, 8]), 4),
        chunk_shapes in prop::collection::vec(prop::collection::vec(1i64..12, 4), 1..3),
    ) {
        let Some(task) = grid_of(&described) else { return Ok(()) };
        let n_axes = described.n_axes();
        let margin = coordinate(&margin[..n_axes]);
        let extent = task.grid().written().grow(&margin, &margin).expect("small numbers");
        let chunk_grid = |shape: &Vec<i64>| ChunkGrid { extent, chunk_shape: coordinate(&shape[..n_axes]) };
        let chunk_grids: Vec<ChunkGrid> = chunk_shapes.iter().map(chunk_grid).collect();
        let builder = |name: &str| {
            chunk_grids.iter().fold(described.builder(name), |task, grid| task.writes(&Chunked(*grid)))
        };
        let alone = builder("a").share_chunks(true).max_workers(1).build().expect("one at a time");
        prop_assert_eq!(alone.conflicts().cloned(), task.conflicts().cloned(), "nothing more to keep apart");
        let is_refused = builder("a").build().is_err();
        let task = builder("a").share_chunks(true).build().expect("shared chunks are no error");
        let expected = described.expected();
        let order_only = task.conflicts().and_then(|conflicts| conflicts.order_only()).copied();
        prop_assert_eq!(order_only.is_some(), is_refused, "only what would be refused is kept apart");
        let Some(conflicts) = task.conflicts() else {
            prop_assert!(!chunk_grids.iter().any(|chunk_grid| spoils(&described, chunk_grid)));
            return Ok(());
        };
        let steps = order_only.unwrap_or(Coordinate::zeros(n_axes));
        let mut n_found = 0;
        for (a, block) in expected.iter().enumerate() {
            let (mut up, mut down) = (BTreeSet::new(), BTreeSet::new());
            let position = coordinate(&block.position);
            let level = conflicts.level(&position);
            for (b, other) in expected.iter().enumerate().filter(|(b, _)| *b != a) {
                let there = coordinate(&other.position);
                let carries_data = described.is_conflicting && conflict(block, other);
                prop_assert_eq!(conflicts.carries_data(&position, &there), carries_data);
                let is_near = (0..n_axes).all(|x| (position[x] - there[x]).abs() <= steps[x]);
                let share =
                    |grid: &ChunkGrid| meet(&chunks_written(block, grid), &chunks_written(other, grid));
                if carries_data || is_near {
                    let other_level = conflicts.level(&there);
                    prop_assert_ne!(level, other_level, "equal levels never conflict");
                    if other_level < level { up.insert(b as u64) } else { down.insert(b as u64) };
                } else {
                    prop_assert!(!chunk_grids.iter().any(share), "{position} and {there} share a chunk");
                }
            }
            prop_assert_eq!(conflicts.n_upstream(&position), up.len() as u64);
            prop_assert!(up.len() as u64 <= conflicts.n_differences());
            n_found += up.len();
            prop_assert_eq!(index_set(task.grid(), conflicts.upstream(&position)), up);
            prop_assert_eq!(index_set(task.grid(), conflicts.downstream(&position)), down);
        }
        prop_assert!(n_found > 0 || order_only.is_none());
        prop_assert_eq!(conflicts.n_differences(), conflicts.differences().count() as u64);
        // No farther than need be: along each axis there are two blocks so far apart in one chunk.
        for axis in 0..n_axes {
            let is_reached = chunk_grids.iter().any(|chunk_grid| {
                let along = |block: &Expected| vec![chunks_written(block, chunk_grid)[axis]];
                expected.iter().any(|a| {
                    expected.iter().any(|b| {
                        b.position[axis] - a.position[axis] == steps[axis] && meet(&along(a), &along(b))
                    })
                })
            });
            prop_assert!(is_reached, "{steps} along {axis}");
        }
    }
}
