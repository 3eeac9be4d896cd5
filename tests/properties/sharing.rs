//! Tasks that touch one array, block by block: whatever must not overlap in time is ordered, refused or warned of.

use std::collections::BTreeSet;

use bellis::geometry::{ChunkGrid, ReadSource, Source, WriteTarget};
use bellis::plan::{BlockId, Plan, PlanError, PlanWarning, TaskId};
use bellis::{Coordinate, Pipeline, Roi, Task};
use proptest::prelude::*;

use crate::described::{Described, bounds, described, meet};

#[derive(Clone, Copy)]
struct Shared(ChunkGrid);

impl WriteTarget for Shared {
    fn chunk_grid(&self) -> ChunkGrid {
        self.0
    }

    fn label(&self) -> String {
        "shared.zarr".to_owned()
    }
}

impl ReadSource for Shared {
    fn source(&self) -> Source {
        let (label, identity) = (self.label(), self.identity());
        Source {
            label,
            identity,
            extent: self.0.extent,
            voxel_size: Coordinate::splat(self.0.extent.n_axes(), 1),
        }
    }
}

/// What a task does with the array.
#[derive(Debug, Clone, Copy)]
struct Use {
    reads: bool,
    writes: bool,
    shares: bool,
}

fn any_use() -> impl Strategy<Value = Use> {
    (0..4u8, any::<bool>()).prop_map(|(kind, shares)| Use {
        reads: kind & 1 != 0,
        writes: kind & 2 != 0,
        shares,
    })
}

fn task(name: &str, described: &Described, used: Use, shared: &Shared) -> Option<Task> {
    let mut builder = described.builder(name).share_chunks(used.shares);
    if used.reads {
        builder = builder.reads(shared);
    }
    if used.writes {
        builder = builder.writes(shared);
    }
    builder.build().ok()
}

/// All blocks of a plan in a row, and which of them each waits for, directly or not.
struct Blocks {
    all: Vec<BlockId>,
    before: Vec<BTreeSet<usize>>,
}

impl Blocks {
    fn of(plan: &Plan, order: &[usize]) -> Self {
        let mut blocks = Self { all: Vec::new(), before: Vec::new() };
        let mut first = vec![0; order.len()];
        for task in order {
            let (id, planned) = (TaskId(*task as u32), &plan.tasks()[*task]);
            let grid = planned.spec.grid();
            first[*task] = blocks.all.len();
            blocks.all.extend((0..grid.n_blocks()).map(|index| BlockId { task: id, index }));
            blocks.before.resize(blocks.all.len(), BTreeSet::new());
            let mut by_level: Vec<u64> = (0..grid.n_blocks()).collect();
            by_level.sort_by_key(|index| planned.spec.conflicts().map(|c| c.level(&grid.position(*index))));
            for index in by_level {
                let position = grid.position(index);
                let mut direct = Vec::new();
                if let Some(conflicts) = planned.spec.conflicts() {
                    direct.extend(
                        conflicts.upstream(&position).map(|at| first[*task] + grid.index(&at) as usize),
                    );
                }
                for (upstream, link) in &planned.upstream {
                    let up = plan.task(*upstream).spec.grid();
                    let first = first[upstream.as_usize()];
                    direct.extend(
                        link.upstream(&position).positions().map(|at| first + up.index(&at) as usize),
                    );
                }
                let mut before: BTreeSet<usize> = direct.iter().copied().collect();
                direct.iter().for_each(|other| before.extend(blocks.before[*other].iter().copied()));
                blocks.before[first[*task] + index as usize] = before;
            }
        }
        blocks
    }
}

/// Whether two blocks must not be processed at the same time: because of what one writes and the other reads, and because
/// they write one chunk.
fn is_hazard(plan: &Plan, a: BlockId, b: BlockId, uses: &[Use], chunks: &ChunkGrid) -> (bool, bool) {
    let (use_a, use_b) = (uses[a.task.as_usize()], uses[b.task.as_usize()]);
    let (a, b) = (plan.block(a), plan.block(b));
    let meets = |one: &Roi, other: &Roi| meet(&bounds(one), &bounds(other));
    let data = (use_a.writes && use_b.reads && meets(&a.write_roi, &b.read_roi))
        || (use_a.reads && use_b.writes && meets(&a.read_roi, &b.write_roi));
    let chunks_of = |roi: &Roi| -> Vec<(i64, i64)> {
        let along = |(axis, (begin, end)): (usize, (i64, i64))| {
            let (origin, size) = (chunks.extent.begin()[axis], chunks.chunk_shape[axis]);
            ((begin - origin).div_euclid(size), (end - 1 - origin).div_euclid(size) + 1)
        };
        bounds(roi).into_iter().enumerate().map(along).collect()
    };
    let together = meet(&chunks_of(&a.write_roi), &chunks_of(&b.write_roi));
    (data, use_a.writes && use_b.writes && together)
}

/// Three tasks around one place, what each does, and which comes directly after which: 0 and 1, 1 and 2, 0 and 2.
type Three = (Vec<Described>, Vec<Use>, Vec<bool>, Vec<i64>);

fn three() -> impl Strategy<Value = Three> {
    (1usize..=2).prop_flat_map(|n_axes| {
        let near = described(n_axes).prop_map(|mut described| {
            described.offset.iter_mut().for_each(|offset| *offset /= 4);
            described
        });
        (
            prop::collection::vec(near, 3),
            prop::collection::vec(any_use(), 3),
            prop::collection::vec(any::<bool>(), 3),
            prop::collection::vec(1i64..9, n_axes),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

    #[test]
    fn tasks_that_share_an_array_are_kept_apart((all, uses, edges, chunk_shape) in three()) {
        let n_axes = chunk_shape.len();
        let extent = Roi::new(vec![-100; n_axes], vec![300; n_axes]).expect("small numbers");
        let chunks = ChunkGrid { extent, chunk_shape: chunk_shape.try_into().expect("1 or 2 axes") };
        let shared = Shared(chunks);
        let mut pipeline = Pipeline::new();
        for (which, (described, used)) in all.iter().zip(&uses).enumerate() {
            let Some(task) = task(&which.to_string(), described, *used, &shared) else { return Ok(()) };
            pipeline = pipeline.task(task);
        }
        let pairs = [(0, 1), (1, 2), (0, 2)];
        for (pair, is_edge) in pairs.iter().zip(&edges) {
            if *is_edge {
                pipeline = pipeline.edge(pair.0.to_string(), pair.1.to_string());
            }
        }
        let is_after = |pair: (usize, usize)| match pair {
            (0, 2) => edges[2] || (edges[0] && edges[1]),
            (0, _) => edges[0],
            _ => edges[1],
        };
        let plan = match Plan::new(&pipeline) {
            Ok(plan) => plan,
            Err(PlanError::SharedOutput { one, other, .. }) => {
                let number = |name: &str| name.parse::<usize>().expect("its number");
                let pair = (number(&one), number(&other));
                prop_assert!(!is_after(pair));
                prop_assert!(!(uses[pair.0].shares && uses[pair.1].shares));
                let alone = all.iter().zip(&uses).enumerate().fold(Pipeline::new(), |alone, (which, (d, used))| {
                    let used = Use { shares: true, ..*used };
                    alone.task(task(&which.to_string(), d, used, &shared).expect("it shares what it must"))
                });
                let plan = Plan::new(&alone).expect("all share");
                let n_blocks = |task: usize| plan.tasks()[task].spec.grid().n_blocks();
                let block = |task: usize, index| BlockId { task: TaskId(task as u32), index };
                let mut both = (0..n_blocks(pair.0)).flat_map(|a| (0..n_blocks(pair.1)).map(move |b| (a, b)));
                prop_assert!(both.any(|(a, b)| {
                    is_hazard(&plan, block(pair.0, a), block(pair.1, b), &uses, &chunks).1
                }), "no two blocks write one chunk");
                return Ok(());
            }
            Err(other) => panic!("{other}"),
        };
        let blocks = Blocks::of(&plan, &[0, 1, 2]);
        let warned: BTreeSet<(String, String)> = plan.warnings().into_iter().filter_map(|warning| match warning {
            PlanWarning::Unordered { writer, reader, .. } => Some((writer, reader)),
            _ => None,
        }).collect();
        let is_warned = |a: usize, b: usize| {
            let (a, b) = (a.to_string(), b.to_string());
            warned.contains(&(a.clone(), b.clone())) || warned.contains(&(b, a))
        };
        let mut missing = warned.len();
        let mut known = BTreeSet::new();
        for (later, b) in blocks.all.iter().enumerate() {
            for (earlier, a) in blocks.all[..later].iter().enumerate().filter(|(_, a)| a.task != b.task) {
                let pair = (a.task.as_usize(), b.task.as_usize());
                let (data, together) = is_hazard(&plan, *a, *b, &uses, &chunks);
                if !(data || together) || blocks.before[later].contains(&earlier) {
                    missing -= usize::from(data && is_warned(pair.0, pair.1) && known.insert(pair));
                    continue;
                }
                prop_assert!(!is_after(pair) && !together, "{} and {} of {:?}", a, b, plan);
                // The task in between, which overwrites all that the first wrote, may stand for it.
                let is_second = plan.tasks()[1].upstream.iter().any(|(task, _)| *task == TaskId(0));
                let by_another = pair == (0, 2) && is_second && is_warned(1, 2);
                prop_assert!(is_warned(pair.0, pair.1) || by_another, "{} and {} of {:?}", a, b, plan);
                missing -= usize::from(is_warned(pair.0, pair.1) && known.insert(pair));
            }
        }
        prop_assert_eq!(missing, 0, "warned of what no two blocks do");
    }
}
