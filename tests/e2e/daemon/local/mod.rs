//! The daemon's own queue: what is submitted or pushed on its host.

mod docs;
mod faults;
mod groups;
mod jobs;
mod push;
mod socket;
mod store;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_tests::Outcome;
use serde_json::Value as Json;

use crate::host::{Ended, Host, wait};

/// Git, as somebody with a name.
fn git(directory: &Path, args: &[&str]) -> String {
    let (code, said) = try_git(directory, args);
    assert_eq!(code, Some(0), "git {args:?}: {said}");
    said
}

/// The same, whatever becomes of it: its exit code, and what it says on both streams.
fn try_git(directory: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git runs");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (output.status.code(), said.concat().trim().to_owned())
}

/// A repository with this workflow in its only commit; gives its tree.
fn repository(host: &Host, workflow: &str) -> PathBuf {
    let tree = host.context.work().join("app");
    fs::create_dir_all(&tree).expect("a directory");
    git(&tree, &["init", "-q"]);
    commit(&tree, workflow);
    tree
}

/// Commits another workflow.
fn commit(tree: &Path, workflow: &str) {
    let directory = tree.join(".github/workflows");
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("ci.yml"), workflow).expect("a file");
    git(tree, &["add", "."]);
    git(tree, &["commit", "-qm", "a commit"]);
}

/// Submits the commit; gives the number of the only run.
fn submit(host: &Host, tree: &Path) -> i64 {
    let outcome = host.palisade(&["submit", "--json"]).args([tree]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let runs: Json = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(runs.as_array().map(Vec::len), Some(1), "{runs}");
    runs[0]["run"].as_i64().expect("a number")
}

/// All runs, the newest first.
fn runs(host: &Host) -> Vec<Json> {
    let outcome = host.palisade(&["jobs", "--json"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    serde_json::from_str(&outcome.stdout).expect("JSON")
}

fn run(host: &Host, number: i64) -> Json {
    runs(host).into_iter().find(|run| run["run"] == number).expect("the run is listed")
}

/// Waits until a run has ended.
fn ended(host: &Host, number: i64) -> Json {
    wait("the end of a run", || Some(run(host, number)).filter(|run| run["state"] == "done"))
}

/// The results of a run's jobs, in their order.
fn results(run: &Json) -> Vec<(String, String)> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let jobs = run["jobs"].as_array().expect("jobs");
    jobs.iter().map(|job| (text(&job["name"]), text(&job["result"]))).collect()
}

fn log(host: &Host, id: impl ToString) -> String {
    let outcome: Outcome = host.palisade(&["logs"]).args([id.to_string()]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome.stdout
}

/// Waits until a run has printed something.
fn prints(host: &Host, number: i64, text: &str) {
    wait(&format!("`{text}` in a log"), || log(host, number).contains(text).then_some(()));
}

fn started() -> Host {
    let mut host = Host::new();
    host.start();
    answers(&host);
    host
}

/// Waits until the daemon answers.
fn answers(host: &Host) {
    wait("an answer of the daemon", || (host.palisade(&["jobs"]).run().code == Some(0)).then_some(()));
}

/// A workflow with one job, which runs this script.
fn script(script: &str) -> String {
    let lines: String = script.lines().map(|line| format!("          {line}\n")).collect();
    format!("on: push\njobs:\n  test:\n    runs-on: host\n    steps:\n      - run: |\n{lines}")
}

/// Cancels a run.
fn cancel(host: &Host, id: impl ToString) {
    Ended(host.palisade(&["cancel"]).args([id.to_string()]).run()).assert_code(0);
}
