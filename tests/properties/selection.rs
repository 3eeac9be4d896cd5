//! Parts of a pipeline against brute force: each block is asked for itself.

use std::collections::BTreeSet;
use std::ops::Range;

use bellis::geometry::{Cover, MaskGrid};
use bellis::plan::{Fit, Plan, Selection, TaskId, masked, masked_rows};
use bellis::{Coordinate, Pipeline, Roi, Task};
use proptest::prelude::*;

use crate::described::{Described, any_described, coordinate, described, meet, two_described};

/// The blocks in ranges that rise and neither overlap nor touch.
fn in_order(ranges: impl Iterator<Item = Range<u64>>) -> BTreeSet<u64> {
    let mut end = None;
    let mut all = BTreeSet::new();
    for range in ranges {
        assert!(
            range.start < range.end && end.is_none_or(|end| end < range.start),
            "{range:?} after {end:?}"
        );
        end = Some(range.end);
        all.extend(range);
    }
    all
}

/// The blocks of which `is_in` does not hold, given what they write.
fn others(described: &Described, is_in: impl Fn(&[(i64, i64)]) -> bool) -> BTreeSet<u64> {
    (0u64..)
        .zip(described.expected())
        .filter(|(_, block)| !is_in(&block.write))
        .map(|(index, _)| index)
        .collect()
}

fn build(described: &Described, name: &str) -> Option<Task> {
    described.builder(name).build().ok()
}

/// A task, and a mask somewhere around it: where it begins, its voxels, how many there are, and which are something.
type Masking = (Described, Vec<i64>, Vec<i64>, Vec<i64>, Vec<bool>);

fn masking() -> impl Strategy<Value = Masking> {
    (1usize..=3).prop_flat_map(|n_axes| {
        let mask = (
            prop::collection::vec(-30i64..20, n_axes),
            prop::collection::vec(1i64..9, n_axes),
            prop::collection::vec(1i64..8, n_axes),
        );
        (described(n_axes), mask, 0..=8u8).prop_flat_map(|(described, (begin, size, shape), share)| {
            let n_voxels = shape.iter().product::<i64>() as usize;
            let voxels = prop::collection::vec((0..8u8).prop_map(move |value| value < share), n_voxels);
            (Just(described), Just(begin), Just(size), Just(shape), voxels)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn only_what_writes_in_a_box(
        (one, other) in two_described(),
        begin in prop::collection::vec(-60i64..40, 4),
        shape in prop::collection::vec(0i64..30, 4),
    ) {
        let (Some(first), Some(second)) = (build(&one, "a"), build(&other, "b")) else { return Ok(()) };
        let n_axes = one.n_axes();
        let roi = Roi::new(begin[..n_axes].to_vec(), shape[..n_axes].to_vec()).expect("small numbers");
        let bounds: Vec<(i64, i64)> = roi.begin().iter().zip(roi.end().iter()).collect();
        let plan = Plan::new(&(first | second)).expect("a plan");
        let expected = [&one, &other].map(|described| others(described, |write| meet(write, &bounds)));
        let mut selection = Selection::of(&plan);
        prop_assert!(selection.is_all());
        let n_blocks = |task: usize| plan.tasks()[task].spec.grid().n_blocks();
        let is_nothing = (0..2).all(|task| expected[task].len() as u64 == n_blocks(task));
        prop_assert_eq!(selection.only(&roi).is_err(), is_nothing);
        if is_nothing {
            prop_assert!(selection.is_all(), "what is refused changes nothing");
            return Ok(());
        }
        for (task, expected) in (0..).map(TaskId).zip(&expected) {
            prop_assert_eq!(&in_order(selection.excluded(task)), expected);
        }
        prop_assert_eq!(selection.is_all(), expected.iter().all(BTreeSet::is_empty));
        // What else is excluded comes on top.
        let last = n_blocks(0) - 1;
        selection.exclude(TaskId(0), [last / 2..last / 2 + 1, last..last + 1].into_iter().take(1 + (last > 0) as usize));
        let more: BTreeSet<u64> = expected[0].iter().copied().chain([last / 2, last]).collect();
        let more = if last == 0 { expected[0].iter().copied().chain([0]).collect() } else { more };
        prop_assert_eq!(in_order(selection.excluded(TaskId(0))), more);
    }

    #[test]
    fn only_the_blocks_of_a_list(described in any_described(), picks in prop::collection::vec((0u64..500, 0u64..5), 1..6)) {
        let Some(task) = build(&described, "with: a, colon") else { return Ok(()) };
        let n_blocks = task.grid().n_blocks();
        let renamed = build(&described, "a:b").expect("as good as before");
        let plan = Plan::new(&(task | renamed)).expect("a plan");
        let picks = picks.into_iter().map(|(first, more)| (first % n_blocks, (first % n_blocks + more).min(n_blocks - 1)));
        let picks: Vec<(u64, u64)> = picks.collect();
        let text = |(first, last): &(u64, u64)| if first == last { format!("a:b:{first}") } else { format!("a:b:{first}-{last}") };
        let list = picks.iter().map(text).collect::<Vec<_>>().join(",");
        let mut selection = Selection::of(&plan);
        selection.only_blocks(&list).expect("a good list");
        let picked = |index: &u64| picks.iter().any(|(first, last)| (first..=last).contains(&index));
        let left: BTreeSet<u64> = (0..n_blocks).filter(|index| !picked(index)).collect();
        prop_assert_eq!(in_order(selection.excluded(TaskId(1))), left);
        prop_assert_eq!(in_order(selection.excluded(TaskId(0))).len() as u64, n_blocks, "not named");
    }

    #[test]
    fn what_waits_for_blocks(
        (one, other) in two_described(),
        picks in prop::collection::vec((0usize..3, 0u64..500, 1u64..40), 0..6),
    ) {
        let tasks = (build(&one, "a"), build(&other, "b"), build(&one, "c"));
        let (Some(first), Some(second), Some(third)) = tasks else { return Ok(()) };
        let Ok(plan) = Plan::new(&(first + second + third)) else { return Ok(()) };
        let mut picked = vec![BTreeSet::new(); 3];
        for (task, first, length) in picks {
            let n_blocks = plan.tasks()[task].spec.grid().n_blocks();
            picked[task].extend(first % n_blocks..(first % n_blocks + length).min(n_blocks));
        }
        let mut expected = vec![BTreeSet::new(); 3];
        for task in 1..3 {
            let (up, link) = &plan.tasks()[task].upstream[0];
            let (grid, above) = (plan.tasks()[task].spec.grid(), plan.task(*up).spec.grid());
            for index in 0..grid.n_blocks() {
                let mut awaited = link.upstream(&grid.position(index)).positions().map(|at| above.index(&at));
                if awaited.any(|up| picked[task - 1].contains(&up) || expected[task - 1].contains(&up)) {
                    expected[task].insert(index);
                }
            }
        }
        let ranges = picked.iter().map(|all| all.iter().map(|index| *index..index + 1).collect::<Vec<_>>());
        let found = plan.dependents(&ranges.collect::<Vec<_>>());
        prop_assert_eq!(found.into_iter().map(|of_task| in_order(of_task.into_iter())).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_meets_nothing_of_a_mask((described, begin, size, shape, voxels) in masking(), rows in 1i64..4) {
        let Some(task) = build(&described, "a") else { return Ok(()) };
        let grid = task.grid();
        let mask = MaskGrid::new(coordinate(&begin), coordinate(&size), coordinate(&shape), &voxels).expect("a mask");
        let of_shape = Roi::new(vec![0; shape.len()], shape.clone()).expect("small numbers");
        let all = Task::builder("voxels").total_roi(of_shape).block_shape(vec![1; shape.len()]).build().expect("each");
        let cells: Vec<Vec<(i64, i64)>> = (0..).zip(&voxels).filter(|(_, is)| **is).map(|(index, _)| {
            let at = all.grid().position(index);
            (0..shape.len()).map(|a| (begin[a] + at[a] * size[a], begin[a] + (at[a] + 1) * size[a])).collect()
        }).collect();
        let expected = others(&described, |write| cells.iter().any(|cell| meet(cell, write)));
        let found: Vec<Range<u64>> = masked(grid, |roi| mask.cover(roi)).collect();
        prop_assert_eq!(&in_order(found.iter().cloned()), &expected);
        // A predicate that never knows more than that there is something finds the same.
        let dull = masked(grid, |roi| match mask.cover(roi) {
            Cover::Everything => Cover::Something,
            cover => cover,
        });
        prop_assert_eq!(dull.collect::<Vec<_>>(), found.clone());
        // And so do several, each in its rows.
        let parts = (0..grid.shape()[0]).step_by(rows as usize);
        let parts = parts.flat_map(|first| masked_rows(grid, first..first + rows, |roi| mask.cover(roi)));
        prop_assert_eq!(parts.flatten().collect::<BTreeSet<u64>>(), expected);
        let whole = masked(grid, |_| Cover::Nothing).collect::<Vec<_>>();
        prop_assert_eq!(whole, vec![0..grid.n_blocks()]);
        prop_assert_eq!(masked(grid, |_| Cover::Everything).count(), 0);
    }
}

fn cube(name: &str, side: i64) -> Task {
    let total = Roi::new([0; 3], [side; 3]).expect("small numbers");
    Task::builder(name).total_roi(total).block_shape([1; 3]).fit(Fit::Shrink).build().expect("a task")
}

/// Were each block looked at, this would take years.
#[test]
fn a_part_of_a_quintillion_blocks_costs_what_it_is() {
    let side = 1_000_000;
    let plan = Plan::new(&Pipeline::from(cube("t", side))).expect("a plan");
    let grid = plan.tasks()[0].spec.grid();
    let region = Roi::new([500_000, 3, 999_990], [20, 30, 40]).expect("small numbers");
    let mut selection = Selection::of(&plan);
    selection.only(&region).expect("it is inside");
    // Rows that end with the grid touch nothing but the begin of the next.
    assert_eq!(selection.excluded(TaskId(0)).count(), 20 * 30 + 1);
    let mut n_asked = 0;
    let excluded = masked(grid, |roi| {
        n_asked += 1;
        if roi.intersects(&region).expect("3 axes") { Cover::Something } else { Cover::Nothing }
    });
    let excluded: Vec<_> = excluded.collect();
    assert_eq!(excluded, selection.excluded(TaskId(0)).collect::<Vec<_>>());
    assert!(n_asked < 20 * 30 * 64, "{n_asked}");
    let sphere = |roi: &Roi| {
        let middle = Coordinate::splat(3, side / 2);
        let distance = |nearest: bool| -> i64 {
            (0..3)
                .map(|axis| {
                    let (begin, end) = (roi.begin()[axis] - middle[axis], roi.end()[axis] - 1 - middle[axis]);
                    let nearest_here = if begin <= 0 && end >= 0 { 0 } else { begin.abs().min(end.abs()) };
                    let here = if nearest { nearest_here } else { begin.abs().max(end.abs()) };
                    here * here
                })
                .sum()
        };
        match 100 * 100 {
            radius if distance(true) > radius => Cover::Nothing,
            radius if distance(false) <= radius => Cover::Everything,
            _ => Cover::Something,
        }
    };
    let mut n_asked = 0;
    let n_ranges = masked(grid, |roi| {
        n_asked += 1;
        sphere(roi)
    })
    .count();
    assert!((20_000..40_000).contains(&n_ranges) && n_asked < 100 * n_ranges, "{n_ranges} {n_asked}");
}

#[test]
fn a_part_that_there_is_not_says_why() {
    let plan = Plan::new(&(cube("a", 10) | cube("b", 20))).expect("a plan");
    let wrong = |list: &str| Selection::of(&plan).only_blocks(list).expect_err("it is wrong").to_string();
    for unreadable in ["", "a", "a:", "a:x", "a:1-", "a:5-3", "a:-1", "a:1,,b:2"] {
        let message = wrong(unreadable);
        assert!(message.ends_with(
            "names no blocks: write TASK:INDEX or TASK:FIRST-LAST, several with commas between them"
        ));
    }
    assert_eq!(wrong("c:1"), "there is no task \"c\" (there are a, b)");
    assert_eq!(wrong("a:1,a:1000"), "task \"a\" has no block 1000: it has 1000, from 0");
    let only = |roi: Roi| Selection::of(&plan).only(&roi).expect_err("it is wrong").to_string();
    assert_eq!(
        only(Roi::new([30, 0, 0], [5, 5, 5]).expect("small numbers")),
        "no block of any task writes in [30:35, 0:5, 0:5]: a writes [0:10, 0:10, 0:10], b writes [0:20, 0:20, 0:20] \
         (in world units)"
    );
    assert_eq!(
        only(Roi::new([0], [5]).expect("small numbers")),
        "task \"a\": 3 axes meet 1 axes: give both the same number of axes"
    );
}
