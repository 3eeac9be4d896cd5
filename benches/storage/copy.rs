//! A Zarr array copied to another chunking, beside `zarrs_reencode`, which is built on the same codecs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bellis::storage::Array;
use bellis::{Progress, Runner, Task};

use super::Error;
use super::common::{self, Figures};
use super::volume::{Volume, listed, settle};

/// Voxels along a side of the new shards and of the chunks in them: such that the old chunks fill them, small chunks,
/// and such that no border but every third falls on one of the old.
///
/// The peer writes another chunking in shards only: asked for other chunks, it keeps the old ones.
const CHUNKINGS: [(&str, i64, i64); 3] = [("256_64", 256, 64), ("128_32", 128, 32), ("192_96", 192, 96)];
const N_THREADS: u32 = 2;
/// The peer without and with its cache.
const PEER_OPTIONS: [&[&str]; 2] = [&[], &["--cache-size", "268435456"]];

pub fn bench(volume: &Volume, figures: &mut Figures) -> Result<(), Error> {
    let n_tries = if common::is_short() { 2 } else { 3 };
    let peer = peer()?;
    if peer.is_none() {
        println!("copies are compared with nothing: make peer builds zarrs_reencode");
    }
    let (mut worst, mut worst_share) = (f64::MAX, 0f64);
    for (name, shard, chunk) in CHUNKINGS {
        let (mut ours, mut theirs, mut share) = (f64::MAX, f64::MAX, f64::MAX);
        for _ in 0..n_tries {
            let (elapsed_s, overhead) = copy(volume, shard, chunk)?;
            ours = ours.min(elapsed_s);
            share = share.min(overhead);
            for (peer, options) in peer.iter().flat_map(|peer| PEER_OPTIONS.map(|options| (peer, options))) {
                theirs = theirs.min(reencode(peer, volume, shard, chunk, options)?);
            }
        }
        let gib = volume.n_bytes() as f64 / f64::from(1 << 30);
        figures.add(&format!("zarr_copy_{name}"), gib / ours, "GiB/s");
        if peer.is_some() {
            figures.add(&format!("zarr_copy_{name}_peer"), gib / theirs, "GiB/s");
            figures.add(&format!("zarr_copy_{name}_vs_peer"), theirs / ours, "");
        }
        worst = worst.min(theirs / ours);
        worst_share = worst_share.max(share);
    }
    if peer.is_some() {
        figures.add("zarr_copy_vs_peer", worst, "");
    }
    figures.add("scheduler_share", 100.0 * worst_share, "%");
    Ok(())
}

/// Copies with bellis: seconds, and the share of the time of both workers that went to something else than reading,
/// coding and writing.
fn copy(volume: &Volume, shard: i64, chunk: i64) -> Result<(f64, f64), Error> {
    let path = volume.path("ours.zarr");
    settle(&volume.path(""))?;
    let begin = Instant::now();
    let input = Array::<u8>::open(volume.zarr())?;
    let spec = volume.spec([chunk; 3]).shards([shard.unsigned_abs(); 3]);
    let output = Array::<u8>::create(&path, &spec)?;
    let moving_ns = Arc::new(AtomicU64::new(0));
    let moved = moving_ns.clone();
    let task = Task::builder("copy")
        .total_write_roi(volume.roi())
        .block_shape([shard; 3])
        .fit(bellis::Fit::Shrink)
        .writes(&output)
        .process(move |block| {
            let begin = Instant::now();
            output.write(&block.write_roi, &input.read(&block.read_roi)?)?;
            moving_ns.fetch_add(begin.elapsed().as_nanos() as u64, Ordering::Relaxed);
            Ok(())
        })
        .build()?;
    let report = Runner::new().slots(N_THREADS).progress(Progress::Off).run(task)?;
    let elapsed_s = begin.elapsed().as_secs_f64();
    let run_s = report.elapsed_s;
    report.into_result()?;
    std::fs::remove_dir_all(path)?;
    let moving_s = moved.load(Ordering::Relaxed) as f64 / 1e9;
    Ok((elapsed_s, 1.0 - moving_s / (run_s * f64::from(N_THREADS))))
}

/// Copies with the peer: seconds.
fn reencode(program: &Path, volume: &Volume, shard: i64, chunk: i64, options: &[&str]) -> Result<f64, Error> {
    let path = volume.path("theirs.zarr");
    settle(&volume.path(""))?;
    let begin = Instant::now();
    let status = Command::new(program)
        .args(["--chunk-shape", &listed([chunk; 3]), "--shard-shape", &listed([shard; 3])])
        .args(["--concurrent-chunks", &N_THREADS.to_string()])
        .args(options)
        .args([volume.zarr(), path.clone()])
        .env("RAYON_NUM_THREADS", N_THREADS.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let elapsed_s = begin.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{}: {status}", program.display()).into());
    }
    let made = bellis::storage::describe(&path)?;
    if made.chunks != [chunk.unsigned_abs(); 3] || made.shape != volume.shape.map(i64::unsigned_abs) {
        return Err(format!("{} made something else: {made:?}", program.display()).into());
    }
    std::fs::remove_dir_all(path)?;
    Ok(elapsed_s)
}

/// Where `make peer` puts the other program. The short form goes without it, where nobody has built it.
///
/// # Errors
/// It is missing, and the figures are meant.
pub fn peer() -> Result<Option<PathBuf>, Error> {
    let path = common::folder().with_file_name("peer").join("bin/zarrs_reencode");
    if path.exists() {
        Ok(Some(path))
    } else if common::is_short() {
        Ok(None)
    } else {
        Err(format!("{} is missing: make peer builds it, and make bench does so too", path.display()).into())
    }
}
