//! Runs a tool, alone or under mpirun, with a time limit.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No run takes nearly as long, on a machine that is busy with others.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What the Makefile exports as well: more ranks than cores, ranks that give the core away, root in a container.
const ENVIRONMENT: [(&str, &str); 7] = [
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
    ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
    ("BELLIS_PROGRESS", "off"),
];

/// 0 for alone, without a launcher; else the number of ranks.
pub type Ranks = usize;

/// How it went.
#[derive(Debug)]
pub struct Outcome {
    what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs `tool` with the words of `arguments`, in `folder`.
pub fn run(tool: &str, ranks: Ranks, folder: &Path, arguments: &str) -> Outcome {
    let mut command = match ranks {
        0 => Command::new(example(tool)),
        _ => {
            let mut command = Command::new("mpirun");
            command.args(["-n", &ranks.to_string()]).arg(example(tool));
            command
        }
    };
    for (name, _) in std::env::vars_os() {
        let is_ours = |prefix: &&str| name.to_string_lossy().starts_with(prefix);
        if ["BELLIS_", "RUST_", "OMPI_COMM_", "PMI", "SLURM_"].iter().any(is_ours) {
            command.env_remove(&name);
        }
    }
    command.args(arguments.split_whitespace()).current_dir(folder).envs(ENVIRONMENT);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let what = format!("{tool} {arguments} on {ranks} ranks");
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
    let stdout = read(child.stdout.take().unwrap());
    let stderr = read(child.stderr.take().unwrap());
    let code = wait(&mut child, &what);
    Outcome { what, code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }
}

fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn wait(child: &mut Child, what: &str) -> Option<i32> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if begin.elapsed() > TIME_LIMIT {
            // mpirun passes on its end to the ranks, if it is asked politely.
            // SAFETY: a plain call; the process is the test's own and has not been waited for.
            unsafe { libc::kill(i32::try_from(child.id()).unwrap(), libc::SIGTERM) };
            thread::sleep(Duration::from_secs(2));
            let _ = child.kill();
            panic!("{what} hangs: ended after {:?}", begin.elapsed());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Cargo builds examples before it runs tests: `target/debug/deps/tools-..` and `target/debug/examples/`.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join("examples").join(name);
    assert!(path.exists(), "{} is missing: cargo build --example {name}", path.display());
    path
}

impl Outcome {
    /// It ended well, and said nothing of errors: what it printed.
    #[track_caller]
    pub fn text(&self) -> &str {
        let is_well = self.code == Some(0) && !self.stderr.contains("error");
        assert!(is_well, "{} failed: {self:#?}", self.what);
        &self.stdout
    }

    /// The JSON that it printed.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// It ended with this code and exactly one line `error: ..` that contains `text`.
    #[track_caller]
    pub fn failed(&self, code: i32, text: &str) {
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        let is_right = self.code == Some(code) && matches!(errors[..], [error] if error.contains(text));
        assert!(is_right, "code {code} and one line with {text:?} are wanted: {self:#?}");
    }
}
