//! What protects a run from what ends ranks, nodes and jobs, for people to know before it matters: `bellis doctor` shows it,
//! and each run says it in one line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::deadline::time_left;
use super::options::{Durability, Options};
use super::startup::losses::Losses;
use super::startup::membership::launcher_behaviour;
use crate::journal::{self, FileSystem};
use crate::mpi::{environment, is_initialized, library_version};

/// What protects a run. [`Display`](fmt::Display) writes it as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protection {
    /// The MPI library in its own words; `None` in a build without MPI.
    pub mpi: Option<String>,
    /// Whether several threads may call MPI at the same time, so that workers answer while they process a block; `None` where
    /// MPI is not initialized.
    pub has_threads: Option<bool>,
    /// Ranks of the run; 1 where a process is alone.
    pub n_ranks: usize,
    /// What started them.
    pub launcher: &'static str,
    /// What becomes of the others when one is lost.
    pub losses: Losses,
    /// What to tell the launcher so that the others go on.
    pub launcher_cure: Option<&'static str>,
    /// The run directory; none where nothing is remembered.
    pub run_dir: Option<RunDir>,
    /// When what was written is put on the disk.
    pub durability: Durability,
    /// With a run directory, the time between two moments that what was written is put on the disk and recorded.
    pub epoch: Duration,
    /// The time that is left, and the variable that says so.
    pub time_left: Option<(Duration, &'static str)>,
    /// The variable by which a batch system shows that this is a job of its, which has an end.
    pub batch_job: Option<&'static str>,
}

/// Where a run directory lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunDir {
    /// Its path.
    pub path: PathBuf,
    /// The file system, where the system tells.
    pub file_system: Option<FileSystem>,
    /// Why its lock does not work; `None` where it does, or was not tried.
    pub lock_problem: Option<String>,
}

/// Variables that batch systems set in each job.
const JOBS: [&str; 3] = ["SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID"];

impl Protection {
    /// Finds out, for a run on so many ranks; whether the run directory's lock works is not tried.
    pub(super) fn find(options: &Options, n_ranks: usize) -> Self {
        let behaviour = launcher_behaviour();
        let run_dir = options.run_dir.clone().map(|path| RunDir {
            file_system: journal::file_system(&path),
            path,
            lock_problem: None,
        });
        let threads =
            is_initialized().then(|| environment().is_ok_and(|environment| environment.is_multiple));
        Self {
            mpi: library_version(),
            has_threads: threads,
            n_ranks,
            launcher: behaviour.launcher,
            losses: if n_ranks == 1 { Losses::NoOthers } else { behaviour.losses },
            launcher_cure: behaviour.cure,
            run_dir,
            durability: options.durability,
            epoch: options.epoch,
            time_left: time_left(options).map(|found| (found.left, found.source)),
            batch_job: JOBS.into_iter().find(|name| std::env::var_os(name).is_some()),
        }
    }

    /// Tries whether the run directory's lock works, by files that are removed again.
    pub(super) fn try_lock(&mut self) {
        if let Some(dir) = &mut self.run_dir {
            dir.lock_problem = journal::try_lock(&dir.path).err();
        }
    }

    /// What to change for more protection, in sentences; empty where there is nothing.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        match &self.run_dir {
            None => advice.push(
                "Without a run directory each run begins at its first block: name one with --run-dir or BELLIS_RUN_DIR."
                    .to_owned(),
            ),
            Some(RunDir { path, lock_problem: Some(problem), .. }) => advice.push(format!(
                "No run can have the run directory {}: {problem}; choose another place.",
                path.display()
            )),
            Some(RunDir { file_system: Some(FileSystem { name, is_memory: true, .. }), .. }) => advice.push(format!(
                "The run directory lies in memory ({name}) and goes with the machine: choose a place on a disk."
            )),
            Some(RunDir { file_system: Some(found), .. }) if self.batch_job.is_some() && !found.is_shared => {
                advice.push(format!(
                    "The run directory lies on {}, which other nodes may not see: the next job may not find it.",
                    found.name
                ));
            }
            Some(_) => {}
        }
        if self.run_dir.is_some() && self.durability == Durability::None {
            advice.push(
                "Nothing is put on the disk before it is recorded: take --durability epoch or block."
                    .to_owned(),
            );
        }
        if self.losses == Losses::JobEnds {
            advice.push(match self.launcher_cure {
                Some(cure) => format!("A lost rank ends the job; with {cure} the others go on."),
                None => format!(
                    "A lost rank ends all ranks under {}: have the job script start the run again, as those in jobscripts/ do.",
                    self.launcher
                ),
            });
        }
        if self.has_threads == Some(false) {
            advice.push(
                "MPI lets one thread call it: workers of one slot are silent while they process a block, so that \
                 BELLIS_LOST_AFTER_S has to be more than a block takes."
                    .to_owned(),
            );
        }
        if let Some(job) = self.batch_job.filter(|_| self.time_left.is_none()) {
            advice.push(format!(
                "This is a batch job ({job}), but nothing says when it ends: set BELLIS_DEADLINE, as the scripts in jobscripts/ do."
            ));
        }
        advice
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.run_dir {
            Some(RunDir { path, file_system, .. }) => {
                let kind = file_system.as_ref().map_or("a file system without a name", |found| &found.name);
                write!(f, "run directory {} on {kind}, {}; ", path.display(), self.durability_in_words())?;
            }
            None => write!(f, "no run directory: {}; ", self.durability_in_words())?,
        }
        match self.time_left {
            Some((left, source)) => write!(f, "{} s are left ({source}); ", left.as_secs())?,
            None => write!(f, "no time limit is known; ")?,
        }
        write!(f, "{}; ", self.losses_in_words())?;
        match (&self.mpi, self.has_threads) {
            (Some(mpi), Some(true)) => write!(f, "{mpi}, for several threads"),
            (Some(mpi), Some(false)) => write!(f, "{mpi}, for one thread"),
            (Some(mpi), None) => write!(f, "{mpi}, not needed"),
            (None, _) => write!(f, "built without MPI"),
        }
    }
}

impl Protection {
    /// What is left of the run when it is ended.
    pub fn durability_in_words(&self) -> String {
        match (&self.run_dir, self.durability) {
            (None, _) => "what is ended begins anew".to_owned(),
            (Some(_), Durability::Epoch) => {
                format!("what is finished is on the disk and recorded within {} s", self.epoch.as_secs_f64())
            }
            (Some(_), Durability::Block) => "each block is on the disk before it is recorded".to_owned(),
            (Some(_), Durability::None) => "what is recorded may be lost when a machine goes down".to_owned(),
        }
    }

    /// What becomes of the run when a rank is lost.
    pub fn losses_in_words(&self) -> String {
        let launcher = self.launcher;
        match self.losses {
            Losses::NoOthers => "one process".to_owned(),
            Losses::Told => {
                format!("the run goes on without lost ranks, of which MPI tells at once ({launcher})")
            }
            Losses::Silent => {
                format!("the run goes on without lost ranks, when they are silent ({launcher})")
            }
            Losses::JobEnds => format!("a lost rank ends the job ({launcher})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection() -> Protection {
        Protection {
            mpi: Some("Open MPI v4.1.4".to_owned()),
            has_threads: Some(true),
            n_ranks: 4,
            launcher: "srun",
            losses: Losses::JobEnds,
            launcher_cure: None,
            run_dir: None,
            durability: Durability::Epoch,
            epoch: Duration::from_secs(5),
            time_left: None,
            batch_job: Some("SLURM_JOB_ID"),
        }
    }

    fn on(name: &str, is_shared: bool, is_memory: bool) -> Option<RunDir> {
        let file_system = Some(FileSystem { name: name.to_owned(), is_shared, is_memory });
        Some(RunDir { path: "/s/run".into(), file_system, lock_problem: None })
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_else() {
        let advice = |protection: &Protection| protection.advice().join(" ");
        let bare = advice(&protection());
        for said in ["--run-dir", "jobscripts/", "BELLIS_DEADLINE"] {
            assert!(bare.contains(said), "{said}: {bare}");
        }
        let good = Protection {
            losses: Losses::Told,
            run_dir: on("lustre", true, false),
            time_left: Some((Duration::from_secs(90), "BELLIS_DEADLINE")),
            ..protection()
        };
        assert_eq!(good.advice(), Vec::<String>::new());
        for (worse, said) in [
            (Protection { run_dir: on("tmpfs", false, true), ..good.clone() }, "in memory (tmpfs)"),
            (Protection { run_dir: on("ext4", false, false), ..good.clone() }, "other nodes may not see"),
            (Protection { has_threads: Some(false), ..good.clone() }, "BELLIS_LOST_AFTER_S"),
            (Protection { durability: Durability::None, ..good.clone() }, "--durability epoch"),
            (
                Protection {
                    losses: Losses::JobEnds,
                    launcher_cure: Some("mpirun --with-ft ulfm"),
                    ..good.clone()
                },
                "with mpirun --with-ft ulfm the others go on",
            ),
        ] {
            assert!(worse.advice().len() == 1 && advice(&worse).contains(said), "{worse:?}");
        }
        let line = good.to_string();
        assert!(
            line.contains("/s/run on lustre") && line.contains("90 s are left (BELLIS_DEADLINE)"),
            "{line}"
        );
    }
}
