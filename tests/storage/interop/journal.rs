//! The done maps of a run directory are arrays to others, while a run goes on and after it.

use bellis::Pipeline;
use bellis::journal::{BlockState, Change, Journal, Layout, RunInfo};
use bellis::plan::{Plan, TaskId};
use bellis::{Roi, Task};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::python::Python;

fn task(name: &str, shape: &[i64]) -> Task {
    let total = Roi::new(vec![0; shape.len()], shape.to_vec()).unwrap();
    Task::builder(name).total_roi(total).block_shape(vec![1; shape.len()]).build().unwrap()
}

#[test]
fn others_see_where_a_run_stands() {
    let dir = tempfile::tempdir().unwrap();
    let shapes: [&[i64]; 3] = [&[5], &[70, 80], &[3, 4, 5, 6]];
    let tasks = shapes.iter().enumerate().map(|(n, shape)| task(&format!("task {n}/x"), shape));
    let pipeline = tasks.fold(Pipeline::new(), Pipeline::task);
    let layout = Layout::of(&Plan::new(&pipeline).unwrap());
    let mut journal = Journal::open(dir.path(), &layout, RunInfo::default()).unwrap();
    let mut python = Python::start("zarr3");
    let states = [BlockState::Done, BlockState::Failed, BlockState::Orphaned, BlockState::Excluded];
    for (number, shape) in (0..).zip(shapes) {
        let n_blocks: i64 = shape.iter().product();
        let mut expected = vec![0u8; n_blocks as usize];
        let changes =
            (0..).zip(states).map(|(n, state)| Change { task: TaskId(number), blocks: n..n + 1, state });
        let rest = Change { task: TaskId(number), blocks: 4..n_blocks as u64 - 1, state: BlockState::Done };
        journal.commit(&changes.chain([rest]).collect::<Vec<_>>()).unwrap();
        expected[..4].copy_from_slice(&[1, 2, 3, 4]);
        expected[4..n_blocks as usize - 1].fill(1);
        let path = dir.path().join(format!("tasks/task%20{number}%2fx.zarr"));
        let digest = Sha256::digest(&expected).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        for (reader, how) in [("zarr_read", json!({})), ("tensorstore_read", json!({"driver": "zarr3"}))] {
            let seen = python.ask(reader, super::merged(&json!({"path": path}), &how));
            assert_eq!(seen["shape"], json!(shape), "{reader}");
            assert_eq!(seen["dtype"], json!("uint8"), "{reader}");
            assert_eq!(seen["sha256"], json!(digest), "{reader}");
        }
        let array = bellis::Array::<u8>::open(&path).unwrap();
        let data = array.read(&array.roi()).unwrap();
        assert_eq!(data.iter().copied().collect::<Vec<_>>(), expected);
    }
    journal.close("done").unwrap();
}
