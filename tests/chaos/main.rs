//! Chaos: `bellis smooth` and `bellis label` on 8 ranks, while ranks (rank 0 too), and the launcher, are killed, frozen, starved
//! of memory and asked to end at random times, again and again until everything is done. The output is the one of an
//! undisturbed run, byte by byte; no block that was recorded as done is lost, or run again.
//!
//! A seed decides what happens when, though not what the ranks are doing then. `BELLIS_CHAOS_SEED=n` begins with another seed
//! than 1, `BELLIS_CHAOS_KILLS=n` has each test go on until so many processes were killed, on a larger volume, and `BELLIS_CHAOS_TRACE=1` tells
//! what happens. The launcher is the one of `MPIRUN`; `mpirun --with-ft ulfm` of Open MPI 5 lets a job go on without lost ranks.

// Without them there is nothing to run.
#![cfg(all(feature = "zarr", feature = "mpi", feature = "tools"))]
// Helpers of tests may stop at a surprise and may print, as tests may.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../common/figures.rs"]
mod figures;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/job.rs"]
mod job;
mod life;
mod misfortune;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/mpirun.rs"]
mod mpirun;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/rng.rs"]
mod rng;
#[allow(dead_code)] // Other tests use the rest.
#[path = "../common/spawn.rs"]
mod spawn;
mod subject;
mod witness;

use std::sync::{Mutex, PoisonError};

use life::{Life, Tally};
use misfortune::Launcher;
use rng::Rng;
use subject::Subject;

/// In the short form, each test goes on until so many processes were killed.
const N_KILLS: u64 = 2;

/// Eight ranks are enough for a machine: one job at a time.
static MACHINE: Mutex<()> = Mutex::new(());

/// A number from the environment, or another one.
fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name);
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Disturbs one life after the other until enough processes were killed.
fn disturb(subject: fn(bool) -> Subject, launcher: Launcher) {
    let _alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let n_kills = number("BELLIS_CHAOS_KILLS", N_KILLS);
    let subject = subject(n_kills > N_KILLS);
    let undisturbed = Life::undisturbed(&subject);
    let mut seed = number("BELLIS_CHAOS_SEED", 1);
    let mut tally = Tally::default();
    while tally.n_kills < n_kills {
        let mut life = Life::new(&subject, launcher, Rng::new(seed), format!("seed {seed}"));
        life.run_until_done(n_kills, &mut tally);
        life.require_same(&undisturbed);
        seed += 1;
    }
    eprintln!("{} {launcher:?}: {tally:?}", subject.tool);
    let way = match launcher {
        Launcher::EndsAll => "all end with a rank",
        Launcher::GoesOn => "others go on",
    };
    let name = |figure: &str| format!("{figure} ({}, {}, {way})", subject.tool, mpirun::launcher_version());
    figures::add("faults", &name("kills_survived"), tally.n_kills as f64, "kills");
    figures::add("faults", &name("redone_per_kill"), tally.redone_per_kill(), "blocks");
}

#[test]
fn smooth_in_jobs_that_end_with_any_rank() {
    disturb(Subject::smooth, Launcher::EndsAll);
}

#[test]
fn smooth_in_jobs_that_go_on() {
    disturb(Subject::smooth, Launcher::GoesOn);
}

#[test]
fn label_in_jobs_that_end_with_any_rank() {
    disturb(Subject::label, Launcher::EndsAll);
}

#[test]
fn label_in_jobs_that_go_on() {
    disturb(Subject::label, Launcher::GoesOn);
}
