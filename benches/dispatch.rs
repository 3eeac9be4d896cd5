//! How fast rank 0 dispatches blocks to real ranks, beside raw MPI on the same machine in the same run.
//!
//! The bench starts itself under `mpirun` with two ranks. The raw ping is what any master in MPI would do: one message
//! for each ticket, of as many bytes as bellis sends for one block, as many tickets in flight as bellis has blocks.

mod common;

use std::ffi::c_void;
use std::time::{Duration, Instant};

use bellis::{Idle, Progress, Roi, Runner, Task};
use common::{Figures, find};
use mpi::ffi;
use mpi::traits::{Communicator, CommunicatorCollectives};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Tells the ranks that this bench starts which half they are to run.
const RAW: &str = "--ranks-raw";
const BELLIS: &str = "--ranks-bellis";
/// Bytes that bellis sends for one block of a 3-D task, and that come back.
const TICKET: usize = 117;
const ANSWER: usize = 12;
/// Blocks that a worker holds ahead.
const CREDITS: [u32; 4] = [0, 1, 7, 63];

fn main() -> Result<(), Error> {
    let has = |mode: &str| std::env::args().any(|argument| argument == mode);
    if has(RAW) {
        return raw_ranks();
    }
    if has(BELLIS) {
        return bellis_ranks();
    }
    // MPI at its best: one thread, so that it takes no locks.
    let raw = common::under_mpirun(2, &[RAW])?;
    let dispatched = common::under_mpirun(2, &[BELLIS])?;
    let mut figures = Figures::of("dispatch");
    for credits in CREDITS {
        let (raw, blocks) = (find(&raw, &in_flight(credits))?, find(&dispatched, &in_flight(credits))?);
        let window = credits + 1;
        figures.add(&format!("raw_{window}"), raw, "round trips/s");
        figures.add(&format!("blocks_per_s_{window}"), blocks, "blocks/s");
        figures.add(&format!("ratio_{window}"), blocks / raw, "");
    }
    let (raw, blocks) = (find(&raw, &in_flight(CREDITS[3]))?, find(&dispatched, &in_flight(CREDITS[3]))?);
    figures.add("blocks_per_s", blocks, "blocks/s");
    figures.add("ratio", blocks / raw, "");
    figures.add("idle_cpu", find(&dispatched, IDLE)?, "% of a core");
    figures.write()?;
    Ok(())
}

/// The share of a core that rank 0 uses when there is little to do.
const IDLE: &str = "idle";

/// What ranks call the figure of a run with so many credits.
fn in_flight(credits: u32) -> String {
    format!("with_{credits}_credits")
}

fn n_blocks() -> u64 {
    if common::is_short() { 50_000 } else { 3_000_000 }
}

/// One of two ranks that play ping-pong.
fn raw_ranks() -> Result<(), Error> {
    let (universe, _) = mpi::initialize_with_threading(mpi::Threading::Single).ok_or("MPI is initialized")?;
    let world = universe.world();
    for credits in CREDITS {
        world.barrier();
        let rate = ping(world.rank() == 0, n_blocks(), credits + 1);
        if world.rank() == 0 {
            common::say(&vec![(in_flight(credits), rate)]);
        }
    }
    Ok(())
}

/// One of two ranks that run pipelines.
fn bellis_ranks() -> Result<(), Error> {
    let mut lines = Vec::new();
    for credits in CREDITS {
        lines.push((in_flight(credits), dispatch(n_blocks(), credits)?));
    }
    let idle = idle_cpu(if common::is_short() { 3 } else { 30 })?;
    lines.push((IDLE.to_owned(), 100.0 * idle));
    if bellis::is_coordinator() {
        common::say(&lines);
    }
    Ok(())
}

/// Raw MPI: rank 0 keeps `window` tickets in flight until `n` came back; round trips per second.
fn ping(is_first: bool, n: u64, window: u32) -> f64 {
    // SAFETY: a constant of the initialized MPI.
    let world = unsafe { ffi::RSMPI_COMM_WORLD };
    let send = |buffer: &[u8], to: i32| {
        let length = i32::try_from(buffer.len()).expect("a small buffer");
        // SAFETY: `buffer` holds `length` bytes, and the call returns when it may be used again.
        unsafe { ffi::MPI_Send(buffer.as_ptr().cast::<c_void>(), length, ffi::RSMPI_UINT8_T, to, 1, world) }
    };
    let receive = |buffer: &mut [u8], from: i32| {
        let length = i32::try_from(buffer.len()).expect("a small buffer");
        let (bytes, ignore) = (buffer.as_mut_ptr().cast::<c_void>(), ffi_status_ignore());
        // SAFETY: `buffer` holds `length` bytes.
        unsafe { ffi::MPI_Recv(bytes, length, ffi::RSMPI_UINT8_T, from, 1, world, ignore) }
    };
    let begin = Instant::now();
    let mut ticket = [0u8; TICKET];
    let mut answer = [0u8; ANSWER];
    if is_first {
        let window = u64::from(window).min(n);
        for _ in 0..window {
            send(&ticket, 1);
        }
        for done in 0..n {
            receive(&mut answer, 1);
            if done + window < n {
                send(&ticket, 1);
            }
        }
    } else {
        for _ in 0..n {
            receive(&mut ticket, 0);
            send(&answer, 0);
        }
    }
    n as f64 / begin.elapsed().as_secs_f64()
}

fn ffi_status_ignore() -> *mut ffi::MPI_Status {
    // SAFETY: a constant of the MPI library.
    unsafe { ffi::RSMPI_STATUS_IGNORE }
}

/// bellis: `n` no-op blocks in 3-D; blocks per second.
fn dispatch(n: u64, credits: u32) -> Result<f64, Error> {
    let side = (n as f64).cbrt() as i64;
    let task = Task::builder("no-op")
        .total_roi(Roi::new([0, 0, 0], [side * 64; 3])?)
        .block_shape([64, 64, 64])
        .process(|_| Ok(()))
        .build()?;
    let runner = Runner::new().credits(credits).idle(Idle::Spin).progress(Progress::Off);
    let report = runner.run(task)?;
    let n_blocks = report.tasks[0].counts.completed;
    let elapsed_s = report.elapsed_s;
    report.into_result()?;
    Ok(n_blocks as f64 / elapsed_s)
}

/// The share of a core that this rank uses while one worker runs blocks of 100 ms; what counts is rank 0's.
fn idle_cpu(n_blocks: i64) -> Result<f64, Error> {
    let task = Task::builder("sleep")
        .total_roi(Roi::new([0], [n_blocks])?)
        .block_shape([1])
        .process(|_| {
            std::thread::sleep(Duration::from_millis(100));
            Ok(())
        })
        .build()?;
    let (cpu, begin) = (cpu_time(), Instant::now());
    Runner::new().progress(Progress::Off).run(task)?.into_result()?;
    Ok((cpu_time() - cpu).as_secs_f64() / begin.elapsed().as_secs_f64())
}

/// The processor time that this process has used.
fn cpu_time() -> Duration {
    // SAFETY: a usage is plain old data that the system fills in.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let time =
        |t: libc::timeval| Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64);
    time(usage.ru_utime) + time(usage.ru_stime)
}
