//! What comes over a job, and how.

use std::time::{Duration, Instant};

use crate::job::Job;
use crate::mpirun::signal;
use crate::rng::Rng;

/// What the launcher makes of the end of a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    /// It ends all others.
    EndsAll,
    /// It lets the others go on, where it can.
    GoesOn,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfortune {
    /// A rank is killed.
    Kill(usize),
    /// The launcher is killed.
    KillLauncher,
    /// A rank is frozen, for so long or for ever.
    Freeze(usize, Option<Duration>),
    /// A rank gets no more memory.
    Starve(usize),
    /// A rank is asked to end.
    Drain(usize),
    /// The launcher is asked to end.
    DrainAll,
}

impl Misfortune {
    /// Something that happens to one of so many ranks.
    pub fn any(rng: &mut Rng, n_ranks: usize) -> Self {
        let worker = rng.range(1, n_ranks as u64 - 1) as usize;
        let rank = rng.range(0, n_ranks as u64 - 1) as usize;
        match rng.range(0, 99) {
            0..45 => Self::Kill(worker),
            45..55 => Self::Kill(0),
            55..60 => Self::KillLauncher,
            60..70 => Self::Freeze(worker, Some(Duration::from_millis(rng.range(50, 3000)))),
            70..75 => Self::Freeze(worker, None),
            75..80 => Self::Freeze(0, Some(Duration::from_millis(rng.range(50, 1500)))),
            80..87 => Self::Starve(worker),
            87..95 => Self::Drain(rank),
            _ => Self::DrainAll,
        }
    }

    /// Whether it ends a process for sure.
    pub fn kills(self) -> bool {
        matches!(self, Self::Kill(_) | Self::KillLauncher)
    }

    /// Lets it happen: whether there was somebody for it to happen to. Who is to go on later is added to `frozen`.
    pub fn happen(self, job: &Job, frozen: &mut Vec<(Instant, u32)>) -> bool {
        let ranks = job.ranks();
        let (rank, what) = match self {
            Self::KillLauncher => {
                signal(job.launcher(), libc::SIGKILL);
                return true;
            }
            Self::DrainAll => {
                signal(job.launcher(), libc::SIGTERM);
                return true;
            }
            Self::Kill(rank) => (rank, libc::SIGKILL),
            Self::Freeze(rank, _) => (rank, libc::SIGSTOP),
            Self::Drain(rank) => (rank, libc::SIGTERM),
            Self::Starve(rank) => return ranks.get(&rank).is_some_and(|pid| starve(*pid)),
        };
        let Some(pid) = ranks.get(&rank) else { return false };
        signal(*pid, what);
        if let Self::Freeze(_, Some(time)) = self {
            frozen.push((Instant::now() + time, *pid));
        }
        true
    }
}

/// Leaves a process the memory that it has and a little more.
fn starve(pid: u32) -> bool {
    const MORE: u64 = 1 << 20;
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let Some(n_pages) = statm.split(' ').next().and_then(|word| word.parse::<u64>().ok()) else {
        return false;
    };
    let most = n_pages * 4096 + MORE;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a plain call, on a process of the test's own, that reads a limit and writes none.
    unsafe { libc::prlimit(pid.cast_signed(), libc::RLIMIT_AS, &raw const limit, std::ptr::null_mut()) == 0 }
}
