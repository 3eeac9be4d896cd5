//! An output as it would be, made elsewhere and without voxels: what would refuse it does so before it is there.

use std::path::Path;

use bellis::geometry::{ChunkGrid, WriteTarget, Writers};
use bellis::storage::{Element, describe};
use bellis::{Array, ArraySpec, Fit, Progress, Runner, Task};
use tempfile::TempDir;

use super::place::format_of_new;

/// An array like the output, in a temporary folder of this rank's.
pub struct Rehearsal<T> {
    array: Array<T>,
    name: String,
    // The last to go.
    _folder: TempDir,
}

impl<T: Element> Rehearsal<T> {
    /// What `spec` would be at `path`. `None` where an array is there already or creating it will tell what is wrong; and
    /// in HDF5 that is not compressed, which would take its room on the disk and lets everybody write everything.
    pub fn of(path: &Path, spec: &ArraySpec, is_compressed: bool) -> Option<Self> {
        let format = format_of_new(path).filter(|format| is_compressed || *format != "h5")?;
        if describe(path).is_ok() {
            return None;
        }
        let folder = tempfile::tempdir().ok()?;
        let array = Array::create(folder.path().join(format!("rehearsal.{format}/array")), spec).ok()?;
        Some(Self { array, name: path.display().to_string(), _folder: folder })
    }

    /// The array.
    pub fn array(&self) -> &Array<T> {
        &self.array
    }

    /// Refuses several ranks that would write what only one can. For all ranks together.
    pub fn require_one_process(&self) -> bellis::Result {
        if self.writers() == Writers::Any {
            return Ok(());
        }
        let roi = self.array.roi();
        let task = Task::builder("rehearsal").total_roi(roi).block_shape(*roi.shape()).fit(Fit::Shrink);
        let task = task.writes(self).process(|_| Ok(())).build()?;
        Ok(Runner::new().progress(Progress::Off).run(task)?.into_result()?)
    }
}

/// Called what the output is called.
impl<T: Element> WriteTarget for Rehearsal<T> {
    fn chunk_grid(&self) -> ChunkGrid {
        self.array.chunk_grid()
    }

    fn label(&self) -> String {
        self.name.clone()
    }

    fn writers(&self) -> Writers {
        self.array.writers()
    }
}
