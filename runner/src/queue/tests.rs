use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};

use super::wire::Id;
use super::{Entry, Planned, Queue, Settings, Submission};
use crate::config::Local;
use crate::environment::Person;
use crate::forge::{Assigned, Ended, TaskId};
use crate::order::{LEGS, Leg, Legs, Matrix, Order};
use crate::output::event::Conclusion;
use crate::state::State;

fn open(dir: &tempfile::TempDir) -> Queue {
    let state = State::locate(Some(dir.path().to_owned()));
    Queue::open(&state, Settings { local: Local::default(), min_free: 0 }, || {}).unwrap()
}

fn entry(key: &str, needs: &[usize], conditional: bool, legs: Option<Legs>) -> Entry {
    Entry { key: key.to_owned(), needs: needs.to_vec(), conditional, legs }
}

fn legs(values: &[Option<Json>]) -> Legs {
    let leg = |(number, value): (usize, &Option<Json>)| Leg {
        name: format!("leg {number}"),
        matrix: value.clone(),
    };
    Legs { fail_fast: true, max_parallel: None, jobs: values.iter().enumerate().map(leg).collect() }
}

fn one() -> Option<Legs> {
    Some(legs(&[None]))
}

fn submit(queue: &Queue, entries: Vec<Entry>) -> i64 {
    let github = json!({ "repository": "o/r" }).as_object().cloned().unwrap();
    let planned = Planned {
        file: "ci.yml".into(),
        name: "CI".into(),
        text: "text".into(),
        github,
        payload: json!({}),
        group: None,
        entries,
    };
    let submission = Submission {
        repository: "o/r".into(),
        path: "/srv/r".into(),
        reference: "refs/heads/main".into(),
        commit: "0".repeat(40),
        title: "t".into(),
        event: "push".into(),
        workflows: vec![planned],
    };
    let by = Person { uid: 7, name: Some("alice".into()), groups: Vec::new() };
    queue.submit(&submission, &by, 4, &b"pack"[..]).unwrap()[0].run
}

fn give(queue: &Queue) -> Option<(TaskId, Order)> {
    queue.give().unwrap().map(|Assigned { task, order, .. }| (task, order))
}

fn end(queue: &Queue, task: TaskId, result: Conclusion, outputs: &[(&str, &str)]) {
    let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    queue.end(task, &Ended { result, outputs, at: SystemTime::now() }, None).unwrap();
}

fn states(queue: &Queue, run: i64) -> Vec<String> {
    let run = queue.find(Id { run, job: None }).unwrap();
    run.jobs
        .iter()
        .map(|job| job.result.map_or(job.state.clone(), |result| result.as_str().to_owned()))
        .collect()
}

#[test]
fn a_job_is_given_until_it_has_begun_and_never_again() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir);
    let run = submit(&queue, vec![entry("a", &[], false, one()), entry("b", &[0], false, one())]);
    let (first, order) = give(&queue).unwrap();
    assert_eq!((order.job.as_str(), order.workflow.as_str()), ("a", "text"));
    assert_eq!(order.github["run_id"], json!(run.to_string()));
    drop(queue);
    // The daemon was killed before it wrote the job down.
    let queue = open(&dir);
    assert_eq!(give(&queue).unwrap().0, first);
    queue.begun(first).unwrap();
    assert!(give(&queue).is_none());
    drop(queue);
    // And after that.
    let queue = open(&dir);
    queue.resumed(&[first], &[]).unwrap();
    assert!(give(&queue).is_none());
    end(&queue, first, Conclusion::Success, &[("word", "x")]);
    // Said again, as after an answer that was lost.
    end(&queue, first, Conclusion::Failure, &[]);
    let (second, order) = give(&queue).unwrap();
    assert_eq!((order.needs[0].id.as_str(), order.needs[0].outputs["word"].as_str()), ("a", "x"));
    queue.begun(second).unwrap();
    // Of this one nothing is left.
    queue.resumed(&[], &[]).unwrap();
    assert_eq!(states(&queue, run), ["success", "failure"]);
}

#[test]
fn a_job_waits_since_it_could_run() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir);
    let before = SystemTime::now() - Duration::from_millis(1);
    submit(&queue, vec![entry("a", &[], false, one()), entry("b", &[0], false, one())]);
    let Assigned { task, since, .. } = queue.give().unwrap().unwrap();
    let submitted = since.unwrap();
    assert!((before..=SystemTime::now()).contains(&submitted), "{submitted:?}");
    queue.begun(task).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    end(&queue, task, Conclusion::Success, &[]);
    let since = queue.give().unwrap().unwrap().since.unwrap();
    assert!(since >= submitted + Duration::from_millis(5), "{submitted:?} {since:?}");
}

#[test]
fn a_database_that_is_older_than_what_has_run_repeats_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir);
    let run = submit(&queue, vec![entry("a", &[], false, one())]);
    queue.resumed(&[], &[TaskId(1), TaskId(7)]).unwrap();
    assert!(give(&queue).is_none());
    assert_eq!(states(&queue, run), ["failure"]);
    submit(&queue, vec![entry("b", &[], false, one())]);
    assert_eq!(give(&queue).unwrap().0, TaskId(8));
    drop(queue);
    let empty = tempfile::tempdir().unwrap();
    let queue = open(&empty);
    queue.resumed(&[TaskId(3)], &[]).unwrap();
    submit(&queue, vec![entry("a", &[], false, one())]);
    assert_eq!(give(&queue).unwrap().0, TaskId(4));
}

#[test]
fn what_a_job_needs_decides_whether_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir);
    let entries = vec![
        entry("a", &[], false, one()),
        entry("b", &[0], false, one()),
        entry("c", &[1], false, one()),
        entry("d", &[1], true, one()),
    ];
    let run = submit(&queue, entries);
    let (a, _) = give(&queue).unwrap();
    end(&queue, a, Conclusion::Failure, &[]);
    assert_eq!(states(&queue, run), ["failure", "skipped", "skipped", "queued"]);
    let (_, order) = give(&queue).unwrap();
    // It is told of all, but names one.
    let needs: Vec<_> = order.needs.iter().map(|need| (need.id.as_str(), need.result, need.direct)).collect();
    assert_eq!(needs, [("a", Conclusion::Failure, false), ("b", Conclusion::Skipped, true)]);
}

#[test]
fn a_matrix_that_was_not_known_becomes_its_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir);
    let run = submit(&queue, vec![entry("a", &[], false, None), entry("b", &[0], false, one())]);
    let (unknown, order) = give(&queue).unwrap();
    assert_eq!(order.part.unwrap().matrix, Matrix::Unknown);
    let told = legs(&[Some(json!({ "n": 1 })), Some(json!({ "n": 2 }))]);
    end(&queue, unknown, Conclusion::Success, &[(LEGS, &serde_json::to_string(&told).unwrap())]);
    assert_eq!(states(&queue, run), ["queued", "queued", "waiting"]);
    let (first, order) = give(&queue).unwrap();
    assert_eq!(order.part.unwrap().matrix, Matrix::Leg { values: json!({ "n": 1 }), index: 0, total: 2 });
    end(&queue, first, Conclusion::Failure, &[]);
    // The other one, and what needs them, can't succeed any more.
    assert_eq!(states(&queue, run), ["failure", "cancelled", "skipped"]);

    let run = submit(&queue, vec![entry("a", &[], false, None)]);
    let (unknown, _) = give(&queue).unwrap();
    end(&queue, unknown, Conclusion::Success, &[(LEGS, "[]")]);
    assert_eq!(states(&queue, run), ["failure"]);
}

#[test]
fn a_damaged_database_is_told() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let text = "no database at all, but text of some length\n".repeat(100);
    std::fs::write(dir.path().join("queue/queue.db"), text).unwrap();
    let state = State::locate(Some(dir.path().to_owned()));
    let opened = Queue::open(&state, Settings { local: Local::default(), min_free: 0 }, || {});
    assert!(opened.is_err_and(|error| error.to_string().contains("not a database")));
}
