//! Whole runs in small worlds, on a virtual clock: a seed decides everything that happens. In one kind of world (`world`)
//! the scheduler is alone; in another (`ranks`) rank 0's desk exchanges messages with the uplinks of workers; in a third
//! (`resumes`) it also keeps a run directory, and everything crashes and is resumed.
//!
//! A failing seed prints itself. `BELLIS_SIM_SEED=n` runs that seed alone, `BELLIS_SIM_TRACE=1` with every event and
//! action, and `BELLIS_SIM_SEEDS=n` sets how many seeds are run.

#![allow(clippy::print_stderr, reason = "a failing seed says how to run it alone")]

mod directed;
mod disk;
#[path = "../common/figures.rs"]
mod figures;
mod heartbeats;
mod network;
mod oracle;
mod pipelines;
mod ranks;
mod restored;
mod resumes;
#[path = "../common/rng.rs"]
mod rng;
mod shadow;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

const N_SEEDS: u64 = 40_000;
const N_SEEDS_OF_RANKS: u64 = 10_000;
const N_SEEDS_OF_RESUMES: u64 = 4_000;

fn number_from_env(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} must be a whole number")))
}

#[test]
fn seeds() {
    run_all("seeds", N_SEEDS, world::run);
}

#[test]
fn ranks_that_exchange_messages() {
    run_all("ranks_that_exchange_messages", N_SEEDS_OF_RANKS, ranks::run);
}

#[test]
fn runs_that_crash_and_are_resumed() {
    run_all("runs_that_crash_and_are_resumed", N_SEEDS_OF_RESUMES, resumes::run);
}

/// Runs one kind of world for many seeds, or for the one that the environment names.
fn run_all(test: &str, n_seeds: u64, run: fn(u64) -> u64) {
    if let Some(seed) = number_from_env("BELLIS_SIM_SEED") {
        run(seed);
        return;
    }
    let n_seeds = number_from_env("BELLIS_SIM_SEEDS").unwrap_or(n_seeds);
    let next = AtomicU64::new(0);
    let n_failed = AtomicU64::new(0);
    let n_threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while n_failed.load(Ordering::Relaxed) < 5 {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= n_seeds {
                        return;
                    }
                    let began = std::time::Instant::now();
                    if std::panic::catch_unwind(|| check(seed, run)).is_err() {
                        n_failed.fetch_add(1, Ordering::Relaxed);
                        eprintln!(
                            "SEED {seed} FAILED; alone: BELLIS_SIM_SEED={seed} BELLIS_SIM_TRACE=1 \
                             cargo test --no-default-features --test simulation {test} -- --nocapture"
                        );
                    }
                    if began.elapsed().as_secs() > 10 {
                        eprintln!("seed {seed} took {:?}", began.elapsed());
                    }
                }
            });
        }
    });
    assert_eq!(n_failed.load(Ordering::Relaxed), 0, "seeds failed; see above");
}

/// One seed; every tenth twice, for the same seed gives the same actions.
fn check(seed: u64, run: fn(u64) -> u64) {
    let hash = run(seed);
    if seed.is_multiple_of(10) {
        assert_eq!(run(seed), hash, "the same seed gave other actions");
    }
}
