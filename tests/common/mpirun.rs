//! Runs a program under a real launcher, with a time limit, and tells how it went.
//!
//! The launcher is `mpirun`, or the words of `MPIRUN`: `srun --mpi=pmix --overlap`, say. It has to know `-n`.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// No scenario takes nearly as long, on a machine that is busy with others.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What the Makefile exports as well, for Open MPI: more ranks than cores, ranks that give the core away, root in a container.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
    ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
];

/// So many seconds Open MPI 4 waits, twice, before it kills the other ranks of one that ended badly: for nothing, where
/// there are no others.
const PATIENCE: &str = "OMPI_MCA_odls_base_sigkill_timeout";

/// How the program is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranks {
    /// By hand, without a launcher.
    Alone,
    /// By the launcher, `-n` so many.
    Mpirun(usize),
}

/// A scenario to be run, in a directory of its own.
pub struct Scenario {
    ranks: Ranks,
    path: PathBuf,
    words: Vec<String>,
    command: Command,
    directory: TempDir,
    /// Open MPI's own: launchers that share one make and remove it under each other's feet.
    _session: TempDir,
}

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    /// The scenario and the number of ranks, for messages.
    pub what: String,
    /// `None` when a signal ended it, or the launcher had to be killed when all ranks had ended.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// From the start to the end.
    pub took: Duration,
}

/// The testbed's `scenario` with further arguments.
#[cfg(feature = "mpi")]
pub fn scenario(ranks: Ranks, scenario: &str, more: &[&str]) -> Scenario {
    let mut start = testbed(ranks, "scenario", &[scenario]);
    start.command.arg(start.directory.path()).args(more);
    start.words.extend(more.iter().copied().map(str::to_owned));
    start
}

/// The testbed's program `name` with these arguments, in an empty directory.
#[cfg(feature = "mpi")]
pub fn testbed(ranks: Ranks, name: &str, arguments: &[&str]) -> Scenario {
    executable(ranks, Path::new(env!("CARGO_BIN_EXE_testbed")), &[&[name], arguments].concat())
}

/// `bellis` with this command and its arguments, in an empty directory.
#[cfg(feature = "tools")]
pub fn tool(ranks: Ranks, command: &str, arguments: &[&str]) -> Scenario {
    executable(ranks, Path::new(env!("CARGO_BIN_EXE_bellis")), &[&[command], arguments].concat())
}

/// The example `name` with these arguments, in an empty directory.
pub fn program(ranks: Ranks, name: &str, arguments: &[&str]) -> Scenario {
    executable(ranks, &example(name), arguments)
}

/// The program at `path` with these arguments, in an empty directory.
pub fn executable(ranks: Ranks, path: &Path, arguments: &[&str]) -> Scenario {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let session = tempfile::tempdir().expect("a temporary directory can be made");
    let launcher = std::env::var("MPIRUN").unwrap_or_else(|_| "mpirun".to_owned());
    let mut launcher = launcher.split_whitespace();
    let first = launcher.next().expect("MPIRUN names a launcher");
    let mut command = match ranks {
        Ranks::Alone => Command::new(path),
        Ranks::Mpirun(n_ranks) => {
            let mut command = Command::new(first);
            command.args(launcher).args(["-n", &n_ranks.to_string()]).arg(path);
            command
        }
    };
    command.args(arguments).current_dir(directory.path());
    // What a launcher told this process, but for srun, which finds its job there.
    let is_srun = ranks != Ranks::Alone && Path::new(first).ends_with("srun");
    for (name, _) in std::env::vars_os() {
        let is_ours = |prefix: &&str| name.to_string_lossy().starts_with(prefix);
        let foreign = ["BELLIS_", "RUST_LOG", "RUST_BACKTRACE", "OMPI_COMM_", "PMI"];
        if foreign.iter().any(is_ours) || (!is_srun && is_ours(&"SLURM_")) {
            command.env_remove(&name);
        }
    }
    if ranks == Ranks::Mpirun(1) {
        command.env(PATIENCE, "0");
    }
    command.env("OMPI_MCA_orte_tmpdir_base", session.path()).env("PRTE_MCA_prte_tmpdir_base", session.path());
    command.envs(ENVIRONMENT).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let program = path.file_name().unwrap_or_default().to_string_lossy();
    let words = std::iter::once(&*program).chain(arguments.iter().copied()).map(str::to_owned).collect();
    Scenario { ranks, path: path.to_path_buf(), words, command, directory, _session: session }
}

/// Cargo builds examples before it runs tests, next to them: `target/debug/deps/ranks-..` and `target/debug/examples/`.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("a test lies in target/<profile>/deps");
    let path = profile.join("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build --example {name}", path.display());
    path
}

impl Scenario {
    /// Sets an environment variable, on all ranks.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this directory.
    pub fn inside(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs a shell script instead, which may mount what it likes: it sees its mounts alone, and they end with it. In it,
    /// `"$@"` is the program.
    pub fn mounting(self, script: &str) -> Self {
        self.within(&["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
    }

    /// Has these words start the program, which follows them.
    fn within(mut self, words: &[&str]) -> Self {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.arg(self.command.get_program()).args(self.command.get_args());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let directory = self.command.get_current_dir().unwrap_or_else(|| self.directory.path());
        command.current_dir(directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command = command;
        self
    }

    /// Runs under a limit of the shell's `ulimit`, in its unit, on all ranks.
    pub fn under_limit(self, which: &str, limit: u64) -> Self {
        self.within(&["sh", "-c", &format!("ulimit {which} {limit} && exec \"$@\""), "sh"])
    }

    /// Starts so many more ranks in the same job, with these arguments instead.
    pub fn and(mut self, n_ranks: usize, arguments: &[&str]) -> Self {
        self.command.env_remove(PATIENCE);
        self.command.args([":", "-n", &n_ranks.to_string()]).arg(&self.path).args(arguments);
        self
    }

    /// The command, for who starts and ends it in another way.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs to the end.
    pub fn run(self) -> Outcome {
        self.run_while(|_| {})
    }

    /// Runs to the end, and calls `meanwhile` with each line of standard output as it comes.
    pub fn run_while(mut self, mut meanwhile: impl FnMut(&str)) -> Outcome {
        let begin = Instant::now();
        let what = format!("{:?} {:?}", self.words.join(" "), self.ranks);
        let mut child =
            crate::spawn::spawn(&mut self.command).unwrap_or_else(|error| panic!("{what}: {error}"));
        let (to, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("it is piped");
        let reader = thread::spawn(move || {
            for line in std::io::BufRead::lines(std::io::BufReader::new(stdout)) {
                // A test that has given up listens no more.
                let _ = to.send(line.expect("the testbed prints text"));
            }
        });
        let mut stderr = child.stderr.take().expect("it is piped");
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).expect("a pipe can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let mut stdout = String::new();
        let status = wait(&mut child, begin, || {
            for line in lines.try_iter() {
                meanwhile(&line);
                stdout.push_str(&line);
                stdout.push('\n');
            }
        });
        reader.join().expect("the reader does not panic");
        stdout.extend(lines.try_iter().flat_map(|line| [line, "\n".to_owned()]));
        let stderr = errors.join().expect("the reader does not panic");
        let took = begin.elapsed();
        drop(self.directory);
        match status {
            Some(status) => Outcome { what, code: status.code(), stdout, stderr, took },
            None => panic!("{what} hangs: killed after {took:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"),
        }
    }
}

/// What starts the ranks and of which version, such as `Open MPI 4.1.4`, for the names of figures.
pub fn launcher_version() -> String {
    let launcher = std::env::var("MPIRUN").unwrap_or_else(|_| "mpirun".to_owned());
    let first = launcher.split_whitespace().next().unwrap_or("mpirun").to_owned();
    let output = Command::new(&first).arg("--version").output().expect("the launcher is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().unwrap_or(&first);
    line.trim_start_matches("mpirun").replace(['(', ')'], "").trim().to_owned()
}

/// Waits for the end; `None` when it had to be killed.
fn wait(child: &mut Child, begin: Instant, mut meanwhile: impl FnMut()) -> Option<ExitStatus> {
    let mut stuck_since = None;
    loop {
        meanwhile();
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if is_stuck(child.id()) {
            stuck_since.get_or_insert_with(Instant::now);
        } else {
            stuck_since = None;
        }
        if stuck_since.is_some_and(|since| since.elapsed() > Duration::from_secs(5)) {
            let _ = child.kill();
            return Some(child.wait().expect("a child can be waited for"));
        }
        if begin.elapsed() > TIME_LIMIT {
            // mpirun passes on its end to the ranks; a rank that is alone may ask for it twice.
            signal(child.id(), libc::SIGTERM);
            thread::sleep(Duration::from_secs(1));
            signal(child.id(), libc::SIGTERM);
            thread::sleep(Duration::from_secs(4));
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a launcher sits there with nothing but ranks that have ended. Open MPI 4.1.4's mpirun does so now and then
/// after MPI_Abort (it waits for itself): there is nothing that a rank could do about it.
fn is_stuck(launcher: u32) -> bool {
    let children = std::fs::read_to_string(format!("/proc/{launcher}/task/{launcher}/children"));
    let children = children.unwrap_or_default();
    let has_ended = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    };
    !children.is_empty() && children.split_whitespace().all(has_ended)
}

/// Sends a signal to a process.
pub fn signal(pid: u32, signal: i32) {
    let pid = i32::try_from(pid).expect("a process id is a C int");
    // SAFETY: a plain call; the process is one of the test's own.
    unsafe { libc::kill(pid, signal) };
}

impl Outcome {
    /// The value of `name=value` on standard output, which must be there once.
    #[track_caller]
    pub fn fact(&self, name: &str) -> &str {
        let values: Vec<&str> = self
            .stdout
            .lines()
            .filter_map(|line| line.split_once('=').filter(|(key, _)| *key == name))
            .map(|(_, value)| value)
            .collect();
        match values[..] {
            [value] => value,
            _ => panic!("{} facts {name} instead of one\n{self}", values.len()),
        }
    }

    /// How many lines of standard error begin so.
    pub fn n_lines(&self, beginning: &str) -> usize {
        self.stderr.lines().filter(|line| line.starts_with(beginning)).count()
    }

    /// It ended well, and said nothing of errors.
    #[track_caller]
    pub fn succeeded(&self) -> &Self {
        assert_eq!(self.code, Some(0), "exit code\n{self}");
        assert_eq!(self.n_lines("error:"), 0, "error lines\n{self}");
        self
    }

    /// It ended with this exit code and exactly one line `error: ..`, which contains `text`.
    #[track_caller]
    pub fn failed(&self, code: i32, text: &str) -> &Self {
        assert_eq!(self.code, Some(code), "exit code\n{self}");
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(
            matches!(errors[..], [error] if error.contains(text)),
            "one error line with {text:?} is wanted\n{self}"
        );
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, code, stdout, stderr, took } = self;
        write!(f, "{what} ended with {code:?} after {took:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}
