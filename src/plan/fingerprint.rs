//! A short name for what a plan is, which may stand on disk for years and be compared across machines.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use bincode::{Decode, Encode};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::block::TaskId;
use super::compiled::Plan;
use super::link::Link;
use super::planned::PlannedTask;
use crate::geometry::Coordinate;

/// The fingerprint of a plan: 128 bits, shown as 32 hexadecimal digits.
///
/// It is the first 16 bytes of the SHA-256 of a text, so that any language can compute it: `sha256sum` does.
/// The text of a *layout* holds what decides which blocks there are and what they wait for, in lines that end with
/// `\n`, their words parted by single spaces, numbers in decimal; along all axes where a line has several:
///
/// ```text
/// bellis layout 1
/// task BYTES NAME              a line for each task, in their order: the length of its name in UTF-8, and the name
/// write OFFSET.. SHAPE..       the total write ROI
/// block SHAPE..                what a block writes
/// context LO.. HI..            how far it reads before and past that
/// fit valid                    or overhang, or shrink
/// conflicts none               or data: blocks that read what others write wait for them
/// order-only STEPS..           when blocks that share chunks wait for each other: how far apart they are at most
/// after INDEX..                when there are any: the tasks that it is linked to, rising
/// around INDEX LO.. HI..       a line for each of them that it waits for farther around its write ROI than it reads, as
///                              both touch one array: how far before and past it
/// ```
///
/// Policy is left out: retries, workers, names of outputs, ranks. Another kind of text, or a change of this one, gets
/// another first line, and so other fingerprints.
///
/// ```
/// use bellis::plan::{Fingerprint, Plan};
/// # use bellis::{Pipeline, Roi, Task};
/// # let total = Roi::new([0], [10])?;
/// # let build = |retries| Task::builder("smooth").total_roi(total).block_shape([2]).max_retries(retries).build();
/// let (one, other) = (Plan::new(&build(0)?.into())?, Plan::new(&build(9)?.into())?);
/// assert_eq!(Fingerprint::of_layout(&one).to_string(), "2f326e8a7ea9afdc0f36aee7fc1b03cd");
/// assert_eq!(Fingerprint::of_layout(&one), Fingerprint::of_layout(&other));
/// assert_ne!(Fingerprint::of_plan(&one), Fingerprint::of_plan(&other));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of the layout: equal for plans of the same blocks that wait for the same blocks.
    pub fn of_layout(plan: &Plan) -> Self {
        Self::of_text(&layout(plan))
    }

    /// The fingerprint of the layout and the policy of each task (retries and workers): equal when two ranks may run
    /// the plan together.
    pub fn of_plan(plan: &Plan) -> Self {
        let mut text = layout(plan);
        line(&mut text, format_args!("bellis policy 1"));
        for PlannedTask { spec, .. } in plan.tasks() {
            line(&mut text, format_args!("retries {}", spec.max_retries()));
            if let Some(workers) = spec.max_workers() {
                line(&mut text, format_args!("workers {workers}"));
            }
        }
        Self::of_text(&text)
    }

    /// The bytes, in the order in which they are shown.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn of_text(text: &str) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(text)[..16]);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no fingerprint: it has 32 hexadecimal digits")]
pub struct ParseFingerprintError(String);

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Reads what [`Display`](fmt::Display) shows.
    fn from_str(text: &str) -> Result<Self, ParseFingerprintError> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| is_hex);
        let number = number.ok_or_else(|| ParseFingerprintError(text.to_owned()))?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// The text of a plan's layout.
fn layout(plan: &Plan) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("bellis layout 1"));
    for planned in plan.tasks() {
        add_task(&mut text, planned);
    }
    text
}

fn add_task(text: &mut String, planned: &PlannedTask) {
    let (name, grid) = (planned.spec.name(), planned.spec.grid());
    line(text, format_args!("task {} {name}", name.len()));
    let write = grid.total_write();
    line(text, format_args!("write{}{}", Words(write.begin()), Words(write.shape())));
    line(text, format_args!("block{}", Words(grid.write_shape())));
    line(text, format_args!("context{}{}", Words(grid.context_lo()), Words(grid.context_hi())));
    line(text, format_args!("fit {}", grid.fit()));
    let conflicts = planned.spec.conflicts();
    let has_data = conflicts.is_some_and(|conflicts| conflicts.carry_data());
    line(text, format_args!("conflicts {}", if has_data { "data" } else { "none" }));
    if let Some(steps) = conflicts.and_then(|conflicts| conflicts.order_only()) {
        line(text, format_args!("order-only{}", Words(steps)));
    }
    let mut upstream: Vec<TaskId> = planned.upstream.iter().map(|(task, _)| *task).collect();
    upstream.sort_unstable();
    if !upstream.is_empty() {
        let indices: String = upstream.iter().map(|task| format!(" {}", task.0)).collect();
        line(text, format_args!("after{indices}"));
    }
    let mut links: Vec<&(TaskId, Link)> = planned.upstream.iter().collect();
    links.sort_unstable_by_key(|(task, _)| *task);
    for (task, link) in links {
        let (lo, hi) = link.waits_around();
        if (&lo, &hi) != (grid.context_lo(), grid.context_hi()) {
            line(text, format_args!("around {}{}{}", task.0, Words(&lo), Words(&hi)));
        }
    }
}

fn line(text: &mut String, words: fmt::Arguments<'_>) {
    let written = writeln!(text, "{words}");
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// A coordinate as words, each with a space before it.
struct Words<'a>(&'a Coordinate);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|value| write!(f, " {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Roi;
    use crate::plan::fit::Fit;
    use crate::plan::pipeline::Pipeline;
    use crate::plan::task::{Task, TaskBuilder};

    fn build(builder: TaskBuilder) -> Task {
        builder.build().expect("a good task")
    }

    fn smooth() -> TaskBuilder {
        let total = Roi::new([-4, 0], [104, 100]).expect("fits");
        Task::builder("smooth").total_roi(total).block_shape([20, 25]).context([4, 0], [0, 0])
    }

    fn sum() -> TaskBuilder {
        let total = Roi::new([0, 0], [100, 90]).expect("fits");
        Task::builder("sum\nof all").total_write_roi(total).block_shape([100, 100]).fit(Fit::Shrink)
    }

    fn fingerprint(pipeline: impl Into<Pipeline>) -> String {
        Fingerprint::of_layout(&Plan::new(&pipeline.into()).expect("a good pipeline")).to_string()
    }

    const GOLDEN: &str = "bellis layout 1
task 6 smooth
write 0 0 100 100
block 20 25
context 4 0 0 0
fit valid
conflicts data
task 10 sum
of all
write 0 0 100 90
block 100 100
context 0 0 0 0
fit shrink
conflicts none
after 0
";

    /// These fingerprints stand on disks: should this test fail, write a new version of the text beside the old one.
    #[test]
    fn golden_values() {
        let plan = Plan::new(&(build(smooth()) + build(sum()))).expect("a good pipeline");
        assert_eq!(layout(&plan), GOLDEN);
        // head -c 32 of what sha256sum says of the text above.
        assert_eq!(Fingerprint::of_layout(&plan).to_string(), "ec5bd25af8975a382054764525d24129");
        assert_eq!(Fingerprint::of_plan(&plan).to_string(), "cabb3e5867c3d7e47c677edea110c4df");
        assert_eq!(Fingerprint::of_text("").to_string(), "e3b0c44298fc1c149afbf4c8996fb924");
    }

    #[test]
    fn whatever_decides_about_blocks_counts_and_policy_does_not() {
        let base = fingerprint(build(smooth()));
        let policy = smooth().max_retries(7).max_workers(3).process(|_| Ok(()));
        assert_eq!(fingerprint(build(policy)), base);
        let roi = Roi::new([-4, 0], [104, 99]).expect("fits");
        let others = [
            fingerprint(build(smooth().total_roi(roi))),
            fingerprint(build(smooth().block_shape([20, 20]))),
            fingerprint(build(smooth().context([0, 0], [4, 0]))),
            fingerprint(build(smooth().fit(Fit::Overhang))),
            fingerprint(build(smooth().read_write_conflict(false))),
            fingerprint(build(smooth()) + build(sum())),
            fingerprint(build(smooth()) | build(sum())),
            fingerprint(build(sum()) | build(smooth())),
        ];
        let different: std::collections::BTreeSet<&String> = others.iter().chain([&base]).collect();
        assert_eq!(different.len(), others.len() + 1);
    }

    #[test]
    fn what_is_shown_is_read_again() {
        let shown = fingerprint(build(sum()));
        assert_eq!(shown.parse::<Fingerprint>().map(|read| read.to_string()), Ok(shown.clone()));
        for wrong in ["", &shown[1..], &format!("+{}", &shown[1..]), "x".repeat(32).as_str()] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong:?}");
        }
    }
}
