//! A bar for each task, or one for all where there are many, on a terminal.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::observer::Observer;
use super::report::Report;
use super::snapshot::Snapshot;

/// What a bar shows.
const TEMPLATE: &str =
    "{prefix} {wide_bar} {human_pos}/{human_len} blocks [{elapsed_precise}<{eta_precise}, {per_sec}] {msg}";

#[derive(Default)]
pub(super) struct Bars {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
}

impl Bars {
    fn bar(&self, name: &str, total: u64) -> ProgressBar {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(ProgressBar::new(total).with_style(style));
        bar.set_prefix(name.to_owned());
        bar
    }
}

impl Observer for Bars {
    fn update(&mut self, snapshot: &Snapshot) {
        if self.bars.is_empty() {
            self.bars = snapshot.tasks.iter().map(|task| self.bar(&task.name, task.counts.total)).collect();
        }
        for (bar, task) in self.bars.iter().zip(&snapshot.tasks) {
            bar.set_position(task.n_ended());
            let counts = task.counts;
            let mut message = format!("{} in flight", counts.in_flight);
            if counts.failed + counts.orphaned > 0 {
                message += &format!(", {} failed, {} orphaned", counts.failed, counts.orphaned);
            }
            bar.set_message(message);
        }
    }

    fn end(&mut self, report: &Report) {
        let n_ended = report.tasks.iter().map(|task| task.counts.total - task.counts.open());
        let n_ended: Vec<u64> =
            if self.bars.len() == report.tasks.len() { n_ended.collect() } else { vec![n_ended.sum()] };
        for (bar, n_ended) in self.bars.iter().zip(n_ended) {
            bar.set_position(n_ended);
            bar.set_message(String::new());
            bar.abandon();
        }
        // `println` of a hidden display writes nothing; the summary is wanted all the same.
        if self.all.is_hidden() || self.all.println(format!("\n{report}")).is_err() {
            super::lines::write_report(&mut std::io::stderr(), report);
        }
    }
}
