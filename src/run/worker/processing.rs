//! The loop that runs the closures of tasks.

use super::outcome::fault_of;
use super::slot::Worker;
use crate::plan::{Block, BoxError, Fault, Outcome, Process};
use crate::run::error::one_line;
use crate::run::panics;

/// Processes blocks with the closures of their tasks until the run is over.
pub(in crate::run) fn process_all(worker: &mut Worker) -> Result<(), BoxError> {
    // One prepared closure for each task that this slot has met.
    let mut prepared: Vec<Option<Process>> = Vec::new();
    while let Some(block) = worker.acquire()? {
        let task = block.id.task.as_usize();
        if task >= prepared.len() {
            prepared.resize_with(task + 1, || None);
        }
        let outcome = match panics::catch(|| process(worker, &mut prepared[task], &block)) {
            Ok(outcome) => outcome,
            Err(panic) => {
                // What the closure keeps may be half done, and may panic again when it is dropped.
                let state = prepared[task].take();
                let dropped = panics::catch(|| drop(state)).err();
                Outcome::failed(dropped.map_or(panic.clone(), |again| format!("{panic}; then {again}")))
            }
        };
        worker.release(block, outcome)?;
    }
    Ok(())
}

fn process(worker: &Worker, prepared: &mut Option<Process>, block: &Block) -> Outcome {
    let body = worker.task(block).body();
    match body.is_done(block) {
        Ok(true) => return Outcome::Skipped,
        Ok(false) => {}
        Err(error) => {
            let message = format!("its check failed: {}", one_line(&*error));
            return Outcome::Failed { fault: fault_of(&*error), message };
        }
    }
    let process = match prepared {
        Some(process) => process,
        None => match body.prepare(&worker.info()) {
            Some(Ok(process)) => prepared.insert(process),
            Some(Err(error)) => {
                let message = format!("the worker could not be prepared: {}", one_line(&*error));
                return Outcome::Failed { fault: Fault::Worker, message };
            }
            None => {
                let message = "its task has no process closure".to_owned();
                return Outcome::Failed { fault: Fault::Permanent, message };
            }
        },
    };
    process(block).into()
}
