//! What decides which blocks a run directory is about, and how two of these differ, in words.

use serde::{Deserialize, Serialize};

use crate::plan::{Fingerprint, Plan, PlannedTask, TaskId};

/// What decides which blocks there are and what they wait for. A run directory belongs to one layout; retries, ranks,
/// slots and time limits are no part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The [`Fingerprint`] of the layout.
    pub fingerprint: String,
    /// The pipeline in words, for people.
    pub pipeline: String,
    /// The tasks; a [`TaskId`] is an index into them.
    pub tasks: Vec<TaskLayout>,
}

/// What a layout says of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLayout {
    /// Its name.
    pub name: String,
    /// Number of blocks along each axis.
    pub grid: Vec<u64>,
    /// Its blocks in words, for people.
    pub words: String,
    /// The names of the tasks that it reads from.
    pub after: Vec<String>,
}

impl Layout {
    /// The layout of a plan.
    pub fn of(plan: &Plan) -> Self {
        let tasks: Vec<TaskLayout> =
            plan.tasks().iter().map(|planned| TaskLayout::of(plan, planned)).collect();
        let words = tasks.iter().map(|task| match task.after.as_slice() {
            [] => task.name.clone(),
            after => format!("{} after {}", task.name, after.join(" and ")),
        });
        let pipeline = words.collect::<Vec<_>>().join("; ");
        Self { fingerprint: Fingerprint::of_layout(plan).to_string(), pipeline, tasks }
    }

    /// What differs in `wanted`, in words; `None` when both are about the same blocks.
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        let names = |layout: &Self| layout.tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>();
        let (was, is) = (names(self), names(wanted));
        if was != is {
            return Some(format!("its tasks are {} and now they are {}", was.join(", "), is.join(", ")));
        }
        let tasks = || self.tasks.iter().zip(&wanted.tasks);
        if let Some((was, is)) = tasks().find(|(was, is)| was.grid != is.grid) {
            return Some(format!(
                "task {:?} has a grid of {} blocks ({}) and now one of {} ({})",
                was.name,
                product(&was.grid),
                was.words,
                product(&is.grid),
                is.words
            ));
        }
        if self.fingerprint == wanted.fingerprint {
            return None;
        }
        let differs = |(was, is): &(&TaskLayout, &TaskLayout)| was.words != is.words || was.after != is.after;
        Some(match tasks().find(differs) {
            Some((was, is)) if was.after != is.after => {
                format!("task {:?} waits for {} and now for {}", was.name, list(&was.after), list(&is.after))
            }
            Some((was, is)) => format!("task {:?} is {} and now {}", was.name, was.words, is.words),
            None => format!("its fingerprint is {} and now {}", self.fingerprint, wanted.fingerprint),
        })
    }

    /// The task of a name.
    pub fn task(&self, name: &str) -> Option<TaskId> {
        let index = self.tasks.iter().position(|task| task.name == name)?;
        u32::try_from(index).ok().map(TaskId)
    }

    /// These tasks and all that depend on them, each before those that it depends on: the order in which they can be
    /// forgotten one by one.
    pub(super) fn with_dependents(&self, tasks: &[TaskId]) -> Vec<TaskId> {
        let mut visited = vec![false; self.tasks.len()];
        let mut order = Vec::new();
        for task in tasks {
            self.visit(task.as_usize(), &mut visited, &mut order);
        }
        order
    }

    /// Adds a task after all that depend on it. Pipelines are no deeper than their tasks are many.
    fn visit(&self, index: usize, visited: &mut [bool], order: &mut Vec<TaskId>) {
        if visited.get(index).is_none_or(|visited| *visited) {
            return;
        }
        visited[index] = true;
        let name = &self.tasks[index].name;
        for (other, task) in self.tasks.iter().enumerate() {
            if task.after.contains(name) {
                self.visit(other, visited, order);
            }
        }
        order.push(TaskId(u32::try_from(index).unwrap_or(u32::MAX)));
    }
}

impl TaskLayout {
    /// Number of blocks, if that is one: at least 1, and no more than file systems can count.
    pub(super) fn n_blocks(&self) -> Option<u64> {
        let product = self.grid.iter().try_fold(1u64, |product, extent| product.checked_mul(*extent));
        product.filter(|n_blocks| !self.grid.is_empty() && (1..=i64::MAX as u64).contains(n_blocks))
    }

    fn of(plan: &Plan, planned: &PlannedTask) -> Self {
        let spec = &planned.spec;
        let grid = spec.grid();
        let words = format!(
            "{} blocks of {} over {}, context {} {}, fit {}, {}",
            grid.n_blocks(),
            grid.write_shape(),
            grid.total_write(),
            grid.context_lo(),
            grid.context_hi(),
            grid.fit(),
            if spec.conflicts().is_some() { "some in order" } else { "in any order" },
        );
        Self {
            name: spec.name().to_owned(),
            // Every extent of a grid is positive.
            grid: grid.shape().iter().map(|extent| extent.unsigned_abs()).collect(),
            words,
            after: planned.upstream.iter().map(|(id, _)| plan.task(*id).spec.name().to_owned()).collect(),
        }
    }
}

/// The number of blocks of a grid, for a message.
fn product(grid: &[u64]) -> String {
    grid.iter().map(u64::to_string).collect::<Vec<_>>().join(" x ")
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "no other".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Task;

    fn layout(tasks: &[(&str, &[u64], &[&str])]) -> Layout {
        let task = |(name, grid, after): &(&str, &[u64], &[&str])| TaskLayout {
            name: (*name).into(),
            grid: grid.to_vec(),
            words: "blocks of 10".into(),
            after: after.iter().map(|name| (*name).into()).collect(),
        };
        Layout { fingerprint: "f".into(), pipeline: String::new(), tasks: tasks.iter().map(task).collect() }
    }

    #[test]
    fn what_differs_is_said() {
        let a = layout(&[("a", &[3, 4], &[]), ("b", &[2], &["a"])]);
        assert_eq!(a.difference(&a), None);
        let said = |b: &Layout| a.difference(b).unwrap();
        assert_eq!(said(&layout(&[("a", &[3, 4], &[])])), "its tasks are a, b and now they are a");
        let mut b = a.clone();
        b.tasks[0].grid = vec![3, 5];
        assert!(said(&b).starts_with("task \"a\" has a grid of 3 x 4 blocks"), "{}", said(&b));
        let mut b = a.clone();
        b.tasks[1].words = "blocks of 11".into();
        assert_eq!(a.difference(&b), None, "words alone are no layout");
        b.fingerprint = "g".into();
        assert_eq!(said(&b), "task \"b\" is blocks of 10 and now blocks of 11");
        b.tasks[1].after.clear();
        assert_eq!(said(&b), "task \"b\" waits for a and now for no other");
        let b = Layout { fingerprint: "g".into(), ..a.clone() };
        assert_eq!(said(&b), "its fingerprint is f and now g");
    }

    #[test]
    fn a_plan_has_a_layout() {
        let total = crate::geometry::Roi::new([0, 10], [40, 30]).unwrap();
        let task = |name: &str, retries| {
            let builder =
                Task::builder(name).total_write_roi(total).block_shape([10, 10]).context([1, 0], [0, 2]);
            builder.max_retries(retries).build().unwrap()
        };
        let layout = |retries| Layout::of(&Plan::new(&(task("a", retries) + task("b", 1))).unwrap());
        let one = layout(0);
        assert_eq!(one.pipeline, "a; b after a");
        assert_eq!(one.tasks[1].grid, [4, 3]);
        assert_eq!(one.tasks[1].after, ["a"]);
        assert!(one.tasks[0].words.starts_with("12 blocks of (10, 10) over "), "{}", one.tasks[0].words);
        assert_eq!(one.fingerprint.len(), 32);
        assert_eq!(one.difference(&layout(5)), None, "retries are no layout");
    }

    #[test]
    fn dependents_come_first() {
        let pipeline =
            layout(&[("d", &[1], &["b", "c"]), ("a", &[1], &[]), ("b", &[1], &["a"]), ("c", &[1], &["a"])]);
        let names = |tasks: &[u32]| {
            let ids: Vec<TaskId> = tasks.iter().map(|id| TaskId(*id)).collect();
            let order = pipeline.with_dependents(&ids);
            order.iter().map(|id| pipeline.tasks[id.as_usize()].name.clone()).collect::<Vec<_>>().concat()
        };
        assert_eq!(names(&[1]), "dbca");
        assert_eq!(names(&[2]), "db");
        assert_eq!(names(&[0]), "d");
        assert_eq!(names(&[1, 0, 9]), "dbca");
    }
}
