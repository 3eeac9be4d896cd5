//! What tasks say of the arrays that they read and write: what follows from it, what is refused, and what looks like a
//! mistake and is said once.

use bellis::geometry::{ChunkGrid, ReadSource, Source, WriteTarget};
use bellis::plan::Plan;
use bellis::{Coordinate, Fit, Pipeline, Roi, Task, TaskBuilder};

fn roi<const N: usize>(offset: [i64; N], shape: [i64; N]) -> Roi {
    Roi::new(offset, shape).expect("the test's own ROI")
}

/// An array of voxels, each its own chunk.
#[derive(Clone)]
struct Volume(Source);

fn volume<const N: usize>(name: &str, extent: Roi, voxel_size: [i64; N]) -> Volume {
    Volume(Source {
        label: format!("{name}.zarr"),
        identity: name.to_owned(),
        extent,
        voxel_size: voxel_size.into(),
    })
}

impl ReadSource for Volume {
    fn source(&self) -> Source {
        self.0.clone()
    }
}

impl WriteTarget for Volume {
    fn chunk_grid(&self) -> ChunkGrid {
        ChunkGrid { extent: self.0.extent, chunk_shape: self.0.voxel_size }
    }

    fn label(&self) -> String {
        self.0.label.clone()
    }

    fn identity(&self) -> String {
        self.0.identity.clone()
    }

    fn voxel_size(&self) -> Option<Coordinate> {
        Some(self.0.voxel_size)
    }
}

/// 1000 x 1000 voxels of 40 x 4 nm, from (-400, 0).
fn raw() -> Volume {
    volume("raw", roi([-400, 0], [40_000, 4000]), [40, 4])
}

fn over_raw(name: &str) -> TaskBuilder {
    Task::builder(name).total_write_roi(raw().0.extent)
}

fn refusal(builder: TaskBuilder) -> String {
    builder.build().map(|task| format!("{task:?}")).expect_err("it is wrong").to_string()
}

fn warnings(pipeline: impl Into<Pipeline>) -> Vec<String> {
    let plan = Plan::new(&pipeline.into()).expect("a plan");
    plan.warnings().iter().map(ToString::to_string).collect()
}

#[test]
fn voxels_are_as_large_as_the_array_says() {
    let task =
        over_raw("t").reads(&raw()).block_voxels(&raw(), [10, 100]).context_voxels(&raw(), [1, 0], [0, 2]);
    let task = task.build().expect("whole voxels");
    let grid = task.grid();
    assert_eq!((grid.n_blocks(), grid.write_shape()), (1000, &[400, 400].into()));
    assert_eq!((grid.context_lo(), grid.context_hi()), (&[40, 0].into(), &[0, 8].into()));
    let other_axes = over_raw("t").block_voxels(&raw(), [10]);
    assert_eq!(refusal(other_axes), "task \"t\": 1 axes meet 2 axes: give both the same number of axes");
    let large = over_raw("t").block_voxels(&raw(), [i64::MAX, 1]);
    assert!(refusal(large).contains("does not fit into signed 64-bit integers"));
}

#[test]
fn voxels_that_are_cut_are_refused() {
    let meant_in_voxels = over_raw("t").reads(&raw()).block_shape([64, 64]);
    assert_eq!(
        refusal(meant_in_voxels),
        "task \"t\": block shape (64, 64) cuts voxels of raw.zarr, which are (40, 4) world units large and begin at \
         (-400, 0): shapes and ROIs are in world units, so (64, 64) voxels would be (2560, 256) (block_voxels and \
         context_voxels take voxels)"
    );
    let begin = Task::builder("t").total_roi(roi([-399, 0], [400, 400])).block_shape([40, 4]);
    assert!(refusal(begin.reads(&raw())).contains("a total write ROI that begins at (-399, 0) cuts voxels"));
    let output = over_raw("t").block_shape([40, 6]).writes(&raw());
    assert!(refusal(output).contains("block shape (40, 6) cuts voxels of raw.zarr"));
    let end = Task::builder("t").total_roi(roi([0, 0], [400, 401])).block_shape([40, 4]).fit(Fit::Shrink);
    assert!(refusal(end.reads(&raw())).contains("block shape (40, 4) cuts voxels"));
    // With context in no whole voxels it can still be read where blocks write.
    let coarse = volume("coarse", roi([-400, 0], [40_000, 4000]), [400, 400]);
    let task = over_raw("t").block_shape([400, 400]).context([40, 4], [40, 4]).reads(&raw()).reads(&coarse);
    assert!(task.build().is_ok());
    let task = over_raw("t").block_shape([200, 400]).context([40, 4], [40, 4]).reads(&coarse);
    assert!(refusal(task).contains("block shape (200, 400) cuts voxels of coarse.zarr"));
    let task = over_raw("t").block_shape([400, 400]).context([20, 4], [40, 4]).reads(&raw());
    assert!(task.build().is_ok(), "by its write ROI");
}

#[test]
fn a_total_roi_where_there_is_no_input_is_refused() {
    let task = |offset| Task::builder("t").total_roi(roi(offset, [4000, 4000])).block_shape([400, 400]);
    let wrong_sign = task([-40_000, 0]).reads(&raw());
    assert_eq!(
        refusal(wrong_sign),
        "task \"t\": 100 of 100 blocks read nothing of input raw.zarr: they read [-40000:-36000, 0:4000], and it is at \
         [-400:39600, 0:4000] (in world units): use a total ROI inside the input"
    );
    assert!(refusal(task([36_000, 400]).reads(&raw())).contains("19 of 100 blocks read nothing"));
    // Context may reach out of it.
    let around = over_raw("t").block_shape([4000, 400]).context([4000, 400], [4000, 400]);
    assert!(around.reads(&raw()).build().is_ok());
    // Several inputs may cover the whole together.
    let tile = |column: i64| volume("tile", roi([0, column * 2000], [4000, 2000]), [40, 4]);
    assert!(task([0, 0]).reads(&tile(0)).reads(&tile(1)).build().is_ok());
    assert!(
        refusal(task([0, 0]).reads(&tile(0))).contains("50 of 100 blocks read nothing of input tile.zarr")
    );
    assert!(refusal(task([0, 0]).reads(&tile(0)).reads(&tile(9))).contains("100 of 100 blocks read nothing"));
    let line = volume("line", roi([0], [10]), [1]);
    assert_eq!(
        refusal(task([0, 0]).reads(&line)),
        "task \"t\": input line.zarr has 1 spatial axes and the task has 2: give both the same"
    );
}

#[test]
fn conflicts_follow_from_what_is_read_and_written() {
    let task = || over_raw("t").block_shape([400, 400]).context([40, 40], [40, 40]);
    let other = volume("other", raw().0.extent, [40, 4]);
    let conflicts = |builder: TaskBuilder| builder.build().expect("a good task").conflicts().is_some();
    assert!(conflicts(task()), "nothing is known");
    assert!(conflicts(task().reads(&raw())) && conflicts(task().writes(&other)), "not all is known");
    assert!(!conflicts(task().reads(&raw()).writes(&other)));
    assert!(conflicts(task().reads(&raw()).writes(&raw())));
    assert!(conflicts(task().reads(&other).reads(&raw()).writes(&other)));
    assert!(conflicts(task().reads(&raw()).writes(&other).read_write_conflict(true)));
    assert!(!conflicts(task().reads(&raw()).writes(&raw()).read_write_conflict(false)));
}

#[test]
fn two_tasks_that_write_one_chunk_are_refused_unless_they_are_told_apart() {
    let output = Chunked(roi([0, 0], [400, 1000]), [1, 1000]);
    let half = |name: &str, begin| {
        let task = Task::builder(name).total_write_roi(roi([0, begin], [400, 500])).block_shape([1, 500]);
        task.writes(&output)
    };
    let build = |builder: TaskBuilder| builder.build().expect("a good task");
    let side_by_side = build(half("left", 0)) | build(half("right", 500));
    assert_eq!(
        Plan::new(&side_by_side).map(|_| ()).map_err(|error| error.to_string()),
        Err("tasks \"left\" and \"right\" would write the same chunk of out.zarr at the same time (chunks of (1, 1000) \
             from (0, 0), in world units): add an edge between them, which makes their blocks wait for each other, or \
             share_chunks(true) in both; or let each write whole chunks of its own"
            .to_owned())
    );
    let one_shares = build(half("left", 0).share_chunks(true)) | build(half("right", 500));
    assert!(Plan::new(&one_shares).is_err());
    let both_share = build(half("left", 0).share_chunks(true)) | build(half("right", 500).share_chunks(true));
    let barrier = Task::builder("all").total_roi(roi([0, 0], [400, 1000])).block_shape([400, 1000]);
    let through = build(half("left", 0)) + build(barrier) + build(half("right", 500));
    for ordered in [side_by_side.edge("left", "right"), both_share, through] {
        let plan = Plan::new(&ordered).expect("the chunks are told apart");
        let (right, links) = (plan.tasks().last().expect("it was added"), plan.tasks()[0].downstream.clone());
        let link = &links.last().expect("left goes first").1;
        assert_eq!(right.spec.name(), "right");
        assert_eq!(link.upstream(&[7, 0].into()).size(), 1, "one block writes the other half of each chunk");
        assert!(plan.warnings().is_empty(), "{:?}", plan.warnings());
    }
    // On a border between chunks nothing is shared.
    let rows = |name: &str, begin| {
        let task = Task::builder(name).total_write_roi(roi([begin, 0], [200, 1000])).block_shape([1, 1000]);
        build(task.writes(&output))
    };
    let plan = Plan::new(&(rows("upper", 0) | rows("lower", 200))).expect("whole chunks to each");
    assert!(plan.tasks()[1].upstream.is_empty());
}

struct Chunked(Roi, [i64; 2]);

impl WriteTarget for Chunked {
    fn chunk_grid(&self) -> ChunkGrid {
        ChunkGrid { extent: self.0, chunk_shape: self.1.into() }
    }

    fn label(&self) -> String {
        "out.zarr".to_owned()
    }
}

#[test]
fn what_is_overwritten_was_read_before() {
    let blocks = |name: &str| over_raw(name).block_shape([400, 400]).read_write_conflict(false);
    let smooth = blocks("smooth").context([40, 0], [80, 0]).reads(&raw()).build().expect("a task");
    let clear = blocks("clear").writes(&raw()).build().expect("a task");
    let plan = Plan::new(&(smooth + clear)).expect("a plan");
    // The neighbours before and after read across the border.
    let waited_for = plan.tasks()[1].upstream[0].1.upstream(&[5, 3].into());
    assert_eq!((waited_for.begin, waited_for.end), ([4, 3].into(), [7, 4].into()));
    assert!(plan.warnings().is_empty());
}

/// Were each task compared with all that went before it, this would take minutes.
#[test]
fn a_long_chain_on_one_array_is_planned_task_by_task() {
    let build = |which: usize| {
        let task = over_raw(&which.to_string()).block_shape([400, 400]).context([40, 4], [40, 4]);
        task.reads(&raw()).writes(&raw()).build().expect("a task")
    };
    let chain = (0..20_000).map(build).fold(Pipeline::new(), |chain, task| chain + task);
    let plan = Plan::new(&chain).expect("a plan");
    assert!(plan.tasks().iter().skip(1).all(|task| task.upstream.len() == 1));
}

#[test]
fn what_looks_like_a_mistake_is_said() {
    let line = |name: &str, offset, extent| {
        let task = Task::builder(name).total_roi(roi([offset], [extent])).block_shape([10]);
        task.build().expect("a task")
    };
    assert_eq!(
        warnings(line("a", 0, 100) + line("b", 1000, 100)),
        [
            "task \"b\" is linked to task \"a\" and reads nothing that it writes: \"a\" writes [0:100], \"b\" reads \
          [1000:1100] (both in world units); check offsets and voxel sizes, or leave out the edge"
        ]
    );
    assert_eq!(warnings(line("a", 0, 100) + line("b", 90, 100)), Vec::<String>::new());
    let volume_like = roi([0, 0, 0], [189, 233, 197]);
    let border = |fit| Task::builder("t").total_roi(volume_like).block_shape([64, 64, 64]).fit(fit).build();
    assert_eq!(
        warnings(border(Fit::Valid).expect("a task")),
        [
            "task \"t\": fit valid leaves 46 % of its total write ROI unwritten: it is [0:189, 0:233, 0:197], and the \
          blocks write [0:128, 0:192, 0:192]; fit shrink writes all of it, in 48 blocks instead of 18"
        ]
    );
    assert!(warnings(border(Fit::Shrink).expect("a task")).is_empty());
    assert!(warnings(line("a", 0, 1_000_001))[0].contains("fit valid leaves less than 1 %"));
}

#[test]
fn billions_of_blocks_are_told_in_voxels() {
    let large = volume("large", roi([0, 0, 0], [200_000_000; 3]), [1000, 1000, 1000]);
    let total = Task::builder("t").total_roi(large.0.extent);
    let task = total.block_shape([64_000, 64_000, 16_000]).reads(&large).fit(Fit::Shrink).build();
    assert_eq!(
        warnings(task.expect("a task")),
        [
            "task \"t\" has 122070312500 blocks: each is (64000, 64000, 16000) in world units, which is (64, 64, 16) in \
          voxels of large.zarr; if the shape was meant in voxels, use block_voxels"
        ]
    );
    let total =
        Task::builder("t").total_roi(roi([0; 3], [2_000_000; 3])).block_shape([64; 3]).fit(Fit::Shrink);
    let warned = warnings(total.build().expect("a task"));
    assert!(warned[0].contains("each is (64, 64, 64) in world units; if the shape was meant in voxels"));
}

#[test]
fn readers_and_writers_without_an_edge_are_told() {
    let blocks = |name: &str| over_raw(name).block_shape([400, 400]);
    let write = blocks("make").writes(&raw()).build().expect("a task");
    let read = |name| blocks(name).reads(&raw()).build().expect("a task");
    let other = volume("other", raw().0.extent, [40, 4]);
    assert_eq!(
        warnings(write.clone() | read("use")),
        [
            "task \"use\" reads raw.zarr, which task \"make\" writes, and neither waits for the other: add an edge, such \
          as make + use"
        ]
    );
    assert!(warnings(write.clone() + read("use")).is_empty());
    let copy = blocks("copy").reads(&other).build().expect("a task");
    assert!(warnings(write + (read("use") | copy)).is_empty());
}
