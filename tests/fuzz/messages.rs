//! What ranks say to each other.

use bellis::plan::{BlockId, Fault, Outcome, TaskId};
use bellis::wire::{
    Assigned, BatchQueue, BatchWriter, Finished, FromWorker, Hello, PROTOCOL, Problem, Reads, Status, Stop,
    ToWorker, decode, encode,
};
use bellis::{Coordinate, Roi};

use crate::mutate::change_bytes;
use crate::rng::Rng;

/// Reads a message that was changed, or bytes that never were one.
pub fn try_one(rng: &mut Rng) {
    let mut bytes = message(rng);
    for _ in 0..rng.pick(&[1, 1, 2, 8]) {
        change_bytes(&mut bytes, rng);
    }
    if let (true, Some(first)) = (rng.chance(80), bytes.first_mut()) {
        *first = PROTOCOL;
    }
    if let Ok(ToWorker::Assign(batch)) = decode(&bytes) {
        let _ = batch.iter().count();
        let mut queue = BatchQueue::default();
        queue.push(&batch);
        while let Ok(Some(_)) = queue.pop() {}
    }
    if let Ok(FromWorker::Finished(batch)) = decode(&bytes) {
        let _ = batch.iter().count();
    }
}

fn message(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |rng: &mut Rng| "é wrong ".repeat(rng.range(0, 9) as usize);
    let problem = |rng: &mut Rng| Problem {
        ranks: (0..rng.range(0, 20)).map(|_| rng.next() as u32).collect(),
        why: text(rng),
        is_resumable: rng.chance(50),
    };
    let written = match rng.range(0, 9) {
        0 | 1 => {
            let mut batch = BatchWriter::default();
            (0..rng.range(0, 9)).for_each(|_| batch.push(&assigned(rng)).unwrap());
            encode(&ToWorker::Assign(batch.batch()), &mut bytes)
        }
        2 | 3 => {
            let mut batch = BatchWriter::default();
            for _ in 0..rng.range(0, 9) {
                let outcome = if rng.chance(50) { Outcome::Success } else { Outcome::failed(text(rng)) };
                batch.push(&Finished { lease: rng.next(), busy_us: rng.next(), outcome }).unwrap();
            }
            encode(&FromWorker::Finished(batch.batch()), &mut bytes)
        }
        4 => encode(&ToWorker::Stop(Stop::Finished(text(rng))), &mut bytes),
        5 => encode(&ToWorker::Stop(Stop::Refused(problem(rng))), &mut bytes),
        6 => {
            let fingerprint = format!("{:032x}", rng.next()).parse().unwrap();
            let (host, pipeline) = (text(rng), text(rng));
            let (slots, pid) = (rng.next() as u32, rng.next() as u32);
            let hello = Hello::Ready { slots, host, pid, answers_always: true, fingerprint, pipeline };
            encode(&FromWorker::Hello(hello), &mut bytes)
        }
        7 => encode(
            &FromWorker::Synced { epoch: rng.next() as u32, error: Some((Fault::Place, text(rng))) },
            &mut bytes,
        ),
        8 => {
            let status =
                Status { n_finished: rng.next(), n_waiting: 3, busy_ms: Some(rng.next()), memory: None };
            encode(&FromWorker::Status(status), &mut bytes)
        }
        _ => {
            let reads = Reads { n_hits: rng.next(), n_misses: 0, bytes_read: 9, bytes_decoded: rng.next() };
            encode(&FromWorker::Reads(reads), &mut bytes)
        }
    };
    written.unwrap();
    bytes
}

fn assigned(rng: &mut Rng) -> Assigned {
    let n_axes = rng.range(1, 8) as usize;
    let mut roi = || {
        let mut along = |low, high| Coordinate::from_fn(n_axes, |_| rng.signed(low, high));
        Roi::new(along(-1 << 40, 1 << 40), along(0, 1 << 20)).unwrap()
    };
    let (read_roi, write_roi) = (roi(), roi());
    let block = BlockId { task: TaskId(rng.next() as u32), index: rng.next() };
    Assigned { block, lease: rng.next(), read_roi, write_roi }
}
