//! Who has a run directory, so that others can tell whether they still live.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::clock;
use super::run_info::RunInfo;

/// A process that has, or had, the lock of a run directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// When it took the lock, UTC.
    pub since: String,
    /// The batch system's name for its job.
    pub job_id: Option<String>,
    /// How often the batch system had started the job before.
    pub restart_count: Option<u64>,
    /// What tells this machine from all others as long as it is up, where process numbers mean the same.
    machine: Option<String>,
    /// When the process began, in the system's own count: numbers of processes come again.
    process_start: Option<u64>,
    /// Drawn for this lock alone.
    pub(super) nonce: String,
}

impl Owner {
    /// This process, with a nonce.
    pub(super) fn current(info: &RunInfo, nonce: String) -> Self {
        let pid = std::process::id();
        let host = fs::read_to_string("/proc/sys/kernel/hostname");
        Self {
            host: host.map_or_else(|_| "an unnamed host".into(), |name| name.trim().to_owned()),
            pid,
            since: clock::now(),
            job_id: info.job_id.clone(),
            restart_count: info.restart_count,
            machine: machine(),
            process_start: process_start(pid),
            nonce,
        }
    }

    /// Whether the process is there, if that can be told from here.
    pub(super) fn is_alive(&self, here: &Self) -> Option<bool> {
        if self.machine.is_none() || self.machine != here.machine || self.process_start.is_none() {
            return None;
        }
        // A zombie holds nothing any more, and its parent may never look for it.
        Some(process_start(self.pid) == self.process_start)
    }

    /// Returns whether the batch system has started this owner's job again: it does so when the former start is over.
    pub(super) fn is_former_start_of(&self, here: &Self) -> bool {
        self.job_id.is_some() && self.job_id == here.job_id && self.restart_count < here.restart_count
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.pid, self.host)?;
        if let Some(job) = &self.job_id {
            write!(f, " (job {job})")?;
        }
        write!(f, " since {}", self.since)
    }
}

/// The start of this system and the namespace of process numbers in it: containers share a host's name, and have
/// processes of their own.
fn machine() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), namespace.display()))
}

/// When a process began, in ticks since the start of the system; `None` when it is not there, or has ended.
fn process_start(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The second field is the program's name in brackets, which may hold anything; the third is the state, and the 22nd
    // the start: see proc(5).
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let is_there = !matches!(fields.next()?, "Z" | "X" | "x");
    fields.nth(18)?.parse().ok().filter(|_| is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_start() {
        let here = Owner::current(&RunInfo::default(), "a".into());
        assert_eq!(here.is_alive(&here), Some(true));
        let reused = Owner { process_start: Some(1), ..here.clone() };
        assert_eq!(reused.is_alive(&here), Some(false));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let former = Owner { pid: child.id(), process_start: Some(1), ..here.clone() };
        child.wait().unwrap();
        assert_eq!(former.is_alive(&here), Some(false));
        let elsewhere = Owner { machine: Some("other".into()), ..here.clone() };
        assert_eq!(elsewhere.is_alive(&here), None);
    }

    #[test]
    fn a_job_that_was_started_again_is_over() {
        let job = |id: &str, restarts| {
            let info = RunInfo { job_id: Some(id.into()), restart_count: restarts, ..Default::default() };
            Owner::current(&info, "a".into())
        };
        assert!(job("5", Some(0)).is_former_start_of(&job("5", Some(1))));
        assert!(job("5", None).is_former_start_of(&job("5", Some(1))));
        assert!(!job("5", Some(1)).is_former_start_of(&job("5", Some(1))));
        assert!(!job("5", Some(0)).is_former_start_of(&job("6", Some(1))));
    }
}
