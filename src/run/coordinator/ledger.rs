//! What rank 0 records for people: failures, times, snapshots, the report.

use std::sync::Arc;
use std::time::Duration;

use super::happened::timed_out;
use crate::observe::{ChunkReads, Longest, Report, Snapshot, TaskReport, TaskSnapshot};
use crate::plan::{BlockId, Plan, TaskId};
use crate::run::topology::Peer;
use crate::scheduler::{Cause, Counts, Disposition, Failure, Scheduler, Time};
use crate::wire::Reads;

/// Maximum number of failures of a task that are logged as they happen; the report has the count of all.
const MAX_LOGGED_FAILURES: u64 = 20;
/// The same for all tasks together: the log may be a pipe that somebody reads slowly.
const MAX_LOGGED_IN_ALL: u64 = 500;
/// Longest message of a failure in the log, in bytes.
const MAX_LOGGED_BYTES: usize = 1000;
/// Maximum number of tasks that are shown one by one while they run; of more, the sum is. The report has each of them.
const MAX_SHOWN_TASKS: usize = 30;
/// Microseconds between two searches for the block that takes longest: each looks at all blocks in flight.
const LONGEST_INTERVAL: Time = 5_000_000;

#[derive(Debug)]
pub(super) struct RunStats {
    plan: Arc<Plan>,
    tasks: Vec<TaskReport>,
    busy_us: Vec<u64>,
    n_logged: Vec<u64>,
    n_logged_in_all: u64,
    n_workers: usize,
    n_slots: u64,
    n_lost: usize,
    n_retired: usize,
    chunk_reads: ChunkReads,
    is_interrupted: bool,
    longest: Option<(Time, Option<Longest>)>,
}

impl RunStats {
    pub fn new(plan: Arc<Plan>, peers: &[Peer]) -> Self {
        let report =
            |planned: &crate::plan::PlannedTask| TaskReport::new(planned.spec.name(), Counts::default());
        let tasks: Vec<TaskReport> = plan.tasks().iter().map(report).collect();
        Self {
            busy_us: vec![0; tasks.len()],
            n_logged: vec![0; tasks.len()],
            n_logged_in_all: 0,
            tasks,
            n_workers: peers.iter().filter(|peer| peer.slots > 0).count(),
            n_slots: peers.iter().map(|peer| u64::from(peer.slots)).sum(),
            n_lost: 0,
            n_retired: 0,
            chunk_reads: ChunkReads::default(),
            is_interrupted: false,
            longest: None,
            plan,
        }
    }

    /// Adds the time that a worker spent on a block of `task`.
    #[inline]
    pub fn add_busy(&mut self, task: TaskId, busy_us: u64) {
        self.busy_us[task.as_usize()] += busy_us;
    }

    /// Adds what a worker has read.
    pub fn add_reads(&mut self, Reads { n_hits, n_misses, bytes_read, bytes_decoded }: Reads) {
        let all = &mut self.chunk_reads;
        all.n_hits += n_hits;
        all.n_misses += n_misses;
        all.bytes_read += bytes_read;
        all.bytes_decoded += bytes_decoded;
    }

    /// Logs failures, and keeps the final ones for the report.
    #[inline]
    pub fn record_failures(&mut self, failures: &mut Vec<Failure>) {
        for failure in failures.drain(..) {
            self.record_failure(failure);
        }
    }

    fn record_failure(&mut self, Failure { block, worker, cause, disposition }: Failure) {
        let message = match cause {
            Cause::Error(message) => message,
            Cause::WorkerLost => "its worker was lost".to_owned(),
            Cause::TimedOut { busy } => timed_out(busy),
        };
        let task = block.task.as_usize();
        let write_roi = self.plan.block(block).write_roi;
        let BlockId { index, .. } = block;
        let name = &self.tasks[task].name;
        self.n_logged[task] += 1;
        self.n_logged_in_all += 1;
        if self.n_logged_in_all > MAX_LOGGED_IN_ALL {
            if self.n_logged_in_all == MAX_LOGGED_IN_ALL + 1 {
                log::warn!("more blocks fail, of many tasks; the report at the end counts them");
            }
        } else if self.n_logged[task] <= MAX_LOGGED_FAILURES {
            let next = if self.is_interrupted { "for the next run to try" } else { "will be tried again" };
            let message = &message[..message.floor_char_boundary(MAX_LOGGED_BYTES)];
            match disposition {
                Disposition::Retry { attempts } => log::warn!(
                    "task {name:?}, block {index} {write_roi} failed on {worker} (attempt {attempts}, {next}): \
                     {message}"
                ),
                // Others of the task say the same.
                Disposition::Hold { .. } | Disposition::Stuck { .. } => log::log!(
                    if self.n_logged[task].is_power_of_two() { log::Level::Warn } else { log::Level::Debug },
                    "task {name:?}, block {index} {write_roi} on {worker}: {message}: no more blocks of the task are handed out \
                     for a while, then one is tried"
                ),
                Disposition::GiveUp { attempts } => log::error!(
                    "task {name:?}, block {index} {write_roi} failed on {worker} (attempt {attempts}, given up): \
                     {message}"
                ),
            }
        } else if self.n_logged[task] == MAX_LOGGED_FAILURES + 1 {
            log::warn!("task {name:?}: more blocks fail; the report at the end counts them");
        }
        if let Disposition::GiveUp { attempts } = disposition {
            self.tasks[task].add_failure(index, &write_roi, worker.0, attempts, message);
        }
    }

    /// Records that a worker is lost.
    pub fn add_lost(&mut self) {
        self.n_lost += 1;
    }

    /// Records that a worker gets no more blocks.
    pub fn add_retired(&mut self) {
        self.n_retired += 1;
    }

    /// Number of workers that are lost.
    pub fn n_lost(&self) -> usize {
        self.n_lost
    }

    /// Records that the run was interrupted.
    pub fn interrupt(&mut self) {
        self.is_interrupted = true;
    }

    /// Returns whether the run was interrupted.
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// Number of blocks that have not ended.
    pub fn n_open(&self, scheduler: &Scheduler) -> u64 {
        self.ids().map(|task| scheduler.counts(task).open()).sum()
    }

    /// Number of blocks that workers have.
    pub fn n_in_flight(&self, scheduler: &Scheduler) -> u64 {
        self.ids().map(|task| scheduler.counts(task).in_flight).sum()
    }

    /// How the run stands.
    pub fn snapshot(&mut self, scheduler: &Scheduler, now: Time) -> Snapshot {
        let counts = self.ids().map(|id| scheduler.counts(id));
        let tasks = if self.tasks.len() > MAX_SHOWN_TASKS {
            // More lines than a terminal has, several times a second, would cost more than the scheduling.
            let name = format!("all {} tasks", self.tasks.len());
            vec![TaskSnapshot { name, counts: counts.fold(Counts::default(), Counts::plus) }]
        } else {
            let names = self.tasks.iter().map(|task| task.name.clone());
            names.zip(counts).map(|(name, counts)| TaskSnapshot { name, counts }).collect()
        };
        Snapshot {
            elapsed: Duration::from_micros(now),
            tasks,
            n_workers: scheduler.n_workers(),
            longest: self.longest(scheduler, now),
        }
    }

    /// How the run went. Asked once: the failures go with it.
    pub fn report(&mut self, scheduler: &Scheduler, now: Time, most_memory: Option<u64>) -> Report {
        let mut report = Report::new(Duration::from_micros(now).as_secs_f64(), self.n_workers, self.n_slots);
        report.is_interrupted = self.is_interrupted;
        report.most_memory = most_memory;
        report.n_lost = self.n_lost;
        report.n_retired = self.n_retired;
        report.n_hung = scheduler.hung_slots().len();
        report.chunk_reads = self.chunk_reads;
        report.tasks = std::mem::take(&mut self.tasks);
        for ((id, task), busy_us) in (0..).map(TaskId).zip(&mut report.tasks).zip(&self.busy_us) {
            task.counts = scheduler.counts(id);
            task.busy_s = Duration::from_micros(*busy_us).as_secs_f64();
        }
        report
    }

    fn ids(&self) -> impl Iterator<Item = TaskId> + use<> {
        (0..self.plan.tasks().len()).zip(0..).map(|(_, id)| TaskId(id))
    }

    fn longest(&mut self, scheduler: &Scheduler, now: Time) -> Option<Longest> {
        let is_fresh = self
            .longest
            .as_ref()
            .is_some_and(|(searched, _)| now.saturating_sub(*searched) < LONGEST_INTERVAL);
        if !is_fresh {
            let found = scheduler.oldest_in_flight().map(|(since, block, worker)| Longest {
                task: self.tasks[block.task.as_usize()].name.clone(),
                index: block.index,
                worker: worker.0,
                held: Duration::from_micros(now.saturating_sub(since)),
            });
            self.longest = Some((now, found));
        }
        self.longest.as_ref().and_then(|(_, longest)| longest.clone())
    }
}
