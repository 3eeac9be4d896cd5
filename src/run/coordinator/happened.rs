//! Failures as lines for the run directory, of which a run of a million failures does not write a million.

use std::time::Duration;

use crate::journal::Event;
use crate::plan::Plan;
use crate::scheduler::{Cause, Disposition, Failure, Time};

/// Failures and retries of a task that a run writes down one by one, and those that it counts.
const MAX_LINES: u64 = 1000;
/// Longest message of one, in bytes.
const MAX_MESSAGE: usize = 1000;

/// What a failure is called.
pub(super) fn event_of(plan: &Plan, failure: &Failure) -> Event {
    let Failure { block, worker, cause, disposition } = failure;
    let task = plan.task(block.task).spec.name().to_owned();
    let message = match cause {
        Cause::Error(message) => cut(message),
        Cause::WorkerLost => "its worker was lost".to_owned(),
        Cause::TimedOut { busy } => timed_out(*busy),
    };
    let (block, worker) = (block.index, worker.0);
    match *disposition {
        Disposition::Retry { attempts }
        | Disposition::Hold { attempts }
        | Disposition::Stuck { attempts } => Event::Retried { task, block, worker, attempts, message },
        Disposition::GiveUp { attempts } => Event::Failed { task, block, worker, attempts, message },
    }
}

/// That a block has taken too long.
pub(super) fn timed_out(busy: Time) -> String {
    let seconds = Duration::from_micros(busy).as_secs_f64();
    format!("it had not ended after {seconds:.1} s, and its slot gets no more blocks before it has")
}

fn cut(message: &str) -> String {
    let end = message.floor_char_boundary(MAX_MESSAGE);
    if end == message.len() { message.to_owned() } else { format!("{}…", &message[..end]) }
}

/// How many failures of each task there were, beyond those that are written down.
#[derive(Debug)]
pub(super) struct Bound {
    tasks: Vec<Told>,
}

#[derive(Debug, Default)]
struct Told {
    name: String,
    n_lines: u64,
    n_retried: u64,
    n_failed: u64,
}

impl Bound {
    /// For the tasks of these names.
    pub fn new(names: impl Iterator<Item = String>) -> Self {
        Self { tasks: names.map(|name| Told { name, ..Told::default() }).collect() }
    }

    /// Counts a failure that is one too many, or returns the event.
    pub fn admit(&mut self, event: Event) -> Option<Event> {
        let (Event::Retried { task, .. } | Event::Failed { task, .. }) = &event else { return Some(event) };
        let Some(told) = self.tasks.iter_mut().find(|told| told.name == *task) else { return Some(event) };
        if told.n_lines < MAX_LINES {
            told.n_lines += 1;
            return Some(event);
        }
        match event {
            Event::Failed { .. } => told.n_failed += 1,
            _ => told.n_retried += 1,
        }
        None
    }

    /// What was counted and not written down.
    pub fn rest(&self) -> Vec<Event> {
        let is_over = |told: &&Told| told.n_retried + told.n_failed > 0;
        let event = |told: &Told| Event::MoreFailures {
            task: told.name.clone(),
            n_retried: told.n_retried,
            n_failed: told.n_failed,
        };
        self.tasks.iter().filter(is_over).map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_failures_the_first_are_told_and_all_are_counted() {
        let mut bound = Bound::new(["a", "b"].into_iter().map(str::to_owned));
        let failed = |task: &str| Event::Failed {
            task: task.into(),
            block: 3,
            worker: 1,
            attempts: 2,
            message: "no luck".into(),
        };
        let retried = |task: &str| Event::Retried {
            task: task.into(),
            block: 3,
            worker: 1,
            attempts: 1,
            message: "no luck".into(),
        };
        let n_told = (0..1_000_000).filter(|_| bound.admit(failed("b")).is_some()).count();
        assert_eq!(n_told, 1000);
        assert!(bound.admit(failed("a")).is_some() && bound.admit(retried("b")).is_none());
        assert!(bound.admit(Event::Draining { reason: String::new() }).is_some());
        let rest = [Event::MoreFailures { task: "b".into(), n_retried: 1, n_failed: 999_000 }];
        assert_eq!(bound.rest(), rest);
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"ä".repeat(600)).chars().count(), 501);
    }
}
