//! Before any work: every worker says who it is and what it would run, and rank 0 finds out whether all agree.
//!
//! A rank that cannot run says so instead, and then none does: the run ends on all ranks with one message that names
//! the ranks and what is wrong with them. Nobody is left waiting.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::plan::{Fingerprint, Plan};
use crate::run::error::RunError;
use crate::run::messages::{send_to_coordinator, send_to_workers, tell_lost};
use crate::run::topology::{COORDINATOR, Peer, workers};
use crate::transport::{Idle, Transport, Waiting};
use crate::wire::{FromWorker, Hello, Problem, Stop, ToWorker, decode, shorten};

/// What a rank that would run this plan says; `answers_always`, also while it processes a block.
pub(in crate::run) fn ready(plan: &Plan, slots: u32, answers_always: bool) -> Hello {
    let Peer { slots, host, pid, .. } = Peer::here(slots);
    let (fingerprint, pipeline) = (Fingerprint::of_plan(plan), shorten(plan.describe()));
    Hello::Ready { slots, host, pid, answers_always, fingerprint, pipeline }
}

/// What a rank that cannot run, or not go on with a run, says.
pub(in crate::run) fn unable(error: &RunError) -> Hello {
    Hello::Unable { why: shorten(error.to_string()) }
}

/// On a worker: says hello to rank 0.
pub(in crate::run) fn send_hello(transport: &mut dyn Transport, hello: Hello) -> Result<(), RunError> {
    send_to_coordinator(transport, &FromWorker::Hello(hello))
}

/// On rank 0: hears every worker's hello and returns who they are, in order of rank from 1. When any rank cannot run,
/// or would run another pipeline, tells all of them.
///
/// # Errors
/// [`RunError::Refused`] with what is wrong, when all have been told.
pub(in crate::run) fn gather(
    transport: &mut dyn Transport,
    local: Hello,
    idle: Idle,
) -> Result<Vec<Peer>, RunError> {
    let hellos = receive_hellos(transport, local, idle)?;
    if let Some(problem) = disagreement(&hellos) {
        tell_lost(transport)?;
        send_to_workers(transport, &ToWorker::Stop(Stop::Refused(problem.clone())))?;
        return Err(problem.into());
    }
    let peer = |hello| match hello {
        Hello::Ready { slots, host, pid, answers_always, .. } => {
            Some(Peer { slots, host, pid, answers_always })
        }
        Hello::Lost => Some(Peer::lost()),
        Hello::Ended { .. } | Hello::Unable { .. } => None,
    };
    Ok(hellos.into_iter().skip(1).filter_map(peer).collect())
}

/// On rank 0: waits for the hellos of all other ranks; all of them in order of rank, this one's first.
pub(in crate::run) fn receive_hellos(
    transport: &mut dyn Transport,
    local: Hello,
    idle: Idle,
) -> Result<Vec<Hello>, RunError> {
    let mut hellos = BTreeMap::from([(COORDINATOR, local)]);
    let lost = workers(transport.size()).filter(|rank| transport.is_lost(*rank));
    hellos.extend(lost.map(|rank| (rank, Hello::Lost)));
    let mut buffer = Vec::new();
    let mut waiting = Waiting::new(idle);
    let mut next_warning = Instant::now() + Duration::from_secs(10);
    while hellos.len() < transport.size() {
        let received = match transport.try_receive(&mut buffer) {
            Ok(received) => received,
            Err(error) => {
                let rank = error.peer().ok_or_else(|| error.clone())?;
                log::error!("rank {rank} is lost: {error}");
                transport.forget(rank);
                hellos.insert(rank, Hello::Lost);
                continue;
            }
        };
        let Some(envelope) = received else {
            waiting.pause(|limit| transport.sleep(limit));
            if Instant::now() > next_warning {
                next_warning += Duration::from_secs(60);
                let n_missing = transport.size() - hellos.len();
                log::warn!("waiting for {n_missing} of {} ranks to start the run", transport.size());
            }
            continue;
        };
        waiting.reset();
        // A lost one may be back, and has been told, or will be at the end.
        if let FromWorker::Hello(hello) = decode(&buffer)?
            && !transport.is_lost(envelope.from)
        {
            let hello = hello.without_text_of(&hellos[&COORDINATOR]);
            hellos.insert(envelope.from, hello);
        }
    }
    Ok(hellos.into_values().collect())
}

/// What keeps the ranks from running together, if anything; nothing does when all of their programs have ended well.
pub(in crate::run) fn disagreement(hellos: &[Hello]) -> Option<Problem> {
    problems(hellos).or_else(|| ended_and_running(hellos)).or_else(|| other_pipeline(hellos))
}

/// What ranks say is wrong: the first three things, each with the ranks that say so.
fn problems(hellos: &[Hello]) -> Option<Problem> {
    let mut ranks_by_problem: BTreeMap<&str, (&[u32], Vec<usize>)> = BTreeMap::new();
    for (rank, hello) in hellos.iter().enumerate() {
        let (named, why): (&[u32], _) = match hello {
            Hello::Unable { why } => (&[], why),
            Hello::Ended { error: Some(Problem { ranks, why, .. }) } => (ranks, why),
            Hello::Ended { error: None } | Hello::Ready { .. } | Hello::Lost => continue,
        };
        let entry = ranks_by_problem.entry(why).or_default();
        entry.1.push(rank);
        if entry.0.is_empty() {
            entry.0 = named;
        }
    }
    if ranks_by_problem.is_empty() {
        return None;
    }
    let n_heard = hellos.iter().filter(|hello| !matches!(hello, Hello::Lost)).count();
    let mut all_ranks = Vec::new();
    let mut texts = Vec::new();
    for (why, (named, ranks)) in ranks_by_problem.into_iter().take(3) {
        if !named.is_empty() {
            // A refusal that comes back names its ranks already.
            all_ranks.extend_from_slice(named);
            texts.push(why.to_owned());
        } else if ranks.len() == n_heard {
            texts.push(why.to_owned());
        } else {
            all_ranks.extend(ranks.iter().filter_map(|rank| u32::try_from(*rank).ok()));
            texts.push(format!("{}: {why}", name(&ranks, hellos.len())));
        }
    }
    all_ranks.sort_unstable();
    all_ranks.dedup();
    all_ranks.truncate(Problem::MAX_RANKS);
    // Whoever runs it again is to get further.
    let is_resumable = hellos.iter().all(|hello| match hello {
        Hello::Ended { error: Some(problem) } => problem.is_resumable,
        Hello::Unable { .. } => false,
        Hello::Ended { error: None } | Hello::Ready { .. } | Hello::Lost => true,
    });
    Some(Problem { ranks: all_ranks, why: texts.join("; "), is_resumable })
}

/// One rank's program has ended while another one starts a run.
fn ended_and_running(hellos: &[Hello]) -> Option<Problem> {
    let ended = hellos.iter().position(|hello| matches!(hello, Hello::Ended { .. }))?;
    let running = hellos.iter().position(|hello| matches!(hello, Hello::Ready { .. }))?;
    let why = format!(
        "rank {ended} has come to the end of its program while rank {running} starts a run: make the same calls on \
         all ranks"
    );
    let ranks = [ended, running].into_iter().filter_map(|rank| u32::try_from(rank).ok()).collect();
    Some(Problem { ranks, why, is_resumable: false })
}

/// A rank built another pipeline than rank 0.
fn other_pipeline(hellos: &[Hello]) -> Option<Problem> {
    let Hello::Ready { fingerprint: expected, pipeline: mine, .. } = hellos.first()? else { return None };
    (0..).zip(hellos).find_map(|(rank, hello)| match hello {
        Hello::Ready { host, fingerprint, pipeline, .. } if fingerprint != expected => {
            let why = format!(
                "rank {rank} (on {host}) built another pipeline than rank 0: build the same one on all ranks. \
                 Rank 0: {mine}. Rank {rank}: {pipeline}"
            );
            Some(Problem { ranks: vec![rank], why, is_resumable: false })
        }
        _ => None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str) -> Hello {
        let (host, pipeline) = ("node".to_owned(), text.to_owned());
        let fingerprint = format!("{:032x}", text.len()).parse().expect("32 digits");
        Hello::Ready { slots: 1, host, pid: 1, answers_always: true, fingerprint, pipeline }
    }

    fn unable(why: &str) -> Hello {
        Hello::Unable { why: why.to_owned() }
    }

    fn ended() -> Hello {
        Hello::Ended { error: None }
    }

    #[track_caller]
    fn problem(hellos: &[Hello]) -> (Vec<u32>, String) {
        let Problem { ranks, why, .. } = disagreement(hellos).expect("a disagreement");
        (ranks, why)
    }

    #[test]
    fn ranks_that_agree_run() {
        assert_eq!(disagreement(&[built("a"), built("a"), built("a")]), None);
        assert_eq!(disagreement(&[built("a")]), None);
    }

    #[test]
    fn the_text_of_a_pipeline_is_kept_where_it_is_another() {
        let mine = built("a");
        let text = |hello: Hello| match hello.without_text_of(&mine) {
            Hello::Ready { pipeline, .. } => Some(pipeline),
            _ => None,
        };
        assert_eq!((text(built("a")), text(built("bb"))), (Some(String::new()), Some("bb".to_owned())));
        assert_eq!(unable("x").without_text_of(&mine), unable("x"));
    }

    #[test]
    fn another_pipeline_is_named_with_both() {
        let (ranks, why) = problem(&[built("a"), built("a"), built("bb")]);
        assert_eq!(ranks, [2]);
        assert!(why.starts_with("rank 2 (on node) built another pipeline than rank 0"), "{why}");
        assert!(why.ends_with("Rank 0: a. Rank 2: bb"), "{why}");
    }

    #[test]
    fn who_ended_and_who_runs_is_told() {
        let (ranks, why) = problem(&[built("a"), built("a"), ended()]);
        assert_eq!(ranks, [2, 0]);
        assert!(why.starts_with("rank 2 has come to the end of its program while rank 0 starts"), "{why}");
        let (ranks, why) = problem(&[ended(), ended(), built("a")]);
        assert_eq!(ranks, [0, 2]);
        assert!(why.starts_with("rank 0 has come to the end of its program while rank 2 starts"), "{why}");
        assert_eq!(disagreement(&[ended(), ended()]), None);
    }

    #[test]
    fn the_same_problem_everywhere_is_told_once() {
        let missing = || unable("no such file");
        assert_eq!(problem(&[missing(), missing()]), (vec![], "no such file".to_owned()));
        let only_one = problem(&[built("a"), built("a"), missing()]);
        assert_eq!(only_one, (vec![2], "rank 2 of 3: no such file".to_owned()));
        let hellos: Vec<Hello> = std::iter::once(built("a")).chain((0..6).map(|_| missing())).collect();
        let (ranks, why) = problem(&hellos);
        assert_eq!(ranks, [1, 2, 3, 4, 5, 6]);
        assert_eq!(why, "ranks 1, 2, 3 and 3 more of 7: no such file");
        let many: Vec<Hello> = std::iter::once(built("a")).chain((0..600).map(|_| missing())).collect();
        assert_eq!(problem(&many).0.len(), Problem::MAX_RANKS);
    }

    #[test]
    fn the_lost_say_nothing() {
        assert_eq!(disagreement(&[built("a"), Hello::Lost, built("a")]), None);
        assert_eq!(disagreement(&[ended(), Hello::Lost, ended()]), None);
        let missing = || unable("no such file");
        assert_eq!(problem(&[missing(), Hello::Lost, missing()]), (vec![], "no such file".to_owned()));
    }

    #[test]
    fn a_refusal_that_comes_back_names_its_ranks_once() {
        let first = disagreement(&[built("a"), built("a"), unable("no such file")]);
        let again =
            [built("a"), Hello::Ended { error: first.clone() }, Hello::Ended { error: first.clone() }];
        assert_eq!(disagreement(&again), first);
    }
}
