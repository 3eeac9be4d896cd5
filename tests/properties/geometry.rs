//! Boxes against brute force: every operation is compared with what it does to single points.

use bellis::geometry::Snap;
use bellis::{Coordinate, GeometryError, Roi};
use proptest::prelude::*;

/// Begin and extent along each axis, for `n` boxes of the same 1 to 3 axes in a small world.
fn rois(n: usize) -> impl Strategy<Value = Vec<Roi>> {
    (1usize..=3).prop_flat_map(move |n_axes| {
        let axis = (-6i64..6, 0i64..7);
        prop::collection::vec(prop::collection::vec(axis, n_axes), n).prop_map(|all| {
            let roi = |axes: Vec<(i64, i64)>| {
                let (begin, shape): (Vec<i64>, Vec<i64>) = axes.into_iter().unzip();
                Roi::new(begin, shape).expect("small numbers")
            };
            all.into_iter().map(roi).collect()
        })
    })
}

/// Every point of a world that holds all boxes and more.
fn world(n_axes: usize) -> Vec<Coordinate> {
    let mut points = vec![vec![]];
    for _ in 0..n_axes {
        points = points
            .into_iter()
            .flat_map(|point| (-20i64..20).map(move |x| point.iter().copied().chain([x]).collect()))
            .collect();
    }
    points.into_iter().map(|point: Vec<i64>| Coordinate::new(&point).expect("1 to 3 axes")).collect()
}

fn has(roi: &Roi, point: &Coordinate) -> bool {
    (0..roi.n_axes()).all(|a| roi.begin()[a] <= point[a] && point[a] < roi.begin()[a] + roi.shape()[a])
}

fn points(roi: &Roi) -> Vec<Coordinate> {
    world(roi.n_axes()).into_iter().filter(|point| has(roi, point)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn set_operations(two in rois(2)) {
        let (a, b) = (&two[0], &two[1]);
        let (in_a, in_b) = (points(a), points(b));
        let both: Vec<_> = in_a.iter().filter(|point| in_b.contains(point)).copied().collect();
        let common = a.intersect(b).expect("same axes");
        prop_assert_eq!(points(&common), both.clone());
        prop_assert_eq!(common.is_empty(), both.is_empty());
        prop_assert_eq!(a.intersects(b), Ok(!both.is_empty()));
        prop_assert_eq!(a.contains(b), Ok(both.len() == in_b.len()));
        prop_assert_eq!(a.size(), Ok(in_a.len() as i64));
        prop_assert!(world(a.n_axes()).iter().all(|p| a.contains_point(p) == Ok(in_a.contains(p))));
        // The union holds both, and touches a point of theirs on every side.
        let union = a.union(b).expect("same axes");
        let either: Vec<_> = in_a.iter().chain(&in_b).copied().collect();
        prop_assert!(either.iter().all(|point| has(&union, point)));
        if either.is_empty() {
            prop_assert!(union.is_empty());
        } else {
            for axis in 0..a.n_axes() {
                prop_assert_eq!(either.iter().map(|p| p[axis]).min(), Some(union.begin()[axis]));
                prop_assert_eq!(either.iter().map(|p| p[axis] + 1).max(), Some(union.end()[axis]));
            }
        }
    }

    #[test]
    fn growing_and_shifting(one in rois(1), lo in prop::collection::vec(-5i64..6, 3), hi in prop::collection::vec(-5i64..6, 3)) {
        let roi = &one[0];
        let n = roi.n_axes();
        let (lo, hi) = (Coordinate::new(&lo[..n]).expect("axes"), Coordinate::new(&hi[..n]).expect("axes"));
        let grown = roi.grow(&lo, &hi).expect("small numbers");
        for p in world(n) {
            let is_in = (0..n).all(|a| roi.begin()[a] - lo[a] <= p[a] && p[a] < roi.end()[a] + hi[a]);
            prop_assert_eq!(has(&grown, &p), is_in);
            let back = p.checked_sub(&lo).expect("small numbers");
            prop_assert_eq!(has(&roi.shift(&lo).expect("small numbers"), &p), has(roi, &back));
        }
    }

    #[test]
    fn snapping(one in rois(1), grid in prop::collection::vec(1i64..6, 3)) {
        let roi = &one[0];
        let n = roi.n_axes();
        let grid = Coordinate::new(&grid[..n]).expect("axes");
        let [grown, shrunk, closest] =
            [Snap::Grow, Snap::Shrink, Snap::Closest].map(|snap| roi.snap_to_grid(&grid, snap).expect("small numbers"));
        for axis in 0..n {
            let lines = || (-40i64..40).map(|line| line * grid[axis]);
            let (begin, end) = (roi.begin()[axis], roi.end()[axis]);
            let below = |x: i64| lines().rfind(|line| *line <= x).expect("within the world");
            let above = |x: i64| lines().find(|line| *line >= x).expect("within the world");
            // The later line wins a draw, as `min_by_key` keeps the first of equals.
            let near = |x: i64| lines().rev().min_by_key(|line| (line - x).abs()).expect("within the world");
            prop_assert_eq!((grown.begin()[axis], grown.end()[axis]), (below(begin), above(end)));
            prop_assert_eq!(shrunk.begin()[axis], above(begin));
            prop_assert_eq!(shrunk.end()[axis], below(end).max(above(begin)));
            prop_assert_eq!((closest.begin()[axis], closest.end()[axis]), (near(begin), near(end)));
        }
    }

    #[test]
    fn voxels(one in rois(1), voxel in prop::collection::vec(1i64..4, 3), offset in prop::collection::vec(-4i64..4, 3)) {
        let roi = &one[0];
        let n = roi.n_axes();
        let (voxel, offset) = (Coordinate::new(&voxel[..n]).expect("axes"), Coordinate::new(&offset[..n]).expect("axes"));
        let on_line = |axis: usize, x: i64| (-40..40).any(|i| offset[axis] + i * voxel[axis] == x);
        let is_whole = (0..n).all(|a| on_line(a, roi.begin()[a]) && on_line(a, roi.end()[a]));
        match roi.to_voxels(&offset, &voxel) {
            Ok(ranges) => {
                prop_assert!(is_whole);
                for (axis, range) in ranges.into_iter().enumerate() {
                    prop_assert_eq!(offset[axis] + range.start * voxel[axis], roi.begin()[axis]);
                    prop_assert_eq!(offset[axis] + range.end * voxel[axis], roi.end()[axis]);
                }
            }
            Err(GeometryError::NotOnVoxels { .. }) => prop_assert!(!is_whole),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn text_round_trips(one in rois(1)) {
        prop_assert_eq!(one[0].to_string().parse(), Ok(one[0]));
        prop_assert_eq!(one[0].begin().to_string().parse(), Ok(*one[0].begin()));
    }
}

#[test]
fn snapping_works_close_to_the_end_of_64_bits() {
    let far = Roi::new([i64::MAX - 10], [8]).expect("fits");
    let grid = Coordinate::from([4]);
    // The last multiple of 4 is MAX - 3; from MAX - 10, MAX - 11 is the closest.
    let closest = far.snap_to_grid(&grid, Snap::Closest).expect("fits");
    assert_eq!((closest.begin()[0], closest.end()[0]), (i64::MAX - 11, i64::MAX - 3));
    // The next one after that does not fit.
    assert!(matches!(far.snap_to_grid(&grid, Snap::Grow), Err(GeometryError::Overflow { .. })));
}
