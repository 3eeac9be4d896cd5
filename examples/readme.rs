//! Squares the numbers in `a.zarr`, block by block, into `squares.zarr`.

use bellis::{Array, ArraySpec, Task};

fn main() -> std::process::ExitCode {
    bellis::main(|| {
        let input = Array::<i64>::open("a.zarr")?;
        let output = Array::<i64>::create("squares.zarr", &ArraySpec::like(&input))?;
        let square = Task::builder("square")
            .total_roi(input.roi())
            .block_shape([16_384])
            .writes(&output)
            .process(move |block| {
                let numbers = input.read(&block.read_roi)?;
                output.write(&block.write_roi, &numbers.mapv(|number| number * number))?;
                Ok(())
            })
            .build()?;
        bellis::run(square)?.into_result()?;
        Ok(())
    })
}
