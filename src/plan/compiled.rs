//! A checked pipeline, ready to be scheduled: tasks by number, links in both directions, an order of work.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::sync::Arc;

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::block::{Block, BlockId, TaskId};
use super::edges::NameId;
use super::error::PlanError;
use super::link::Link;
use super::pipeline::Pipeline;
use super::planned::PlannedTask;
use super::sharing::link_sharers;
use super::spec::TaskSpec;
use super::task::Task;
use super::warning::{self, PlanWarning};

/// A checked pipeline: plain data. The closures of its tasks stay with the pipeline ([`Task::body`]); a [`TaskId`] is
/// an index into [`Pipeline::tasks`] as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    tasks: Vec<PlannedTask>,
    by_priority: Vec<TaskId>,
    /// Tasks that touch one array, and neither comes after the other.
    unordered: Vec<PlanWarning>,
}

impl Plan {
    /// Checks a pipeline. Tasks keep the order in which they were added.
    ///
    /// # Errors
    /// No task, two tasks of one name, an edge to an unknown task, a cycle, linked tasks of different numbers of axes, two
    /// tasks that write one chunk of an array and neither of which comes after the other.
    pub fn new(pipeline: &Pipeline) -> Result<Self, PlanError> {
        let graph = graph(pipeline)?;
        let order = order(&graph)?;
        let mut tasks: Vec<PlannedTask> = graph
            .node_weights()
            .map(|task| PlannedTask { spec: (*task).clone(), upstream: Vec::new(), downstream: Vec::new() })
            .collect();
        for edge in graph.raw_edges() {
            let (from, to) = (edge.source(), edge.target());
            let link = link(&graph[from], &graph[to])?;
            tasks[from.index()].downstream.push((task_id(to), link.clone()));
            tasks[to.index()].upstream.push((task_id(from), link));
        }
        let unordered = link_sharers(&mut tasks, &order)?;
        let mut depth = vec![0u32; tasks.len()];
        for id in order {
            let upstream = &tasks[id.as_usize()].upstream;
            depth[id.as_usize()] = upstream.iter().map(|(up, _)| depth[up.as_usize()] + 1).max().unwrap_or(0);
        }
        let mut by_priority: Vec<TaskId> = graph.node_indices().map(task_id).collect();
        by_priority.sort_by_key(|id| (Reverse(depth[id.as_usize()]), *id));
        Ok(Self { tasks, by_priority, unordered })
    }

    /// What looks like a mistake. Looks at each task and each link.
    pub fn warnings(&self) -> Vec<PlanWarning> {
        self.unordered.iter().cloned().chain(warning::of_tasks(&self.tasks)).collect()
    }

    /// The tasks; a [`TaskId`] is an index into them.
    pub fn tasks(&self) -> &[PlannedTask] {
        &self.tasks
    }

    /// One task.
    ///
    /// # Panics
    /// When `id` is not of this plan.
    #[inline]
    pub fn task(&self, id: TaskId) -> &PlannedTask {
        &self.tasks[id.as_usize()]
    }

    /// The tasks in the order in which their blocks are preferred: the most downstream first, which drains the
    /// pipeline and finds the data still in the page cache.
    pub fn by_priority(&self) -> &[TaskId] {
        &self.by_priority
    }

    /// Returns whether `id` names a block of this plan.
    pub fn contains(&self, id: BlockId) -> bool {
        self.tasks.get(id.task.as_usize()).is_some_and(|planned| id.index < planned.spec.grid().n_blocks())
    }

    /// A block with its ROIs. `id` must be of this plan.
    pub fn block(&self, id: BlockId) -> Block {
        let grid = self.task(id.task).spec.grid();
        let position = grid.position(id.index);
        Block { id, read_roi: grid.read_roi(&position), write_roi: grid.write_roi(&position) }
    }

    /// Number of blocks of all tasks together.
    pub fn n_blocks(&self) -> u64 {
        self.tasks.iter().map(|planned| planned.spec.grid().n_blocks()).fold(0, u64::saturating_add)
    }

    /// All that decides which blocks there are and what they wait for, as text: equal on two ranks exactly when they
    /// built the same pipeline.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for planned in &self.tasks {
            let task = &planned.spec;
            let grid = task.grid();
            let comma = if text.is_empty() { "" } else { "; " };
            let written = write!(
                text,
                "{comma}{}: {} blocks of {} over {}, context {} {}, fit {}, {}, {} retries, {} workers",
                task.name(),
                grid.n_blocks(),
                grid.write_shape(),
                grid.total_write(),
                grid.context_lo(),
                grid.context_hi(),
                grid.fit(),
                describe_conflicts(task),
                task.max_retries(),
                task.max_workers().map_or_else(|| "all".to_owned(), |n| n.to_string()),
            );
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
            for (up, _) in &planned.upstream {
                text.push_str(", after ");
                text.push_str(self.task(*up).spec.name());
            }
        }
        text
    }
}

fn describe_conflicts(task: &TaskSpec) -> String {
    let Some(conflicts) = task.conflicts() else { return "no conflicts".to_owned() };
    let data = if conflicts.carry_data() { "conflicts" } else { "no conflicts" };
    match conflicts.order_only() {
        None => data.to_owned(),
        Some(steps) => format!("{data} but chunks shared by blocks up to {steps} steps apart"),
    }
}

/// The tasks, each after those it depends on, and otherwise as they were added.
fn order(graph: &DiGraph<Arc<TaskSpec>, (), u32>) -> Result<Vec<TaskId>, PlanError> {
    let n_upstream = |node| graph.edges_directed(node, Direction::Incoming).count();
    let mut n_open: Vec<usize> = graph.node_indices().map(n_upstream).collect();
    let free = graph.node_indices().filter(|node| n_open[node.index()] == 0);
    let mut next: BinaryHeap<Reverse<NodeIndex>> = free.map(Reverse).collect();
    let mut order = Vec::with_capacity(n_open.len());
    while let Some(Reverse(node)) = next.pop() {
        order.push(task_id(node));
        for downstream in graph.neighbors_directed(node, Direction::Outgoing) {
            n_open[downstream.index()] -= 1;
            if n_open[downstream.index()] == 0 {
                next.push(Reverse(downstream));
            }
        }
    }
    if order.len() < n_open.len() {
        // Among those left there is a cycle, and some that only come after it.
        let cycle = kosaraju_scc(graph)
            .into_iter()
            .find(|part| part.len() > 1 || part.iter().any(|node| graph.contains_edge(*node, *node)));
        let name = cycle.and_then(|part| part.into_iter().min()).map(|node| graph[node].name().to_owned());
        return Err(PlanError::Cycle(name.unwrap_or_default()));
    }
    Ok(order)
}

fn task_id(node: NodeIndex<u32>) -> TaskId {
    TaskId(u32::try_from(node.index()).unwrap_or(u32::MAX))
}

fn graph(pipeline: &Pipeline) -> Result<DiGraph<Arc<TaskSpec>, (), u32>, PlanError> {
    let edges = pipeline.numbered_edges();
    let mut graph = DiGraph::with_capacity(pipeline.n_tasks(), edges.as_slice().len());
    if pipeline.n_tasks() == 0 {
        return Err(PlanError::NoTasks);
    }
    let mut by_name = vec![None; edges.n_names()];
    for (task, name) in pipeline.tasks().iter().zip(pipeline.names()) {
        let node = graph.add_node(task.spec().clone());
        if by_name[*name as usize].replace(node).is_some() {
            return Err(PlanError::DuplicateName(task.name().to_owned()));
        }
    }
    for (from, to) in edges.as_slice() {
        let find = |name: &NameId| {
            by_name[*name as usize].ok_or_else(|| {
                let names: Vec<&str> = pipeline.tasks().iter().map(Task::name).collect();
                PlanError::UnknownEdge {
                    from: edges.name(*from).to_owned(),
                    to: edges.name(*to).to_owned(),
                    missing: edges.name(*name).to_owned(),
                    known: names.join(", "),
                }
            })
        };
        let (upstream, downstream) = (find(from)?, find(to)?);
        graph.add_edge(upstream, downstream, ());
    }
    Ok(graph)
}

fn link(upstream: &TaskSpec, downstream: &TaskSpec) -> Result<Link, PlanError> {
    let (from, to) = (upstream.grid(), downstream.grid());
    if from.n_axes() == to.n_axes() {
        return Link::between(from, to).map_err(|problem| PlanError::Task {
            task: downstream.name().to_owned(),
            problem: Box::new(problem.into()),
        });
    }
    Err(PlanError::LinkedAxesDiffer {
        from: upstream.name().to_owned(),
        from_axes: from.n_axes(),
        to: downstream.name().to_owned(),
        to_axes: to.n_axes(),
    })
}
