//! What is run: a tool, its volume, and the files that its blocks leave.

use std::path::{Path, PathBuf};

use bellis::{Array, ArraySpec};
use ndarray::{ArrayD, IxDyn};

/// A tool and what it works on.
pub struct Subject {
    /// The command of `bellis`.
    pub tool: &'static str,
    /// Its arguments, but for the volume, the output and the run.
    pub arguments: &'static str,
    volume: Volume,
    block: [u64; 3],
}

/// The blocks of one task, and what each of them leaves.
pub struct TaskFiles {
    /// The done map, in the run directory.
    pub map: PathBuf,
    /// For each block the file that it writes.
    pub files: Vec<PathBuf>,
}

struct Volume {
    path: PathBuf,
    shape: [u64; 3],
    /// What was made up is gone with this.
    _directory: Option<tempfile::TempDir>,
}

impl Subject {
    /// One task, whose blocks take some milliseconds each.
    pub fn smooth(is_long: bool) -> Self {
        let volume = Volume::find(is_long);
        Self { tool: "smooth", arguments: "--sigma 6 --block 16,16,16", volume, block: [16; 3] }
    }

    /// Four tasks that wait for each other, and leave files for each other in the run directory.
    pub fn label(is_long: bool) -> Self {
        let arguments = "--threshold 100 --block 12,16,16 --chunks 12,16,16";
        Self { tool: "label", arguments, volume: Volume::find(is_long), block: [12, 16, 16] }
    }

    /// The volume.
    pub fn input(&self) -> &Path {
        &self.volume.path
    }

    /// What the tasks leave in an output and a run directory.
    pub fn tasks(&self, output: &Path, run_dir: &Path) -> Vec<TaskFiles> {
        let grid: [u64; 3] = std::array::from_fn(|axis| self.volume.shape[axis].div_ceil(self.block[axis]));
        let n_blocks = grid.iter().product::<u64>();
        let chunk = |index: u64| {
            let (z, y, x) = (index / grid[2] / grid[1], index / grid[2] % grid[1], index % grid[2]);
            output.join(format!("c/{z}/{y}/{x}"))
        };
        let left = |name: &str, index: u64| {
            let folder = run_dir.join("scratch/bellis-label").join(name);
            folder.join(format!("{:06}/{:03}", index / 1000, index % 1000))
        };
        let task = |name: &str, file: &dyn Fn(u64) -> PathBuf| TaskFiles {
            map: run_dir.join("tasks").join(format!("{name}.zarr/c.0.0.0")),
            files: (0..n_blocks).map(file).collect(),
        };
        match self.tool {
            "smooth" => vec![task("smooth", &chunk)],
            _ => vec![
                task("label", &|index| left("blocks", index)),
                task("touch", &|index| left("pairs", index)),
                task("relabel", &chunk),
            ],
        }
    }
}

impl Volume {
    /// The real volume of the project's shared folder; one that is made up where there is none, and where time is short.
    fn find(is_long: bool) -> Self {
        if !is_long {
            return Self::made_up();
        }
        let name = "shared/data/mni152_v3.zarr/t1";
        let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1).map(|folder| folder.join(name));
        // A checkout may lie elsewhere.
        let named = std::env::var_os("BELLIS_TEST_VOLUME").map(PathBuf::from);
        let Some(path) = named.into_iter().chain(above).find(|path| path.exists()) else {
            return Self::made_up();
        };
        let shape = Array::<u8>::open(&path).unwrap().info().shape.clone();
        Self { path, shape: shape.try_into().expect("it has three axes"), _directory: None }
    }

    /// Balls of all sizes, bright and dark.
    fn made_up() -> Self {
        let shape = [120, 130, 110];
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume.zarr");
        let voxel = |at: IxDyn| {
            let radius = |centre: [usize; 3]| {
                (0..3).map(|axis| at[axis].abs_diff(centre[axis]).pow(2)).sum::<usize>().isqrt()
            };
            let near = radius([0, 1, 2].map(|axis| at[axis] / 40 * 40 + 20));
            (200usize.saturating_sub(near * 9).max(radius([60, 65, 55]) * 7 % 90) + at[2] % 7) as u8
        };
        let data = ArrayD::from_shape_fn(shape.to_vec(), voxel);
        let spec = ArraySpec::new(shape.map(|extent| extent as u64).to_vec()).chunks([64, 64, 64]);
        let array = Array::<u8>::create(&path, &spec).unwrap();
        array.write(&array.roi(), &data).unwrap();
        Self { path, shape: shape.map(|extent| extent as u64), _directory: Some(directory) }
    }
}
