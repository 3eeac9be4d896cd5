//! Tasks and the order between them.

use std::collections::HashSet;
use std::ops::{Add, BitOr};

use super::edges::{Edges, NameId};
use super::task::Task;

/// A DAG of tasks. A block of a downstream task waits for the upstream blocks whose output it reads, and for no
/// others, so tasks of a pipeline run at the same time.
///
/// `a + b` runs in sequence: the first tasks of `b` read what the last tasks of `a` wrote. `a | b` runs side by side.
/// [`edge`](Self::edge) adds single dependencies by name. Mistakes are found when the pipeline is run.
///
/// ```
/// # use bellis::{Pipeline, Roi, Task};
/// # fn task(name: &str) -> Task {
/// #     let roi = Roi::new([0], [10]).unwrap();
/// #     Task::builder(name).total_roi(roi).block_shape([1]).process(|_| Ok(())).build().unwrap()
/// # }
/// let (load, left, right, join) = (task("load"), task("left"), task("right"), task("join"));
/// let pipeline = load + (left | right) + join;
/// assert_eq!(pipeline.n_tasks(), 4);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    tasks: Vec<Task>,
    /// The name of each task.
    names: Vec<NameId>,
    /// The addresses of the tasks, which tell clones of one from others.
    known: HashSet<usize>,
    edges: Edges,
    /// Names of all tasks that no edge leaves, and of some that got one since.
    last: Vec<NameId>,
    /// Names of all tasks that no edge reaches, and of some that got one since.
    first: Vec<NameId>,
}

impl Pipeline {
    /// A pipeline without tasks, to add to.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a task. Adding a task twice adds it once.
    #[must_use]
    pub fn task(self, task: Task) -> Self {
        self | Self::from(task)
    }

    /// Makes the task named `downstream` wait, block by block, for the one named `upstream`.
    #[must_use]
    pub fn edge(mut self, upstream: impl AsRef<str>, downstream: impl AsRef<str>) -> Self {
        let (upstream, downstream) = (self.edges.id(upstream.as_ref()), self.edges.id(downstream.as_ref()));
        self.edges.add(upstream, downstream);
        self
    }

    /// Number of tasks.
    pub fn n_tasks(&self) -> usize {
        self.tasks.len()
    }

    /// The tasks, in the order in which they were added.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// The edges, as names of upstream and downstream task, in the order in which they were added.
    pub fn edges(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.edges.as_slice().iter().map(|(from, to)| (self.edges.name(*from), self.edges.name(*to)))
    }

    /// The edges, between names by number.
    pub(super) fn numbered_edges(&self) -> &Edges {
        &self.edges
    }

    /// The number of each task's name.
    pub(super) fn names(&self) -> &[NameId] {
        &self.names
    }

    /// Adds all tasks and edges of another, and returns what each of its names is numbered here.
    fn absorb(&mut self, other: Self) -> Vec<NameId> {
        let Self { tasks, names, edges, .. } = other;
        let numbers: Vec<NameId> =
            (0..).take(edges.n_names()).map(|id| self.edges.id(edges.name(id))).collect();
        for (task, name) in tasks.into_iter().zip(names) {
            self.add_task(task, numbers[name as usize]);
        }
        for (upstream, downstream) in edges.as_slice() {
            self.edges.add(numbers[*upstream as usize], numbers[*downstream as usize]);
        }
        numbers
    }

    fn add_task(&mut self, task: Task, name: NameId) {
        if self.known.insert(task.address()) {
            self.tasks.push(task);
            self.names.push(name);
            self.last.push(name);
            self.first.push(name);
        }
    }

    /// Names of the tasks that no edge leaves.
    fn last_tasks(&mut self) -> Vec<NameId> {
        self.last.retain(|name| !self.edges.is_upstream(*name));
        self.last.clone()
    }

    /// Names of the tasks that no edge reaches.
    fn first_tasks(&mut self) -> Vec<NameId> {
        self.first.retain(|name| !self.edges.is_downstream(*name));
        self.first.clone()
    }
}

impl From<Task> for Pipeline {
    fn from(task: Task) -> Self {
        let mut pipeline = Self::default();
        let name = pipeline.edges.id(task.name());
        pipeline.add_task(task, name);
        pipeline
    }
}

impl<R: Into<Pipeline>> BitOr<R> for Pipeline {
    type Output = Pipeline;

    fn bitor(mut self, other: R) -> Pipeline {
        self.absorb(other.into());
        self
    }
}

impl<R: Into<Pipeline>> Add<R> for Pipeline {
    type Output = Pipeline;

    fn add(mut self, other: R) -> Pipeline {
        let mut other = other.into();
        let (last, first) = (self.last_tasks(), other.first_tasks());
        let numbers = self.absorb(other);
        for upstream in &last {
            for downstream in &first {
                self.edges.add(*upstream, numbers[*downstream as usize]);
            }
        }
        self
    }
}

impl<R: Into<Pipeline>> BitOr<R> for Task {
    type Output = Pipeline;

    fn bitor(self, other: R) -> Pipeline {
        Pipeline::from(self) | other
    }
}

impl<R: Into<Pipeline>> Add<R> for Task {
    type Output = Pipeline;

    fn add(self, other: R) -> Pipeline {
        Pipeline::from(self) + other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::compiled::Plan;

    fn tasks(layer: &str, n_tasks: usize) -> Vec<Task> {
        let total = Roi::new([0], [10]).expect("fits");
        let build =
            |which| Task::builder(format!("{layer} {which}")).total_roi(total).block_shape([1]).build();
        (0..n_tasks).map(|which| build(which).expect("a good task")).collect()
    }

    /// Were every edge compared with all others, this would take minutes.
    #[test]
    fn edges_by_the_ten_thousand_are_added_one_by_one() {
        let layer = |name| tasks(name, 200).into_iter().fold(Pipeline::new(), Pipeline::task);
        let layers = layer("one") + layer("two") + layer("three");
        assert_eq!((layers.n_tasks(), layers.edges().len()), (600, 2 * 200 * 200));
        let twice = layers.clone() | layers;
        assert_eq!((twice.n_tasks(), twice.edges().len()), (600, 2 * 200 * 200));
        assert_eq!(Plan::new(&twice).map(|plan| plan.tasks()[599].upstream.len()), Ok(200));
        let chain = tasks("link", 2000).into_iter().fold(Pipeline::new(), |chain, task| chain + task);
        assert_eq!(chain.edges().len(), 1999);
        assert_eq!(chain.edges().last(), Some(("link 1998", "link 1999")));
    }
}
