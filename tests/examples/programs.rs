//! The lessons: the one in the README, `square`, `sum_reduce` and `smooth`.

use bellis::storage::ArraySpec;
use bellis::{Array, Roi};
use ndarray::Array1;

use super::mpirun::program;
use super::{RANKS, text};

#[test]
fn the_readme_shows_the_program() {
    let readme = include_str!("../../README.md");
    let program = include_str!("../../examples/readme.rs");
    assert!(readme.contains(&format!("```rust\n{program}```\n")), "README.md and examples/readme.rs differ");
}

#[test]
fn the_program_of_the_readme_squares() {
    for ranks in RANKS {
        let folder = tempfile::tempdir().unwrap();
        let spec = ArraySpec::new([100_000]).chunks([16_384]);
        let numbers = Array::<i64>::create(folder.path().join("a.zarr"), &spec).unwrap();
        numbers.write(&numbers.roi(), &Array1::from_iter(-50_000..50_000i64)).unwrap();
        // 100,000 is no multiple of 16,384, and the program does not ask for the rest.
        program(ranks, "readme", &[]).inside(folder.path()).run().succeeded();
        let squares = Array::<i64>::open(folder.path().join("squares.zarr")).unwrap();
        let whole_blocks = Roi::new([0], [98_304]).unwrap();
        let expected = (-50_000..48_304i64).map(|number| number * number);
        assert!(squares.read(&whole_blocks).unwrap().iter().copied().eq(expected), "{ranks:?}");
    }
}

#[test]
fn square() {
    for ranks in RANKS {
        let folder = tempfile::tempdir().unwrap();
        let outcome = program(ranks, "square", &[text(folder.path())]).run();
        outcome.succeeded();
        assert!(outcome.stderr.contains("Task square:\nnum blocks : 250\ncompleted ✔: 250"), "{outcome}");
        let squares = Array::<i64>::open(folder.path().join("squares.zarr")).unwrap();
        let expected = (0..4_096_000i64).map(|number| number * number);
        assert!(squares.read(&squares.roi()).unwrap().iter().copied().eq(expected), "{outcome}");
    }
}

#[test]
fn sum_reduce() {
    for ranks in RANKS {
        let folder = tempfile::tempdir().unwrap();
        let outcome = program(ranks, "sum_reduce", &[text(folder.path())]).run();
        outcome.succeeded();
        assert!(outcome.stderr.contains("Task square:\nnum blocks : 250\ncompleted ✔: 250"), "{outcome}");
        assert!(outcome.stderr.contains("Task sum:\nnum blocks : 16\ncompleted ✔: 16"), "{outcome}");
        let sums = Array::<i64>::open(folder.path().join("sums.zarr")).unwrap();
        let sum =
            |block: i64| (block * 256_000..(block + 1) * 256_000).map(|number| number * number).sum::<i64>();
        assert!(sums.read(&sums.roi()).unwrap().iter().copied().eq((0..16).map(sum)), "{outcome}");
    }
}

#[test]
fn smooth() {
    let mut first = None;
    for ranks in RANKS {
        let folder = tempfile::tempdir().unwrap();
        let outcome = program(ranks, "smooth", &[text(folder.path())]).run();
        outcome.succeeded();
        assert!(outcome.stderr.contains("Task filter:\nnum blocks : 64\ncompleted ✔: 64"), "{outcome}");
        let smooth = Array::<f32>::open(folder.path().join("smooth.zarr")).unwrap();
        let smooth = smooth.read(&smooth.roi()).unwrap();
        assert_eq!(first.get_or_insert_with(|| smooth.clone()), &smooth, "{ranks:?}");
    }
}
