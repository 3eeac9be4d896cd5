//! Every mistake in a task or a pipeline, with the words it is answered with.

use bellis::geometry::{ChunkGrid, WriteTarget};
use bellis::plan::{Plan, PlanError};
use bellis::{Coordinate, Fit, Pipeline, Roi, Task, TaskBuilder};

fn roi<const N: usize>(offset: [i64; N], shape: [i64; N]) -> Roi {
    Roi::new(offset, shape).expect("the test's own ROI")
}

fn named(name: &str) -> Task {
    Task::builder(name).total_roi(roi([0], [10])).block_shape([2]).build().expect("a good task")
}

struct Chunked(ChunkGrid);

impl WriteTarget for Chunked {
    fn chunk_grid(&self) -> ChunkGrid {
        self.0
    }

    fn label(&self) -> String {
        "out.zarr".to_owned()
    }
}

fn chunked<const N: usize>(extent: Roi, chunk_shape: [i64; N]) -> Chunked {
    Chunked(ChunkGrid { extent, chunk_shape: chunk_shape.into() })
}

#[test]
fn a_wrong_task_says_what_is_wrong() {
    let plain = || Task::builder("t").total_roi(roi([0, 0], [10, 10])).block_shape([5, 5]);
    let one_axis = || Task::builder("t").total_roi(roi([0], [12]));
    let wide = roi([0, 0], [i64::MAX, i64::MAX]);
    let cases: Vec<(TaskBuilder, &str)> = vec![
        (Task::builder("  "), "task \"  \": the name is empty: name the task"),
        (
            Task::builder("t").block_shape([1]),
            "task \"t\": give either total_roi (what is read) or total_write_roi (what is written), not none",
        ),
        (
            plain().total_write_roi(roi([0], [1])),
            "task \"t\": give either total_roi (what is read) or total_write_roi (what is written), not both",
        ),
        (one_axis(), "task \"t\": give either block_shape (and context) or read_roi and write_roi, not none"),
        (
            plain().read_roi(roi([0, 0], [1, 1])).write_roi(roi([0, 0], [1, 1])),
            "task \"t\": give either block_shape (and context) or read_roi and write_roi, not both",
        ),
        (
            one_axis().read_roi(roi([0], [1])),
            "task \"t\": give either block_shape (and context) or read_roi and write_roi, not a part of both",
        ),
        (
            one_axis().read_roi(roi([0], [3])).write_roi(roi([1], [1])).context([1], [1]),
            "task \"t\": give either block_shape (and context) or read_roi and write_roi, not a part of both",
        ),
        (
            one_axis().read_roi(roi([0], [3])).write_roi(roi([1], [3])),
            "task \"t\": write ROI [1:4] is not inside read ROI [0:3]: make the read ROI contain it",
        ),
        (
            one_axis().read_roi(roi([0], [3])).write_roi(roi([1], [0])),
            "task \"t\": write ROI's shape (0) must be 1 or more along every axis",
        ),
        (
            plain().context([1, -1], [0, 0]),
            "task \"t\": context (1, -1) is negative: a read ROI reaches out of the write ROI by 0 or more",
        ),
        (
            one_axis().block_shape([13]),
            "task \"t\": no block of shape (13) fits into [0:12] with fit valid: \
             use smaller blocks, less context, a larger total ROI, or fit shrink",
        ),
        (
            one_axis().block_shape([1]).context([6], [6]).fit(Fit::Shrink),
            "task \"t\": no block of shape (1) fits into [6:6] with fit shrink: \
             use less context or a larger total ROI",
        ),
        (
            Task::builder("t").total_roi(wide).block_shape([1, 1]),
            "task \"t\": a grid of (9223372036854775807, 9223372036854775807) blocks is too large for a 64-bit index: \
             use larger blocks",
        ),
        (
            plain().max_workers(0),
            "task \"t\": max_workers is 0: no block could ever run; use 1 or more, or leave it out",
        ),
        (
            plain().writes(&chunked(roi([0], [10]), [5])),
            "task \"t\": output out.zarr has 1 spatial axes and the task has 2: give both the same",
        ),
        (
            plain().writes(&chunked(roi([0, 0], [9, 10]), [5, 5])),
            "task \"t\": the blocks write [0:10, 0:10], which is not inside output out.zarr of [0:9, 0:10]: \
             enlarge the output, or use a smaller total ROI",
        ),
        (
            plain().writes(&chunked(roi([0, 0], [10, 10]), [3, 5])),
            "task \"t\": blocks of shape (5, 5) from (0, 0) would write the same chunk of out.zarr at the same time \
             (chunks of (3, 5) from (0, 0), in world units): use a block shape of (6, 5); \
             or share_chunks(true), which makes blocks that share a chunk wait for each other",
        ),
        (
            plain().writes(&chunked(roi([-2, 0], [20, 10]), [3, 5])),
            "task \"t\": blocks of shape (5, 5) from (0, 0) would write the same chunk of out.zarr at the same time \
             (chunks of (3, 5) from (-2, 0), in world units): use a block shape of (6, 5) \
             and a total write ROI that begins on a chunk, such as (-2, 0); \
             or share_chunks(true), which makes blocks that share a chunk wait for each other",
        ),
        (
            Task::builder("t").total_roi(roi([0, 0], [10, 10])).block_shape([5]),
            "task \"t\": 2 axes meet 1 axes: give both the same number of axes",
        ),
        (plain().context([0], [0]), "task \"t\": 2 axes meet 1 axes: give both the same number of axes"),
        (plain().block_shape([0, 5]), "task \"t\": block shape (0, 5) must be 1 or more along every axis"),
        (plain().block_shape(vec![]), "task \"t\": 0 axes: a coordinate has 1 to 8 axes"),
    ];
    for (builder, message) in cases {
        assert_eq!(builder.build().map_err(|error| error.to_string()).map(|_| ()), Err(message.to_owned()));
    }
}

#[test]
fn a_wrong_pipeline_says_what_is_wrong() {
    let plane = Task::builder("plane").total_roi(roi([0, 0], [4, 4])).block_shape([2, 2]).build();
    let far = Task::builder("far").total_roi(roi([i64::MAX - 10], [10])).block_shape([2]).build();
    let farther = Task::builder("farther").total_roi(roi([i64::MIN + 10], [10])).block_shape([2]).build();
    let cases: Vec<(Pipeline, &str)> = vec![
        (Pipeline::new(), "the pipeline has no task: add one"),
        (named("a") | named("a"), "two tasks are named \"a\": give each its own name"),
        (
            (named("a") | named("b")).edge("a", "c"),
            "edge \"a\" -> \"c\": there is no task \"c\" (there are a, b)",
        ),
        (
            Pipeline::from(named("a")).edge("a", "a"),
            "task \"a\" depends on itself through its edges: remove one edge of the cycle",
        ),
        (
            named("a") + plane.expect("a good task"),
            "edge \"a\" -> \"plane\": \"a\" has 1 axes and \"plane\" has 2: \
             linked tasks need the same number of axes",
        ),
        (
            far.expect("a good task") + farther.expect("a good task"),
            "task \"farther\": difference of (9223372036854775807) and (-9223372036854775798) does not fit into \
             signed 64-bit integers",
        ),
    ];
    for (pipeline, message) in cases {
        assert_eq!(
            Plan::new(&pipeline).map_err(|error| error.to_string()).map(|_| ()),
            Err(message.to_owned())
        );
    }
    let cycle = Plan::new(&(named("a") + named("b") + named("c")).edge("c", "b"));
    assert!(matches!(cycle, Err(PlanError::Cycle(name)) if name == "b" || name == "c"));
}

#[test]
fn daisys_own_figures() {
    for (fit, narrow, wide) in [(Fit::Valid, 8, 3), (Fit::Overhang, 8, 4), (Fit::Shrink, 8, 4)] {
        let n_blocks = |offset: i64, shape: i64| {
            let task = Task::builder("t").total_roi(roi([0], [12])).fit(fit);
            let task = task.read_roi(roi([0], [5])).write_roi(roi([offset], [shape])).build();
            task.expect("a good task").grid().n_blocks()
        };
        assert_eq!((n_blocks(2, 1), n_blocks(1, 3)), (narrow, wide), "{fit}");
    }
}

#[test]
fn one_sided_context_keeps_a_chunk_to_one_block() {
    // Neighbours conflict, although a block reads to one side only: they never write the chunk they share together.
    let task = Task::builder("t").total_write_roi(roi([0], [12])).block_shape([3]).context([1], [0]);
    assert!(task.writes(&chunked(roi([0], [12]), [2])).build().is_ok());
    // In two dimensions, those across one diagonal do not.
    let task = Task::builder("t")
        .total_write_roi(roi([0, 0], [12, 12]))
        .block_shape([3, 3])
        .context(Coordinate::from([1, 0]), [0, 1]);
    assert!(task.writes(&chunked(roi([0, 0], [12, 12]), [2, 2])).build().is_err());
}
