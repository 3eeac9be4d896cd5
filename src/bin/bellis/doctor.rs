//! `bellis doctor`.

use bellis::{Losses, Protection, RunDir};
use serde_json::{Value, json};

use super::print;
use super::run_options::RunFlags;

/// Shows what protects a run that is started in the same way, and what to change for more: what a lost rank, the end of the
/// job or of a node would cost
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    run: RunFlags,
}

impl Arguments {
    /// Runs the command, on all ranks that there are.
    pub fn run(self, json: bool) -> bellis::Result {
        let protection = self.run.runner()?.protection()?;
        Ok(print::either(json, || text(&protection), || value(&protection))?)
    }
}

fn text(protection: &Protection) -> String {
    let Protection { mpi, n_ranks, launcher, run_dir, time_left, .. } = protection;
    let started = match *launcher {
        "none" => "without a launcher".to_owned(),
        launcher => format!("started by {launcher}"),
    };
    let threads = match protection.has_threads {
        Some(true) => "; several threads may call it",
        Some(false) => "; one thread may call it",
        None => "; not needed by one process",
    };
    let directory = match run_dir {
        None => "none".to_owned(),
        Some(RunDir { path, file_system, lock_problem, .. }) => {
            let kind = file_system.as_ref().map_or("unknown", |found| &found.name);
            let lock = if lock_problem.is_none() { "its lock works" } else { "its lock does not work" };
            format!("{} (file system {kind}, {lock})", path.display())
        }
    };
    let time = match time_left {
        None => "no limit is known".to_owned(),
        Some((left, source)) => format!("{} s are left, says {source}", left.as_secs()),
    };
    let lines = [
        (
            "MPI",
            mpi.as_ref().map_or_else(|| "none: built without".to_owned(), |mpi| format!("{mpi}{threads}")),
        ),
        ("ranks", format!("{n_ranks}, {started}")),
        ("losses", protection.losses_in_words()),
        ("directory", directory),
        ("durability", protection.durability_in_words()),
        ("time", time),
    ];
    let mut text: Vec<String> = lines.iter().map(|(name, value)| format!("{name:<11}{value}")).collect();
    let advice = protection.advice();
    if !advice.is_empty() {
        text.push("\nFor more protection:".to_owned());
        text.extend(advice.iter().map(|advice| format!("* {advice}")));
    }
    text.join("\n")
}

fn value(protection: &Protection) -> Value {
    let run_dir = protection.run_dir.as_ref().map(|dir| {
        json!({
            "path": dir.path.display().to_string(),
            "file_system": dir.file_system.as_ref().map(|found| &found.name),
            "is_shared": dir.file_system.as_ref().map(|found| found.is_shared),
            "lock_problem": dir.lock_problem,
        })
    });
    let losses = match protection.losses {
        Losses::NoOthers => "no others",
        Losses::Told => "told",
        Losses::Silent => "silent",
        _ => "job ends",
    };
    json!({
        "mpi": protection.mpi,
        "has_threads": protection.has_threads,
        "n_ranks": protection.n_ranks,
        "launcher": protection.launcher,
        "losses": losses,
        "run_dir": run_dir,
        "durability": protection.durability.to_string(),
        "epoch_s": protection.epoch.as_secs_f64(),
        "time_left_s": protection.time_left.map(|(left, _)| left.as_secs_f64()),
        "time_source": protection.time_left.map(|(_, source)| source),
        "batch_job": protection.batch_job,
        "advice": protection.advice(),
    })
}
