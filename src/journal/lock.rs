//! The lock of a run directory: a file that names its owner, made by a hard link, which is there whole or not at all on
//! every file system that clusters have. Locks of the system (`flock`) do not work on many of them.
//!
//! The owner writes the file anew every [`BEAT_INTERVAL`], so that its time of change is a sign of life. A lock is
//! left behind when its owner is a process of this machine that is gone; when the batch system has started its job
//! again; or, of another machine, when it gave no sign for [`STALE_AFTER`] (both times are the file system's, so
//! clocks may differ).
//!
//! Who finds a lock with nonce `n` left behind makes, by a link again, the file `lock.n`, which only one can; from
//! then on that is the lock, and what it names is the owner: "the lock" is always the end of the chain `lock`,
//! `lock.n`, `lock.m`. The new owner then moves its file over `lock`, which shortens the chain and changes no owner.
//! An owner that was only suspended finds itself replaced when it looks, which it does before it commits: see
//! [`Lock::require`].

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::durable;
use super::error::JournalError;
use super::owner::Owner;
use super::paths;
use super::run_info::RunInfo;

/// How often the owner gives a sign of life.
pub const BEAT_INTERVAL: Duration = Duration::from_secs(15);
/// The lock of a process on another machine is left behind when it gave no sign for so long.
pub const STALE_AFTER: Duration = Duration::from_secs(120);
/// The owner looks whether the lock still is its own when it last looked so long ago.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Claims that others can thwart.
const MAX_ATTEMPTS: usize = 16;
/// Locks that were taken over while being taken over.
const MAX_CHAIN: usize = 64;

/// The lock, held by this process until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    dir: PathBuf,
    nonce: String,
    looked: Instant,
    heart: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

/// A lock file, as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    path: PathBuf,
    /// `None` when the file cannot be understood.
    pub owner: Option<Owner>,
    nonce: String,
    pub beat: SystemTime,
}

impl Lock {
    /// Takes the lock of a directory.
    ///
    /// # Errors
    /// [`JournalError::Locked`] when another process has it, or may have it.
    pub fn acquire(dir: &Path, info: &RunInfo) -> Result<Self, JournalError> {
        let nonce = format!("{:016x}", RandomState::new().hash_one((std::process::id(), SystemTime::now())));
        let me = Owner::current(info, nonce);
        let own = dir.join(format!(".lock.{}", me.nonce));
        let claimed = claim(dir, &me, &own);
        // The lock has a name of its own; at worst this one stays, and means nothing.
        let _ = durable::remove(&own);
        claimed?;
        sweep(dir, &me.nonce);
        let mut lock = Self { dir: dir.into(), nonce: me.nonce, looked: Instant::now(), heart: None };
        lock.heart = Some(start_heart(dir, &lock.nonce)?);
        Ok(lock)
    }

    /// Checks that the lock still is this process's, unless it did so a moment ago.
    pub fn require(&mut self) -> Result<(), JournalError> {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return Ok(());
        }
        self.look()
    }

    /// Checks that the lock still is this process's.
    fn look(&mut self) -> Result<(), JournalError> {
        match find(&self.dir)? {
            Some(found) if found.nonce == self.nonce => {
                self.looked = Instant::now();
                Ok(())
            }
            found => Err(JournalError::LockLost {
                path: paths::lock(&self.dir),
                owner: found.and_then(|found| found.owner).map(Box::new),
            }),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((stop, heart)) = self.heart.take() {
            drop(stop);
            // It does nothing that could panic.
            let _ = heart.join();
        }
        if self.look().is_ok() {
            // At worst the lock is left behind, and recognised as that.
            let _ = fs::remove_file(paths::lock(&self.dir));
        }
    }
}

impl Found {
    /// In how long this lock counts as left behind: see [`stale_in`].
    pub fn stale_in(&self, here: &Owner, now: SystemTime) -> Option<Duration> {
        stale_in(self.owner.as_ref(), self.beat, here, now)
    }
}

/// In how long a lock counts as left behind whose last sign of life was at `beat`: `Some(0)` when it does, `None` when its
/// owner is there for sure.
pub(super) fn stale_in(
    owner: Option<&Owner>,
    beat: SystemTime,
    here: &Owner,
    now: SystemTime,
) -> Option<Duration> {
    if let Some(owner) = owner {
        match owner.is_alive(here) {
            Some(true) => return None,
            Some(false) => return Some(Duration::ZERO),
            None if owner.is_former_start_of(here) => return Some(Duration::ZERO),
            None => {}
        }
    }
    // A sign of life from the future is one.
    let silent = now.duration_since(beat).unwrap_or_default();
    Some(STALE_AFTER.saturating_sub(silent))
}

/// The lock of a directory, if somebody has it.
pub(super) fn find(dir: &Path) -> Result<Option<Found>, JournalError> {
    let mut end = read(paths::lock(dir))?;
    for _ in 0..MAX_CHAIN {
        let Some(found) = &end else { break };
        match read(successor(dir, &found.nonce))? {
            Some(next) => end = Some(next),
            None => break,
        }
    }
    Ok(end)
}

/// Makes `me` the owner, by way of a file of its own, or says who it is.
fn claim(dir: &Path, me: &Owner, own: &Path) -> Result<(), JournalError> {
    let text = serde_json::to_string(me).map_err(|error| JournalError::io("write", own)(error.into()))?;
    let refused = |found: Option<Found>, stale_in| JournalError::Locked {
        dir: dir.into(),
        owner: found.and_then(|found| found.owner).map(Box::new),
        stale_in,
    };
    for _ in 0..MAX_ATTEMPTS {
        // Written each time, so that its time is now.
        let now = write_own(own, &text).map_err(JournalError::io("write", own))?;
        let target = match find(dir)? {
            None => paths::lock(dir),
            Some(found) => match found.stale_in(me, now) {
                Some(Duration::ZERO) => successor(dir, &found.nonce),
                stale_in => return Err(refused(Some(found), stale_in)),
            },
        };
        if !link(own, &target).map_err(JournalError::io("create", &target))? {
            continue;
        }
        if find(dir)?.is_none_or(|found| found.nonce != me.nonce) {
            // It was the successor of a lock that is no more.
            durable::remove(&target)?;
            continue;
        }
        let lock = paths::lock(dir);
        if target != lock {
            let moved = fs::rename(own, &lock).map_err(JournalError::io("write", &lock));
            return moved.inspect_err(|_| drop(fs::remove_file(&target)));
        }
        return Ok(());
    }
    Err(refused(find(dir)?, None))
}

/// Writes the file by which a lock is claimed, and returns the file system's time.
fn write_own(path: &Path, text: &str) -> io::Result<SystemTime> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    file.metadata()?.modified()
}

/// Gives a file a second name, unless that is taken: whether it did.
fn link(own: &Path, target: &Path) -> io::Result<bool> {
    match fs::hard_link(own, target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) if is_place(error.kind()) => Err(error),
        // A file system without hard links. Others may see the file before it is whole, and then take it for one that
        // they cannot read, which is respected as long as it is new.
        Err(_) => match OpenOptions::new().write(true).create_new(true).open(target) {
            Ok(mut file) => {
                file.write_all(&fs::read(own)?)?;
                file.sync_all().map(|()| true)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// Whether an error says that nothing can be made here at all.
fn is_place(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem)
}

/// The file that is the lock, if it is there, after the lock with this nonce.
fn successor(dir: &Path, nonce: &str) -> PathBuf {
    dir.join(format!("lock.{nonce}"))
}

fn read(path: PathBuf) -> Result<Option<Found>, JournalError> {
    let read = |mut file: File| {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((bytes, file.metadata()?.modified()?))
    };
    let found = durable::none_if_missing(File::open(&path).and_then(read));
    let Some((bytes, beat)) = found.map_err(JournalError::io("read", &path))? else { return Ok(None) };
    let is_nonce = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let owner = serde_json::from_slice(&bytes).ok().filter(|owner: &Owner| is_nonce(&owner.nonce));
    let nonce = match &owner {
        Some(owner) => owner.nonce.clone(),
        None => format!("{:08x}", crc32c::crc32c(&bytes)),
    };
    Ok(Some(Found { path, owner, nonce, beat }))
}

/// Removes what is left of locks that were taken over.
fn sweep(dir: &Path, nonce: &str) {
    let keep = format!("lock.{nonce}");
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("lock.") && name != keep {
            // At worst it stays, and means nothing.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Gives signs of life until the sender is dropped.
fn start_heart(dir: &Path, nonce: &str) -> Result<(mpsc::Sender<()>, JoinHandle<()>), JournalError> {
    let (stop, stopped) = mpsc::channel();
    let (path, nonce) = (dir.to_path_buf(), nonce.to_owned());
    let beat = move || {
        while stopped.recv_timeout(BEAT_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            // A sign that is not given is noticed by others alone; whoever commits looks at the lock itself.
            let _ = give_sign(&path, &nonce);
        }
    };
    let thread = std::thread::Builder::new().name("bellis-lock".into()).spawn(beat);
    thread.map(|thread| (stop, thread)).map_err(JournalError::io("start a thread for", dir))
}

/// Writes the lock anew, if it is the one with this nonce.
fn give_sign(dir: &Path, nonce: &str) -> Result<(), JournalError> {
    let Some(found) = find(dir)?.filter(|found| found.nonce == nonce) else { return Ok(()) };
    let Some(owner) = &found.owner else { return Ok(()) };
    let text = serde_json::to_string(owner).unwrap_or_default();
    let touch = || {
        let mut file = OpenOptions::new().write(true).open(&found.path)?;
        // The same bytes: what others read meanwhile is whole. Where there is no room even for that, the time alone.
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.or_else(|_| file.set_modified(SystemTime::now()))
    };
    touch().map_err(JournalError::io("write", &found.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody who took the lock on another machine, as JSON.
    fn elsewhere(nonce: &str) -> serde_json::Value {
        let mut owner = serde_json::to_value(Owner::current(&RunInfo::default(), nonce.into())).unwrap();
        owner["host"] = "n7".into();
        owner["machine"] = "another".into();
        owner["job_id"] = "12".into();
        owner
    }

    /// Puts a lock in place whose last sign of life was so long ago.
    fn left(path: &Path, text: &str, age: Duration) {
        fs::write(path, text).unwrap();
        File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    }

    fn acquire(dir: &Path) -> Result<Lock, JournalError> {
        Lock::acquire(dir, &RunInfo::default())
    }

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn one_has_it_and_then_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let lock = acquire(dir.path()).unwrap();
        assert_eq!(names(dir.path()), ["lock"]);
        // However long it was silent.
        File::open(paths::lock(dir.path())).unwrap().set_modified(SystemTime::now() - LONG).unwrap();
        let message = acquire(dir.path()).unwrap_err().to_string();
        let expected = format!("is in use by process {} on ", std::process::id());
        assert!(message.contains(&expected) && message.ends_with("or use another directory"), "{message}");
        drop(lock);
        assert_eq!(names(dir.path()), [""; 0]);
        acquire(dir.path()).unwrap();
    }

    #[test]
    fn a_process_that_is_gone_has_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut owner = serde_json::to_value(Owner::current(&RunInfo::default(), "ab".into())).unwrap();
        owner["process_start"] = 1.into();
        left(&paths::lock(dir.path()), &owner.to_string(), Duration::ZERO);
        let lock = acquire(dir.path()).unwrap();
        assert_eq!(find(dir.path()).unwrap().unwrap().nonce, lock.nonce);
        assert_eq!(names(dir.path()), ["lock"]);
    }

    #[test]
    fn on_another_machine_silence_counts() {
        let dir = tempfile::tempdir().unwrap();
        let lock = paths::lock(dir.path());
        for text in [elsewhere("ab").to_string(), "half a lo".into(), String::new()] {
            left(&lock, &text, STALE_AFTER - Duration::from_secs(20));
            let error = acquire(dir.path()).unwrap_err();
            let JournalError::Locked { stale_in: Some(rest), .. } = error else { panic!("{error}") };
            assert!((15..=20).contains(&rest.as_secs()), "{rest:?}");
            assert!(error.to_string().contains("its lock counts as left behind in"), "{error}");
            left(&lock, &text, STALE_AFTER + Duration::from_secs(1));
            acquire(dir.path()).unwrap();
        }
        left(&lock, &elsewhere("ab").to_string(), Duration::ZERO);
        let message = acquire(dir.path()).unwrap_err().to_string();
        assert!(
            message.contains(&format!("in use by process {} on n7 (job 12) since 20", std::process::id())),
            "{message}"
        );
    }

    #[test]
    fn a_job_takes_over_from_its_former_start() {
        let dir = tempfile::tempdir().unwrap();
        left(&paths::lock(dir.path()), &elsewhere("ab").to_string(), Duration::ZERO);
        let job =
            |id: &str| RunInfo { job_id: Some(id.into()), restart_count: Some(1), ..Default::default() };
        assert!(Lock::acquire(dir.path(), &job("13")).is_err());
        Lock::acquire(dir.path(), &job("12")).unwrap();
    }

    #[test]
    fn who_was_replaced_notices() {
        let dir = tempfile::tempdir().unwrap();
        let mut lock = acquire(dir.path()).unwrap();
        lock.look().unwrap();
        left(&paths::lock(dir.path()), &elsewhere("ab").to_string(), Duration::ZERO);
        lock.require().unwrap();
        let error = lock.look().unwrap_err();
        assert!(error.to_string().contains("no longer this run's but belongs to process"), "{error}");
        drop(lock);
        assert!(paths::lock(dir.path()).exists(), "the other one's lock stays");
    }

    #[test]
    fn the_end_of_the_chain_counts() {
        let dir = tempfile::tempdir().unwrap();
        let lock = paths::lock(dir.path());
        // Somebody was suspended while taking over, and somebody else while taking over from that one.
        left(&lock, &elsewhere("a").to_string(), LONG);
        left(&successor(dir.path(), "a"), &elsewhere("b").to_string(), LONG);
        left(&successor(dir.path(), "b"), &elsewhere("c").to_string(), Duration::ZERO);
        assert!(acquire(dir.path()).is_err());
        left(&successor(dir.path(), "b"), &elsewhere("c").to_string(), LONG);
        let mine = acquire(dir.path()).unwrap();
        assert_eq!(names(dir.path()), ["lock"]);
        // One of them wakes up, and goes on with what it was about to do.
        left(&successor(dir.path(), "a"), &elsewhere("b").to_string(), LONG);
        assert_eq!(find(dir.path()).unwrap().unwrap().nonce, mine.nonce);
    }

    #[test]
    fn a_sign_of_life_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let lock = acquire(dir.path()).unwrap();
        let path = paths::lock(dir.path());
        let text = fs::read(&path).unwrap();
        File::open(&path).unwrap().set_modified(SystemTime::now() - LONG).unwrap();
        give_sign(dir.path(), "0123").unwrap();
        let silent = || find(dir.path()).unwrap().unwrap().beat.elapsed().unwrap();
        assert!(silent() > LONG / 2, "it is not theirs");
        give_sign(dir.path(), &lock.nonce).unwrap();
        assert!(silent() < LONG / 2);
        assert_eq!(fs::read(&path).unwrap(), text);
    }

    #[test]
    fn of_many_that_take_over_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(8);
        for round in 0..60 {
            if round % 3 > 0 {
                left(&paths::lock(dir.path()), &elsewhere("ab").to_string(), LONG);
            }
            let claim = || {
                barrier.wait();
                let lock = acquire(dir.path());
                // Nobody lets go before all have tried.
                barrier.wait();
                lock.and_then(|mut lock| lock.look()).is_ok()
            };
            let n_won = std::thread::scope(|scope| {
                let claims: Vec<_> = (0..8).map(|_| scope.spawn(claim)).collect();
                claims.into_iter().map(|claim| claim.join().unwrap()).filter(|won| *won).count()
            });
            assert_eq!(n_won, 1, "in round {round}");
        }
    }
}
