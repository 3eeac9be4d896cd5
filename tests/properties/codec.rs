//! Any bytes decode to a message or an error, and every message survives the way there and back.

use bellis::plan::{BlockId, Fault, Outcome, TaskId};
use bellis::wire::{
    Assigned, BatchQueue, BatchWriter, Finished, FromWorker, Hello, PROTOCOL, Problem, Reads, Status, Stop,
    ToWorker, WireError, decode, encode,
};
use bellis::{Coordinate, Roi};
use proptest::prelude::*;

fn roi(n_axes: usize) -> impl Strategy<Value = Roi> {
    prop::collection::vec((any::<i32>(), 0..i32::MAX), n_axes).prop_map(move |axes| {
        let offset = Coordinate::from_fn(n_axes, |axis| axes[axis].0.into());
        let shape = Coordinate::from_fn(n_axes, |axis| axes[axis].1.into());
        Roi::new(offset, shape).expect("32-bit numbers fit")
    })
}

fn assigned() -> impl Strategy<Value = Assigned> {
    let rois = (1usize..=8).prop_flat_map(|n_axes| (roi(n_axes), roi(n_axes)));
    (any::<(u32, u64, u64)>(), rois).prop_map(|((task, index, lease), (read_roi, write_roi))| Assigned {
        block: BlockId { task: TaskId(task), index },
        lease,
        read_roi,
        write_roi,
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::Block), Just(Fault::Permanent), Just(Fault::Place), Just(Fault::Worker)]
}

fn finished() -> impl Strategy<Value = Finished> {
    let outcome = prop_oneof![
        Just(Outcome::Success),
        Just(Outcome::Skipped),
        (fault(), any::<String>()).prop_map(|(fault, message)| Outcome::Failed { fault, message })
    ];
    (any::<u64>(), any::<u64>(), outcome).prop_map(|(lease, busy_us, outcome)| Finished {
        lease,
        busy_us,
        outcome,
    })
}

fn problem() -> impl Strategy<Value = Problem> {
    any::<(Vec<u32>, String, bool)>().prop_map(|(ranks, why, is_resumable)| Problem {
        ranks,
        why,
        is_resumable,
    })
}

fn hello() -> impl Strategy<Value = Hello> {
    prop_oneof![
        any::<(u32, String, u32, bool, u128, String)>().prop_map(
            |(slots, host, pid, answers_always, number, pipeline)| {
                let fingerprint = format!("{number:032x}").parse().expect("32 digits");
                Hello::Ready { slots, host, pid, answers_always, fingerprint, pipeline }
            }
        ),
        prop::option::of(problem()).prop_map(|error| Hello::Ended { error }),
        any::<String>().prop_map(|why| Hello::Unable { why }),
        Just(Hello::Lost),
    ]
}

fn stop() -> impl Strategy<Value = Stop> {
    prop_oneof![
        any::<String>().prop_map(Stop::Finished),
        problem().prop_map(Stop::Refused),
        prop::option::of(problem()).prop_map(|error| Stop::AllEnded { error }),
        Just(Stop::Lost),
    ]
}

fn status() -> impl Strategy<Value = Status> {
    any::<(u64, u32, Option<u64>, Option<u64>)>().prop_map(|(n_finished, n_waiting, busy_ms, memory)| {
        Status { n_finished, n_waiting, busy_ms, memory }
    })
}

fn bytes_of<T: bincode::Encode>(message: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes).expect("every message can be written");
    bytes
}

/// Reads bytes as both kinds of messages, items of batches included; only a panic can go wrong.
fn read_everything(bytes: &[u8]) {
    if let Ok(ToWorker::Assign(batch)) = decode(bytes) {
        let _ = batch.iter().count();
        let mut queue = BatchQueue::default();
        queue.push(&batch);
        while let Ok(Some(_)) = queue.pop() {}
    }
    if let Ok(FromWorker::Finished(batch)) = decode(bytes) {
        let _ = batch.iter().count();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), is_current: bool) {
        if let (true, Some(first)) = (is_current, bytes.first_mut()) {
            *first = PROTOCOL;
        }
        read_everything(&bytes);
    }

    #[test]
    fn mutated_messages_never_panic(
        items in prop::collection::vec(assigned(), 1..5),
        reports in prop::collection::vec(finished(), 1..5),
        place: prop::sample::Index,
        value: u8,
        cut: prop::sample::Index,
    ) {
        let mut assign = BatchWriter::default();
        items.iter().for_each(|item| assign.push(item).expect("can be written"));
        let mut report = BatchWriter::default();
        reports.iter().for_each(|item| report.push(item).expect("can be written"));
        for bytes in [bytes_of(&ToWorker::Assign(assign.batch())), bytes_of(&FromWorker::Finished(report.batch()))] {
            let mut changed = bytes.clone();
            changed[place.index(bytes.len())] = value;
            read_everything(&changed);
            let cut = &bytes[..cut.index(bytes.len())];
            read_everything(cut);
            prop_assert!(decode::<ToWorker>(cut).is_err() || decode::<FromWorker>(cut).is_err());
        }
    }

    #[test]
    fn reads_survive(counts: [u64; 4]) {
        let [n_hits, n_misses, bytes_read, bytes_decoded] = counts;
        let reads = Reads { n_hits, n_misses, bytes_read, bytes_decoded };
        let bytes = bytes_of(&FromWorker::Reads(reads));
        prop_assert_eq!(decode::<FromWorker>(&bytes), Ok(FromWorker::Reads(reads)));
    }

    #[test]
    fn assignments_survive(items in prop::collection::vec(assigned(), 0..20)) {
        let mut writer = BatchWriter::default();
        items.iter().for_each(|item| writer.push(item).expect("can be written"));
        let bytes = bytes_of(&ToWorker::Assign(writer.batch()));
        let Ok(ToWorker::Assign(batch)) = decode(&bytes) else { panic!("an assignment") };
        prop_assert_eq!(batch.iter().collect::<Result<Vec<_>, _>>(), Ok(items));
    }

    #[test]
    fn a_queue_gives_back_what_it_was_given(
        batches in prop::collection::vec(prop::collection::vec(assigned(), 0..6), 0..6),
        n_between in 0usize..8,
    ) {
        let mut queue = BatchQueue::default();
        let mut taken = Vec::new();
        for items in &batches {
            let mut writer = BatchWriter::default();
            items.iter().for_each(|item| writer.push(item).expect("can be written"));
            let before = queue.len();
            queue.push(&writer.batch());
            prop_assert_eq!(queue.len(), before + items.len());
            for _ in 0..n_between {
                taken.extend(queue.pop().expect("can be read"));
            }
        }
        while let Some(assigned) = queue.pop().expect("can be read") {
            taken.push(assigned);
        }
        prop_assert!(queue.is_empty());
        prop_assert_eq!(taken, batches.concat());
    }

    #[test]
    fn reports_survive(items in prop::collection::vec(finished(), 0..20)) {
        let mut writer = BatchWriter::default();
        items.iter().for_each(|item| writer.push(item).expect("can be written"));
        let bytes = bytes_of(&FromWorker::Finished(writer.batch()));
        let Ok(FromWorker::Finished(batch)) = decode(&bytes) else { panic!("a report") };
        prop_assert_eq!(batch.iter().collect::<Result<Vec<_>, _>>(), Ok(items));
    }

    #[test]
    fn other_messages_survive(
        hello in hello(),
        status in status(),
        stop in stop(),
        lost in any::<Vec<u32>>(),
        at_once in any::<bool>(),
        leases in any::<Vec<u64>>(),
        (lease, busy_us) in any::<(u64, u64)>(),
    ) {
        for message in [ToWorker::Status, ToWorker::Recall, ToWorker::Lost(lost), ToWorker::Stop(stop)] {
            let bytes = bytes_of(&message);
            prop_assert_eq!(decode::<ToWorker>(&bytes), Ok(message));
        }
        let interrupted = FromWorker::Interrupted { at_once };
        let others = [FromWorker::Returned { leases }, FromWorker::TimedOut { lease, busy_us }, interrupted];
        for message in [FromWorker::Hello(hello), FromWorker::Status(status)].into_iter().chain(others) {
            let bytes = bytes_of(&message);
            prop_assert_eq!(decode::<FromWorker>(&bytes), Ok(message));
        }
    }
}

#[test]
fn another_protocol_is_named() {
    let mut bytes = bytes_of(&ToWorker::Status);
    bytes[0] = PROTOCOL + 1;
    assert_eq!(decode::<ToWorker>(&bytes), Err(WireError::Protocol { theirs: PROTOCOL + 1 }));
    assert_eq!(decode::<ToWorker>(&[]), Err(WireError::Empty));
    bytes[0] = PROTOCOL;
    bytes.push(0);
    let error = decode::<ToWorker>(&bytes).expect_err("a byte too many");
    assert!(error.to_string().contains("1 bytes are left over"), "{error}");
}
