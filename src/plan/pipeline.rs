//! Tasks and the order between them.

use std::collections::HashSet;
use std::ops::{Add, BitOr};

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
    /// Names of upstream and downstream task.
    edges: Vec<(String, String)>,
    lookup: Lookup,
}

/// What is asked of the edges again and again, as sets: adding one costs the same however many there are.
#[derive(Debug, Clone, Default)]
struct Lookup {
    edges: HashSet<(String, String)>,
    /// Names of the tasks that an edge leaves.
    upstream: HashSet<String>,
    /// Names of the tasks that an edge reaches.
    downstream: HashSet<String>,
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
    pub fn edge(mut self, upstream: impl Into<String>, downstream: impl Into<String>) -> Self {
        self.add_edge(upstream.into(), downstream.into());
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

    /// The edges, as names of upstream and downstream task.
    pub fn edges(&self) -> &[(String, String)] {
        &self.edges
    }

    /// All tasks and edges of both.
    fn beside(mut self, other: Self) -> Self {
        for task in other.tasks {
            if !self.tasks.iter().any(|known| known.is(&task)) {
                self.tasks.push(task);
            }
        }
        for (upstream, downstream) in other.edges {
            self.add_edge(upstream, downstream);
        }
        self
    }

    fn add_edge(&mut self, upstream: String, downstream: String) {
        let edge = (upstream, downstream);
        if !self.lookup.edges.insert(edge.clone()) {
            return;
        }
        if !self.lookup.upstream.contains(&edge.0) {
            self.lookup.upstream.insert(edge.0.clone());
        }
        if !self.lookup.downstream.contains(&edge.1) {
            self.lookup.downstream.insert(edge.1.clone());
        }
        self.edges.push(edge);
    }

    /// Names of the tasks that no edge leaves.
    fn last_tasks(&self) -> Vec<String> {
        self.names_without(&self.lookup.upstream)
    }

    /// Names of the tasks that no edge reaches.
    fn first_tasks(&self) -> Vec<String> {
        self.names_without(&self.lookup.downstream)
    }

    fn names_without(&self, names: &HashSet<String>) -> Vec<String> {
        let others = self.tasks.iter().map(Task::name).filter(|name| !names.contains(*name));
        others.map(str::to_owned).collect()
    }
}

impl From<Task> for Pipeline {
    fn from(task: Task) -> Self {
        Self { tasks: vec![task], ..Self::default() }
    }
}

impl<R: Into<Pipeline>> BitOr<R> for Pipeline {
    type Output = Pipeline;

    fn bitor(self, other: R) -> Pipeline {
        self.beside(other.into())
    }
}

impl<R: Into<Pipeline>> Add<R> for Pipeline {
    type Output = Pipeline;

    fn add(self, other: R) -> Pipeline {
        let other = other.into();
        let (last, first) = (self.last_tasks(), other.first_tasks());
        let mut both = self.beside(other);
        for upstream in &last {
            for downstream in &first {
                both.add_edge(upstream.clone(), downstream.clone());
            }
        }
        both
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
        assert_eq!(chain.edges()[1998], ("link 1998".to_owned(), "link 1999".to_owned()));
    }
}
