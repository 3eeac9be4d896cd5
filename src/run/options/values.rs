//! What can be set about a run, as a program sets it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::durability::Durability;
use crate::geometry::Roi;
use crate::observe::Progress;
use crate::transport::Idle;

/// How a run is done. The environment of the job wins over what the program sets, unless it says
/// [otherwise](crate::Runner::over_environment).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// `BELLIS_CREDITS`: blocks that a worker holds ahead, so that it never waits for the next one. 2 unless set; more
    /// for blocks of microseconds.
    pub credits: u32,
    /// `BELLIS_SLOTS`: blocks that a worker rank processes at once, 1 unless set. Alone: the number of threads, as
    /// many as there are cores unless set.
    pub slots: Option<u32>,
    /// `BELLIS_RANK0_SLOTS`: blocks that rank 0 processes beside scheduling, on threads of their own. 0 unless set.
    pub rank0_slots: u32,
    /// `BELLIS_IDLE`: what a rank does while it waits: `spin`, `yield` or `sleep`. `sleep` unless set.
    pub idle: Idle,
    /// `BELLIS_PROGRESS`: how rank 0 shows progress: `auto`, `bars`, `lines` or `off`. `auto` unless set.
    pub progress: Progress,
    /// `BELLIS_CACHE_MIB`: memory in MiB in which each rank keeps decoded chunks that blocks will read again; 0
    /// keeps none. No chunk larger than an eighth of it is kept. Unless set, the [`Context`](crate::storage::Context) stays
    /// as it is: 512 where nobody set it.
    pub cache_mib: Option<u64>,
    /// `BELLIS_DURABILITY`: when what a block wrote has to be on the disk: `epoch`, `block` or `none`. `epoch` unless set.
    pub durability: Durability,
    /// `BELLIS_STATUS_S`: seconds between two status checks of a worker. 10 unless set; 0 for none.
    pub status_interval: Duration,
    /// `BELLIS_LOST_AFTER_S`: seconds without a word of a worker rank after which it counts as lost: its blocks go to
    /// others, and it is told to stop should it come back. 15 unless set; 0 for never.
    pub lost_after: Duration,
    /// `BELLIS_RUN_DIR`: the run directory, which remembers the blocks that are done, so that the same run goes on where it
    /// ended. None unless set: then nothing is remembered.
    pub run_dir: Option<PathBuf>,
    /// `BELLIS_EPOCH_S`: with a run directory, seconds between two times that workers put on the disk what they wrote, and
    /// the blocks that are covered by that count as done. 5 unless set.
    pub epoch: Duration,
    /// `BELLIS_TIME_LIMIT`: the time that the program has, from the call of [`main`](crate::main), or else from its first
    /// run. Runs [drain](Self::grace) in time, and one that begins later ends as it begins. None unless set.
    pub time_limit: Option<Duration>,
    /// `BELLIS_DEADLINE`: when the job ends; runs [drain](Self::grace) in time. Unless set, it is what the batch system says:
    /// newer versions of Slurm do, in `SLURM_JOB_END_TIME`.
    pub deadline: Option<SystemTime>,
    /// `BELLIS_GRACE_S`: seconds that a run which is asked to end, or runs out of time, waits for blocks in flight. Those that
    /// do not end are given up: they are not done, what is finished is put on the disk and recorded, and the program ends at
    /// once with exit code 75. Unless set, twice as long as the longest block took so far, and at least 60.
    ///
    /// A run that knows when its job ends waits no longer than until 10 seconds before that, or a tenth of the time that it
    /// had, and the longest time that putting data on the disk took so far; and begins to drain earlier by 1.25 times what the longest block took (by the grace time at most), and a second; but
    /// not before half of the time that it had is over.
    pub grace: Option<Duration>,
    /// `BELLIS_MAX_CRASHES`: workers that may be lost while they process a block before it is given up as failed: such
    /// a block would end one worker after the other. 3 unless set, and at least 1.
    pub max_crashes: u32,
    /// `BELLIS_FAIL_FAST`: whether the run is given up when the first blocks of a task, two for each slot, all failed: `on` or
    /// `off`. `on` unless set.
    pub fail_fast: bool,
    /// `BELLIS_MAX_FAILURES`: blocks that may fail for good before the run is given up. Any number unless set.
    pub max_failures: Option<u64>,
    /// `BELLIS_PLACE_PAUSE_S`: seconds for which no block of a task is handed out when the place refused what one wrote (no
    /// room, no rights); then one is tried, and when that is refused too, the run ends so that it can go on later. 10 unless
    /// set.
    pub place_pause: Duration,
    /// `BELLIS_BLOCK_TIMEOUT_S`: seconds that a block may take, where its task does not
    /// [say](crate::TaskBuilder::timeout) so. A block that takes longer is tried elsewhere, and its slot gets no more blocks
    /// before it has come back. 0 unless set, for ever.
    pub block_timeout: Duration,
    /// `BELLIS_ONLY`: only blocks whose write ROI meets this one, in world units, are processed; the others are
    /// excluded. All unless set.
    pub only: Option<Roi>,
    /// `BELLIS_BLOCKS`: only these blocks are processed, such as `smooth:3,label:90-99`; the others are excluded. All
    /// unless set.
    pub blocks: Option<String>,
    /// `BELLIS_MASK`: an array, of any voxel size; only blocks whose write ROI meets a voxel of it that is not 0 are
    /// processed, the others are excluded. All unless set. See [`TaskBuilder::mask`](crate::TaskBuilder::mask), which is
    /// for one task.
    pub mask: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            credits: 2,
            slots: None,
            rank0_slots: 0,
            idle: Idle::default(),
            progress: Progress::default(),
            cache_mib: None,
            durability: Durability::default(),
            status_interval: Duration::from_secs(10),
            lost_after: Duration::from_secs(15),
            run_dir: None,
            epoch: Duration::from_secs(5),
            time_limit: None,
            deadline: None,
            grace: None,
            max_crashes: 3,
            fail_fast: true,
            max_failures: None,
            place_pause: Duration::from_secs(10),
            block_timeout: Duration::ZERO,
            only: None,
            blocks: None,
            mask: None,
        }
    }
}
