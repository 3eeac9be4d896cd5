//! The volume that all storage benches move: cells in 256^3 tiles, each tile a little different.

#[path = "../../src/tools/smooth/cells.rs"]
mod cells;

use std::path::{Path, PathBuf};

use bellis::storage::{Array, ArraySpec, Compression};
use bellis::{Progress, Roi, Runner, Task};
use tempfile::TempDir;

use super::{Error, common};

/// Voxels along a side of a tile.
const TILE: i64 = 256;
/// Voxels along a side of a chunk of the Zarr arrays.
const CHUNK: i64 = 128;

/// The volume in the formats that the benches read.
pub struct Volume {
    directory: TempDir,
    pub shape: [i64; 3],
}

impl Volume {
    /// Makes the volume in a new directory among the other products of the build, which goes when this is dropped.
    pub fn make() -> Result<Self, Error> {
        let shape = if common::is_short() { [256, 512, 1024] } else { [1024, 1024, 2048] };
        std::fs::create_dir_all(common::folder())?;
        let directory = tempfile::Builder::new().prefix("storage-").tempdir_in(common::folder())?;
        let volume = Self { directory, shape };
        volume.fill()?;
        Ok(volume)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn roi(&self) -> Roi {
        Roi::new([0, 0, 0], self.shape).expect("a small box")
    }

    pub fn n_bytes(&self) -> u64 {
        self.shape.iter().product::<i64>().unsigned_abs()
    }

    /// What a new array of this volume should be, of chunks of this many voxels a side.
    pub fn spec(&self, chunks: [i64; 3]) -> ArraySpec {
        ArraySpec::new(self.shape.map(i64::unsigned_abs))
            .chunks(chunks.map(i64::unsigned_abs))
            .compression(Compression::Zstd { level: 1 })
    }

    /// Zarr v3, zstd, chunks of 128^3.
    pub fn zarr(&self) -> PathBuf {
        self.path("volume.zarr")
    }

    /// One contiguous HDF5 dataset.
    pub fn hdf5(&self) -> PathBuf {
        self.path("volume.h5/raw")
    }

    fn fill(&self) -> Result<(), Error> {
        let tile = cells::voxels([0..TILE, 0..TILE, 0..TILE]).mapv(|grey| grey & 0xF0);
        let zarr = Array::<u8>::create(self.zarr(), &self.spec([CHUNK; 3]))?;
        let hdf5 = Array::<u8>::create(self.hdf5(), &ArraySpec::new(self.shape.map(i64::unsigned_abs)))?;
        let task = Task::builder("fill")
            .total_write_roi(self.roi())
            .block_shape([TILE; 3])
            .process(move |block| {
                let place = block.write_roi.offset();
                let number = place.iter().fold(0, |number, at| number * 7 + at / TILE);
                let tile = tile.mapv(|grey| grey ^ (number as u8 & 0x0F));
                zarr.write(&block.write_roi, &tile)?;
                Ok(hdf5.write(&block.write_roi, &tile)?)
            })
            .build()?;
        Runner::new().progress(Progress::Off).run(task)?.into_result()?;
        // What is still on its way to the disk would slow down whoever comes first.
        settle(self.directory.path())
    }
}

/// Waits until what was written is on the disk.
pub fn settle(path: &Path) -> Result<(), Error> {
    let directory = std::fs::File::open(path)?;
    // SAFETY: a plain call with an open file.
    match unsafe { libc::syncfs(std::os::fd::AsRawFd::as_raw_fd(&directory)) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error().into()),
    }
}

/// A shape as a program is told it on a command line.
pub fn listed(shape: [i64; 3]) -> String {
    shape.map(|extent| extent.to_string()).join(",")
}
