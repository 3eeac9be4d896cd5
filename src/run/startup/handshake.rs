//! Before any work: every worker says who it is and what it would run, and rank 0 finds out whether all agree.
//!
//! A rank that cannot run says so instead, and then none does: the run ends on all ranks with one message that names
//! the ranks and what is wrong with them. Nobody is left waiting.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::run::error::RunError;
use crate::run::messages::{send_to_coordinator, send_to_workers};
use crate::transport::{Idle, Transport, Waiting};
use crate::wire::{FromWorker, Hello, Stop, ToWorker, decode, shorten};

/// What this rank has to say in the handshake: the pipeline that it built, or why it cannot run.
pub(in crate::run) type LocalHello = Result<(u64, String), String>;

/// What a rank with this plan says.
pub(in crate::run) fn ready(plan: &Plan) -> LocalHello {
    let text = plan.describe();
    // Equal on all ranks: they run the same program, and this hasher has no random keys.
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    Ok((hasher.finish(), shorten(text)))
}

/// What a rank says when its program has ended.
pub(in crate::run) fn ended() -> LocalHello {
    Ok((0, PROGRAM_ENDED.to_owned()))
}

pub(in crate::run) const PROGRAM_ENDED: &str = "no pipeline: the program has ended";

/// On a worker: says hello to rank 0; without slots when its program has ended, or when it cannot go on.
pub(in crate::run) fn send_hello(
    transport: &mut dyn Transport,
    slots: u32,
    local: LocalHello,
) -> Result<(), RunError> {
    let hello = Hello { slots, host: host(), pid: std::process::id(), pipeline: local.map_err(shorten) };
    send_to_coordinator(transport, &FromWorker::Hello(hello))
}

/// On rank 0: hears every worker's hello and returns how many slots each has, in order of rank from 1. When any rank
/// cannot run, or would run another pipeline, tells all of them and returns the message.
pub(in crate::run) fn gather(
    transport: &mut dyn Transport,
    local: &LocalHello,
    idle: Idle,
) -> Result<Vec<u32>, RunError> {
    let hellos = receive_hellos(transport, idle)?;
    match disagreement(local, &hellos) {
        None => Ok(hellos.iter().map(|hello| hello.slots).collect()),
        Some(message) => {
            send_to_workers(transport, &ToWorker::Stop(Stop::Refused(message.clone())))?;
            Err(RunError::Refused { message })
        }
    }
}

/// On rank 0: waits for the hellos of all other ranks, in order of rank from 1.
pub(in crate::run) fn receive_hellos(
    transport: &mut dyn Transport,
    idle: Idle,
) -> Result<Vec<Hello>, RunError> {
    let mut hellos = BTreeMap::new();
    let mut buffer = Vec::new();
    let mut waiting = Waiting::new(idle);
    let mut next_warning = Instant::now() + Duration::from_secs(10);
    while hellos.len() + 1 < transport.size() {
        let Some(envelope) = transport.try_receive(&mut buffer)? else {
            waiting.pause(|limit| transport.sleep(limit));
            if Instant::now() > next_warning {
                next_warning += Duration::from_secs(60);
                let n_missing = transport.size() - 1 - hellos.len();
                log::warn!("waiting for {n_missing} of {} ranks to start the run", transport.size());
            }
            continue;
        };
        waiting.reset();
        if let FromWorker::Hello(hello) = decode(&buffer)? {
            hellos.insert(envelope.from, hello);
        }
    }
    Ok(hellos.into_values().collect())
}

/// What keeps the ranks from running together, if anything. `hellos` begin with rank 1.
pub(in crate::run) fn disagreement(local: &LocalHello, hellos: &[Hello]) -> Option<String> {
    let all = || std::iter::once(local).chain(hellos.iter().map(|hello| &hello.pipeline)).enumerate();
    let mut problems: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (rank, local) in all() {
        if let Err(problem) = local {
            problems.entry(problem).or_default().push(rank);
        }
    }
    if !problems.is_empty() {
        let n_ranks = hellos.len() + 1;
        let texts = problems.iter().take(3).map(|(problem, ranks)| {
            // A refusal that comes back names its ranks already.
            if ranks.len() == n_ranks || problem.starts_with("rank") {
                (*problem).to_owned()
            } else {
                format!("{}: {problem}", name(ranks, n_ranks))
            }
        });
        return Some(texts.collect::<Vec<_>>().join("; "));
    }
    let (_, mine) = all().next()?;
    let (rank, other) = all().find(|(_, other)| *other != mine)?;
    let (Ok((_, mine)), Ok((_, other))) = (mine, other) else { return None };
    let host = &hellos[rank - 1].host;
    let has_ended = |ended: usize, running: usize| {
        Some(format!(
            "rank {ended} has come to the end of its program while rank {running} starts a run: make the same calls \
             on all ranks"
        ))
    };
    if other == PROGRAM_ENDED {
        return has_ended(rank, 0);
    }
    if mine == PROGRAM_ENDED {
        return has_ended(0, rank);
    }
    Some(format!(
        "rank {rank} (on {host}) built another pipeline than rank 0: build the same one on all ranks. \
         Rank 0: {mine}. Rank {rank}: {other}"
    ))
}

/// `rank 3 of 8`, or `ranks 3, 4, 5 and 2 more of 8`.
fn name(ranks: &[usize], n_ranks: usize) -> String {
    let some: Vec<String> = ranks.iter().take(3).map(ToString::to_string).collect();
    let more = match ranks.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let plural = if ranks.len() == 1 { "" } else { "s" };
    format!("rank{plural} {}{more} of {n_ranks}", some.join(", "))
}

fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    shorten(named.map_or_else(|| "unknown host".to_owned(), |name| name.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(pipeline: LocalHello) -> Hello {
        Hello { slots: 1, host: "node".to_owned(), pid: 1, pipeline }
    }

    fn built(text: &str) -> LocalHello {
        Ok((text.len() as u64, text.to_owned()))
    }

    #[test]
    fn ranks_that_agree_run() {
        assert_eq!(disagreement(&built("a"), &[hello(built("a")), hello(built("a"))]), None);
        assert_eq!(disagreement(&built("a"), &[]), None);
    }

    #[test]
    fn another_pipeline_is_named_with_both() {
        let message =
            disagreement(&built("a"), &[hello(built("a")), hello(built("bb"))]).expect("a disagreement");
        assert!(message.starts_with("rank 2 (on node) built another pipeline than rank 0"), "{message}");
        assert!(message.ends_with("Rank 0: a. Rank 2: bb"), "{message}");
    }

    #[test]
    fn who_ended_and_who_runs_is_told() {
        let message = disagreement(&built("a"), &[hello(built("a")), hello(ended())]).expect("they differ");
        assert!(
            message.starts_with("rank 2 has come to the end of its program while rank 0 starts"),
            "{message}"
        );
        let message = disagreement(&ended(), &[hello(ended()), hello(built("a"))]).expect("they differ");
        assert!(
            message.starts_with("rank 0 has come to the end of its program while rank 2 starts"),
            "{message}"
        );
        assert_eq!(disagreement(&ended(), &[hello(ended())]), None);
    }

    #[test]
    fn the_same_problem_everywhere_is_told_once() {
        let problem = || Err("no such file".to_owned());
        assert_eq!(disagreement(&problem(), &[hello(problem())]).as_deref(), Some("no such file"));
        let only_one = disagreement(&built("a"), &[hello(built("a")), hello(problem())]);
        assert_eq!(only_one.as_deref(), Some("rank 2 of 3: no such file"));
        let hellos: Vec<Hello> = (0..6).map(|_| hello(problem())).collect();
        let most = disagreement(&built("a"), &hellos);
        assert_eq!(most.as_deref(), Some("ranks 1, 2, 3 and 3 more of 7: no such file"));
    }
}
