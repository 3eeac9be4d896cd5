//! Feeds a target in a process of its own, and tells what comes of it.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rng::Rng;

/// Tries one seed.
pub type Target = Box<dyn FnMut(&mut Rng)>;

/// Set in the process that is fed: the folder where it works.
const PLACE: &str = "BELLIS_FUZZ_PLACE";
/// In the short form, each target is fed for so long.
const SECONDS: u64 = 3;
/// No case takes this long, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(15);
/// More than any case needs, and less than what gigabytes would be.
const MEMORY: u64 = 1 << 30;
const MAX_FINDINGS: usize = 5;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Whose fault a crash or a hang is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Ours, like anything else.
    Ours,
    /// A library's in C, which reads damaged files for us: it is told, and no more. A panic, and memory, are ours.
    Library,
}

/// What is wrong with a seed.
struct Finding {
    what: String,
    /// Whether it is a crash or a hang.
    is_sudden: bool,
}

/// Feeds the target that the test `name` makes in a folder.
pub fn feed(name: &str, blame: Blame, make: impl FnOnce(&Path) -> Target) {
    if let Some(place) = std::env::var_os(PLACE) {
        return eat(Path::new(&place), make);
    }
    let alone = number("BELLIS_FUZZ_SEED");
    let time = Duration::from_secs(number("BELLIS_FUZZ_S").unwrap_or(SECONDS));
    let first = alone.or_else(|| number("BELLIS_FUZZ_FROM")).unwrap_or(0);
    let (begin, mut from, mut findings, mut n_sudden) = (Instant::now(), first, Vec::new(), 0);
    while findings.len() < MAX_FINDINGS {
        let left = time.saturating_sub(begin.elapsed());
        let (seed, finding) = watch(name, from, if alone.is_some() { Duration::ZERO } else { left });
        let Some(finding) = finding else {
            eprintln!("{name}: {} seeds, {n_sudden} of them fatal within a library", seed + 1 - first);
            break;
        };
        from = seed + 1;
        let told = format!(
            "seed {seed} {}\n  alone: BELLIS_FUZZ_SEED={seed} cargo test --test fuzz {name} -- --nocapture",
            finding.what
        );
        if blame == Blame::Library && finding.is_sudden {
            eprintln!("{name}: within a library: {told}");
            n_sudden += 1;
        } else {
            findings.push(told);
        }
        if left.is_zero() || alone.is_some() {
            break;
        }
    }
    assert!(findings.is_empty(), "{name}:\n{}", findings.join("\n"));
}

/// Feeds a new process from a seed on: the last seed, and what was wrong with it.
fn watch(name: &str, from: u64, time: Duration) -> (u64, Option<Finding>) {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let place = made.unwrap();
    let stderr = place.path().join("stderr");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(PLACE, place.path())
        .env("BELLIS_FUZZ_FROM", from.to_string())
        .env("BELLIS_FUZZ_MS", time.as_millis().to_string())
        .stdout(Stdio::null())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let seed = || {
        let text = fs::read_to_string(place.path().join("seed")).unwrap_or_default();
        text.trim().parse().unwrap_or(from)
    };
    let (mut last, mut since) = (seed(), Instant::now());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let said = fs::read(&stderr).unwrap_or_default();
            let said = String::from_utf8_lossy(&said[..said.len().min(1500)]).into_owned();
            let how = status.signal().map_or_else(|| status.to_string(), |signal| format!("signal {signal}"));
            // Rust ends the process by SIGABRT where there is no memory.
            let is_sudden = status.signal().is_some_and(|signal| signal != libc::SIGABRT);
            let finding = || Finding { what: format!("ends with {how}: {said}"), is_sudden };
            return (seed(), (!status.success()).then(finding));
        }
        if seed() != last {
            (last, since) = (seed(), Instant::now());
        } else if since.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            let what = format!("takes more than {} s", PATIENCE.as_secs());
            return (last, Some(Finding { what, is_sudden: true }));
        }
        sleep(Duration::from_millis(20));
    }
}

/// In the process that is fed.
fn eat(place: &Path, make: impl FnOnce(&Path) -> Target) {
    let from = number("BELLIS_FUZZ_FROM").unwrap();
    let time = Duration::from_millis(number("BELLIS_FUZZ_MS").unwrap());
    let work = place.join("work");
    fs::create_dir(&work).unwrap();
    let mut target = make(&work);
    limit_memory();
    let begin = Instant::now();
    for seed in from.. {
        fs::write(place.join("seed"), seed.to_string()).unwrap();
        target(&mut Rng::new(seed));
        if begin.elapsed() >= time {
            break;
        }
    }
}

/// From here on, this process gets no more than some memory.
fn limit_memory() {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    let n_pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    let most = n_pages * 4096 + MEMORY;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a plain call that reads a limit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
    // SAFETY: likewise; no core files of crashes that are looked for.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &libc::rlimit { rlim_cur: 0, rlim_max: 0 }) };
}
