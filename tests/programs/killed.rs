//! Writes an array block by block on all workers, to be killed at any moment: `killed KIND LOG [check]`.
//!
//! The array lies in the current directory; one that is there is gone on with. LOG gets the index of each block that
//! rank 0 has counted as completed: a second task writes it, whose blocks wait for those of the first one, and rank 0
//! hands them out after it has counted. With `check`, blocks whose content is there are skipped.

mod volume;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use bellis::mpi::environment;
use bellis::storage::{ArraySpec, MpiIo};
use bellis::{Array, Block, BlockResult, Result};

use volume::{BLOCK, SHAPE, blocks, content, path_of};

pub fn run(words: &[&str]) -> Result {
    let [kind, log, more @ ..] = words else { return Err("killed KIND LOG [check]".into()) };
    write(kind, Path::new(log), more.contains(&"check"))
}

fn write(kind: &str, log: &Path, is_checking: bool) -> Result {
    let array = array(kind)?;
    let mut write = blocks("write")?;
    // Blocks that share a shard take turns; all others have chunks of their own.
    write = if kind == "shards" { write.max_workers(1) } else { write.writes(&array) };
    if is_checking {
        let array = array.clone();
        write = write.check(move |block| Ok(array.read(&block.write_roi)? == content(&block.write_roi)));
    }
    let write = write.process(move |block| {
        // Workers are not all at the same point of their blocks.
        sleep(Duration::from_micros(block.index() % 5 * 200));
        Ok(array.write(&block.write_roi, &content(&block.write_roi))?)
    });
    let log = log.to_owned();
    let count = blocks("count")?.process(move |block| append(&log, block));
    bellis::run(write.build()? + count.build()?)?.into_result()?;
    Ok(())
}

fn array(kind: &str) -> Result<Array<u32>> {
    let (path, spec) = (path_of(kind), ArraySpec::new(SHAPE));
    Ok(match kind {
        "direct" => Array::create(path, &spec)?,
        "mpio" => {
            environment()?;
            let ranks = MpiIo::world().ok_or("MPI is not initialized")?;
            Array::create_mpio(path, &spec.chunks(BLOCK), ranks)?
        }
        "shards" => Array::create(path, &spec.chunks(BLOCK).shards(BLOCK.map(|extent| 2 * extent)))?,
        _ => Array::create(path, &spec.chunks(BLOCK))?,
    })
}

/// One call, so that the lines of several ranks do not mix.
fn append(log: &Path, block: &Block) -> BlockResult {
    let mut file = OpenOptions::new().append(true).create(true).open(log)?;
    Ok(file.write_all(format!("{}\n", block.index()).as_bytes())?)
}
