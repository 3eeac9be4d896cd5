//! The whole job killed in the middle of writing, at many moments: what rank 0 had counted as completed is in the file
//! and right, others can open the file, and further runs over it complete it.

#[path = "../programs/killed/volume.rs"]
mod volume;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use bellis::{Array, Roi};
use ndarray::ArrayD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::job::Job;
use super::mpirun::{Ranks, testbed};
use super::python::Python;
use volume::{SHAPE, blocks, content, path_of};

/// One schedules, two write.
const RANKS: Ranks = Ranks::Mpirun(3);

/// When a job is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So many microseconds after the first sign of the array on disk: while it is created, or soon after.
    Created(u64),
    /// So many microseconds after so many blocks have been counted.
    Counted(usize, u64),
}

/// Each line is the life of one array: killed at each moment, gone on with by the next run, and completed at last.
const LIVES: [&[Moment]; 4] = {
    use Moment::{Counted, Created};
    [
        &[Created(0), Created(1000), Counted(1, 0), Counted(4, 300), Counted(40, 0), Counted(80, 700)],
        &[Created(300), Counted(2, 900), Counted(20, 100), Counted(70, 500), Counted(110, 0)],
        &[Created(3000), Counted(10, 200), Counted(30, 800), Counted(60, 400), Counted(115, 50)],
        &[Created(10_000), Counted(15, 450), Counted(25, 600), Counted(50, 250), Counted(100, 350)],
    ]
};

#[test]
fn hdf5_written_directly() {
    kill_and_go_on("direct");
}

#[test]
fn hdf5_written_through_mpi_io() {
    kill_and_go_on("mpio");
}

#[test]
fn zarr() {
    kill_and_go_on("zarr");
}

#[test]
fn zarr_in_shards() {
    kill_and_go_on("shards");
}

#[test]
fn n5() {
    kill_and_go_on("n5");
}

/// The launcher lets the others go on: the run completes, and so does the array.
#[test]
fn a_worker_that_is_lost_in_the_middle_of_writing_leaves_a_whole_array() {
    let mut python = Python::start("zarr3");
    for (kind, harm) in [
        ("direct", libc::SIGKILL),
        ("mpio", libc::SIGKILL),
        ("mpio", libc::SIGSTOP),
        ("zarr", libc::SIGKILL),
        ("shards", libc::SIGKILL),
        ("n5", libc::SIGSTOP),
    ] {
        let mut life = Life::new(kind);
        let (log, place) = (life.new_log(), life.place());
        let variables = [("OMPI_MCA_orte_enable_recovery", "1"), ("BELLIS_LOST_AFTER_S", "4")];
        let mut job = start(kind, &log, &[], &place, &variables);
        job.wait_until(|| counted(&log).len() >= 10);
        assert!(job.harm(2, harm), "{kind}: rank 2 is there");
        let said = job.finish();
        life.counted.extend(counted(&log));
        life.require_whole(&mut python);
        assert!(said.contains("; 1 of 2 workers was lost"), "{kind}: {said}");
    }
}

fn kill_and_go_on(kind: &'static str) {
    let mut python = Python::start("zarr3");
    let (mut n_killed, mut n_amid) = (0, 0);
    for moments in LIVES {
        let mut life = Life::new(kind);
        for (number, moment) in moments.iter().enumerate() {
            // Every other run writes all blocks again, also over those that are there.
            let more: &[&str] = if number % 2 == 1 { &["check"] } else { &[] };
            n_killed += usize::from(life.run_until(*moment, more));
            n_amid += usize::from(life.require_right(&mut python));
        }
        life.complete(&mut python);
    }
    let n_moments = LIVES.iter().map(|moments| moments.len()).sum::<usize>();
    // A slow machine may let a run come to its end first.
    assert!(n_killed > n_moments * 3 / 4, "{kind}: only {n_killed} of {n_moments} runs were killed");
    assert!(n_amid > n_moments / 4, "{kind}: only {n_amid} of {n_moments} runs left a part of the blocks");
}

/// Starts `killed KIND LOG ..` in `directory`, with variables.
fn start(kind: &str, log: &Path, more: &[&str], directory: &Path, variables: &[(&str, &str)]) -> Job {
    let arguments = [&[kind, log.to_str().unwrap()], more].concat();
    let mut command = testbed(RANKS, "killed", &arguments).inside(directory).into_command();
    command.envs(variables.iter().copied());
    Job::start(command, log, log.parent().unwrap())
}

/// An array, and which of its blocks have ever been counted as completed.
struct Life {
    kind: &'static str,
    directory: tempfile::TempDir,
    n_runs: usize,
    counted: BTreeSet<u64>,
}

impl Life {
    fn new(kind: &'static str) -> Self {
        Self { kind, directory: tempfile::tempdir().unwrap(), n_runs: 0, counted: BTreeSet::new() }
    }

    /// Where the array is, and nothing else.
    fn place(&self) -> PathBuf {
        self.directory.path().join("array")
    }

    /// A log for the next run, in a directory of its own.
    fn new_log(&mut self) -> PathBuf {
        self.n_runs += 1;
        let session = self.directory.path().join(self.n_runs.to_string());
        fs::create_dir_all(&session).unwrap();
        fs::create_dir_all(self.place()).unwrap();
        session.join("log")
    }

    /// Runs the program and kills it: whether it was at work.
    fn run_until(&mut self, moment: Moment, more: &[&str]) -> bool {
        let (log, place) = (self.new_log(), self.place());
        let mut job = start(self.kind, &log, more, &place, &[]);
        let delay = match moment {
            Moment::Created(delay) => {
                job.wait_until(|| fs::read_dir(&place).unwrap().next().is_some());
                delay
            }
            Moment::Counted(n_blocks, delay) => {
                job.wait_until(|| counted(&log).len() >= n_blocks);
                delay
            }
        };
        sleep(Duration::from_micros(delay));
        let was_running = job.kill();
        self.counted.extend(counted(&log));
        was_running
    }

    /// Each counted block is there, and no voxel holds anything but what it should or nothing: whether some blocks are
    /// there and others are not.
    fn require_right(&self, python: &mut Python) -> bool {
        let path = self.place().join(path_of(self.kind));
        let array = match Array::<u32>::open(&path) {
            Ok(array) => array,
            Err(error) => {
                assert!(self.counted.is_empty(), "{error}");
                let is_absent = matches!(
                    error,
                    bellis::storage::StorageError::NotFound { .. }
                        | bellis::storage::StorageError::NotAnArray { .. }
                );
                assert!(is_absent, "neither there nor absent: {error}");
                return false;
            }
        };
        let found = array.read(&array.roi()).unwrap();
        assert_eq!(self.seen_by_others(python), sha256(&found), "{}", path.display());
        let task = blocks("write").unwrap().build().unwrap();
        let grid = task.grid();
        let mut n_there = 0;
        for index in 0..grid.n_blocks() {
            let roi = grid.write_roi(&grid.position(index));
            let (found, right) = (part(&found, &roi), content(&roi));
            let is_there = found == right;
            n_there += u64::from(is_there);
            let shown = format!("{}: block {index}", path.display());
            assert!(is_there || !self.counted.contains(&index), "{shown} was counted and is not there");
            let mut pairs = found.iter().zip(&right);
            assert!(
                pairs.all(|(found, right)| *found == 0 || found == right),
                "{shown} holds something else"
            );
            // A chunk's file is replaced as a whole; bytes in HDF5 are written in place.
            let is_whole = is_there || found.iter().all(|voxel| *voxel == 0);
            assert!(is_whole || path_of(self.kind).contains(".h5"), "{shown} is there in part");
        }
        (1..grid.n_blocks()).contains(&n_there)
    }

    /// What h5py, zarr-python or tensorstore reads.
    fn seen_by_others(&self, python: &mut Python) -> String {
        let path = self.place().join(path_of(self.kind));
        let found = match self.kind {
            "n5" => python.ask("tensorstore_read", json!({"path": path, "driver": "n5"})),
            "direct" | "mpio" => python
                .ask("h5py_read", json!({"path": path.parent(), "name": path.file_name().unwrap().to_str()})),
            _ => python.ask("zarr_read", json!({"path": path})),
        };
        found["sha256"].as_str().map(str::to_owned).unwrap()
    }

    /// A run that nobody kills makes the array what it should be.
    fn complete(&mut self, python: &mut Python) {
        let log = self.new_log();
        let arguments = [self.kind, log.to_str().unwrap(), "check"];
        testbed(RANKS, "killed", &arguments).inside(&self.place()).run().succeeded();
        self.counted.extend(counted(&log));
        self.require_whole(python);
    }

    /// All blocks are there and were counted.
    fn require_whole(&self, python: &mut Python) {
        let whole = Roi::new([0; 3], SHAPE.map(u64::cast_signed)).unwrap();
        let array = Array::<u32>::open(self.place().join(path_of(self.kind))).unwrap();
        assert_eq!(array.read(&whole).unwrap(), content(&whole), "{}", self.kind);
        self.require_right(python);
        let n_blocks = blocks("write").unwrap().build().unwrap().grid().n_blocks();
        assert!(self.counted.iter().copied().eq(0..n_blocks), "{}: {:?}", self.kind, self.counted);
    }
}

/// The blocks in a log, each line written at once: a last one without its end is none.
fn counted(log: &Path) -> Vec<u64> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')?.parse().ok()).collect()
}

fn part(whole: &ArrayD<u32>, roi: &Roi) -> ArrayD<u32> {
    let (begin, end) = (roi.begin(), roi.end());
    let part = whole.slice_each_axis(|axis| {
        let axis = axis.axis.index();
        (begin[axis] as usize..end[axis] as usize).into()
    });
    part.to_owned()
}

/// Of the bytes in C order, little endian.
fn sha256(data: &ArrayD<u32>) -> String {
    let bytes: Vec<u8> = data.iter().flat_map(|voxel| voxel.to_le_bytes()).collect();
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
