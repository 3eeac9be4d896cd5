//! Map and reduce: squares 4,096,000 numbers in 250 blocks and sums the squares in 16 blocks of 256,000.
//!
//! A sum is one voxel as large as its block: both arrays cover the same part of the world, and so a block of the second
//! task waits for the squares that it sums and for no others.

use std::path::PathBuf;
use std::process::ExitCode;

use bellis::{Array, ArraySpec, BoxError, PlanError, Task};
use ndarray::{Array1, array};

const N_NUMBERS: u64 = 4_096_000;
const SQUARE_BLOCK: u64 = 16_384;
const SUM_BLOCK: u64 = 256_000;

fn main() -> ExitCode {
    bellis::main(|| {
        let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "demo-out".into()));
        let squares = ArraySpec::new([N_NUMBERS]).chunks([SQUARE_BLOCK]);
        let squares = Array::<i64>::create(folder.join("squares.zarr"), &squares)?;
        let sums = ArraySpec::covering(&squares.roi(), [SUM_BLOCK as i64])?.chunks([1]);
        let sums = Array::<i64>::create(folder.join("sums.zarr"), &sums)?;
        let report = bellis::run(square(&squares)? + sum(&squares, &sums)?)?;
        let elapsed_s = report.elapsed_s;
        report.into_result()?;
        if bellis::is_coordinator() {
            check(&sums)?;
            println!("{} sums in {} ({elapsed_s:.2} s)", sums.info().shape[0], sums.path().display());
        }
        Ok(())
    })
}

/// Writes 0, 1, 4, 9, ...
fn square(squares: &Array<i64>) -> Result<Task, PlanError> {
    let output = squares.clone();
    Task::builder("square")
        .total_roi(squares.roi())
        .block_shape([SQUARE_BLOCK as i64])
        .writes(squares)
        .process(move |block| {
            let numbers = block.write_roi.begin()[0]..block.write_roi.end()[0];
            output.write(&block.write_roi, &numbers.map(|number| number * number).collect::<Array1<_>>())?;
            Ok(())
        })
        .build()
}

fn sum(squares: &Array<i64>, sums: &Array<i64>) -> Result<Task, PlanError> {
    let (input, output) = (squares.clone(), sums.clone());
    Task::builder("sum")
        .total_roi(squares.roi())
        .block_shape([SUM_BLOCK as i64])
        .writes(sums)
        .process(move |block| {
            let sum = input.read(&block.read_roi)?.sum();
            output.write(&block.write_roi, &array![sum])?;
            Ok(())
        })
        .build()
}

fn check(sums: &Array<i64>) -> Result<(), BoxError> {
    // 0² + 1² + ... + (n - 1)²
    let up_to = |n: i128| (n - 1) * n * (2 * n - 1) / 6;
    let block = i128::from(SUM_BLOCK);
    for (index, value) in (0..).zip(&sums.read(&sums.roi())?) {
        let expected = up_to((index + 1) * block) - up_to(index * block);
        if i128::from(*value) != expected {
            return Err(format!("sum {index} is {value} and not {expected}").into());
        }
    }
    Ok(())
}
