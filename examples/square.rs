//! Daisy's quickstart: squares 4,096,000 numbers in 250 blocks.
//!
//! `square [FOLDER]` makes its input, `a.zarr`, in a first task: every rank runs the whole program, and a task is what
//! does a thing once. A block of numbers is squared as soon as it is there.

use std::path::PathBuf;
use std::process::ExitCode;

use bellis::{Array, ArraySpec, BoxError, PlanError, Task};
use ndarray::Array1;

const N_NUMBERS: u64 = 4_096_000;
const BLOCK: u64 = 16_384;

fn main() -> ExitCode {
    bellis::main(|| {
        let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "demo-out".into()));
        let numbers =
            Array::<i64>::create(folder.join("a.zarr"), &ArraySpec::new([N_NUMBERS]).chunks([BLOCK]))?;
        let squares = Array::<i64>::create(folder.join("squares.zarr"), &ArraySpec::like(&numbers))?;
        let report = bellis::run(fill(&numbers)? + square(&numbers, &squares)?)?;
        let elapsed_s = report.elapsed_s;
        report.into_result()?;
        if bellis::is_coordinator() {
            check(&squares)?;
            println!("{N_NUMBERS} squares in {} ({elapsed_s:.2} s)", squares.path().display());
        }
        Ok(())
    })
}

/// Writes 0, 1, 2, ...
fn fill(numbers: &Array<i64>) -> Result<Task, PlanError> {
    let output = numbers.clone();
    Task::builder("fill")
        .total_roi(numbers.roi())
        .block_shape([BLOCK as i64])
        .writes(numbers)
        .process(move |block| {
            let values = block.write_roi.begin()[0]..block.write_roi.end()[0];
            output.write(&block.write_roi, &Array1::from_iter(values))?;
            Ok(())
        })
        .build()
}

fn square(numbers: &Array<i64>, squares: &Array<i64>) -> Result<Task, PlanError> {
    let (input, output) = (numbers.clone(), squares.clone());
    Task::builder("square")
        .total_roi(numbers.roi())
        .block_shape([BLOCK as i64])
        .writes(squares)
        .process(move |block| {
            let values = input.read(&block.read_roi)?;
            output.write(&block.write_roi, &values.mapv(|value| value * value))?;
            Ok(())
        })
        .build()
}

fn check(squares: &Array<i64>) -> Result<(), BoxError> {
    let values = squares.read(&squares.roi())?;
    match (0..).zip(&values).find(|(number, value)| number * number != **value) {
        None => Ok(()),
        Some((number, value)) => Err(format!("{number} squared is not {value}").into()),
    }
}
