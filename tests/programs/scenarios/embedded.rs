//! Programs that initialize MPI themselves and embed bellis.

use std::process::ExitCode;

use bellis::{Block, Progress, Result, Roi, Runner, Task};
use mpi::Threading;
use mpi::topology::{Color, Communicator, SimpleCommunicator};
use mpi::traits::{CommunicatorCollectives, Destination, Source};

use super::record::Record;
use super::{Call, fact, facts, line};

/// The thread level comes second among the further arguments.
pub fn main(call: &Call) -> ExitCode {
    let level = match call.more.get(1).map(String::as_str) {
        Some("single") => Threading::Single,
        Some("funneled") => Threading::Funneled,
        Some("serialized") => Threading::Serialized,
        _ => Threading::Multiple,
    };
    // Inside, MPI is finalized before `bellis::main` ends; outside, after it.
    if call.scenario == "embedded-inside" {
        return bellis::main(|| {
            let (universe, _) = mpi::initialize_with_threading(level).expect("MPI is not initialized yet");
            program(&call.on(&universe.world())?, &universe.world())
        });
    }
    let (universe, provided) = mpi::initialize_with_threading(level).expect("MPI is not initialized yet");
    fact("provided", format_args!("{provided:?}"));
    if call.scenario == "embedded-plain" {
        return plain(call, &universe.world());
    }
    bellis::main(|| program(&call.on(&universe.world())?, &universe.world()))
}

impl Call {
    /// The same on the rank that MPI says.
    fn on(&self, world: &SimpleCommunicator) -> Result<Self> {
        Ok(Self { rank: world.rank().try_into()?, size: world.size().try_into()?, ..self.clone() })
    }
}

fn program(call: &Call, world: &SimpleCommunicator) -> Result {
    match call.scenario.as_str() {
        "embedded-halves" => halves(call, world),
        "embedded-subset" => subset(call, world),
        "embedded-world" => {
            // No communicator given: MPI's world, which is initialized already.
            facts(&Runner::new().run(line("world", 7)?.process(|_| Ok(())).build()?)?);
            Ok(())
        }
        "embedded-fails" => {
            let task = line("fail", 5)?.process(|_| Err("no luck".into())).max_retries(0).build()?;
            let report = Runner::new().communicator(world).run(task)?;
            Ok(report.into_result()?)
        }
        "embedded-lost" => lost(call, world),
        "embedded-before" if call.is_meant() => Err("no such file".into()),
        "embedded-blocked" => {
            if call.is_meant() {
                return Err("no such file".into());
            }
            world.barrier();
            Ok(())
        }
        "embedded-refused" => {
            let name = if call.is_meant() { "other" } else { "work" };
            let report =
                Runner::new().communicator(world).run(line(name, 5)?.process(|_| Ok(())).build()?)?;
            report.into_result()?;
            Ok(())
        }
        "embedded-after" => {
            own_traffic(call, world)?;
            if call.is_meant() { Err("no space to write the result".into()) } else { Ok(()) }
        }
        _ => own_traffic(call, world),
    }
}

/// The program's own messages cross those of the run: on its own communicator, with any tag, from within blocks,
/// before and after.
fn own_traffic(call: &Call, world: &SimpleCommunicator) -> Result {
    let record = Record::new(&call.directory);
    let notes = record.clone();
    let (rank, size) = (world.rank(), world.size());
    if rank != 0 {
        // Sent before the run and received after it: a run that listened on this communicator would take it.
        world.process_at_rank(0).send_with_tag(&[rank], 1);
    }
    let task = line("embedded", call.number(20))?.process(move |block| {
        notes.note("helped", if has_helper()? { "true" } else { "false" })?;
        notes.during("embedded", block, || in_block(block))
    });
    let task = task.build()?;
    let report = Runner::new().communicator(world).run(task.clone())?;
    facts(&report);
    if rank == 0 {
        for other in 1..size {
            let (told, _) = world.process_at_rank(other).receive_vec_with_tag::<i32>(1);
            assert_eq!(told, [other], "the program's own message arrives after the run");
        }
        record.check_each_once(&task)?;
    }
    let mut sum = 0;
    world.all_reduce_into(&rank, &mut sum, mpi::collective::SystemOperation::sum());
    assert_eq!(sum, size * (size - 1) / 2, "collective calls work after the run");
    if rank == 0 {
        let threads = record.lines("helped")?.iter().filter(|line| *line == "true").count();
        fact("helped", threads > 0);
        fact("own", "ok");
    }
    Ok(())
}

/// Whether bellis has a thread that calls MPI beside the one that processes blocks.
fn has_helper() -> Result<bool> {
    for thread in std::fs::read_dir("/proc/self/task")? {
        // A thread may end between the two calls.
        let name = std::fs::read_to_string(thread?.path().join("comm")).unwrap_or_default();
        if name.trim() == "bellis helper" {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A block that calls MPI itself, for long enough to meet a thread that should not.
fn in_block(block: &Block) -> Result {
    let mine = SimpleCommunicator::world();
    if mine.size() == 1 {
        return Ok(());
    }
    let me = mine.this_process();
    let until = std::time::Instant::now() + std::time::Duration::from_millis(15);
    while std::time::Instant::now() < until {
        let sent = block.index();
        let mut received = 0u64;
        mpi::point_to_point::send_receive_into_with_tags(&sent, &me, 7, &mut received, &me, 7);
        assert_eq!(sent, received, "a message to oneself");
    }
    Ok(())
}

/// Each half of the world runs a pipeline of its own, at the same time.
fn halves(call: &Call, world: &SimpleCommunicator) -> Result {
    let color = world.rank() % 2;
    let half = world.split_by_color(Color::with_value(color)).expect("every rank has a color");
    let name = ["even", "odd"][usize::try_from(color)?];
    let record = Record::new(&call.directory);
    let notes = record.clone();
    let total = Roi::new([0, 0], [4, 3 + i64::from(color)])?;
    let task = Task::builder(name).total_roi(total).block_shape([1, 1]).process(move |block| {
        notes.during(name, block, || {
            std::thread::sleep(std::time::Duration::from_millis(5));
            Ok(())
        })
    });
    let task = task.build()?;
    let report = Runner::new().communicator(&half).progress(Progress::Off).run(task.clone())?;
    if half.rank() == 0 {
        record.check_each_once(&task)?;
        // Rank 0 of the odd half is not rank 0 of the world.
        println!("{name}={} blocks on {} workers", report.tasks[0].counts.completed, report.n_workers);
    }
    Ok(report.into_result()?)
}

/// All ranks but the last run; the last one does something else meanwhile.
fn subset(call: &Call, world: &SimpleCommunicator) -> Result {
    let is_last = world.rank() + 1 == world.size();
    let color = if is_last { Color::undefined() } else { Color::with_value(0) };
    let record = Record::new(&call.directory);
    if let Some(most) = world.split_by_color(color) {
        let notes = record.clone();
        let task = line("subset", 9)?.process(move |block| notes.during("subset", block, || Ok(())));
        let task = task.build()?;
        facts(&Runner::new().communicator(&most).run(task.clone())?);
        if most.rank() == 0 {
            record.check_each_once(&task)?;
        }
    }
    world.barrier();
    Ok(())
}

/// The last rank ends in its first block, in a run on a duplicate of the world.
fn lost(call: &Call, world: &SimpleCommunicator) -> Result {
    let is_last = call.rank + 1 == call.size;
    let task = line("work", 40)?.process(move |_| {
        if is_last {
            // SAFETY: a plain call.
            unsafe { libc::raise(libc::SIGKILL) };
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        Ok(())
    });
    let mine = world.duplicate();
    let report = Runner::new().communicator(&mine).run(task.build()?)?;
    // Given back, it would be waited for by the lost one as well.
    std::mem::forget(mine);
    facts(&report);
    fact("lost", report.n_lost);
    Ok(report.into_result()?)
}

/// An MPI program as there are many, without `bellis::main`: bellis is one call among others.
fn plain(call: &Call, world: &SimpleCommunicator) -> ExitCode {
    match own_traffic(call, world) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            world.abort(1)
        }
    }
}
