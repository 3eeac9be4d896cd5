//! Before any work: every worker says who it is and what it would run, and rank 0 finds out whether all agree.
//!
//! A rank that cannot run says so instead, and then none does: the run ends on all ranks with one message that names
//! the ranks and what is wrong with them. Nobody is left waiting.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, Instant};

use super::error::RunError;
use crate::plan::Plan;
use crate::transport::{Idle, Tag, Transport, Waiting};
use crate::wire::{FromWorker, Hello, MAX_TEXT, MessageKind, Stop, ToWorker, decode, encode};

/// What a rank brings: the pipeline that it built, or why it cannot run.
pub(super) type Brought = Result<(u64, String), String>;

/// What a rank brings with this plan.
pub(super) fn brought(plan: &Plan) -> Brought {
    let text = plan.describe();
    // Equal on all ranks: they run the same program, and this hasher has no random keys.
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    Ok((hasher.finish(), cut(text)))
}

/// A text of bounded size.
pub(super) fn cut(mut text: String) -> String {
    const CUT: char = '…';
    if text.len() > MAX_TEXT {
        let last = MAX_TEXT - CUT.len_utf8();
        let end = (0..=last).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push(CUT);
    }
    text
}

/// What a rank brings when its program has ended.
pub(super) fn the_end() -> Brought {
    Ok((0, THE_END.to_owned()))
}

const THE_END: &str = "no pipeline: the program has ended";

/// The tag that a kind of message travels under.
pub(super) fn tag(kind: MessageKind) -> Tag {
    Tag(kind as u16)
}

/// On a worker: says hello to rank 0; without slots when its program has ended, or when it cannot go on.
pub(super) fn introduce(transport: &mut dyn Transport, slots: u32, brought: Brought) -> Result<(), RunError> {
    let hello = Hello { slots, host: host(), pid: std::process::id(), pipeline: brought.map_err(cut) };
    let message = FromWorker::Hello(hello);
    let mut buffer = Vec::new();
    encode(&message, &mut buffer)?;
    Ok(transport.send(0, tag(message.kind()), &buffer)?)
}

/// On rank 0: hears every worker's hello and returns how many slots each has, in order of rank from 1. When any rank
/// cannot run, or would run another pipeline, tells all of them and returns the message.
pub(super) fn gather(
    transport: &mut dyn Transport,
    brought: &Brought,
    idle: Idle,
) -> Result<Vec<u32>, RunError> {
    let hellos = hear(transport, idle)?;
    match disagreement(brought, &hellos) {
        None => Ok(hellos.iter().map(|hello| hello.slots).collect()),
        Some(message) => {
            stop(transport, Stop::Refused(message.clone()))?;
            Err(RunError::Refused { message })
        }
    }
}

/// How the ranks stand when rank 0's program has ended.
pub(super) enum Farewell {
    /// All programs have ended, with this error if any.
    All(Option<String>),
    /// Some ranks were in a run. They were refused, with this message, and will come to their end as well.
    Refused(String),
}

/// On rank 0, whose program has ended: hears how the others' ended, and tells them.
pub(super) fn part(transport: &mut dyn Transport, brought: &Brought) -> Result<Farewell, RunError> {
    let hellos = hear(transport, Idle::default())?;
    let problem = disagreement(brought, &hellos);
    if hellos.iter().all(|hello| hello.slots == 0) {
        stop(transport, Stop::Ended(problem.clone().unwrap_or_default()))?;
        return Ok(Farewell::All(problem));
    }
    let message = problem.unwrap_or_else(|| THE_END.to_owned());
    stop(transport, Stop::Refused(message.clone()))?;
    Ok(Farewell::Refused(message))
}

/// On rank 0: tells every worker that the run is over.
pub(super) fn stop(transport: &mut dyn Transport, stop: Stop) -> Result<(), RunError> {
    let message = ToWorker::Stop(stop);
    let mut buffer = Vec::new();
    encode(&message, &mut buffer)?;
    for rank in 1..transport.size() {
        transport.send(rank, tag(message.kind()), &buffer)?;
    }
    Ok(())
}

/// On a worker that does not work: waits until rank 0 says that the run is over, and how.
pub(super) fn await_stop(transport: &mut dyn Transport, idle: Idle) -> Result<Stop, RunError> {
    let mut buffer = Vec::new();
    let mut waiting = Waiting::new(idle);
    loop {
        if transport.try_receive(&mut buffer)?.is_none() {
            waiting.pause(|limit| transport.sleep(limit));
        } else if let ToWorker::Stop(stop) = decode(&buffer)? {
            return Ok(stop);
        }
    }
}

fn hear(transport: &mut dyn Transport, idle: Idle) -> Result<Vec<Hello>, RunError> {
    let mut hellos = BTreeMap::new();
    let mut buffer = Vec::new();
    let mut waiting = Waiting::new(idle);
    let mut next_word = Instant::now() + Duration::from_secs(10);
    while hellos.len() + 1 < transport.size() {
        let Some(envelope) = transport.try_receive(&mut buffer)? else {
            waiting.pause(|limit| transport.sleep(limit));
            if Instant::now() > next_word {
                next_word += Duration::from_secs(60);
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
fn disagreement(brought: &Brought, hellos: &[Hello]) -> Option<String> {
    let all = || std::iter::once(brought).chain(hellos.iter().map(|hello| &hello.pipeline)).enumerate();
    let mut problems: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (rank, brought) in all() {
        if let Err(problem) = brought {
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
    if other == THE_END {
        return has_ended(rank, 0);
    }
    if mine == THE_END {
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
    cut(named.map_or_else(|| "unknown host".to_owned(), |name| name.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(pipeline: Brought) -> Hello {
        Hello { slots: 1, host: "node".to_owned(), pid: 1, pipeline }
    }

    fn built(text: &str) -> Brought {
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
        let message = disagreement(&built("a"), &[hello(built("a")), hello(the_end())]).expect("they differ");
        assert!(
            message.starts_with("rank 2 has come to the end of its program while rank 0 starts"),
            "{message}"
        );
        let message = disagreement(&the_end(), &[hello(the_end()), hello(built("a"))]).expect("they differ");
        assert!(
            message.starts_with("rank 0 has come to the end of its program while rank 2 starts"),
            "{message}"
        );
        assert_eq!(disagreement(&the_end(), &[hello(the_end())]), None);
    }

    #[test]
    fn long_texts_are_cut_once() {
        let long = cut("ä".repeat(MAX_TEXT));
        assert!(long.len() <= MAX_TEXT && long.ends_with('…'));
        assert_eq!(cut(long.clone()), long);
        assert_eq!(cut("short".to_owned()), "short");
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
