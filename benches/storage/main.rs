//! How fast bulk data moves: beside another program that does the same, and beside plain calls of the system, on the
//! same machine in the same run.
//!
//! The volume is 2 GiB of `uint8`, of cells that compress about fourfold; it is made once, so that all of it is in the page cache. Each
//! contest runs both sides in turn a few times and takes the best of each.

#[path = "../common/mod.rs"]
mod common;
mod context;
mod copy;
mod hdf5;
mod volume;

use common::Figures;
use volume::Volume;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A bench of this file's folder.
type Part = fn(&Volume, &mut Figures) -> Result<(), Error>;

fn main() -> Result<(), Error> {
    // As a rank that one of the benches started.
    for as_rank in [hdf5::as_rank, context::as_rank] {
        if let Some(figures) = as_rank()? {
            common::say(&figures);
            return Ok(());
        }
    }
    // Before a long time is spent on making the volume.
    copy::peer()?;
    let mut figures = Figures::of("storage");
    let volume = Volume::make()?;
    let parts: [(&str, Part); 3] =
        [("copy", copy::bench), ("context", context::bench), ("hdf5", hdf5::bench)];
    // `cargo bench --bench storage -- copy` runs one of them.
    let is_named = |name: &str| std::env::args().any(|argument| argument == name);
    let is_any_named = parts.iter().any(|(name, _)| is_named(name));
    for (name, bench) in parts {
        if is_named(name) || !is_any_named {
            bench(&volume, &mut figures)?;
        }
    }
    // Part of the figures is no record.
    if is_any_named {
        return Ok(());
    }
    figures.write()?;
    Ok(())
}
