//! Talks to the Python scripts of `tests/interop`: one line of JSON asks, one line answers.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A script that waits for questions, in the virtual environment of the same name.
pub struct Python {
    child: Child,
    /// Closed first, so that the script ends.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts `tests/interop/<name>.py` in the environment that was made of `requirements-<name>.txt`.
    #[allow(dead_code)] // Some tests start other scripts.
    pub fn start(name: &str) -> Self {
        Self::start_in(name, name)
    }

    /// Starts `tests/interop/<name>.py` in the environment that was made of `requirements-<environment>.txt`.
    pub fn start_in(environment: &str, name: &str) -> Self {
        let python = environments().join(environment).join("bin/python");
        assert!(
            python.exists(),
            "{} is missing, with the libraries that bellis is compared with: run `make test`, which makes it",
            python.display()
        );
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop");
        let mut command = Command::new(&python);
        command
            .arg(scripts.join(name).with_extension("py"))
            // Nothing is left in the source tree.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // Clusters' modules set it, and it would come before the environment's own libraries.
            .env_remove("PYTHONPATH")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child =
            crate::spawn::spawn(&mut command).unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        let questions = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, questions, answers }
    }

    /// What the script's function `verb` returns; `request` holds its arguments.
    #[track_caller]
    pub fn ask(&mut self, verb: &str, request: Value) -> Value {
        let asked = format!("{verb}{request}");
        let questions = self.questions.as_mut().expect("open until the end");
        writeln!(questions, "{}", json!([verb, request])).unwrap_or_else(|error| panic!("{asked}: {error}"));
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap_or_else(|error| panic!("{asked}: {error}"));
        let mut reply: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{asked}: python has ended, or says {line:?}: {error}"));
        match reply["error"].as_str() {
            Some(error) => panic!("{asked}: {error}"),
            None => reply["answer"].take(),
        }
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.questions = None;
        // It has nothing left to do; a test that fails is not to hide behind this.
        let _ = self.child.wait();
    }
}

/// Where the Makefile makes the environments: below the target directory, unless it says where.
fn environments() -> PathBuf {
    let default = || Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("interop");
    std::env::var_os("INTEROP_PYTHON").map_or_else(default, PathBuf::from)
}
