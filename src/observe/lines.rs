//! A plain line every few seconds, for the log of a batch job.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use super::observer::Observer;
use super::report::Report;
use super::snapshot::Snapshot;

/// The first line comes this soon, so that short runs show something too, later ones ever more seldom.
const FIRST: Duration = Duration::from_millis(500);
/// No two lines are farther apart.
const SELDOMEST: Duration = Duration::from_secs(30);
/// A block is worth a word when a worker has had it for so long.
const LONG: Duration = Duration::from_secs(60);

pub(super) struct Lines<W> {
    to: W,
    next: Duration,
}

impl<W: Write> Lines<W> {
    pub fn new(to: W) -> Self {
        Self { to, next: FIRST }
    }
}

impl<W: Write> Observer for Lines<W> {
    fn update(&mut self, snapshot: &Snapshot) {
        if snapshot.elapsed >= self.next {
            self.next = snapshot.elapsed + (snapshot.elapsed / 2).clamp(FIRST, SELDOMEST);
            // Progress that cannot be shown must not end the run.
            let _ = writeln!(self.to, "{}", line(snapshot));
        }
    }

    fn end(&mut self, report: &Report) {
        write_report(&mut self.to, report);
    }
}

/// Writes the execution summary.
pub(super) fn write_report(to: &mut impl Write, report: &Report) {
    // A summary that cannot be shown must not turn a good run into a bad one.
    let _ = writeln!(to, "\n{report}");
}

fn line(snapshot: &Snapshot) -> String {
    let seconds = snapshot.elapsed.as_secs();
    let mut text = format!("[{:02}:{:02}:{:02}]", seconds / 3600, seconds / 60 % 60, seconds % 60);
    for (place, task) in snapshot.tasks.iter().enumerate() {
        let counts = &task.counts;
        let percent = 100.0 * task.n_ended() as f64 / counts.total as f64;
        let comma = if place == 0 { "" } else { ";" };
        let rate = task.n_ended() as f64 / snapshot.elapsed.as_secs_f64().max(1e-9);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{comma} {} {}/{} ({percent:.1} %) {} in flight, {} failed, {rate:.1} blocks/s",
            task.name,
            task.n_ended(),
            counts.total,
            counts.in_flight,
            counts.failed + counts.orphaned,
        );
    }
    if let Some(longest) = snapshot.longest.as_ref().filter(|longest| longest.held >= LONG) {
        let _ = write!(
            text,
            "; worker {} has had block {} of {} for {} s",
            longest.worker,
            longest.index,
            longest.task,
            longest.held.as_secs()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Longest, TaskSnapshot};
    use crate::scheduler::Counts;

    fn snapshot(seconds: u64, completed: u64) -> Snapshot {
        let counts =
            Counts { total: 200, completed, in_flight: 4, pending: 196 - completed, ..Counts::default() };
        let held = Duration::from_secs(seconds);
        Snapshot {
            elapsed: held,
            tasks: vec![TaskSnapshot { name: "smooth".to_owned(), counts }],
            n_workers: 4,
            longest: Some(Longest { task: "smooth".to_owned(), index: 7, worker: 3, held }),
        }
    }

    #[test]
    fn lines_come_ever_more_seldom() {
        let mut to = Vec::new();
        let mut lines = Lines::new(&mut to);
        (0..600).for_each(|second| lines.update(&snapshot(second, second / 10)));
        let text = String::from_utf8(to).expect("text");
        assert!((25..35).contains(&text.lines().count()), "{text}");
        let first = "[00:00:01] smooth 0/200 (0.0 %) 4 in flight, 0 failed, 0.0 blocks/s";
        assert_eq!(text.lines().next(), Some(first));
        assert!(
            text.lines().last().is_some_and(|line| line.contains("worker 3 has had block 7 of smooth")),
            "{text}"
        );
    }
}
