//! How long a lost worker goes unnoticed, by the way in which this MPI lets it be noticed: a figure, and an upper bound.

use super::figures;
use super::mpirun::{Ranks, launcher_version, scenario};

/// Longer than a live worker is silent for, however busy the machine is.
const LOST_AFTER_S: f64 = 6.0;

#[test]
fn how_long_a_loss_goes_unnoticed() {
    let scenario = scenario(Ranks::Mpirun(4), "lost-kill", &["12", "5"])
        .env("BELLIS_LOST_AFTER_S", LOST_AFTER_S.to_string())
        .env("OMPI_MCA_orte_enable_recovery", "1");
    let outcome = scenario.run();
    let detected_s: f64 = outcome.succeeded().fact("detected_s").parse().unwrap();
    let says = |text: &str| outcome.stderr.contains(text);
    let way = match () {
        () if says("MPI_ERR_PROC_FAILED") => "ULFM code",
        () if says("nothing has been heard of it") => "heartbeat",
        () => "failed call",
    };
    let mpi = launcher_version();
    figures::add("faults", &format!("detect_s ({mpi}, {way})"), detected_s, "s");
    // Half as long again: whoever is asked late has time to answer.
    assert!(detected_s < LOST_AFTER_S * 1.5 + 2.0, "{outcome}");
}
