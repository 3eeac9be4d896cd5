//! What the tests under real `mpirun` run: one small scenario per call, told by the first argument.

use std::process::ExitCode;
use std::time::Duration;

use bellis::{Roi, Runner, Task};

fn main() -> ExitCode {
    bellis::main(|| {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let number = |place: usize| arguments.get(place).and_then(|text| text.parse::<i64>().ok());
        let n_blocks = number(1).unwrap_or(10);
        let total = Roi::new([0], [n_blocks])?;
        let task = Task::builder("testbed").total_roi(total).block_shape([1]);
        let task = match arguments.first().map_or("", String::as_str) {
            "nothing" => task.process(|_| Ok(())),
            "sleep" => task.process(|_| {
                std::thread::sleep(Duration::from_millis(100));
                Ok(())
            }),
            "fail" => {
                task.process(|block| if block.index() % 3 == 0 { Err("no luck".into()) } else { Ok(()) })
            }
            "panic" => task.process(|block| if block.index() == 3 { panic!("block three") } else { Ok(()) }),
            other => return Err(format!("scenario {other:?} is unknown").into()),
        };
        let report = Runner::new().run(task.build()?)?;
        report.into_result()?;
        Ok(())
    })
}
