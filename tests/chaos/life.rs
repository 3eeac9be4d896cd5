//! One output from nothing to its end, over as many runs as that takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::job::Job;
use crate::misfortune::{Launcher, Misfortune};
use crate::mpirun::{self, Ranks, signal};
use crate::rng::Rng;
use crate::subject::Subject;
use crate::witness::Witness;

const N_RANKS: usize = 8;
/// Longer than a live worker is silent for, on a machine that is busy with others.
const LOST_AFTER_S: &str = "4";
/// After the last misfortune a run takes no longer than this: a frozen worker is lost, and all blocks are processed.
const PATIENCE: Duration = Duration::from_secs(90);
/// Without rank 0 the others wait for a while: no need to see that each time.
const WITHOUT_RANK_0: Duration = Duration::from_millis(1500);
/// Launchers take less to end when all ranks have: Open MPI's now and then never do.
const LAUNCHER_PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at thousands of files: no block is processed, recorded, and processed again in that time.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// No output takes so many runs: each records some blocks.
const MAX_RUNS: u64 = 200;
/// Blocks that a worker may have at hand when it is frozen: one in its slot, and those that were sent ahead.
const AT_HAND: u64 = 1 + 2;

/// What has happened.
#[derive(Debug, Default)]
pub struct Tally {
    pub n_runs: u64,
    pub n_kills: u64,
    n_frozen: u64,
    n_starved: u64,
    n_drained: u64,
    /// Launchers that did not end when all ranks had.
    n_stuck: u64,
    n_again: u64,
    n_blocks: u64,
}

impl Tally {
    /// Blocks that were written once more, for each process that was killed.
    pub fn redone_per_kill(&self) -> f64 {
        self.n_again as f64 / self.n_kills.max(1) as f64
    }
}

/// One output.
pub struct Life<'a> {
    subject: &'a Subject,
    launcher: Launcher,
    rng: Rng,
    name: String,
    directory: TempDir,
    witness: Witness,
    /// How often a frozen worker went on.
    n_thawed: u64,
    is_traced: bool,
}

/// How a run ended.
struct Ending {
    code: Option<i32>,
    /// Whether the launcher had to be killed when all ranks had ended.
    is_stuck: bool,
    printed: String,
    messages: String,
    /// What happened in it.
    misfortunes: Vec<Misfortune>,
}

impl Ending {
    /// Whether it says that all is done.
    fn is_good(&self) -> bool {
        self.code == Some(0) && !self.messages.lines().any(|line| line.starts_with("error: "))
    }

    /// What it ends with has a reason.
    fn require_sense(&self, name: &str) {
        let is_drained_at_most = self.misfortunes.iter().all(|of| matches!(of, Misfortune::Drain(_)));
        let codes: &[i32] = if self.misfortunes.is_empty() { &[0] } else { &[0, 75] };
        let makes_sense =
            self.is_stuck || !is_drained_at_most || self.code.is_some_and(|code| codes.contains(&code));
        let Self { code, misfortunes, messages, .. } = self;
        assert!(makes_sense, "{name}: {code:?} after {misfortunes:?}\n{messages}");
    }
}

impl<'a> Life<'a> {
    /// One that begins with nothing.
    pub fn new(subject: &'a Subject, launcher: Launcher, rng: Rng, name: String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let witness = Witness::new(subject.tasks(&place.join("output.zarr"), &place.join("run")));
        let is_traced = std::env::var_os("BELLIS_CHAOS_TRACE").is_some();
        Self { subject, launcher, rng, name, directory, witness, n_thawed: 0, is_traced }
    }

    /// One without misfortunes, which is at its end.
    pub fn undisturbed(subject: &'a Subject) -> Self {
        let mut life = Self::new(subject, Launcher::EndsAll, Rng::new(0), "undisturbed".to_owned());
        let ending = life.run(0, &mut Tally::default());
        assert!(ending.is_good() && life.witness.has_all(), "{}", ending.messages);
        life
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs again and again until all is done, with misfortunes until so many processes were killed.
    pub fn run_until_done(&mut self, n_kills: u64, tally: &mut Tally) {
        for _ in 0..MAX_RUNS {
            let ending = self.run(n_kills, tally);
            self.require_nothing_twice();
            ending.require_sense(&self.name);
            if ending.is_good() && self.witness.has_all() {
                tally.n_again += self.witness.n_again();
                tally.n_blocks += self.witness.n_blocks();
                return;
            }
        }
        panic!("{}: not done after {MAX_RUNS} runs", self.name);
    }

    /// No block runs that is done: what was at hand where somebody was frozen, and goes on, excepted.
    fn require_nothing_twice(&self) {
        let (n_twice, n_excused) = (self.witness.n_after_done(), self.n_thawed * AT_HAND);
        assert!(n_twice <= n_excused, "{}: {n_twice} blocks ran when they were done", self.name);
    }

    /// One run, from its start to its end.
    fn run(&mut self, n_kills: u64, tally: &mut Tally) -> Ending {
        tally.n_runs += 1;
        let mut job = self.start(tally.n_runs);
        let (mut frozen, mut misfortunes) = (Vec::new(), Vec::new());
        let mut last = Instant::now();
        let mut next = last + self.first_delay();
        let mut end_by = None;
        let (mut next_look, mut alive, mut is_stuck) = (last, None, false);
        let status = loop {
            if let Some(status) = job.status() {
                break status;
            }
            let now = Instant::now();
            if now >= next_look {
                self.witness.look();
                next_look = now + LOOK_INTERVAL;
                let is_anybody_there = !job.ranks().is_empty();
                if is_anybody_there || alive.is_none() {
                    alive = is_anybody_there.then_some(now);
                }
            }
            if alive.is_some_and(|alive| now - alive > LAUNCHER_PATIENCE) {
                self.trace("the launcher stays when all ranks have ended");
                tally.n_stuck += 1;
                is_stuck = true;
                job.clear();
            }
            self.thaw(now, &mut frozen);
            // Where others are to go on, everybody must have come to the run.
            let is_time = now >= next && (self.launcher == Launcher::EndsAll || self.has_begun(&job));
            if is_time && tally.n_kills < n_kills && end_by.is_none() {
                let misfortune = Misfortune::any(&mut self.rng, N_RANKS);
                next = now + Duration::from_millis(self.rng.range(50, 1200));
                if misfortune.happen(&job, &mut frozen) {
                    self.trace(&format!("{misfortune:?}"));
                    last = now;
                    tally.count(misfortune);
                    misfortunes.push(misfortune);
                    let is_headless = matches!(misfortune, Misfortune::Kill(0) | Misfortune::KillLauncher);
                    end_by = is_headless.then_some(now + WITHOUT_RANK_0);
                }
            }
            if end_by.is_some_and(|end| now > end) {
                job.clear();
            }
            if last.elapsed() > PATIENCE {
                let (left, messages) = (job.states(), job.messages());
                job.clear();
                panic!("{}: hangs after {misfortunes:?}; left are {left}\n{messages}", self.name);
            }
            sleep(Duration::from_millis(15));
        };
        job.clear();
        self.witness.look();
        let (printed, messages) = (job.printed(), job.messages());
        self.trace(&format!("{status}, {} blocks written and not recorded", self.witness.n_unrecorded()));
        Ending { code: status.code(), is_stuck, printed, messages, misfortunes }
    }

    fn start(&self, number: u64) -> Job {
        let session = self.path(&format!("session-{number}"));
        fs::create_dir_all(&session).unwrap();
        let (input, output, run_dir) = (self.subject.input(), self.path("output.zarr"), self.path("run"));
        let paths = [input, &output, Path::new("--run-dir"), &run_dir].map(|path| path.to_str().unwrap());
        let arguments: Vec<&str> = paths.into_iter().chain(self.subject.arguments.split(' ')).collect();
        let mut command = mpirun::tool(Ranks::Mpirun(N_RANKS), self.subject.tool, &arguments)
            .inside(self.directory.path())
            .into_command();
        for (name, value) in [
            ("BELLIS_EPOCH_S", "0.1"),
            ("BELLIS_LOST_AFTER_S", LOST_AFTER_S),
            ("BELLIS_PROGRESS", "off"),
            // The launcher's patience with ranks that it ends.
            ("OMPI_MCA_odls_base_sigkill_timeout", "0"),
        ] {
            command.env(name, value);
        }
        if self.launcher == Launcher::GoesOn {
            command.env("OMPI_MCA_orte_enable_recovery", "1");
        }
        Job::start(command, &run_dir, &session)
    }

    /// Some runs come to harm before they begin.
    fn first_delay(&mut self) -> Duration {
        let least = if self.rng.chance(10) { 0 } else { 600 };
        Duration::from_millis(self.rng.range(least, 2500))
    }

    /// Whether this run has the run directory.
    fn has_begun(&self, job: &Job) -> bool {
        let lock = fs::read_to_string(self.path("run/lock")).unwrap_or_default();
        job.ranks().get(&0).is_some_and(|pid| lock.contains(&pid.to_string()))
    }

    fn thaw(&mut self, now: Instant, frozen: &mut Vec<(Instant, u32)>) {
        frozen.retain(|(until, pid)| {
            let is_due = now >= *until;
            if is_due {
                signal(*pid, libc::SIGCONT);
                self.n_thawed += 1;
            }
            !is_due
        });
    }

    fn trace(&self, what: &str) {
        if self.is_traced {
            eprintln!("{} {}: {what}", self.subject.tool, self.name);
        }
    }

    /// The output is that of another life, byte by byte; and running it once more changes nothing, and says the same.
    pub fn require_same(&mut self, other: &Self) {
        let again = self.run(0, &mut Tally::default());
        assert!(again.is_good(), "{}: {}", self.name, again.messages);
        self.require_nothing_twice();
        let (mine, theirs) = (files(&self.path("output.zarr")), files(&other.path("output.zarr")));
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<BTreeSet<_>>();
        let differing: Vec<PathBuf> = names(&mine).symmetric_difference(&names(&theirs)).cloned().collect();
        assert!(differing.is_empty(), "{}: {differing:?} are in one output alone", self.name);
        for (path, content) in &mine {
            assert!(content == &theirs[path], "{}: {} differs", self.name, path.display());
        }
        if self.subject.tool == "label" {
            let found: Value = serde_json::from_str(&again.printed).unwrap();
            let n_components = found["components"].as_u64();
            assert!(n_components.is_some_and(|n| n > 10), "{found}");
        }
    }
}

impl Tally {
    fn count(&mut self, misfortune: Misfortune) {
        let count = match misfortune {
            _ if misfortune.kills() => &mut self.n_kills,
            Misfortune::Freeze(..) => &mut self.n_frozen,
            Misfortune::Starve(_) => &mut self.n_starved,
            _ => &mut self.n_drained,
        };
        *count += 1;
    }
}

/// Whether a file is what a process was writing when it was killed: nobody reads it.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".tmp")
}

/// The files in a folder, by their paths in it, but for temporary ones.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !is_temporary(&path) {
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}
