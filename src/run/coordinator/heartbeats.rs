//! Heartbeats: whoever says nothing for a while is asked how it is doing, and its answer shows that it lives.
//!
//! Every message is a sign of life, so that only silent workers cost a message: those that process a block for long, and
//! those that have none. Each is asked a few times before its silence is long enough for it to be lost, and nobody is asked
//! twice at once. A word of a worker costs rank 0 one store, a look at a worker a few nanoseconds, and each worker is looked
//! at about once a second.

use std::time::Duration;

use super::clock::micros;
use crate::run::topology::{Peer, index_of, worker_number};
use crate::scheduler::{Time, WorkerId};
use crate::wire::Status;

/// Maximum number of workers asked at once, so that a large run does not stop to hear them all.
const MAX_ASKED: usize = 2048;
/// Minimum number of workers looked at in one check.
const MIN_LOOKS: usize = 256;
/// Number of checks in which all workers are looked at, where there are many.
const N_CHECKS: usize = 10;
/// Microseconds that rank 0 may have been listening between two checks: if it was stopped itself, or too busy to look,
/// nobody's silence grew meanwhile.
const MAX_STEP: Time = 1_000_000;
/// Microseconds of silence after which a worker is asked whether it is still there at the end of the run.
const FRESH: Time = 1_000_000;
/// Microseconds of silence that are mentioned where none makes a worker lost.
const LONG_SILENCE: Time = 30_000_000;

/// Whether a worker was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// It is asked at this time, if not before.
    DueAt(Time),
    /// It was asked at this time, and has not answered.
    Asked(Time),
    /// It is lost, and not asked any more.
    Stopped,
}

/// What is known of one worker's heartbeat.
#[derive(Debug)]
struct Beat {
    question: Question,
    heard: Time,
    /// Whether its silence means something: it answers at any time, and not just between blocks.
    is_watched: bool,
    is_mentioned: bool,
}

/// What is to be done about a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// It is to be asked how it is doing.
    Ask,
    /// It has been silent for so long: worth a word.
    Silent(Duration),
    /// It has been silent for so long that it counts as lost.
    Lost(Duration),
}

/// The heartbeats of all workers. Times in here count only while rank 0 listens.
#[derive(Debug)]
pub(super) struct Heartbeats {
    interval: Time,
    lost_after: Time,
    /// For each worker from the first.
    beats: Vec<Beat>,
    /// The time that rank 0 has listened, and when it listened last by the clock of the run.
    listened: Time,
    last_check: Time,
    /// Where the search for the next worker to ask goes on.
    cursor: usize,
    n_awaited: usize,
    /// At the end of the run: how many workers are still to be looked at for the last time.
    roll_call: Option<usize>,
    most_memory: Option<u64>,
}

impl Heartbeats {
    /// The first heartbeat is due one `interval` after the start, at time 0. Zero means never, for both durations.
    pub fn new(peers: &[Peer], interval: Duration, lost_after: Duration) -> Self {
        let (interval, lost_after) = (never_if_zero(interval), never_if_zero(lost_after));
        let beat = |peer: &Peer| Beat {
            question: Question::DueAt(interval),
            heard: 0,
            is_watched: peer.answers_always,
            is_mentioned: false,
        };
        Self {
            interval,
            lost_after,
            beats: peers.iter().map(beat).collect(),
            listened: 0,
            last_check: 0,
            cursor: 0,
            n_awaited: 0,
            roll_call: None,
            most_memory: None,
        }
    }

    /// Something was heard of a worker. Returns whether that was to be expected: `false` for one that is lost.
    #[inline]
    pub fn hear(&mut self, worker: WorkerId) -> bool {
        let Some(beat) = index_of(worker).and_then(|index| self.beats.get_mut(index)) else { return true };
        beat.heard = self.listened;
        beat.question != Question::Stopped
    }

    /// Looks at some of the workers, and adds what is to be done about them to `notices`. Whoever is asked is awaited from
    /// here on; a lost one is to be [stopped](Self::stop).
    pub fn check(&mut self, now: Time, notices: &mut Vec<(WorkerId, Notice)>) {
        self.listened += now.saturating_sub(self.last_check).min(MAX_STEP);
        self.last_check = now;
        let n_looks = self.beats.len().div_ceil(N_CHECKS).max(MIN_LOOKS).min(self.beats.len());
        for _ in 0..n_looks {
            if notices.len() >= MAX_ASKED {
                break;
            }
            let index = self.cursor;
            self.cursor = (index + 1) % self.beats.len();
            notices.extend(self.look(index).map(|notice| (worker_number(index), notice)));
            self.roll_call = self.roll_call.map(|left| left.saturating_sub(1));
        }
    }

    #[inline]
    fn look(&mut self, index: usize) -> Option<Notice> {
        let (now, lost_after, interval) = (self.listened, self.lost_after, self.interval);
        let beat = &mut self.beats[index];
        let silence = now - beat.heard;
        match beat.question {
            Question::DueAt(at) => {
                let is_silent = beat.is_watched && silence >= lost_after / 3;
                let is_due = match self.roll_call {
                    None => now >= at && interval != Time::MAX || is_silent && lost_after != Time::MAX,
                    Some(0) => false,
                    Some(_) => beat.is_watched && silence >= FRESH && lost_after != Time::MAX,
                };
                if !is_due {
                    return None;
                }
                (beat.question, beat.is_mentioned) = (Question::Asked(now), false);
                self.n_awaited += 1;
                Some(Notice::Ask)
            }
            // Whoever was asked late gets time to answer all the same.
            Question::Asked(at) if beat.is_watched => {
                let (silence, patience) = (silence.min(now - at + lost_after / 3), lost_after);
                let worth_a_word = if lost_after == Time::MAX { LONG_SILENCE } else { lost_after / 3 * 2 };
                if silence >= patience {
                    Some(Notice::Lost(Duration::from_micros(now - beat.heard)))
                } else if silence >= worth_a_word && !beat.is_mentioned {
                    beat.is_mentioned = true;
                    Some(Notice::Silent(Duration::from_micros(now - beat.heard)))
                } else {
                    None
                }
            }
            Question::Asked(_) | Question::Stopped => None,
        }
    }

    /// The run is over: all who have not been heard of just now are asked once more, so that nobody who is lost is waited
    /// for afterwards.
    pub fn call_the_roll(&mut self) {
        if self.lost_after != Time::MAX {
            self.roll_call = Some(self.beats.len());
        } else {
            self.roll_call = Some(0);
        }
    }

    /// Records the answer of a worker.
    pub fn record(&mut self, worker: WorkerId, status: Status) {
        log::debug!("{worker}: {status:?}");
        self.most_memory = self.most_memory.max(status.memory);
        let due = Question::DueAt(self.listened.saturating_add(self.interval));
        self.set(worker, due, |question| matches!(question, Question::Asked(_)));
    }

    /// Asks a worker no more, and awaits nothing of it.
    pub fn stop(&mut self, worker: WorkerId) {
        self.set(worker, Question::Stopped, |_| true);
    }

    fn set(&mut self, worker: WorkerId, to: Question, is_wanted: impl FnOnce(Question) -> bool) {
        let beat = index_of(worker).and_then(|index| self.beats.get_mut(index));
        if let Some(beat) = beat.filter(|beat| is_wanted(beat.question)) {
            self.n_awaited -= usize::from(matches!(beat.question, Question::Asked(_)));
            beat.question = to;
        }
    }

    /// Returns whether an answer is awaited.
    pub fn is_any_awaited(&self) -> bool {
        self.n_awaited > 0 || self.roll_call.is_some_and(|left| left > 0)
    }

    /// The most memory, in bytes, that any worker said to use.
    pub fn most_memory(&self) -> Option<u64> {
        self.most_memory
    }
}

fn never_if_zero(duration: Duration) -> Time {
    if duration.is_zero() { Time::MAX } else { micros(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second.
    const S: Time = 1_000_000;

    /// Workers that answer at any time, and such that do so between blocks.
    fn heartbeats(n_always: usize, n_between: usize, interval: Time, lost_after: Time) -> Heartbeats {
        let peer = |answers_always| Peer { answers_always, ..Peer::here(1) };
        let peers = [vec![peer(true); n_always], vec![peer(false); n_between]].concat();
        Heartbeats::new(&peers, Duration::from_micros(interval), Duration::from_micros(lost_after))
    }

    fn check(heartbeats: &mut Heartbeats, now: Time) -> Vec<(u32, Notice)> {
        let mut notices = Vec::new();
        heartbeats.check(now, &mut notices);
        notices.into_iter().map(|(worker, notice)| (worker.0, notice)).collect()
    }

    /// The notices of a time in which rank 0 listens all along, each with its second.
    fn listen(
        heartbeats: &mut Heartbeats,
        seconds: std::ops::RangeInclusive<u64>,
    ) -> Vec<(u64, u32, Notice)> {
        let checked = |second| check(heartbeats, second * S).into_iter().map(move |(w, n)| (second, w, n));
        seconds.flat_map(checked).collect()
    }

    fn answer(heartbeats: &mut Heartbeats, worker: u32) {
        heartbeats.hear(WorkerId(worker));
        let status = Status { n_finished: 0, n_waiting: 0, busy_ms: None, memory: Some(7) };
        heartbeats.record(WorkerId(worker), status);
    }

    #[test]
    fn a_worker_is_asked_again_an_interval_after_its_answer() {
        let mut heartbeats = heartbeats(2, 0, 10, 0);
        assert!(check(&mut heartbeats, 9).is_empty());
        assert_eq!(check(&mut heartbeats, 10), [(1, Notice::Ask), (2, Notice::Ask)]);
        assert!(check(&mut heartbeats, 100).is_empty());
        answer(&mut heartbeats, 2);
        assert!(check(&mut heartbeats, 109).is_empty() && heartbeats.is_any_awaited());
        assert_eq!(check(&mut heartbeats, 110), [(2, Notice::Ask)]);
    }

    #[test]
    fn silence_is_asked_about_then_mentioned_and_then_a_loss() {
        let mut heartbeats = heartbeats(2, 1, 0, 15 * S);
        let seconds = Duration::from_secs;
        let mut told = Vec::new();
        for second in 1..=20 {
            for (worker, notice) in check(&mut heartbeats, second * S) {
                told.push((second, worker, notice));
                if worker == 2 && notice == Notice::Ask {
                    answer(&mut heartbeats, 2);
                }
                if matches!(notice, Notice::Lost(_)) {
                    heartbeats.stop(WorkerId(worker));
                }
            }
        }
        // Worker 3 answers between blocks alone: it may be silent for as long as it likes.
        assert_eq!(
            told,
            [
                (5, 1, Notice::Ask),
                (5, 2, Notice::Ask),
                (10, 1, Notice::Silent(seconds(10))),
                (10, 2, Notice::Ask),
                (15, 1, Notice::Lost(seconds(15))),
                (15, 2, Notice::Ask),
                (20, 2, Notice::Ask),
            ]
        );
        assert!(!heartbeats.is_any_awaited());
    }

    #[test]
    fn any_word_is_a_sign_of_life() {
        let mut heartbeats = heartbeats(1, 0, 0, 15 * S);
        for second in 1..100 {
            heartbeats.hear(WorkerId(1));
            assert!(check(&mut heartbeats, second * S).is_empty());
        }
    }

    #[test]
    fn nobody_is_lost_while_rank_0_does_not_listen() {
        let mut heartbeats = heartbeats(1, 0, 0, 15 * S);
        assert_eq!(listen(&mut heartbeats, 1..=6), [(5, 1, Notice::Ask)]);
        assert!(check(&mut heartbeats, 1000 * S).is_empty());
        answer(&mut heartbeats, 1);
        assert_eq!(listen(&mut heartbeats, 1001..=1006), [(1005, 1, Notice::Ask)]);
    }

    #[test]
    fn whoever_is_asked_late_has_time_to_answer() {
        let mut heartbeats = heartbeats(1, 0, 0, 15 * S);
        // It is not looked at for a while, as one of many.
        heartbeats.listened = 60 * S;
        heartbeats.last_check = 60 * S;
        let seconds = Duration::from_secs;
        let (silent, lost) = (Notice::Silent(seconds(66)), Notice::Lost(seconds(71)));
        let notices = listen(&mut heartbeats, 61..=71);
        assert_eq!(notices, [(61, 1, Notice::Ask), (66, 1, silent), (71, 1, lost)]);
    }

    #[test]
    fn nothing_is_awaited_of_a_lost_worker() {
        let mut heartbeats = heartbeats(2, 0, 10, 0);
        check(&mut heartbeats, 10);
        answer(&mut heartbeats, 1);
        heartbeats.stop(WorkerId(2));
        heartbeats.stop(WorkerId(2));
        assert!(!heartbeats.is_any_awaited());
        answer(&mut heartbeats, 2);
        assert_eq!(check(&mut heartbeats, 1000), [(1, Notice::Ask)]);
    }

    #[test]
    fn zeros_ask_nobody_and_lose_nobody() {
        let mut heartbeats = heartbeats(3, 0, 0, 0);
        assert!(listen(&mut heartbeats, 1..=10_000).is_empty());
        answer(&mut heartbeats, 1);
        assert_eq!(heartbeats.most_memory(), Some(7));
    }

    #[test]
    fn a_silence_that_is_no_loss_is_mentioned_all_the_same() {
        let mut heartbeats = heartbeats(1, 0, 10 * S, 0);
        let silent = Notice::Silent(Duration::from_secs(30));
        assert_eq!(listen(&mut heartbeats, 1..=1000), [(10, 1, Notice::Ask), (30, 1, silent)]);
    }

    #[test]
    fn many_workers_are_looked_at_in_ten_checks() {
        let mut heartbeats = heartbeats(30_000, 0, 1, 0);
        let n_asked: Vec<usize> = (1..=16).map(|now| check(&mut heartbeats, now).len()).collect();
        assert!(n_asked[..14].iter().all(|n| *n == MAX_ASKED), "{n_asked:?}");
        assert_eq!(n_asked.iter().sum::<usize>(), 30_000);
    }

    #[test]
    fn at_the_end_those_who_were_not_heard_just_now_are_asked() {
        let mut heartbeats = heartbeats(2, 1, 0, 15 * S);
        assert!(listen(&mut heartbeats, 1..=3).is_empty());
        heartbeats.hear(WorkerId(2));
        heartbeats.call_the_roll();
        assert!(heartbeats.is_any_awaited());
        assert_eq!(check(&mut heartbeats, 3 * S + 1), [(1, Notice::Ask)]);
        answer(&mut heartbeats, 1);
        assert!(!heartbeats.is_any_awaited());
        assert!(listen(&mut heartbeats, 4..=100).is_empty(), "nobody is asked again");
    }
}
