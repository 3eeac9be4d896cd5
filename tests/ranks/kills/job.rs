//! A whole job under `mpirun`, and its sudden end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::RANKS;
use crate::mpirun::{signal, testbed};

/// So long no job takes to come to any moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A job whose processes all have its directory in their command lines.
pub struct Job {
    launcher: Child,
    mark: PathBuf,
    stderr: PathBuf,
}

impl Job {
    /// Starts `killed KIND LOG ..` in `directory`, which no other job has, with variables.
    pub fn start(
        kind: &str,
        log: &Path,
        more: &[&str],
        directory: &Path,
        variables: &[(&str, &str)],
    ) -> Self {
        let arguments = [&[kind, log.to_str().expect("the test's own path is text")], more].concat();
        let mut command = testbed(RANKS, "killed", &arguments).inside(directory).into_command();
        let stderr = log.with_extension("stderr");
        command.stdout(File::create(log.with_extension("stdout")).expect("a file can be made"));
        command.stderr(File::create(&stderr).expect("a file can be made"));
        // What a launcher that is killed leaves behind goes with the log's directory, and not to /tmp and /dev/shm.
        let session = log.parent().expect("it lies in a directory");
        for name in ["TMPDIR", "OMPI_MCA_orte_tmpdir_base", "OMPI_MCA_btl_vader_backing_directory"] {
            command.env(name, session);
        }
        command.envs(variables.iter().copied());
        let launcher = command.spawn().unwrap_or_else(|error| panic!("{kind}: {error}"));
        Self { launcher, mark: log.to_owned(), stderr }
    }

    /// Waits until `is_due`, or the end of the job.
    pub fn wait_until(&mut self, is_due: impl Fn() -> bool) {
        let begin = Instant::now();
        while !is_due() && self.is_running() {
            assert!(begin.elapsed() < PATIENCE, "hangs: {}", self.messages());
            sleep(Duration::from_micros(200));
        }
    }

    /// Kills one rank, or freezes it: whether it was there.
    pub fn harm(&self, rank: usize, harm: i32) -> bool {
        let variable = format!("OMPI_COMM_WORLD_RANK={rank}");
        let is_meant = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
        };
        let pids: Vec<u32> = processes(&self.mark).into_iter().filter(is_meant).collect();
        pids.iter().for_each(|pid| signal(*pid, harm));
        !pids.is_empty()
    }

    /// Waits for the end, which must be a good one; what was said meanwhile.
    pub fn finish(mut self) -> String {
        self.wait_until(|| false);
        let status = self.launcher.wait().expect("a child can be waited for");
        assert!(status.success(), "{status}: {}", self.messages());
        self.messages()
    }

    fn is_running(&mut self) -> bool {
        self.launcher.try_wait().expect("a child can be waited for").is_none()
    }

    /// Kills the launcher and all ranks at once: whether the job was still at work.
    pub fn kill(mut self) -> bool {
        let was_running = self.is_running();
        let begin = Instant::now();
        // The launcher may have been about to start a rank.
        loop {
            let alive = processes(&self.mark);
            if alive.is_empty() {
                break;
            }
            alive.iter().for_each(|pid| signal(*pid, libc::SIGKILL));
            assert!(begin.elapsed() < PATIENCE, "processes {alive:?} survive SIGKILL");
            sleep(Duration::from_millis(1));
        }
        let status = self.launcher.wait().expect("a child can be waited for");
        let is_well = was_running || status.success();
        assert!(is_well, "failed by itself: {}", self.messages());
        was_running
    }

    fn messages(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
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
