//! Opening again: the same layout goes on, another is refused, tasks are begun anew, and who only looks disturbs
//! nobody.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::{directory, layout, snapshot, states};
use crate::journal::directory::Journal;
use crate::journal::error::JournalError;
use crate::journal::event_log::Event;
use crate::journal::layout::Layout;
use crate::journal::ledger::Change;
use crate::journal::reset::reset;
use crate::journal::run_info::RunInfo;
use crate::journal::state::{BlockState, StateCounts};
use crate::journal::status::status;
use crate::plan::{BlockId, TaskId};

fn three() -> Layout {
    layout(&[("load", &[4, 5]), ("mean/fast", &[6]), ("write", &[7])])
}

fn open(dir: &Path, layout: &Layout) -> Journal {
    Journal::open(dir, layout, RunInfo::default()).unwrap()
}

fn done(task: u32, blocks: std::ops::Range<u64>) -> Change {
    Change { task: TaskId(task), blocks, state: BlockState::Done }
}

fn json_of(dir: &Path) -> Value {
    serde_json::from_slice(&fs::read(dir.join("run.json")).unwrap()).unwrap()
}

#[test]
fn a_run_goes_on_where_the_former_was() {
    let dir = directory();
    let dir = dir.path().join("not/there/yet");
    let layout = three();
    let info = RunInfo {
        command_line: vec!["smooth".into(), "--sigma".into(), "4".into()],
        versions: [("bellis".to_owned(), "0.1.0".to_owned())].into(),
        hosts: vec!["n1".into(), "n2".into()],
        mpi: Some("Open MPI 4.1.4".into()),
        job_id: Some("17".into()),
        restart_count: Some(0),
    };
    let mut journal = Journal::open(&dir, &layout, info.clone()).unwrap();
    assert_eq!(journal.counts(TaskId(0)).not_done, 20);
    journal.commit(&[done(0, 0..7), done(2, 1..2)]).unwrap();
    journal.commit(&[Change::block(BlockId { task: TaskId(0), index: 9 }, BlockState::Failed)]).unwrap();
    journal.record(&[Event::Draining { reason: "SIGTERM".into() }]).unwrap();
    journal.close("interrupted").unwrap();

    let journal = Journal::open(&dir, &layout, RunInfo { restart_count: Some(1), ..info }).unwrap();
    assert_eq!(journal.repairs(), []);
    assert_eq!(
        journal.counts(TaskId(0)),
        StateCounts { done: 7, failed: 1, not_done: 12, ..Default::default() }
    );
    let ranges: Vec<_> = journal.ranges(TaskId(0)).unwrap().map(Result::unwrap).collect();
    let expected = [
        (BlockState::Done, 0..7),
        (BlockState::NotDone, 7..9),
        (BlockState::Failed, 9..10),
        (BlockState::NotDone, 10..20),
    ];
    assert_eq!(ranges, expected);
    let run = json_of(&dir);
    assert_eq!((&run["format"], &run["pipeline"]), (&json!(1), &json!("load + mean/fast + write")));
    assert_eq!(run["runs"][0]["command_line"], json!(["smooth", "--sigma", "4"]));
    assert_eq!(
        (&run["runs"][0]["outcome"], &run["runs"][1]["outcome"]),
        (&json!("interrupted"), &Value::Null)
    );
    assert_eq!(
        (&run["runs"][0]["left"]["load"]["done"], &run["runs"][1]["found"]["load"]["done"]),
        (&json!(7), &json!(7))
    );
    assert_eq!(run["runs"][1]["restart_count"], json!(1));
    let events = fs::read_to_string(dir.join("events.jsonl")).unwrap();
    let kinds: Vec<Value> =
        events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].take()).collect();
    assert_eq!(kinds, ["started", "draining", "ended", "started"]);
}

#[test]
fn another_layout_is_refused_with_the_way_out() {
    let dir = directory();
    let dir = dir.path();
    open(dir, &three()).close("done").unwrap();
    let before = snapshot(dir);
    let mut other = three();
    other.tasks[2].grid = vec![8];
    let error = Journal::open(dir, &other, RunInfo::default()).unwrap_err();
    let expected = format!(
        "the run directory {0} is of another layout: task \"write\" has a grid of 7 blocks (7 blocks of (10)) and now one of \
         8 (7 blocks of (10)). Run the pipeline that it was made for, use another directory, or forget what is done with \
         `bellis reset {0}`",
        dir.display()
    );
    assert_eq!(error.to_string(), expected);
    assert_eq!(snapshot(dir), before);
    let names = reset(dir, None, &RunInfo::default()).unwrap();
    assert_eq!(names, ["load", "mean/fast", "write"]);
    open(dir, &other).close("done").unwrap();
}

#[test]
fn a_task_is_begun_anew_with_all_that_depends_on_it() {
    for by_command in [true, false] {
        let dir = directory();
        let dir = dir.path();
        let mut journal = open(dir, &three());
        let all = [done(0, 0..20), done(1, 0..6), done(2, 0..7)];
        journal.commit(&all).unwrap();
        fs::create_dir_all(journal.scratch(TaskId(1))).unwrap();
        let scratch = journal.scratch(TaskId(1));
        if by_command {
            // What is in the log alone is kept, or goes, like the rest.
            drop(journal);
            let names = reset(dir, Some("mean/fast"), &RunInfo::default()).unwrap();
            assert_eq!(names, ["write", "mean/fast"]);
        } else {
            assert_eq!(journal.reset(&[TaskId(1)]).unwrap(), [TaskId(2), TaskId(1)]);
            drop(journal);
        }
        assert!(!scratch.exists());
        let mut journal = open(dir, &three());
        assert_eq!(journal.repairs(), []);
        assert_eq!([0, 1, 2].map(|task| journal.counts(TaskId(task)).done), [20, 0, 0]);
        journal.commit(&[done(2, 3..4)]).unwrap();
        assert_eq!(states(journal.ranges(TaskId(2)).unwrap()), [0, 0, 0, 1, 0, 0, 0]);
    }
}

#[test]
fn a_damaged_task_can_be_begun_anew() {
    let dir = directory();
    let dir = dir.path();
    let mut journal = open(dir, &three());
    journal.commit(&[done(0, 0..20), done(1, 0..6), done(2, 0..7)]).unwrap();
    drop(journal);
    fs::remove_file(dir.join("tasks/mean%2ffast.sums")).unwrap();
    let message = Journal::open(dir, &three(), RunInfo::default()).unwrap_err().to_string();
    let command = format!("`bellis reset {} \"mean/fast\"`", dir.display());
    assert!(
        message.contains("mean%2ffast.sums cannot be used: it is missing") && message.contains(&command),
        "{message}"
    );
    reset(dir, Some("mean/fast"), &RunInfo::default()).unwrap();
    let journal = open(dir, &three());
    assert_eq!([0, 1, 2].map(|task| journal.counts(TaskId(task)).done), [20, 0, 0]);
}

#[test]
fn what_cannot_be_reset_says_why() {
    let dir = directory();
    let dir = dir.path();
    fs::write(dir.join("precious"), "data").unwrap();
    let reset_with = |task| reset(dir, task, &RunInfo::default());
    assert_eq!(reset_with(None), Err(JournalError::NotARunDirectory { dir: dir.into() }));
    let journal = open(dir, &three());
    assert!(matches!(reset_with(None), Err(JournalError::Locked { .. })));
    drop(journal);
    let error = reset_with(Some("smooth")).unwrap_err().to_string();
    assert!(error.contains("has no task \"smooth\" but load, mean/fast, write"), "{error}");
    reset_with(None).unwrap();
    let left: Vec<_> = snapshot(dir).into_keys().collect();
    assert_eq!(left, [Path::new("events.jsonl"), Path::new("precious")]);
}

#[test]
fn a_run_that_goes_on_can_be_looked_at() {
    let dir = directory();
    let dir = dir.path();
    assert_eq!(status(dir), Err(JournalError::NotARunDirectory { dir: dir.into() }));
    let mut journal = open(dir, &three());
    journal.commit(&[done(0, 0..7), done(2, 1..2)]).unwrap();
    let seen = status(dir).unwrap();
    assert_eq!(seen.tasks[0].counts, journal.counts(TaskId(0)));
    assert_eq!(seen.tasks[1].counts.not_done, 6);
    assert!(seen.tasks.iter().all(|task| task.problem.is_none()));
    let holder = seen.holder.unwrap();
    assert_eq!(holder.owner.unwrap().pid, std::process::id());
    assert!(!holder.is_left_behind);
    assert_eq!(seen.last_events[0]["event"], "started");
    assert_eq!(seen.runs.len(), 1);
    journal.close("done").unwrap();
    assert_eq!(status(dir).unwrap().holder, None);
    fs::write(dir.join("tasks/write.zarr/c.0"), [1, 9, 1]).unwrap();
    let seen = status(dir).unwrap();
    assert_eq!(seen.tasks[2].counts, StateCounts { done: 2, not_done: 4, ..Default::default() });
    assert!(seen.tasks[2].problem.as_ref().unwrap().contains("has 3 bytes and should have 7"));
}

#[test]
fn what_newer_versions_add_is_kept_or_refused() {
    let dir = directory();
    let dir = dir.path();
    open(dir, &three()).close("done").unwrap();
    let mut run = json_of(dir);
    run["novelty"] = json!({"a": [1.5, "x"]});
    run["runs"][0]["weather"] = json!("fair");
    let edit = |run: &Value| fs::write(dir.join("run.json"), run.to_string()).unwrap();
    edit(&run);
    let error = Journal::open(dir, &three(), RunInfo::default()).unwrap_err().to_string();
    assert!(
        error.contains("run.json cannot be used: its checksum is wrong (if you edited it, take out"),
        "{error}"
    );
    run.as_object_mut().unwrap().remove("checksum");
    edit(&run);
    open(dir, &three()).close("done").unwrap();
    let kept = json_of(dir);
    assert_eq!((&kept["novelty"], &kept["runs"][0]["weather"]), (&run["novelty"], &json!("fair")));
    assert_eq!(kept["runs"].as_array().unwrap().len(), 2);
    assert!(kept["checksum"].is_string());
    run["format"] = json!(2);
    edit(&run);
    let error = Journal::open(dir, &three(), RunInfo::default()).unwrap_err().to_string();
    assert!(error.ends_with("run.json is of format 2, and this version of bellis knows formats up to 1: use the version that wrote it"), "{error}");
}

#[test]
fn a_directory_half_made_is_made() {
    let whole = directory();
    open(whole.path(), &three());
    let whole = snapshot(whole.path());
    let dir = directory();
    let dir = dir.path().join("run");
    // Files appear in this order, and each may be empty or half there.
    let order =
        ["commits.log", "load.zarr/c", "load.sums", "load.zarr/zarr.json", "fast.zarr/c", "fast.sums"];
    let mut half = whole.clone();
    half.clear();
    for part in order {
        let (path, content) = whole.iter().find(|(path, _)| path.to_string_lossy().contains(part)).unwrap();
        for length in [0, content.len() / 2, content.len()] {
            half.insert(path.clone(), content[..length].to_vec());
            super::support::restore(&dir, &half);
            let mut journal = open(&dir, &three());
            journal.commit(&[done(0, 0..20), done(1, 0..6), done(2, 0..7)]).unwrap();
            assert_eq!([0, 1, 2].map(|task| journal.counts(TaskId(task)).done), [20, 6, 7]);
        }
    }
}

#[test]
fn blocks_that_do_not_exist_are_refused() {
    let dir = directory();
    let mut journal = open(dir.path(), &three());
    for (task, blocks) in [(1, 5..7), (3, 0..1)] {
        let error = journal.commit(&[done(0, 0..1), done(task, blocks)]).unwrap_err();
        assert!(matches!(error, JournalError::NoSuchBlocks { .. }) && !error.is_place(), "{error}");
    }
    assert!(journal.ranges(TaskId(3)).is_err());
    assert_eq!(journal.counts(TaskId(0)).done, 0, "all or nothing");
}
