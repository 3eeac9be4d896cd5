//! Workers that are threads of this process, beside the one that schedules.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::error::RunError;
use super::shutdown::stop_all;
use super::worker::block_source::Setup;
use super::worker::shared_helper::SharedHelper;
use super::worker::slot::Loop;
use super::worker::work::work;
use crate::observe::Report;
use crate::plan::Task;
use crate::storage::Context;
use crate::transport::local::{LocalTransport, network};
use crate::transport::{Idle, Transport};
use crate::wire::Stop;

/// Runs `lead` on this thread beside `n_threads` threads that work for it, if they can be started.
pub(super) fn with_threads(
    n_threads: u32,
    idle: Idle,
    storage: &Context,
    tasks: &Arc<[Task]>,
    body: &Loop<'_>,
    lead: impl FnOnce(Result<LocalTransport, RunError>) -> Result<Report, RunError>,
) -> Result<Report, RunError> {
    let mut endpoints = network(n_threads as usize + 1).into_iter();
    let mut mine = endpoints.next().expect("a network has a first endpoint");
    let shared_helper = Arc::new(SharedHelper::default());
    thread::scope(|scope| {
        let start = |endpoint: LocalTransport| {
            let (rank, storage) = (endpoint.rank(), storage.clone());
            let setup = Setup {
                rank,
                slots: 1,
                idle,
                may_share: false,
                shared_helper: Some(shared_helper.clone()),
                rank0_patience: Duration::ZERO,
                storage,
            };
            let name = format!("worker {}", setup.rank);
            let work = move || work(Box::new(endpoint), setup, tasks, body);
            thread::Builder::new().name(name).spawn_scoped(scope, work)
        };
        let mut workers = Vec::new();
        for endpoint in endpoints {
            match start(endpoint) {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    let error = RunError::Thread(error.to_string());
                    // It fails at the endpoints without a thread, which come last.
                    let _ = stop_all(&mut mine, Stop::Refused((&error).into()));
                    return lead(Err(error));
                }
            }
        }
        // Without it, blocks that were sent ahead are given back between blocks alone.
        let help = || shared_helper.help();
        let helper = thread::Builder::new().name("local helper".to_owned()).spawn_scoped(scope, help).ok();
        let report = lead(Ok(mine));
        if let Some(helper) = helper {
            shared_helper.end(helper.thread());
        }
        let report = report?;
        for worker in workers {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        Ok(report)
    })
}
