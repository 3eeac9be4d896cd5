//! Process closures: that do well, that conflict, that wait for each other, that fail, panic, or are interrupted.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use bellis::{Block, Fit, Pipeline, Result, Roi, Runner, Task};

use super::record::Record;
use super::{Call, fact, facts, line};

pub fn run(call: &Call) -> Result {
    match call.scenario.as_str() {
        "blocks-once" => once(call),
        "blocks-conflicts" => conflicts(call),
        "blocks-chain" => chain(call),
        "blocks-nothing" => plain(line("nothing", call.number(10))?.process(|_| Ok(())).build()?),
        "blocks-slow" => slow(call),
        "blocks-fail" => plain(fails_every_third(call)?),
        "blocks-fail-all" => {
            let task = line("fail", call.number(10))?.max_retries(0);
            plain(task.process(|block| Err(format!("no luck with {block}").into())).build()?)
        }
        "blocks-panic" => panics(call),
        "blocks-huge" => {
            plain(line("huge", 3)?.process(|_| Err("x".repeat(1 << 20).into())).max_retries(0).build()?)
        }
        "blocks-prepare" => prepare(call),
        "blocks-prepare-fails" => prepare_fails(call),
        "blocks-check" => check(call),
        "blocks-twice" => twice(call),
        "blocks-held-up" => held_up(call),
        "blocks-hang" => hang(call),
        other => Err(format!("scenario {other:?} is unknown").into()),
    }
}

fn plain(pipeline: impl Into<Pipeline>) -> Result {
    let report = Runner::new().run(pipeline)?;
    facts(&report);
    Ok(report.into_result()?)
}

/// The first block waits for one that reads what all others write, so that nothing may be held up behind it.
fn held_up(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let notes = record.clone();
    let many = line("many", 40)?.process(move |block| {
        sleep(Duration::from_millis(5));
        if block.index() == 0 {
            record.wait_for("late");
        }
        Ok(())
    });
    let total = Roi::new([1], [39])?;
    let late = Task::builder("late").total_write_roi(total).block_shape([39]);
    let late = late.process(move |block| notes.note("late", &block.index().to_string()));
    plain(many.build()? + late.build()?)
}

/// Block 5 never ends; it is tried again so often.
fn hang(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let notes = record.clone();
    let retries = call.more.first().and_then(|text| text.parse().ok()).unwrap_or(2);
    let task = line("hang", 40)?.max_retries(retries).process(move |block| {
        while block.index() == 5 {
            sleep(Duration::from_secs(3600));
        }
        notes.during("hang", block, || {
            sleep(Duration::from_millis(20));
            Ok(())
        })
    });
    let report = Runner::new().run(task.build()?);
    fact("done", record.lines("blocks")?.len());
    let report = report?;
    facts(&report);
    fact("hung", report.n_hung);
    Ok(report.into_result()?)
}

fn once(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let notes = record.clone();
    let pause = Duration::from_millis(call.more.get(1).and_then(|text| text.parse().ok()).unwrap_or(0));
    let work = move |block: &Block| {
        notes.during("once", block, || {
            sleep(pause);
            Ok(())
        })
    };
    let task = line("once", call.number(10))?.process(work).build()?;
    plain(task.clone())?;
    if bellis::is_coordinator() {
        record.check_each_once(&task)?;
    }
    fact("each", "once");
    Ok(())
}

/// Numbers in a file, shared by all ranks.
#[derive(Clone)]
struct Numbers(Arc<File>);

impl Numbers {
    fn open(call: &Call, name: &str) -> Result<Self> {
        let mut options = File::options();
        let path = call.directory.join(name);
        Ok(Self(Arc::new(options.read(true).write(true).create(true).truncate(false).open(path)?)))
    }

    fn get(&self, place: i64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, u64::try_from(place)? * 8)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn set(&self, place: i64, value: u64) -> Result {
        Ok(self.0.write_all_at(&value.to_le_bytes(), u64::try_from(place)? * 8)?)
    }
}

/// Blocks that read what their neighbours write: only the order of levels makes the result what it is.
fn conflicts(call: &Call) -> Result {
    const SHAPE: [i64; 2] = [14, 12];
    let numbers = Numbers::open(call, "conflicts")?;
    let place = |row: i64, column: i64| row * SHAPE[1] + column;
    if bellis::is_coordinator() {
        for at in 0..SHAPE[0] * SHAPE[1] {
            numbers.set(at, u64::try_from(at)? + 1)?;
        }
    }
    let record = Record::new(&call.directory);
    let (notes, shared) = (record.clone(), numbers.clone());
    let mix = move |block: &Block| {
        let mut sum = 0u64;
        for (row, column) in voxels(&block.read_roi) {
            sum = sum.wrapping_mul(31).wrapping_add(shared.get(place(row, column))?);
        }
        sleep(Duration::from_millis(2));
        for (row, column) in voxels(&block.write_roi) {
            shared.set(place(row, column), sum.wrapping_add(shared.get(place(row, column))?))?;
        }
        Ok(())
    };
    let task = Task::builder("conflicts")
        .total_roi(Roi::new([0, 0], SHAPE)?)
        .block_shape([2, 2])
        .context([1, 1], [1, 1])
        .process(move |block| notes.during("conflicts", block, || mix(block)))
        .build()?;
    plain(task.clone())?;
    if bellis::is_coordinator() {
        record.check_each_once(&task)?;
        record.check_conflicts(&task)?;
        let mut result = 0u64;
        for at in 0..SHAPE[0] * SHAPE[1] {
            result = result.wrapping_mul(31).wrapping_add(numbers.get(at)?);
        }
        fact("result", result);
    }
    Ok(())
}

fn voxels(roi: &Roi) -> impl Iterator<Item = (i64, i64)> + use<> {
    let (begin, end) = (*roi.begin(), roi.end());
    (begin[0]..end[0]).flat_map(move |row| (begin[1]..end[1]).map(move |column| (row, column)))
}

/// Map-reduce: squares, sums of seven of them, the sum of all sums.
fn chain(call: &Call) -> Result {
    const N: i64 = 50;
    const PART: i64 = 7;
    let (squares, sums, total) =
        (Numbers::open(call, "squares")?, Numbers::open(call, "sums")?, Numbers::open(call, "total")?);
    let record = Record::new(&call.directory);
    let all = || Roi::new([0], [N]);
    let (notes, to) = (record.clone(), squares.clone());
    let square = line("square", N)?.process(move |block| {
        let at = block.write_roi.begin()[0];
        notes.during("square", block, || {
            sleep(Duration::from_millis(1));
            to.set(at, u64::try_from(at * at)?)
        })
    });
    let square = square.build()?;
    let (notes, to) = (record.clone(), sums.clone());
    let sum = Task::builder("sum").total_roi(all()?).block_shape([PART]).fit(Fit::Shrink);
    let sum = sum.process(move |block| {
        notes.during("sum", block, || {
            let range = block.read_roi.begin()[0]..block.read_roi.end()[0];
            let sum = range.map(|at| squares.get(at)).sum::<Result<u64>>()?;
            to.set(i64::try_from(block.index())?, sum)
        })
    });
    let sum = sum.build()?;
    let (notes, to) = (record.clone(), total.clone());
    let reduce = Task::builder("reduce").total_roi(all()?).block_shape([N]).process(move |block| {
        notes.during("reduce", block, || {
            to.set(0, (0..(N + PART - 1) / PART).map(|part| sums.get(part)).sum::<Result<u64>>()?)
        })
    });
    let reduce = reduce.build()?;
    plain(square.clone() + sum.clone() + reduce.clone())?;
    if bellis::is_coordinator() {
        for task in [&square, &sum, &reduce] {
            record.check_each_once(task)?;
        }
        record.check_chain(&square, &sum)?;
        record.check_chain(&sum, &reduce)?;
        fact("result", total.get(0)?);
    }
    Ok(())
}

/// Long blocks, and this process's id before the run, for tests that send signals.
fn slow(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let notes = record.clone();
    fact("pid", std::process::id());
    let task = line("slow", call.number(100))?.process(move |block| {
        notes.note("begun", &block.index().to_string())?;
        notes.during("slow", block, || {
            sleep(Duration::from_millis(300));
            Ok(())
        })
    });
    let task = task.build()?;
    let report = Runner::new().run(task)?;
    facts(&report);
    fact("begun", record.lines("begun")?.len());
    fact("ended", record.lines("blocks")?.len());
    Ok(report.into_result()?)
}

fn fails_every_third(call: &Call) -> Result<Pipeline> {
    let task = line("fail", call.number(10))?.max_retries(1);
    let task = task.process(|block| if block.index() % 3 == 0 { Err("no luck".into()) } else { Ok(()) });
    let next = line("next", call.number(10))?.process(|_| Ok(()));
    Ok(task.build()? + next.build()?)
}

fn panics(call: &Call) -> Result {
    let task = line("panic", call.number(10))?;
    plain(task.process(|block| if block.index() == 3 { panic!("block three") } else { Ok(()) }).build()?)
}

/// A state for each slot that says which one it is; each must be made once, and used by its own thread alone.
fn prepare(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let (notes, uses) = (record.clone(), record.clone());
    let task = line("prepare", call.number(40))?.process_with(
        move |worker| {
            notes.note("prepared", &format!("{} {}", worker.rank, worker.slot))?;
            Ok((0u64, std::thread::current().id()))
        },
        move |(n_blocks, thread), block| {
            *n_blocks += 1;
            if *thread != std::thread::current().id() {
                return Err("the state came to another thread".into());
            }
            uses.during("prepare", block, || {
                sleep(Duration::from_millis(5));
                Ok(())
            })
        },
    );
    let task = task.build()?;
    plain(task.clone())?;
    if bellis::is_coordinator() {
        record.check_each_once(&task)?;
        let mut prepared = record.lines("prepared")?;
        let n_prepared = prepared.len();
        prepared.sort_unstable();
        prepared.dedup();
        if prepared.len() != n_prepared {
            return Err("a slot was prepared twice".into());
        }
        fact("prepared", n_prepared);
    }
    Ok(())
}

/// Workers that cannot be prepared: the meant ones.
fn prepare_fails(call: &Call) -> Result {
    let is_meant = call.is_meant();
    let task = line("prepare", 10)?.process_with(
        move |_| if is_meant { Err("no model".into()) } else { Ok(()) },
        |(), _| {
            sleep(Duration::from_millis(5));
            Ok(())
        },
    );
    plain(task.build()?)
}

fn check(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let notes = record.clone();
    let task = line("check", call.number(10))?
        .check(|block| Ok(block.index() % 2 == 0))
        .process(move |block| notes.during("check", block, || Ok(())));
    let task = task.build()?;
    plain(task.clone())?;
    if bellis::is_coordinator() {
        fact("processed", record.entries(&task)?.len());
    }
    Ok(())
}

/// Two runs, one after the other: the second reads what the first wrote.
fn twice(call: &Call) -> Result {
    let record = Record::new(&call.directory);
    let (first, second) = (record.clone(), record.clone());
    let first = line("first", 9)?.process(move |block| first.during("first", block, || Ok(()))).build()?;
    let second =
        line("second", 5)?.process(move |block| second.during("second", block, || Ok(()))).build()?;
    plain(first.clone())?;
    plain(second.clone())?;
    if bellis::is_coordinator() {
        record.check_each_once(&first)?;
        record.check_each_once(&second)?;
    }
    fact("twice", "ok");
    Ok(())
}
