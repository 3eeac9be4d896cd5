//! A whole job under a launcher, what comes over its processes, and its end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::mpirun::signal;

/// So long no job takes to come to any moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A job whose processes all have a path in their command lines that no other job has.
pub struct Job {
    launcher: Child,
    mark: PathBuf,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Job {
    /// Starts a launcher with `mark` among its words. What it prints goes to `session`, and what it leaves behind when it
    /// is killed: not to /tmp and /dev/shm.
    pub fn start(mut command: Command, mark: &Path, session: &Path) -> Self {
        let (stdout, stderr) = (session.join("stdout"), session.join("stderr"));
        command.stdout(File::create(&stdout).expect("a file can be made"));
        command.stderr(File::create(&stderr).expect("a file can be made"));
        for name in [
            "TMPDIR",
            "OMPI_MCA_orte_tmpdir_base",
            "PRTE_MCA_prte_tmpdir_base",
            "OMPI_MCA_btl_vader_backing_directory",
            "OMPI_MCA_btl_sm_backing_directory",
        ] {
            command.env(name, session);
        }
        let launcher =
            crate::spawn::spawn(&mut command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { launcher, mark: mark.to_owned(), stdout, stderr }
    }

    /// Waits until `is_due`, or the end of the job.
    pub fn wait_until(&mut self, is_due: impl Fn() -> bool) {
        let begin = Instant::now();
        while !is_due() && self.is_running() {
            assert!(begin.elapsed() < PATIENCE, "hangs: {}", self.messages());
            sleep(Duration::from_micros(200));
        }
    }

    /// The process of each rank that is there.
    pub fn ranks(&self) -> BTreeMap<usize, u32> {
        let rank_of = |pid: u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let mut entries = environment.split(|&byte| byte == 0);
            let rank = entries.find_map(|entry| entry.strip_prefix(b"OMPI_COMM_WORLD_RANK="))?;
            Some((std::str::from_utf8(rank).ok()?.parse().ok()?, pid))
        };
        processes(&self.mark).into_iter().filter_map(rank_of).collect()
    }

    /// What the processes do that are left, for messages: each with its rank, its state, and where it waits in the system.
    pub fn states(&self) -> String {
        let ranks = self.ranks();
        let state = |pid: u32| {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let stat = read("stat");
            let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
            let rank = ranks.iter().find(|(_, of)| **of == pid).map(|(rank, _)| rank);
            format!("rank {rank:?} (process {pid}, state {state:?}, in {:?})", read("wchan"))
        };
        processes(&self.mark).into_iter().map(state).collect::<Vec<_>>().join(", ")
    }

    /// The launcher's process.
    pub fn launcher(&self) -> u32 {
        self.launcher.id()
    }

    /// Kills one rank, or freezes it: whether it was there.
    pub fn harm(&self, rank: usize, harm: i32) -> bool {
        let process = self.ranks().get(&rank).copied();
        process.into_iter().for_each(|pid| signal(pid, harm));
        process.is_some()
    }

    /// Waits for the end, which must be a good one; what was said meanwhile.
    pub fn finish(mut self) -> String {
        self.wait_until(|| false);
        let status = self.launcher.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}: {}", self.messages());
        self.messages()
    }

    /// How the launcher ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.launcher.try_wait().expect("a child can be waited for")
    }

    fn is_running(&mut self) -> bool {
        self.status().is_none()
    }

    /// Kills the launcher and all ranks at once: whether the job was still at work.
    pub fn kill(mut self) -> bool {
        let was_running = self.is_running();
        self.clear();
        let status = self.launcher.wait().expect("a child can be waited for");
        let is_well = was_running || status.success();
        assert!(is_well, "failed by itself: {}", self.messages());
        was_running
    }

    /// Kills whatever is left of the launcher and the ranks.
    pub fn clear(&mut self) {
        let begin = Instant::now();
        // The launcher may have been about to start a rank.
        loop {
            let alive = processes(&self.mark);
            if alive.is_empty() {
                return;
            }
            alive.iter().for_each(|pid| signal(*pid, libc::SIGKILL));
            assert!(begin.elapsed() < PATIENCE, "processes {alive:?} survive SIGKILL");
            sleep(Duration::from_millis(1));
            // A launcher that has ended is no process any more once it was waited for.
            let _ = self.launcher.try_wait();
        }
    }

    /// What was said on standard error so far.
    pub fn messages(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// What was said on standard output so far.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.stdout).unwrap_or_default()
    }
}

/// The processes with `mark` in their command line.
fn processes(mark: &Path) -> Vec<u32> {
    let mark = mark.to_str().expect("the test's own path is text");
    let pids = fs::read_dir("/proc").expect("Linux has it").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |pid: &u32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|&byte| byte == 0).any(|word| word == mark.as_bytes())
    };
    pids.filter(is_marked).collect()
}
