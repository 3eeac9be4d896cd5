//! How much is decoded for what is asked, where blocks read beyond what they write: 64^3 voxels with a context of 8, of
//! chunks of 64^3.

use bellis::storage::Array;
use bellis::{Border, Progress, Runner, Task};

use super::Error;
use super::common::{self, Figures};
use super::volume::Volume;

const AS_RANK: &str = "--context-rank";

pub fn bench(volume: &Volume, figures: &mut Figures) -> Result<(), Error> {
    let path = volume.path("context.zarr");
    let array = Array::<u8>::create(&path, &volume.spec([64; 3]))?;
    let input = Array::<u8>::open(volume.zarr())?;
    let fill = Task::builder("fill")
        .total_write_roi(volume.roi())
        .block_shape([128; 3])
        .process(move |block| Ok(array.write(&block.write_roi, &input.read(&block.read_roi)?)?))
        .build()?;
    Runner::new().progress(Progress::Off).run(fill)?.into_result()?;

    let one_process = read_all(&path)?;
    let ranks = common::under_mpirun(3, &[AS_RANK, &path.to_string_lossy()])?;
    let of_ranks = common::find(&ranks, "amplification")?;
    figures.add("context_read_amplification_threads", one_process.0, "");
    figures.add("context_read_hit_rate_threads", 100.0 * one_process.1, "%");
    figures.add("context_read_hit_rate_ranks", 100.0 * common::find(&ranks, "hit_rate")?, "%");
    figures.add("context_read_amplification", of_ranks.max(one_process.0), "");
    std::fs::remove_dir_all(path)?;
    Ok(())
}

/// The figures of this process, if it was started as one of several ranks.
pub fn as_rank() -> Result<Option<Vec<(String, f64)>>, Error> {
    let Some(path) = common::argument_after(AS_RANK) else { return Ok(None) };
    let (amplification, hit_rate) = read_all(path.as_ref())?;
    let figures = vec![("amplification".to_owned(), amplification), ("hit_rate".to_owned(), hit_rate)];
    // Every rank has them, and one of them speaks.
    Ok(Some(if bellis::is_coordinator() { figures } else { Vec::new() }))
}

/// Reads every block: bytes decoded over bytes asked for, and the share of chunks found decoded.
fn read_all(path: &std::path::Path) -> Result<(f64, f64), Error> {
    let input = Array::<u8>::open(path)?;
    let task = Task::builder("read")
        .total_write_roi(input.roi())
        .block_shape([64; 3])
        .context([8; 3], [8; 3])
        .read_write_conflict(false)
        .process(move |block| {
            input.read_with(&block.read_roi, Border::Nearest)?;
            Ok(())
        })
        .build()?;
    let report = Runner::new().progress(Progress::Off).run(task)?;
    let reads = report.chunk_reads;
    report.into_result()?;
    Ok((reads.bytes_decoded as f64 / reads.bytes_read as f64, reads.hit_rate()))
}
