//! Locks of arrays that runs write: a file for each run, beside or in the array, that says who writes which of its chunks.
//!
//! Runs that write other chunks of an array do not disturb each other, as the jobs of an array of jobs. So there is no one
//! file that only one can have. A run puts down what it *claims*, then looks at what others have put down:
//!
//! * Where one *holds* chunks that it wants, the run is refused. It was there before.
//! * Where one claims some as well, the smaller nonce goes first: the other takes its claim back and tries again later.
//!   Whoever goes first waits until it has done so, or holds them because it looked before.
//! * Where nobody does, it holds what it claimed.
//!
//! Of two that claim the same at least one sees the other, as each puts down its claim before it looks. Files that were left
//! behind are known as those of run directories are: see [`lock`](super::lock).

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::durable;
use super::error::JournalError;
use super::lock::{BEAT_INTERVAL, stale_in};
use super::owner::Owner;
use super::run_info::RunInfo;

/// How often somebody looks who waits for another to take its claim back.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long it waits. It takes moments, but the disk may be slow, or the other stopped.
const PATIENCE: Duration = Duration::from_secs(20);

/// An array that is to be locked.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// What to call it.
    pub label: String,
    /// The directory that lock files are put in: the array's own, or that of the file.
    pub directory: PathBuf,
    /// What their names begin with, which others' do not.
    pub prefix: String,
    /// What is written: boxes of chunks, by index along each axis.
    pub chunks: Vec<Vec<Range<i64>>>,
}

/// The locks that a run holds, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct OutputLocks {
    held: Vec<PathBuf>,
    heart: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// What a lock file says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    owner: Owner,
    chunks: Vec<Vec<Range<i64>>>,
    is_held: bool,
}

/// Why chunks cannot be had.
enum Obstacle {
    /// Somebody holds some of them; `None` when the lock file cannot be read. In how long that counts as left behind.
    Held(Option<Owner>, Option<Duration>),
    /// Somebody claims some of them as well, and goes first or does not.
    Claimed { goes_first: bool },
}

impl OutputLocks {
    /// Locks arrays, as far as lock files can be made there.
    ///
    /// # Errors
    /// [`JournalError::OutputInUse`].
    pub fn acquire(targets: &[Target], info: &RunInfo) -> Result<Self, JournalError> {
        let nonce = format!("{:016x}", RandomState::new().hash_one((std::process::id(), SystemTime::now())));
        let me = Owner::current(info, nonce);
        let mut locks = Self::default();
        for target in targets {
            if let Some(path) = claim(target, &me)? {
                locks.held.push(path);
            }
        }
        locks.beat();
        Ok(locks)
    }

    /// Gives signs of life from now on. Where no thread can be started there are none.
    fn beat(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let (stop, stopped) = mpsc::channel();
        let held = self.held.clone();
        let beat = move || {
            while stopped.recv_timeout(BEAT_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                held.iter().for_each(|path| drop(touch(path)));
            }
        };
        let started = thread::Builder::new().name("bellis-lock".into()).spawn(beat);
        self.heart = started.ok().map(|thread| (stop, thread));
    }
}

impl Drop for OutputLocks {
    fn drop(&mut self) {
        if let Some((stop, heart)) = self.heart.take() {
            drop(stop);
            // It does nothing that could panic.
            let _ = heart.join();
        }
        // At worst one is left behind, and recognised as that.
        self.held.iter().for_each(|path| drop(fs::remove_file(path)));
    }
}

/// Writes a lock file anew. One that was removed stays so.
fn touch(path: &Path) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(&bytes).or_else(|_| file.set_modified(SystemTime::now()))
}

/// Puts down a lock file for an array and returns its path; `None` where there can be none.
fn claim(target: &Target, me: &Owner) -> Result<Option<PathBuf>, JournalError> {
    let own = target.directory.join(format!("{}{}", target.prefix, me.nonce));
    let begin = Instant::now();
    loop {
        let Ok(now) = put(target, me, &own, false) else {
            log::debug!("{} is not locked against other runs, as no file can be made there", target.label);
            return Ok(None);
        };
        let obstacle = loop {
            let obstacle = look(target, me, &own, now);
            match obstacle {
                // The other will take its claim back, or turns out to hold what it claimed.
                Some(Obstacle::Claimed { goes_first: false }) if begin.elapsed() < PATIENCE => {
                    thread::sleep(POLL_INTERVAL);
                }
                other => break other,
            }
        };
        let refuse = |owner: Option<Owner>, stale_in| {
            let _ = fs::remove_file(&own);
            let (output, owner) = (target.label.clone(), owner.map(Box::new));
            Err(JournalError::OutputInUse { output, owner, stale_in })
        };
        match obstacle {
            None if put(target, me, &own, true).is_ok() => return Ok(Some(own)),
            None => {
                let _ = fs::remove_file(&own);
                return Ok(None);
            }
            Some(Obstacle::Held(owner, stale_in)) => return refuse(owner, stale_in),
            Some(Obstacle::Claimed { .. }) if begin.elapsed() >= PATIENCE => return refuse(None, None),
            Some(Obstacle::Claimed { .. }) => {
                let _ = fs::remove_file(&own);
                thread::sleep(POLL_INTERVAL);
            }
        }
    }
}

/// Puts a lock file in its place, whole or not at all, and returns the file system's time.
fn put(target: &Target, me: &Owner, own: &Path, is_held: bool) -> io::Result<SystemTime> {
    let entry = Entry { owner: me.clone(), chunks: target.chunks.clone(), is_held };
    // Its name begins otherwise, so that nobody looks into it.
    let beside = target.directory.join(format!(".new{}{}", target.prefix, me.nonce));
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(&serde_json::to_vec(&entry)?)?;
        file.sync_all()?;
        file.metadata()?.modified()
    });
    let put = written.and_then(|now| fs::rename(&beside, own).map(|()| now));
    put.inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// Who stands in the way of a claim, if somebody does. What was left behind is removed.
fn look(target: &Target, me: &Owner, own: &Path, now: SystemTime) -> Option<Obstacle> {
    let mut first = None;
    for entry in fs::read_dir(&target.directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path == own || !entry.file_name().to_string_lossy().starts_with(&target.prefix) {
            continue;
        }
        let beat = durable::none_if_missing(entry.metadata().and_then(|metadata| metadata.modified()));
        // It is gone meanwhile.
        let (Ok(Some(beat)), Ok(Some(bytes))) = (beat, durable::none_if_missing(fs::read(&path))) else {
            continue;
        };
        let found: Option<Entry> = serde_json::from_slice(&bytes).ok();
        let rest = stale_in(found.as_ref().map(|found| &found.owner), beat, me, now);
        if rest == Some(Duration::ZERO) {
            let _ = fs::remove_file(&path);
            continue;
        }
        match found {
            Some(found) if !meet(&found.chunks, &target.chunks) => {}
            Some(Entry { owner, is_held: false, .. }) => {
                let goes_first = owner.nonce < me.nonce;
                first.get_or_insert(Obstacle::Claimed { goes_first });
            }
            Some(Entry { owner, .. }) => return Some(Obstacle::Held(Some(owner), rest)),
            None => return Some(Obstacle::Held(None, rest)),
        }
    }
    first
}

/// Whether boxes have something in common. Those of other numbers of axes are of another array of the name: all of it.
fn meet(some: &[Vec<Range<i64>>], others: &[Vec<Range<i64>>]) -> bool {
    let pair = |a: &Vec<Range<i64>>, b: &Vec<Range<i64>>| {
        a.len() != b.len() || a.iter().zip(b).all(|(a, b)| a.start < b.end && b.start < a.end)
    };
    some.iter().any(|a| others.iter().any(|b| pair(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(directory: &Path, chunks: Range<i64>) -> Target {
        let (label, prefix) = ("a.zarr".to_owned(), ".bellis-lock-".to_owned());
        Target { label, directory: directory.into(), prefix, chunks: vec![vec![chunks, 0..4]] }
    }

    fn acquire(directory: &Path, chunks: Range<i64>) -> Result<OutputLocks, JournalError> {
        OutputLocks::acquire(&[target(directory, chunks)], &RunInfo::default())
    }

    fn n_files(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn chunks_are_one_runs_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let first = acquire(dir, 0..5).unwrap();
        let beside = acquire(dir, 5..9).unwrap();
        assert_eq!(n_files(dir), 2);
        let error = acquire(dir, 4..6).unwrap_err();
        let text = error.to_string();
        let expected = format!("a.zarr is being written by process {} on ", std::process::id());
        assert!(text.contains(&expected), "{text}");
        drop(first);
        assert!(acquire(dir, 4..6).is_err(), "the other half is another run's still");
        acquire(dir, 0..5).unwrap();
        drop(beside);
        assert_eq!(n_files(dir), 0);
    }

    #[test]
    fn what_is_left_behind_is_removed_and_what_may_be_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut owner = serde_json::to_value(Owner::current(&RunInfo::default(), "ab".into())).unwrap();
        let left = |owner: &serde_json::Value| {
            let entry = serde_json::json!({"owner": owner, "chunks": [[{"start": 0, "end": 9}, {"start": 0, "end": 9}]],
                "is_held": true});
            fs::write(dir.path().join(".bellis-lock-ab"), entry.to_string()).unwrap();
        };
        owner["process_start"] = 1.into();
        left(&owner);
        acquire(dir.path(), 0..1).unwrap();
        assert_eq!(n_files(dir.path()), 0);
        owner["machine"] = "another".into();
        owner["host"] = "n7".into();
        left(&owner);
        let error = acquire(dir.path(), 0..1).unwrap_err();
        assert!(matches!(error, JournalError::OutputInUse { stale_in: Some(_), .. }), "{error}");
        assert!(error.to_string().contains(" on n7 "), "{error}");
        let path = dir.path().join(".bellis-lock-ab");
        File::open(&path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        acquire(dir.path(), 0..1).unwrap();
    }

    #[test]
    fn a_place_without_locks_is_no_error() {
        for place in ["/proc/self", "/nothing/there"] {
            assert!(acquire(Path::new(place), 0..1).unwrap().held.is_empty());
        }
    }

    #[test]
    fn of_many_that_want_the_same_one_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(8);
        for round in 0..20 {
            let claim = || {
                barrier.wait();
                let locks = acquire(dir.path(), 0..3);
                // Nobody lets go before all have tried.
                barrier.wait();
                locks.is_ok()
            };
            let n_won = std::thread::scope(|scope| {
                let claims: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
                claims.into_iter().map(|claim| claim.join().unwrap()).filter(|won| *won).count()
            });
            assert_eq!(n_won, 1, "in round {round}");
            assert_eq!(n_files(dir.path()), 0);
        }
    }
}
